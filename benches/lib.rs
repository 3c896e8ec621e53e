//! Benches alone; there is nothing to import.
//!
//! | `cargo bench -p rszs-bench --bench …` | what it times |
//! |---|---|
//! | `hot` | what touches every pixel, each kernel beside a copy of the bytes it must move |
//! | `engine` | one tile of the default bundle in every engine, 2 to 64 queries |
//! | `pipeline` | files to files in one process, and starting it |
//! | `process` | whole processes: `rszs-edge` beside `python/baseline.py`, which does the same job in plain Python |
