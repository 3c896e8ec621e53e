//! Half of the classes of one crop, laid over another: ClassMix (Olsson et al. 2021), across sets
//! as in DACS (Tranheden et al. 2021).
//!
//! Sets differ in what they label and in how they look. Without mixing, a model learns the look
//! instead of the thing: that images of floods hold no buildings, because the set that shows
//! floods never says where one is. A roof from another set on a flooded street says otherwise.

use crate::augment::Crop;
use crate::mask::IGNORE;
use crate::rng::Rng;

/// Lays half of the indices that `over` shows on `under`, at least one and never all; nothing when
/// it shows fewer than two. `sources` says of which source the index of each pixel of `under` is,
/// and is kept true.
pub(crate) fn mix(
    under: &mut Crop,
    sources: &mut [u8],
    over: &Crop,
    over_source: u8,
    rng: &mut Rng,
) {
    let mut shown: Vec<u8> = (0..IGNORE).filter(|id| over.mask.ids.contains(id)).collect();
    let laid = shown.len() / 2;
    for place in 0..laid {
        let other = place + rng.below(shown.len() - place);
        shown.swap(place, other);
    }
    let laid = &shown[..laid];
    let (under_pixels, over_pixels) =
        (under.image.pixels.as_chunks_mut::<3>().0, over.image.pixels.as_chunks::<3>().0);
    for (at, &id) in over.mask.ids.iter().enumerate() {
        if laid.contains(&id) {
            under_pixels[at] = over_pixels[at];
            under.mask.ids[at] = id;
            sources[at] = over_source;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::RgbImage;
    use crate::mask::IndexMask;

    /// Two by two pixels, each of the grey of its index.
    fn crop(ids: [u8; 4]) -> Crop {
        let pixels = ids.iter().flat_map(|&id| [id; 3]).collect();
        Crop {
            image: RgbImage { width: 2, height: 2, pixels },
            mask: IndexMask { width: 2, height: 2, ids: ids.to_vec() },
        }
    }

    #[test]
    fn one_of_two_classes_goes_over_with_its_pixels_and_its_source() {
        let over = crop([1, 1, 2, IGNORE]);
        for seed in 0..8 {
            let (mut under, mut sources) = (crop([7; 4]), [0; 4]);
            mix(&mut under, &mut sources, &over, 3, &mut Rng::keyed(&[seed]));
            let expected: [([u8; 4], [u8; 4]); 2] =
                [([1, 1, 7, 7], [3, 3, 0, 0]), ([7, 7, 2, 7], [0, 0, 3, 0])];
            assert!(
                expected.iter().any(|(ids, from)| under == crop(*ids) && sources == *from),
                "{under:?} {sources:?}"
            );
        }
    }

    #[test]
    fn every_class_goes_over_at_times() {
        let (mut first, mut second) = (0, 0);
        for seed in 0..32 {
            let (mut under, mut sources) = (crop([7; 4]), [0; 4]);
            mix(&mut under, &mut sources, &crop([1, 1, 2, 2]), 1, &mut Rng::keyed(&[seed]));
            first += u32::from(under.mask.ids[0] == 1);
            second += u32::from(under.mask.ids[2] == 2);
        }
        assert!(first > 5 && second > 5 && first + second == 32, "{first} {second}");
    }

    #[test]
    fn a_crop_of_one_class_hides_nothing() {
        let (mut under, mut sources) = (crop([7; 4]), [0; 4]);
        mix(&mut under, &mut sources, &crop([1, 1, 1, IGNORE]), 1, &mut Rng::keyed(&[1]));
        assert_eq!((under, sources), (crop([7; 4]), [0; 4]));
    }
}
