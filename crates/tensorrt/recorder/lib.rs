//! A library that stands in for NVIDIA's in tests: it has the tables of the version it is told to
//! be, writes every call down by the name that NVIDIA's headers give the slot, and answers as a
//! success would look.
//!
//! Slots come from `slots/slots.golden`, not from the crate's own table. Nothing is ever freed, so
//! that a call on a deleted object is seen and written down as such.
#![allow(unsafe_code, reason = "it is called through foreign functions")]

mod control;
mod driver;
mod end;
mod exports;
mod fake;
mod network;
mod script;
