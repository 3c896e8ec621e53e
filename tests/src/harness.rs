//! Tests with a `main` of their own: one for each case, and what needs something that is absent is
//! shown as ignored, with the reason beside its name.
//!
//! A target has `harness = false` and calls [`run`] with what [`tests!`](crate::tests) and
//! [`test()`] make.

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// What a test needs beyond the repository.
#[derive(Debug, Clone)]
pub struct Need {
    missing: Option<String>,
}

impl Need {
    /// Nothing.
    pub fn nothing() -> Self {
        Self { missing: None }
    }

    /// A file or folder that `cargo xtask COMMAND` fetches.
    pub fn fetched(path: &Path, command: &str) -> Self {
        let missing = || format!("needs {}: cargo xtask {command}", path.display());
        Self { missing: (!path.exists()).then(missing) }
    }

    /// Whether all of it is there.
    pub fn is_met(&self) -> bool {
        self.missing.is_none()
    }

    /// What `missing` names, if anything.
    pub fn unless(missing: Option<String>) -> Self {
        Self { missing }
    }
}

/// A test, which fails by panicking.
pub fn test(name: &str, need: &Need, run: impl FnOnce() + Send + 'static) -> Trial {
    let trial = Trial::test(name, move || {
        run();
        Ok(())
    });
    match &need.missing {
        None => trial,
        Some(missing) => trial.with_kind(missing.as_str()).with_ignored_flag(true),
    }
}

/// Tests of the names of functions that all need the same: `tests![need; one, another]`.
#[macro_export]
macro_rules! tests {
    ($need:expr; $($name:ident),* $(,)?) => {
        vec![$($crate::harness::test(stringify!($name), &$need, $name)),*]
    };
}

/// Runs them as the command line asks.
pub fn run(tests: Vec<Trial>) -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}
