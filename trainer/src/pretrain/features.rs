//! Images of one size and what the teacher sees in them, computed once and kept in a file.
//!
//! Letters: N images, T cells of the teacher's grid, P components that are kept of its channels.

use std::io;
use std::path::Path;

use rszs_data::rng::hash_name;
use rszs_data::{AidRsicd, DenseSet, RgbImage, Rng, Split, catalogue};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor};

use crate::TrainError;
use crate::pretrain::teacher::Teacher;
use crate::run::{tell, write_atomically};

/// Images that pass through the teacher at once.
const CHUNK: usize = 16;

/// What is distilled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherSettings {
    /// The archive of weights, in the data folder.
    pub weights: String,
    /// P, the principal components that are kept.
    pub components: i64,
    /// Each component is divided by its variance to this power: 0 keeps the teacher's scale, 0.5
    /// makes all equally large.
    pub whitening: f64,
    /// Random crops of each mask set's training images.
    pub crops_per_set: usize,
    /// Shortest and longest side of a crop before it is resized.
    pub crop_side_px: [usize; 2],
}

/// Square images `U8 [N, S, S, 3]`, and the name of each.
#[derive(Debug)]
pub struct Tiles {
    /// The bytes.
    pub tiles: Tensor,
    /// Where each comes from; enters the name of the cache file.
    pub names: Vec<String>,
}

impl Tiles {
    /// All images of one split, in its order.
    pub fn aid_rsicd(set: &AidRsicd, split: Split, side_px: usize) -> Result<Self, TrainError> {
        let images = set.images();
        let names: Vec<String> = images.ids(split).map(str::to_owned).collect();
        let mut tiles = Vec::with_capacity(names.len());
        for index in 0..names.len() {
            tiles.push(resized(&RgbImage::read(images.image_path(split, index))?, side_px)?);
        }
        Ok(Self { tiles: Tensor::f_stack(&tiles, 0)?, names })
    }

    /// Random square crops of the training images of every mask set. Their masks are not used.
    pub fn crops(
        data_root: &Path,
        settings: &TeacherSettings,
        side_px: usize,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let (mut tiles, mut names) = (Vec::new(), Vec::new());
        for set in catalogue::NAMES {
            let images = catalogue::open(set, data_root)?;
            for number in 0..settings.crops_per_set {
                let mut rng = Rng::keyed(&[seed, hash_name(set), number as u64]);
                let (name, crop) = random_crop(&images, settings.crop_side_px, &mut rng)?;
                tiles.push(resized(&crop, side_px)?);
                names.push(format!("{set}/{name}"));
            }
        }
        Ok(Self { tiles: Tensor::f_stack(&tiles, 0)?, names })
    }
}

fn random_crop(
    set: &DenseSet,
    [low, high]: [usize; 2],
    rng: &mut Rng,
) -> Result<(String, RgbImage), TrainError> {
    let index = rng.below(set.len(Split::Train));
    // Decoded once, however many crops are cut from it.
    let sample = set.sample(Split::Train, index)?;
    let image = &sample.image;
    let side = (low + rng.below(high - low + 1)).min(image.width).min(image.height);
    let left = rng.below(image.width - side + 1);
    let top = rng.below(image.height - side + 1);
    let rows = (top..top + side).flat_map(|y| {
        let start = (y * image.width + left) * 3;
        image.pixels[start..start + side * 3].iter().copied()
    });
    let crop = RgbImage { width: side, height: side, pixels: rows.collect() };
    Ok((format!("{}@{left},{top},{side}", sample.id), crop))
}

/// `U8 [S, S, 3]`, bilinear, antialiased where it shrinks.
fn resized(image: &RgbImage, side_px: usize) -> Result<Tensor, TchError> {
    let side = side_px as i64;
    Tensor::f_from_slice(&image.pixels)?
        .f_view([1, image.height as i64, image.width as i64, 3])?
        .f_permute([0, 3, 1, 2])?
        .f_to_kind(Kind::Float)?
        .f_internal_upsample_bilinear2d_aa([side, side], false, None, None)?
        .f_round()?
        .f_clamp(0.0, 255.0)?
        .f_to_kind(Kind::Uint8)?
        .f_permute([0, 2, 3, 1])?
        .f_squeeze_dim(0)?
        .f_contiguous()
}

/// The teacher's features as targets: `F16 [N, T, P]`, centred, decorrelated, scaled. Read from
/// `folder` if a run with the same images and settings has left them there. The teacher runs on
/// `device`; its features come back to the processor, which has room for all of them and is not
/// slow with float64.
pub fn targets(
    parts: &[&Tiles],
    data_root: &Path,
    settings: &TeacherSettings,
    folder: &Path,
    device: Device,
) -> Result<Vec<Tensor>, TrainError> {
    let names = parts
        .iter()
        .flat_map(|part| &part.names)
        .fold(String::new(), |all, name| all + name + "\n");
    let identity =
        format!("{settings:?} {:?} {names}", parts.first().map(|part| part.tiles.size()));
    let path = folder.join(format!("teacher-{:016x}.safetensors", hash_name(&identity)));
    let counts: Vec<i64> = parts.iter().map(|part| part.names.len() as i64).collect();
    let all = if path.is_file() {
        tell(&format!("{}: teacher features read", path.display()));
        read_cache(&path)?
    } else {
        let teacher = Teacher::read(&data_root.join(&settings.weights), device)?;
        let all = compute(&teacher, parts, settings)?;
        write_cache(&path, &all)?;
        all
    };
    Ok(all.f_split_with_sizes(counts, 0)?)
}

fn compute(
    teacher: &Teacher,
    parts: &[&Tiles],
    settings: &TeacherSettings,
) -> Result<Tensor, TrainError> {
    let total: usize = parts.iter().map(|part| part.names.len()).sum();
    let started = std::time::Instant::now();
    let mut features = Vec::new();
    let mut done = 0;
    for part in parts {
        for chunk in part.tiles.f_split(CHUNK as i64, 0)? {
            let map = teacher.features(&chunk)?;
            let cells =
                map.f_flatten(2, 3)?.f_transpose(1, 2)?.f_to_kind(Kind::Half)?.f_contiguous()?;
            features.push(cells.f_to_device(Device::Cpu)?); // sync: once a chunk
            done += chunk.size()[0];
            if features.len().is_multiple_of(64) {
                let rate = done as f64 / started.elapsed().as_secs_f64();
                tell(&format!("teacher: {done}/{total} images, {rate:.1}/s"));
            }
        }
    }
    let components = Components::fit(&features, settings)?;
    let projected: Result<Vec<Tensor>, TchError> =
        features.iter().map(|chunk| components.project(chunk)).collect();
    Ok(Tensor::f_cat(&projected?, 0)?)
}

/// Principal components: `(x - mean) · basis`.
#[derive(Debug)]
struct Components {
    mean: Tensor,
    basis: Tensor,
}

impl Components {
    fn fit(features: &[Tensor], settings: &TeacherSettings) -> Result<Self, TchError> {
        let channels = features.first().map_or(0, |chunk| chunk.size()[2]);
        let options = (Kind::Double, Device::Cpu);
        let mut sum = Tensor::f_zeros([channels], options)?;
        let mut products = Tensor::f_zeros([channels, channels], options)?;
        let mut count = 0;
        for chunk in features {
            let rows = chunk.f_to_kind(Kind::Float)?.f_reshape([-1, channels])?;
            count += rows.size()[0];
            sum = sum.f_add(&rows.f_sum_dim_intlist([0].as_slice(), false, Kind::Double)?)?;
            products = products
                .f_add(&rows.f_transpose(0, 1)?.f_matmul(&rows)?.f_to_kind(Kind::Double)?)?;
        }
        let mean = sum.f_div_scalar(count)?;
        let covariance = products.f_div_scalar(count)?.f_sub(&mean.f_outer(&mean)?)?;
        let (variances, vectors) = covariance.f_linalg_eigh("L")?;
        // Ascending, so the last are the largest.
        let kept = |x: &Tensor, axis| {
            x.f_narrow(axis, channels - settings.components, settings.components)
        };
        let variances = kept(&variances, 0)?;
        tell(&format!(
            "teacher: {} of {channels} components keep {:.3} of the variance",
            settings.components,
            variances.f_sum(Kind::Double)?.f_div(&covariance.f_trace()?)?.f_double_value(&[])?
        ));
        let scale = variances.f_pow_tensor_scalar(-settings.whitening)?;
        let scaled = variances.f_mul(&scale.f_square()?)?.f_mean(Kind::Double)?.f_sqrt()?;
        let basis = kept(&vectors, 1)?.f_mul(&scale)?.f_div(&scaled)?;
        Ok(Self { mean: mean.f_to_kind(Kind::Float)?, basis: basis.f_to_kind(Kind::Float)? })
    }

    /// `[N, T, C]` to `F16 [N, T, P]`.
    fn project(&self, features: &Tensor) -> Result<Tensor, TchError> {
        features
            .f_to_kind(Kind::Float)?
            .f_sub(&self.mean)?
            .f_matmul(&self.basis)?
            .f_to_kind(Kind::Half)
    }
}

fn read_cache(path: &Path) -> Result<Tensor, TrainError> {
    let tensors = Tensor::read_safetensors(path)?;
    tensors.into_iter().find_map(|(name, tensor)| (name == "targets").then_some(tensor)).ok_or_else(
        || TrainError::Checkpoint {
            path: path.to_owned(),
            expected: "a tensor named targets".to_owned(),
            found: "none".to_owned(),
            hint: "delete the file; it is computed again",
        },
    )
}

fn write_cache(path: &Path, targets: &Tensor) -> Result<(), TrainError> {
    let targets = targets.f_contiguous()?;
    let shape: Vec<usize> = targets.size().into_iter().map(|length| length as usize).collect();
    let mut bytes = vec![0; 2 * targets.numel()];
    targets.f_to_kind(Kind::Half)?.f_copy_data_u8(&mut bytes, targets.numel())?;
    let unwritable = |error: SafeTensorError| TrainError::Write {
        path: path.to_owned(),
        source: io::Error::other(error),
    };
    let view = TensorView::new(Dtype::F16, shape, &bytes).map_err(unwritable)?;
    write_atomically(path, &safetensors::serialize([("targets", view)], None).map_err(unwritable)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(whitening: f64) -> TeacherSettings {
        TeacherSettings {
            weights: String::new(),
            components: 2,
            whitening,
            crops_per_set: 0,
            crop_side_px: [4, 8],
        }
    }

    /// Three channels of which the second repeats the first and the third is small and independent.
    fn features() -> Vec<Tensor> {
        let mut rng = Rng::new(9);
        (0..4)
            .map(|_| {
                let values: Vec<f32> = (0..500)
                    .flat_map(|_| {
                        let (large, small) = (rng.normal(), rng.normal());
                        [3.0 * large + 5.0, 3.0 * large, 0.5 * small]
                    })
                    .collect();
                Tensor::from_slice(&values).reshape([5, 100, 3])
            })
            .collect()
    }

    fn covariance(whitening: f64) -> Tensor {
        let features = features();
        let components = Components::fit(&features, &settings(whitening)).unwrap();
        let rows: Vec<Tensor> =
            features.iter().map(|chunk| components.project(chunk).unwrap()).collect();
        let rows = Tensor::cat(&rows, 0).to_kind(Kind::Float).reshape([-1, 2]);
        assert!(
            rows.mean_dim([0].as_slice(), false, Kind::Float).abs().max().double_value(&[]) < 0.01
        );
        rows.tr().matmul(&rows) / rows.size()[0] as f64
    }

    #[test]
    fn whitened_components_are_uncorrelated_and_equally_large() {
        let difference = covariance(0.5) - Tensor::eye(2, (Kind::Float, Device::Cpu));
        assert!(difference.abs().max().double_value(&[]) < 0.01);
    }

    #[test]
    fn half_whitening_leaves_the_square_root_of_the_ratio_of_deviations() {
        let covariance = covariance(0.25);
        // Deviations of 3·√2 and 0.5; ascending, so the small one first.
        let ratio = (covariance.double_value(&[1, 1]) / covariance.double_value(&[0, 0])).sqrt();
        assert!((ratio - (3.0 * 2.0_f64.sqrt() / 0.5).sqrt()).abs() < 0.15, "{ratio}");
        assert!(covariance.double_value(&[0, 1]).abs() < 0.01);
    }

    #[test]
    fn a_resized_image_of_one_colour_keeps_it() {
        for side in [8, 20] {
            let tile = resized(&RgbImage::filled(12, 12, [10, 200, 30]), side).unwrap();
            assert_eq!(tile.size(), [side as i64, side as i64, 3]);
            let expected =
                Tensor::from_slice(&[10_u8, 200, 30]).expand([side as i64, side as i64, 3], false);
            assert!(tile.equal(&expected));
        }
    }

    #[test]
    fn crops_stay_inside_and_repeat_with_the_seed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let mut image = RgbImage::filled(9, 7, [0, 0, 0]);
        (0..63).for_each(|at| image.set_pixel(at % 9, at / 9, [at as u8, 0, 0]));
        image.write_png(&path).unwrap();
        let provenance = rszs_data::dense_set::Provenance {
            name: "one".to_owned(),
            metres_per_px: None,
            licence: String::new(),
            credit: String::new(),
            research_only: false,
        };
        let set = DenseSet::of_images(provenance, [(Split::Train, "a".to_owned(), path)]);
        for number in 0..30 {
            let (name, crop) = random_crop(&set, [4, 8], &mut Rng::new(number)).unwrap();
            assert!((4..=7).contains(&crop.width) && crop.width == crop.height, "{name}");
            // The image's numbers grow by 1 to the right and by 9 downwards.
            let first = crop.pixel(0, 0)[0];
            assert_eq!(
                crop.pixel(crop.width - 1, crop.height - 1)[0],
                first + (crop.width as u8 - 1) * 10,
                "{name}"
            );
            assert_eq!(random_crop(&set, [4, 8], &mut Rng::new(number)).unwrap().0, name);
        }
    }
}
