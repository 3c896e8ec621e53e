//! Benches alone; there is nothing to import.
//!
//! `cargo bench -p rszs-bench --bench hot` times what touches every pixel beside a copy of the same bytes.
//! `benches/python/baseline.py` does the job of `rszs-edge` in plain Python, for comparison in one run.
