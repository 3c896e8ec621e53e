//! Which images show the same place, and drawing places more evenly than images.
//!
//! Forty images of one town teach little more than four. A place of n images is drawn with weight
//! √n: between one share a place and one share an image.

use std::collections::BTreeMap;

use crate::rng::Rng;

/// The place that the image `id` shows: what comes before the first `_`, or the name without the
/// digits at its end.
pub(crate) fn place_of(id: &str) -> &str {
    match id.split_once('_') {
        Some((place, _)) if !place.is_empty() => place,
        _ => id.trim_end_matches(|letter: char| letter.is_ascii_digit()),
    }
}

/// The samples of one split, by place.
#[derive(Debug)]
pub(crate) struct Places {
    /// Samples of each place, in the order of its name.
    members: Vec<Vec<usize>>,
    /// Upper ends of the places' shares of `[0, 1]`.
    ends: Vec<f32>,
}

impl Places {
    /// Places of samples with these names, in the order of the samples' indices.
    pub(crate) fn new<'a>(ids: impl Iterator<Item = &'a str>) -> Self {
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, id) in ids.enumerate() {
            places.entry(place_of(id)).or_default().push(index);
        }
        let members: Vec<Vec<usize>> = places.into_values().collect();
        let weights = || members.iter().map(|samples| (samples.len() as f64).sqrt());
        let total: f64 = weights().sum();
        let ends = weights().scan(0.0, |end, weight| {
            *end += weight / total;
            Some(*end as f32)
        });
        let ends = ends.collect();
        Self { members, ends }
    }

    /// A sample: a place by its weight, then any of its samples.
    pub(crate) fn draw(&self, rng: &mut Rng) -> usize {
        let point = rng.unit();
        let place = self.ends.partition_point(|&end| end <= point).min(self.members.len() - 1);
        let samples = &self.members[place];
        samples[rng.below(samples.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_what_comes_before_the_first_underscore_or_the_number() {
        let names = ["kampala_ug_309606_261636_19", "tile3_p002", "pond17", "042", "_7", "harbour"];
        assert_eq!(names.map(place_of), ["kampala", "tile3", "pond", "", "_", "harbour"]);
    }

    #[test]
    fn a_place_is_drawn_by_the_square_root_of_its_images() {
        let ids: Vec<String> = (0..90)
            .map(|n| if n < 81 { format!("big_{n}") } else { format!("small_{n}") })
            .collect();
        let places = Places::new(ids.iter().map(String::as_str));
        let mut rng = Rng::new(1);
        let draws: Vec<usize> = (0..20_000).map(|_| places.draw(&mut rng)).collect();
        let small = draws.iter().filter(|&&index| index >= 81).count() as f32 / 20_000.0;
        assert!((small - 0.25).abs() < 0.02, "{small}");
        assert!((0..90).all(|index| draws.contains(&index)));
    }

    #[test]
    fn images_of_one_place_are_drawn_alike() {
        let ids: Vec<String> = (0..10).map(|n| format!("{n:03}")).collect();
        let places = Places::new(ids.iter().map(String::as_str));
        let mut hits = [0; 10];
        let mut rng = Rng::new(2);
        (0..10_000).for_each(|_| hits[places.draw(&mut rng)] += 1);
        assert!(hits.iter().all(|&count| (850..1150).contains(&count)), "{hits:?}");
    }
}
