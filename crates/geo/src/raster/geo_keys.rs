//! The numbers of a directory of geographic keys.

use std::collections::BTreeMap;

/// Keys of OGC 19-008r4, annex B.
pub(super) const RASTER_TYPE: u16 = 1025;
pub(super) const GEOGRAPHIC_CRS: u16 = 2048;
pub(super) const ANGULAR_UNITS: u16 = 2054;
pub(super) const PROJECTED_CRS: u16 = 3072;
pub(super) const LINEAR_UNITS: u16 = 3076;

/// `GTRasterTypeGeoKey`: a tie point is the centre of a pixel, not its corner.
pub(super) const PIXEL_IS_POINT: u16 = 2;

/// A code that says nothing: undefined, or defined by other keys.
const NO_CODE: [u16; 2] = [0, 32767];

/// The keys whose value is a code, by number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct GeoKeys(BTreeMap<u16, u16>);

impl GeoKeys {
    /// Of the tag's numbers: a header of four, then four a key: number, place, count, value. Values
    /// that lie in other tags are texts and measures, of which nothing is wanted.
    pub(super) fn of(directory: &[u16]) -> Self {
        let keys = directory.get(4..).unwrap_or_default().chunks_exact(4);
        let stored_here = keys.filter(|key| key[1] == 0 && !NO_CODE.contains(&key[3]));
        Self(stored_here.map(|key| (key[0], key[3])).collect())
    }

    /// The code of `key`, if it says one.
    pub(super) fn code(&self, key: u16) -> Option<u16> {
        self.0.get(&key).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_and_what_says_nothing_is_left_out() {
        let keys = GeoKeys::of(&[
            1, 1, 0, 4, 1025, 0, 1, 2, 3072, 0, 1, 26910, 1026, 34737, 9, 0, 2048, 0, 1, 32767,
        ]);
        assert_eq!(keys.code(RASTER_TYPE), Some(PIXEL_IS_POINT));
        assert_eq!(keys.code(PROJECTED_CRS), Some(26910));
        assert_eq!((keys.code(1026), keys.code(GEOGRAPHIC_CRS)), (None, None));
        assert_eq!(GeoKeys::of(&[1, 1]), GeoKeys::default());
    }
}
