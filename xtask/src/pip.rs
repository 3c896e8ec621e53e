//! Python and its package installer, which do the downloading and check every hash.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::component::Component;
use crate::error::Error;

/// A Python interpreter that has pip.
pub(crate) struct Python {
    program: PathBuf,
    /// Like `3.11`.
    version: String,
}

impl Python {
    /// Asks `program` who it is.
    pub(crate) fn find(program: &Path) -> Result<Python, Error> {
        const QUESTION: &str = "import sys, importlib.util as u; \
            print('python %d.%d pip %d' % (*sys.version_info[:2], u.find_spec('pip') is not None))";
        let answer = Command::new(program).args(["-c", QUESTION]).stdin(Stdio::null()).output();
        let answer = answer.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::NoPython { python: program.to_owned() },
            _ => Error::Io { path: program.to_owned(), source },
        })?;
        let text = String::from_utf8_lossy(&answer.stdout);
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["python", version, "pip", "1"] => {
                Ok(Python { program: program.to_owned(), version: version.to_owned() })
            }
            ["python", _, "pip", _] => Err(Error::NoPip { python: program.to_owned() }),
            _ => {
                let all = format!("{text}{}", String::from_utf8_lossy(&answer.stderr));
                let found = all.lines().next().unwrap_or_default().to_owned();
                Err(Error::StrangePython { python: program.to_owned(), found })
            }
        }
    }

    /// Downloads the component's wheels into `folder`, for the machine but not for this
    /// interpreter's own version.
    pub(crate) fn download(
        &self,
        component: Component,
        root: &Path,
        folder: &Path,
    ) -> Result<(), Error> {
        let architecture = std::env::consts::ARCH;
        let mut pip = self.pip("download", component, root);
        pip.args([
            "--python-version",
            "3.12",
            "--implementation",
            "cp",
            "--abi",
            "cp312",
            "--dest",
        ])
        .arg(folder);
        for glibc in ["manylinux_2_28", "manylinux_2_25", "manylinux_2_17", "manylinux2014"] {
            pip.arg("--platform").arg(format!("{glibc}_{architecture}"));
        }
        self.run(pip, component, folder)
    }

    /// Makes `folder` an interpreter of its own, a virtual environment, with the component's
    /// packages.
    pub(crate) fn install(
        &self,
        component: Component,
        root: &Path,
        folder: &Path,
    ) -> Result<(), Error> {
        let mut venv = Command::new(&self.program);
        // Without pip, because Debian ships the part that would install it separately.
        venv.args(["-m", "venv", "--without-pip"]).arg(folder);
        self.run(venv, component, folder)?;
        let mut pip = self.pip("install", component, root);
        pip.arg("--target").arg(folder.join(format!("lib/python{}/site-packages", self.version)));
        self.run(pip, component, folder)
    }

    fn pip(&self, action: &str, component: Component, root: &Path) -> Command {
        let mut pip = Command::new(&self.program);
        pip.args([
            "-m",
            "pip",
            action,
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--no-cache-dir",
        ]);
        pip.args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement"]);
        pip.arg(root.join(component.requirements_path()));
        pip
    }

    /// Runs pip or venv with its temporary files beside `folder`, and turns what it says into an
    /// error.
    fn run(&self, mut command: Command, component: Component, folder: &Path) -> Result<(), Error> {
        // A user's own settings for other work with pip must not change where packages go.
        command
            .env("PIP_USER", "false")
            .env("PIP_REQUIRE_VIRTUALENV", "false")
            .env_remove("PIP_TARGET");
        // The system's temporary folder may be small, and in memory.
        command.env("TMPDIR", folder.parent().unwrap_or(folder));
        let progress =
            if io::stderr().is_terminal() { Stdio::from(io::stderr()) } else { Stdio::null() };
        let child = command.stdin(Stdio::null()).stdout(progress).stderr(Stdio::piped()).spawn();
        let output = child
            .and_then(std::process::Child::wait_with_output)
            .map_err(Error::io(&self.program))?;
        if output.status.success() {
            return Ok(());
        }
        Err(self.explain(
            component,
            folder,
            output.status,
            &String::from_utf8_lossy(&output.stderr),
        ))
    }

    /// Finds the cause in what pip wrote. The texts are those of pip 22 to 26.
    fn explain(
        &self,
        component: Component,
        folder: &Path,
        status: ExitStatus,
        text: &str,
    ) -> Error {
        const BROKEN: [&str; 4] =
            ["after connection broken", "Max retries exceeded", "ConnectionError", "timed out"];
        let contains = |pieces: &[&str]| pieces.iter().any(|piece| text.contains(piece));
        let errors: Vec<&str> =
            text.lines().filter_map(|line| line.trim().strip_prefix("ERROR: ")).collect();
        let last = errors
            .last()
            .or(text.lines().collect::<Vec<_>>().last())
            .copied()
            .unwrap_or("no message")
            .to_owned();
        let requirements = component.requirements_path();
        let name = component.name();
        if contains(&["DO NOT MATCH THE HASHES"]) {
            let words = text.split_whitespace().skip_while(|word| *word != "Expected").take(5);
            let detail = words.collect::<Vec<_>>().join(" ");
            Error::HashMismatch { component: name, requirements, detail }
        } else if contains(&["No space left on device", "Errno 28"]) {
            let folder = folder.ancestors().nth(2).unwrap_or(folder).to_owned();
            Error::DiskFull { component: name, folder, needed_bytes: component.peak_bytes() }
        } else if let Some(line) =
            text.lines().rev().find(|line| BROKEN.iter().any(|sign| line.contains(sign)))
        {
            Error::NoNetwork { component: name, detail: line.trim().to_owned() }
        } else if contains(&["No matching distribution found"]) {
            Error::NotOffered {
                component: name,
                requirements,
                python: self.version.clone(),
                detail: last,
            }
        } else {
            Error::Pip { component: name, status, detail: last }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(text: &str) -> Error {
        let python = Python { program: "python3".into(), version: "3.9".to_owned() };
        let status = Command::new("false").status().unwrap();
        python.explain(
            Component::OnnxRuntime,
            Path::new("/cache/rszs/.partial-1/wheels"),
            status,
            text,
        )
    }

    #[test]
    fn a_changed_wheel_is_a_hash_mismatch() {
        let error = explained(
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n    \
             onnxruntime==1.31.1 from https://…:\n        Expected sha256 aa\n             \
             Got        bb\n",
        );
        assert!(
            matches!(&error, Error::HashMismatch { detail, .. } if detail == "Expected sha256 aa \
                Got bb"),
            "{error}"
        );
    }

    #[test]
    fn a_dead_connection_is_not_called_a_missing_package() {
        let error = explained(
            "WARNING: Retrying (Retry(total=0)) after connection broken by \
             'NewConnectionError(…)': /simple/onnxruntime/\n\
             ERROR: No matching distribution found for onnxruntime==1.31.1\n",
        );
        assert!(matches!(error, Error::NoNetwork { .. }), "{error}");
    }

    #[test]
    fn an_old_python_is_told_which_one_to_use() {
        let error = explained("ERROR: No matching distribution found for onnxruntime==1.31.1\n");
        assert!(
            error.to_string().contains("found none for this Python (3.9) (use Python 3.11 to 3.14"),
            "{error}"
        );
    }

    #[test]
    fn a_full_disk_says_how_much_is_needed_and_where() {
        let error = explained(
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on \
             device\n",
        );
        assert!(
            error.to_string().starts_with("/cache/rszs: expected 60 MB of free space"),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = Python::find(Path::new("/nowhere/python3")).err().unwrap();
        assert!(
            error.to_string().starts_with("/nowhere/python3: expected a Python interpreter"),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_is_not_python_is_named() {
        let error = Python::find(Path::new("echo")).err().unwrap();
        assert!(matches!(error, Error::StrangePython { .. }), "{error}");
    }
}
