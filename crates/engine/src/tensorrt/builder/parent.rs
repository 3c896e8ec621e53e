//! The process that wants a plan, and watches over the one that builds it.

use std::collections::VecDeque;
use std::io::{self, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::message::{Message, Order, read_built};
use crate::tensorrt::TensorRtError;
use crate::tensorrt::build::Built;
use crate::{BuildNews, BuildWatch};

/// How often a request to stop is looked for.
const PAUSE: Duration = Duration::from_millis(50);

/// Most lines of the library's log in the error about a process that died.
const MOST_LINES: usize = 5;

/// Has plans built by another process.
pub(super) struct Builder<'a> {
    /// Family and version, for errors.
    pub(super) library: String,
    /// How long the other process may say nothing.
    pub(super) silence: Duration,
    /// Follows the build and may stop it.
    pub(super) watch: &'a BuildWatch,
}

/// What comes from the child.
enum Heard {
    Message(Message),
    Built(Built),
}

/// The child, which does not outlive this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where it has ended. One that has handed over its plan is not waited for:
        // libraries are known to hang at their end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Builder<'_> {
    /// Starts `command`, hands it `order`, and waits for a plan.
    pub(super) fn build(
        &self,
        mut command: Command,
        order: &Order<'_>,
    ) -> Result<Built, TensorRtError> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|source| self.not_started(source))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let running = Running(child);
        thread::scope(|scope| {
            // Dropped in here, before the threads are waited for: they end when the child's ends of
            // their pipes do.
            let mut running = running;
            let (to, from) = channel();
            scope.spawn(move || write(order, stdin));
            scope.spawn(move || listen(stdout, &to));
            self.follow(&from, &mut running)
        })
    }

    fn follow(
        &self,
        from: &Receiver<Heard>,
        running: &mut Running,
    ) -> Result<Built, TensorRtError> {
        let (mut last, mut said) = (Instant::now(), VecDeque::new());
        loop {
            let heard = from.recv_timeout(PAUSE);
            if self.watch.is_interrupted() {
                return Err(TensorRtError::Interrupted);
            }
            let message = match heard {
                Ok(Heard::Message(message)) => message,
                Ok(Heard::Built(built)) => return Ok(built),
                Err(RecvTimeoutError::Timeout) if last.elapsed() < self.silence => continue,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(self.died(
                        format!("none and no word for {} s (hung?)", self.silence.as_secs()),
                        said,
                    ));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let how = running.0.wait().map_err(|source| self.not_started(source))?;
                    return Err(self.died(format!("that process ended by {how}"), said));
                }
            };
            last = Instant::now();
            match message {
                Message::Phase { name, steps } => {
                    self.watch.tell(&BuildNews::Phase { name: &name, steps });
                }
                Message::Step { done } => self.watch.tell(&BuildNews::Step { done }),
                Message::Said { line } => {
                    if said.len() == MOST_LINES {
                        said.pop_front();
                    }
                    said.push_back(line);
                }
                Message::Failed { reason } => return Err(TensorRtError::Build(reason)),
                Message::Alive {} | Message::Built { .. } => {}
            }
        }
    }

    fn not_started(&self, source: io::Error) -> TensorRtError {
        TensorRtError::NoBuilder { library: self.library.clone(), source }
    }

    fn died(&self, how: String, said: VecDeque<String>) -> TensorRtError {
        let said: Vec<String> = said.into();
        TensorRtError::BuilderDied { library: self.library.clone(), how, said }
    }
}

fn write(order: &Order<'_>, to: Option<ChildStdin>) {
    if let Some(to) = to {
        // The end of the child tells more than the end of its pipe.
        let _ = order.write(to);
    }
}

/// Hands everything on until the child is done. What makes no sense is a failure.
fn listen(from: Option<ChildStdout>, to: &Sender<Heard>) {
    let Some(from) = from else { return };
    let mut from = BufReader::new(from);
    loop {
        let heard = match Message::read(&mut from) {
            Ok(Some(Message::Built { plan_bytes, timings_bytes })) => {
                match read_built(&mut from, plan_bytes, timings_bytes) {
                    Ok(built) => Heard::Built(built),
                    Err(_) => return,
                }
            }
            Ok(Some(message)) => Heard::Message(message),
            Ok(None) => return,
            Err(error) => Heard::Message(Message::Failed {
                reason: format!("expected news of a build, found: {error}"),
            }),
        };
        let is_last = matches!(&heard, Heard::Built(_) | Heard::Message(Message::Failed { .. }));
        if to.send(heard).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use rszs_bundle::{Golden, GoldenShape, Precision, Tolerance};

    use super::*;
    use crate::tensorrt::PlanRequest;
    use crate::{EngineKind, EngineOptions};

    /// What becomes of an order, larger than a pipe holds, to a shell that does `script` instead of
    /// building.
    fn built_by(script: &str, silence: Duration) -> Result<Built, TensorRtError> {
        let golden = Golden {
            shape: GoldenShape { images: 1, queries: 2, tile_px: 256, joint_width: 512 },
            tiles: Vec::new(),
            queries: None,
            logits: Vec::new(),
            presence: Vec::new(),
            tolerance: Tolerance { fp32: 1.0, fp16: 1.0, int8: 1.0 },
        };
        let model = vec![0; 1 << 20];
        let request =
            PlanRequest::new(Precision::Fp32, &model, &golden, &EngineOptions::default(), None);
        let order = Order {
            parent: std::process::id(),
            kind: EngineKind::TensorRt,
            request: &request,
            timings: b"",
        };
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let watch = BuildWatch::default();
        Builder { library: "TensorRT".to_owned(), silence, watch: &watch }.build(command, &order)
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn a_plan_comes_with_its_bytes() {
        let script = r#"echo '{"phase":{"name":"a","steps":1}}'
            echo '{"built":{"plan_bytes":4,"timings_bytes":3}}'
            printf 'plantim'
            exec sleep 60"#;
        let expected = Built { plan: b"plan".to_vec(), timings: Some(b"tim".to_vec()) };
        assert_eq!(built_by(script, LONG).unwrap(), expected, "without waiting for the process");
    }

    #[test]
    fn a_process_that_says_nothing_any_more_is_ended() {
        let error = built_by(
            r#"echo '{"said":{"line":"warning: slow"}}'; exec sleep 60"#,
            Duration::from_millis(300),
        );
        let expected = "TensorRT: expected a plan from the process that builds it, found none and \
            no word for 0 s (hung?); the library said last: warning: slow";
        assert_eq!(error.unwrap_err().to_string(), expected);
    }

    #[test]
    fn half_a_plan_and_what_is_no_news_are_errors() {
        let half = built_by(
            r#"echo '{"built":{"plan_bytes":10,"timings_bytes":null}}'; printf half"#,
            LONG,
        );
        assert!(
            half.unwrap_err().to_string().contains("found that process ended by exit status: 0")
        );
        let other = built_by("echo hello", LONG).unwrap_err();
        assert!(other.to_string().starts_with("expected news of a build, found: "), "{other}");
    }
}
