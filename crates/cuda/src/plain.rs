//! What a buffer may hold.

/// A number for which every pattern of bits is a value: whatever a device wrote may be read as one.
/// Half precision travels as `u16`.
pub trait Plain: sealed::Sealed + Copy + 'static {}

pub(crate) mod sealed {
    pub trait Sealed {}
}

macro_rules! plain {
    ($($number:ty),*) => { $(impl sealed::Sealed for $number {} impl Plain for $number {})* };
}

plain!(u8, u16, u32, u64, i32, f32, f64);
