//! SIGINT and SIGTERM as a flag that every stage looks at between two pieces of work.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rszs_engine::Interrupt;

/// A flag that SIGINT and SIGTERM set. The program then ends in order: the tiles in the engine are
/// finished, files that are not complete are removed.
pub fn on_signals() -> io::Result<Interrupt> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag.into())
}
