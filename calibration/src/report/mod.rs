//! Numbers for programs and for people.

pub mod identity;
pub mod output;
pub mod table;
