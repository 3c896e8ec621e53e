//! What is known of TensorRT on this machine. `rszs-tensorrt` builds plans and runs them; no engine of this program is written on
//! it yet, so it is found and not used.

use rszs_tensorrt::{Library, Logger};

/// What was found, and why it is not used. Loads the library, which takes a while where there is one.
pub fn tensorrt_status() -> String {
    let library = match Library::find(None, Logger::silent()) {
        Ok(library) => library,
        Err(error) => return format!("{error} (this program has no engine on it yet)"),
    };
    let devices = match library.device_count() {
        Ok(count) => format!("CUDA devices: {count}"),
        Err(error) => error.to_string(),
    };
    let (family, version, file) = (library.family(), library.version(), library.file().display());
    format!("found {family} {version} ({file}; {devices}); this program has no engine on it yet")
}
