//! One step: a program with a time limit, and what its output comes to.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use serde_json::{Map, Value};

/// Time between two looks at a running program.
const INTERVAL: Duration = Duration::from_millis(20);
/// Most of an output that a report keeps: its end, where results and errors stand.
const KEPT_BYTES: usize = 64 << 10;

/// What a step comes to: names with their units and numbers.
pub(crate) type Numbers = Map<String, Value>;

/// A program and how to read it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Name of its report.
    pub(crate) name: String,
    /// What it would show that nothing else does.
    pub(crate) shows: &'static str,
    /// The program and its arguments, or why it is not run.
    pub(crate) command: Result<Vec<OsString>, String>,
    /// A file or folder that an earlier step makes: without it, this one is skipped.
    pub(crate) needs: Option<PathBuf>,
    /// It is ended after so long.
    pub(crate) limit: Duration,
    /// Exit codes of a program that ran to its end.
    pub(crate) expected_codes: &'static [i32],
    /// File that the results are written to; without one they are on the standard output.
    pub(crate) results: Option<PathBuf>,
    /// Takes the numbers that matter out of the results.
    pub(crate) read: fn(&str) -> Result<Numbers, String>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub(crate) enum Outcome {
    /// To its end, with an output that can be read.
    Ran { numbers: Numbers },
    /// It was not started.
    Skipped { reason: String },
    /// It did not come to its end, or says what cannot be read, or found a fault.
    Failed { reason: String },
}

/// The report of one step.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) step: String,
    pub(crate) shows: &'static str,
    pub(crate) command: Option<String>,
    pub(crate) duration_s: f64,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    /// Where every line is JSON, the values of the lines; else the text.
    pub(crate) stdout: Value,
    pub(crate) stderr: String,
    /// The whole standard output.
    #[serde(skip)]
    pub(crate) text: String,
}

/// What every program is given beside its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) variables: Vec<(String, OsString)>,
    /// Where outputs are kept while a program runs: a pipe that nobody empties would stop it.
    pub(crate) folder: PathBuf,
}

impl Step {
    /// Runs it, for `left` at most.
    pub(crate) fn run(&self, left: Duration, surroundings: &Surroundings) -> Report {
        let limit = self.limit.min(left);
        let started = Instant::now();
        let (outcome, stdout, stderr) = match &self.command {
            Err(reason) => {
                (Outcome::Skipped { reason: reason.clone() }, String::new(), String::new())
            }
            Ok(_) if left.is_zero() => {
                let reason = "no time was left (see --minutes)".to_owned();
                (Outcome::Skipped { reason }, String::new(), String::new())
            }
            Ok(command) => match self.needs.as_ref().filter(|needed| !needed.exists()) {
                Some(needed) => {
                    let reason = format!("{}: an earlier step did not make it", needed.display());
                    (Outcome::Skipped { reason }, String::new(), String::new())
                }
                None => self.judge(run(command, limit, surroundings), limit),
            },
        };
        Report {
            step: self.name.clone(),
            shows: self.shows,
            command: self.command.as_ref().ok().map(|command| line(command)),
            duration_s: started.elapsed().as_secs_f64(),
            outcome,
            stdout: json_lines(&stdout).unwrap_or_else(|| Value::String(end(&stdout))),
            stderr: end(&stderr),
            text: stdout,
        }
    }

    fn judge(
        &self,
        finished: std::io::Result<Finished>,
        limit: Duration,
    ) -> (Outcome, String, String) {
        let Finished { status, stdout, stderr } = match finished {
            Ok(finished) => finished,
            Err(error) => {
                return (
                    Outcome::Failed { reason: format!("not started: {error}") },
                    String::new(),
                    String::new(),
                );
            }
        };
        let last_line = stderr
            .lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or_default()
            .trim()
            .to_owned();
        let outcome = match status {
            None => Outcome::Failed {
                reason: format!("ended after its limit of {} s", limit.as_secs_f64().round()),
            },
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) if self.expected_codes.contains(&code) => {
                    match self.numbers(&stdout) {
                        Ok(numbers) => Outcome::Ran { numbers },
                        Err(reason) => Outcome::Failed { reason },
                    }
                }
                (Some(code), _) => {
                    Outcome::Failed { reason: format!("exit status {code}: {last_line}") }
                }
                (None, signal) => Outcome::Failed {
                    reason: format!("killed by signal {}: {last_line}", signal.unwrap_or_default()),
                },
            },
        };
        (outcome, stdout, stderr)
    }

    fn numbers(&self, stdout: &str) -> Result<Numbers, String> {
        let Some(path) = &self.results else { return (self.read)(stdout) };
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        (self.read)(&text)
    }
}

/// A program that is over; without a status if its time was.
struct Finished {
    status: Option<ExitStatus>,
    stdout: String,
    stderr: String,
}

fn run(
    command: &[OsString],
    limit: Duration,
    surroundings: &Surroundings,
) -> std::io::Result<Finished> {
    let create = |name: &str| {
        File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(surroundings.folder.join(name))
    };
    let (mut stdout, mut stderr) = (create("stdout")?, create("stderr")?);
    let mut program = Command::new(&command[0]);
    program
        .args(&command[1..])
        .envs(surroundings.variables.iter().map(|(name, value)| (name, value)));
    program.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    // A group of its own, so that what it has started ends with it.
    let mut child = program.process_group(0).spawn()?;
    let status = wait(&mut child, limit)?;
    let text = |file: &mut File| -> std::io::Result<String> {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(Finished { status, stdout: text(&mut stdout)?, stderr: text(&mut stderr)? })
}

fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            // The group is gone only if the program has ended meanwhile.
            let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
            child.wait()?;
            return Ok(None);
        }
        sleep(INTERVAL);
    }
}

/// As one would type it.
fn line(command: &[OsString]) -> String {
    let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

fn json_lines(text: &str) -> Option<Value> {
    let lines: Option<Vec<Value>> =
        text.lines().map(|line| serde_json::from_str(line).ok()).collect();
    lines.filter(|lines| !lines.is_empty()).map(Value::Array)
}

fn end(text: &str) -> String {
    let mut from = text.len().saturating_sub(KEPT_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn run(script: &str, limit: Duration) -> Report {
        let folder = tempfile::tempdir().unwrap();
        let step = Step {
            name: "a step".to_owned(),
            shows: "nothing",
            command: Ok(["sh", "-c", script].map(OsString::from).to_vec()),
            needs: None,
            limit,
            expected_codes: &[0, 4],
            results: None,
            read: |text| {
                if text == "fine\n" { Ok(Numbers::new()) } else { Err(format!("nonsense: {text}")) }
            },
        };
        step.run(
            Duration::from_mins(1),
            &Surroundings { variables: vec![], folder: folder.path().to_owned() },
        )
    }

    fn failure(script: &str) -> String {
        match run(script, Duration::from_secs(30)).outcome {
            Outcome::Failed { reason } => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_program_that_ends_well_gives_its_numbers() {
        assert_eq!(
            run("echo fine; exit 4", Duration::from_secs(30)).outcome,
            Outcome::Ran { numbers: Numbers::new() }
        );
    }

    #[test]
    fn a_program_that_fails_says_why() {
        assert_eq!(failure("echo 'error: no card' >&2; exit 3"), "exit status 3: error: no card");
        assert_eq!(failure("kill -SEGV $$"), "killed by signal 11: ");
        assert_eq!(failure("echo ladida"), "nonsense: ladida\n");
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_what_it_has_started() {
        let started = Instant::now();
        let report = run("echo before; sleep 300 & sleep 300", Duration::from_millis(300));
        assert!(started.elapsed() < Duration::from_secs(20));
        assert_eq!(
            report.outcome,
            Outcome::Failed { reason: "ended after its limit of 0 s".to_owned() }
        );
        assert_eq!(report.stdout, Value::String("before\n".to_owned()));
    }

    #[test]
    fn what_is_missing_is_not_started_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let surroundings = Surroundings { variables: vec![], folder: folder.path().to_owned() };
        let missing = Step { command: Ok(vec!["/nowhere/check".into()]), ..skipped() };
        let report = missing.run(Duration::from_secs(1), &surroundings);
        assert!(
            matches!(
                &report.outcome,
                Outcome::Failed { reason } if reason.starts_with("not started: ")
            ),
            "{report:?}"
        );
        let report = skipped().run(Duration::from_secs(1), &surroundings);
        assert_eq!(report.outcome, Outcome::Skipped { reason: "no card".to_owned() });
        let after = Step {
            command: Ok(vec!["true".into()]),
            needs: Some("/nowhere/b16".into()),
            ..skipped()
        };
        let report = after.run(Duration::from_secs(1), &surroundings);
        let reason = "/nowhere/b16: an earlier step did not make it".to_owned();
        assert_eq!(report.outcome, Outcome::Skipped { reason });
        let late = Step { command: Ok(vec!["true".into()]), ..skipped() };
        let report = late.run(Duration::ZERO, &surroundings);
        assert!(matches!(report.outcome, Outcome::Skipped { .. }));
    }

    fn skipped() -> Step {
        Step {
            name: "a step".to_owned(),
            shows: "nothing",
            command: Err("no card".to_owned()),
            needs: None,
            limit: Duration::from_secs(1),
            expected_codes: &[0],
            results: None,
            read: |_| Ok(Numbers::new()),
        }
    }
}
