//! Follows an engine's build, which takes from seconds to many minutes, and may stop it.

use std::fmt;
use std::sync::Arc;

use crate::Interrupt;

/// News of a build.
#[derive(Debug, Clone, PartialEq)]
pub enum BuildNews<'a> {
    /// No usable plan is at hand: why, and that one is built now.
    Started {
        /// Engine, device and precision.
        what: &'a str,
        /// Why there is none.
        why: &'a str,
    },
    /// A phase of the build begins. Only the outermost ones are told.
    Phase {
        /// Its name, as the library has it.
        name: &'a str,
        /// How many steps it has.
        steps: u32,
    },
    /// A step of that phase is done.
    Step {
        /// Number of the step, from 1.
        done: u32,
    },
    /// The plan is there.
    Finished {
        /// Size of the plan.
        bytes: usize,
        /// How long it took.
        seconds: f64,
    },
    /// There is none; the error says why.
    Failed,
    /// Another process builds in the same cache; it is waited for.
    Waiting,
    /// The engine serves all the same.
    Warning(&'a str),
}

/// Takes the news, from whatever thread.
type Listener = dyn Fn(&BuildNews<'_>) + Send + Sync;

/// Somebody who watches builds. The default hears nothing and stops nothing.
#[derive(Clone, Default)]
pub struct BuildWatch {
    listener: Option<Arc<Listener>>,
    interrupt: Interrupt,
}

impl BuildWatch {
    /// Hands news to `listener`; a raised `interrupt` stops a build at its next step.
    pub fn new(
        listener: impl Fn(&BuildNews<'_>) + Send + Sync + 'static,
        interrupt: Interrupt,
    ) -> Self {
        Self { listener: Some(Arc::new(listener)), interrupt }
    }

    /// The same, with one more listener.
    #[must_use]
    pub fn and(self, listener: impl Fn(&BuildNews<'_>) + Send + Sync + 'static) -> Self {
        let interrupt = self.interrupt.clone();
        let both = move |news: &BuildNews<'_>| {
            self.tell(news);
            listener(news);
        };
        Self::new(both, interrupt)
    }

    pub(crate) fn tell(&self, news: &BuildNews<'_>) {
        if let Some(listener) = &self.listener {
            listener(news);
        }
    }

    /// Tells of something that is slower than it could be.
    pub fn warn(&self, text: &str) {
        self.tell(&BuildNews::Warning(text));
    }

    /// What stops builds.
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Whether somebody asked to stop.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.is_raised()
    }
}

impl fmt::Debug for BuildWatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BuildWatch").finish_non_exhaustive()
    }
}
