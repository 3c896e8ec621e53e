//! Calls that end the process, or never end: what is known of NVIDIA's libraries, and nothing that
//! a caller can catch.

use std::time::Duration;

/// What a call does instead of returning.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// As C++ does with an exception that nobody catches.
    Abort,
    /// Writes to an address that is nobody's.
    Segfault,
    /// As a library that has given up.
    Exit,
    /// As the system does when it is out of memory.
    Kill,
    /// Waits for ever.
    Hang,
}

impl End {
    pub(crate) fn new(word: &str) -> Self {
        match word {
            "abort" => Self::Abort,
            "segfault" => Self::Segfault,
            "exit" => Self::Exit,
            "kill" => Self::Kill,
            "hang" => Self::Hang,
            _ => panic!("{word}: expected abort, segfault, exit, kill or hang"),
        }
    }

    pub(crate) fn meet(self) -> ! {
        match self {
            Self::Abort => std::process::abort(),
            // SAFETY: none; that is what it is for.
            Self::Segfault => unsafe {
                std::ptr::without_provenance_mut::<u8>(8).write_volatile(1);
            },
            Self::Exit => std::process::exit(3),
            Self::Kill => {
                let own = std::process::id().to_string();
                let killed = std::process::Command::new("kill").args(["-KILL", &own]).status();
                killed.expect("a program that kills");
            }
            Self::Hang => {}
        }
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}
