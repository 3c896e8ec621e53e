//! What tests of this package share.
#![allow(dead_code, reason = "not every test that shares this needs all of it")]

pub(crate) mod runner;
