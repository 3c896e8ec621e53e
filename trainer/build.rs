//! Lets the program and its tests find libtorch where they were linked against it.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
        // Nothing here calls a function of libtorch's CUDA part: it registers itself when it is
        // loaded. A linker leaves such a library out unless it is told not to, and libtorch then
        // sees no device (LaurentMazare/tch-rs, issues 907 and 980).
        if Path::new(&folder).join("libtorch_cuda.so").is_file() {
            println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
            println!("cargo::rustc-link-arg=-ltorch_cuda");
        }
    }
}
