//! A machine with TensorRT, as far as a program can tell.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rszs_bundle::{Bundle, VerifyOptions};
use tempfile::TempDir;

/// Versions that stand for the families, with the name that `--engine` has for each: TensorRT 10.3
/// and 11.4, TensorRT-RTX 1.7.
pub(crate) const FAMILIES: [(u32, &str); 3] =
    [(100_300, "tensorrt"), (110_400, "tensorrt"), (10_701, "tensorrt-rtx")];

/// The default bundle.
pub(crate) fn bundle() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles/nano").display().to_string()
}

/// What a run left behind.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }
}

/// The library that stands in for TensorRT.
pub(crate) fn recorder() -> PathBuf {
    std::env::current_exe().unwrap().with_file_name("../examples/libtensorrt_recorder.so")
}

/// Libraries in a folder of their own, and an engine cache.
pub(crate) struct Installation {
    folder: TempDir,
    version: u32,
}

impl Installation {
    /// Library and parser of `version`, as `getInferLibVersion` has it, and a driver. The engine
    /// gives the golden outputs.
    pub(crate) fn new(version: u32) -> Self {
        let built = recorder();
        let installation = Self { folder: tempfile::tempdir().unwrap(), version };
        let libraries = installation.libraries();
        fs::create_dir(&libraries).unwrap();
        let library = libraries.join(installation.name_of("libnvinfer", "libtensorrt_rtx"));
        fs::copy(&built, &library).unwrap_or_else(|error| {
            panic!("{}: {error} (run `cargo build -p rszs-edge --examples`)", built.display())
        });
        symlink(
            &library,
            libraries.join(installation.name_of("libnvonnxparser", "libtensorrt_onnxparser_rtx")),
        )
        .unwrap();
        symlink(rszs_cuda_simulator::load().file(), libraries.join("libcuda.so.1")).unwrap();
        let golden = Bundle::open(bundle().as_ref(), &VerifyOptions::default()).unwrap();
        fs::write(installation.folder.path().join("tiles"), &golden.golden().tiles).unwrap();
        installation.outputs(&golden.golden().logits, &golden.golden().presence);
        installation.script(&[]);
        installation
    }

    fn name_of(&self, plain: &str, rtx: &str) -> String {
        let stem = if self.version < 100_000 { rtx } else { plain };
        format!("{stem}.so.{}", self.version / 10_000)
    }

    pub(crate) fn libraries(&self) -> PathBuf {
        self.folder.path().join("lib")
    }

    /// Where plans are kept.
    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache/rszs/engines")
    }

    /// The one plan that is kept.
    pub(crate) fn plan(&self) -> PathBuf {
        let files = fs::read_dir(self.cache()).unwrap().map(|entry| entry.unwrap().path());
        let mut plans =
            files.filter(|path| path.extension().is_some_and(|ending| ending == "plan"));
        let plan = plans.next().unwrap();
        assert_eq!(plans.next(), None, "one plan alone");
        plan
    }

    /// A place for other files.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// What the engine gives for the golden tiles, and for others what it gives for the first.
    pub(crate) fn outputs(&self, logits: &[f32], presence: &[f32]) {
        for (name, values) in [("logits", logits), ("presence", presence)] {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
            fs::write(self.folder.path().join(name), bytes).unwrap();
        }
    }

    /// Tells the library what it is, with `more` lines in the recorder's words, for runs from now
    /// on.
    pub(crate) fn script(&self, more: &[&str]) {
        let path = |name: &str| self.path(name);
        let mut lines = vec![
            format!("version {}", self.version),
            format!("transcript {}", path("transcript")),
            "plan plan-of-the-recorder".to_owned(),
            format!("input tiles 5 Nx256x256x3 {}", path("tiles")),
            "input queries 0 Kx512".to_owned(),
            format!("output logits 0 NxKx64x64 {}", path("logits")),
            format!("output presence 0 NxK {}", path("presence")),
        ];
        lines.extend(more.iter().map(|line| (*line).to_owned()));
        fs::write(self.folder.path().join("script"), lines.join("\n")).unwrap();
    }

    /// `rszs-edge` on this machine.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.wrapped(Command::new(env!("CARGO_BIN_EXE_rszs-edge")), arguments)
    }

    /// `rszs-edge` with files of at most `blocks` blocks of 512 bytes: a write beyond that fails,
    /// as on a disk that is full.
    pub(crate) fn edge_on_small_disk(&self, blocks: u32, arguments: &[&str]) -> Run {
        let mut shell = Command::new("sh");
        let line = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        shell.args(["-c", &line, env!("CARGO_BIN_EXE_rszs-edge")]);
        self.wrapped(shell, arguments).output().unwrap().into()
    }

    fn wrapped(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments);
        command.env("LD_LIBRARY_PATH", self.libraries());
        command.env("RECORDER_SCRIPT", self.folder.path().join("script"));
        command.env("XDG_CACHE_HOME", self.folder.path().join("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn edge(&self, arguments: &[&str]) -> Run {
        self.command(arguments).output().unwrap().into()
    }

    /// `rszs-edge build` with the default bundle and `more` arguments.
    pub(crate) fn build(&self, more: &[&str]) -> Run {
        self.edge(&[&["build", "--bundle", &bundle()], more].concat())
    }

    pub(crate) fn start_build(&self, more: &[&str]) -> Child {
        self.command(&[&["build", "--bundle", &bundle()], more].concat()).spawn().unwrap()
    }

    /// Calls of the library so far, by all runs.
    pub(crate) fn transcript(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("transcript")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// How often `call` is in the transcript.
    pub(crate) fn calls(&self, call: &str) -> usize {
        self.transcript().iter().filter(|line| line.starts_with(call)).count()
    }

    /// Plans that were built so far.
    pub(crate) fn builds(&self) -> usize {
        self.calls("VBuilder::buildSerializedNetwork")
    }

    /// Returns once a build is under way.
    pub(crate) fn wait_for_build(&self) {
        let start = Instant::now();
        while self.builds() == 0 {
            assert!(start.elapsed() < Duration::from_mins(1), "no build began");
            sleep(Duration::from_millis(10));
        }
    }
}
