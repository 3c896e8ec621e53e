//! The image teacher: an ImageNet ResNet-50 v2 without its fourth stage, run in evaluation mode
//! only.
//!
//! Its features are what the two image streams are first taught to reproduce ([`crate::pretrain`]);
//! nothing of it is shipped. Letters: N images, C channels, H W pixels.
//!
//! Source of the layout: gluon-cv `resnet50_v2` (arXiv:1603.05027, pre-activation); a batch norm on
//! the input without gain, 7×7/2 convolution, 3×3/2 maximum, then bottlenecks with the step in the
//! 3×3 convolution. Every batch norm that follows a convolution is folded into it.

use std::collections::BTreeMap;
use std::path::Path;

use tch::{Device, Kind, TchError, Tensor};

use crate::TrainError;
use crate::device::upload;

/// Pixels of the input per cell of the features, both axes.
pub const STRIDE_PX: i64 = 16;
/// Channels of the features.
pub const CHANNELS: i64 = 1024;

const PREFIX: &str = "resnetv24_";
/// gluon's default epsilon of `BatchNorm`.
const EPSILON: f64 = 1e-5;
/// ImageNet statistics of pixels in [0, 1], red, green, blue.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STANDARD_DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
/// Bottlenecks, input channels and output channels of each stage; the first bottleneck of stages 2
/// and 3 halves the grid.
const STAGES: [(usize, i64, i64); 3] = [(3, 64, 256), (4, 256, 512), (6, 512, 1024)];

/// `x * scale + offset` per channel, `[1, C, 1, 1]` each.
#[derive(Debug)]
struct ChannelAffine {
    scale: Tensor,
    offset: Tensor,
}

impl ChannelAffine {
    fn apply(&self, x: &Tensor) -> Result<Tensor, TchError> {
        self.offset.f_addcmul(x, &self.scale)
    }
}

#[derive(Debug)]
struct Convolution {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: i64,
    padding: i64,
}

impl Convolution {
    fn apply(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_conv2d(&self.weight, self.bias.as_ref(), [self.stride; 2], [self.padding; 2], [1, 1], 1)
    }
}

#[derive(Debug)]
struct Bottleneck {
    activation: ChannelAffine,
    shortcut: Option<Convolution>,
    reduce: Convolution,
    middle: Convolution,
    expand: Convolution,
}

impl Bottleneck {
    fn apply(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let activated = self.activation.apply(x)?.f_relu()?;
        let shortcut = match &self.shortcut {
            Some(projection) => projection.apply(&activated)?,
            None => x.shallow_clone(),
        };
        let reduced = self.reduce.apply(&activated)?.f_relu()?;
        self.expand.apply(&self.middle.apply(&reduced)?.f_relu()?)?.f_add(&shortcut)
    }
}

/// The frozen network.
#[derive(Debug)]
pub struct Teacher {
    input: ChannelAffine,
    stem: Convolution,
    blocks: Vec<Bottleneck>,
    output: ChannelAffine,
}

impl Teacher {
    /// Reads the archive of gluon arrays. The network is on `device`.
    pub fn read(path: &Path, device: Device) -> Result<Self, TrainError> {
        let arrays = Tensor::read_npz(path)
            .map_err(|error| unusable(path, "an .npz archive of arrays", &error.to_string()))?
            .into_iter()
            .map(|(name, array)| Ok((name, upload(&array, device)?)))
            .collect::<Result<_, TchError>>()?;
        Self::from_arrays(&arrays, path)
    }

    /// From arrays in memory; `path` is only what errors name.
    pub fn from_arrays(arrays: &BTreeMap<String, Tensor>, path: &Path) -> Result<Self, TrainError> {
        let source = Arrays { arrays, path };
        let input = source.input()?;
        let stem = source.convolution("conv0", [64, 3, 7, 7], 2, Some("batchnorm1"))?;
        let mut blocks = Vec::new();
        for (index, &(count, inputs, outputs)) in STAGES.iter().enumerate() {
            for block in 0..count {
                let inputs = if block == 0 { inputs } else { outputs };
                let stride = if block == 0 && index > 0 { 2 } else { 1 };
                blocks.push(source.bottleneck(index + 1, block, [inputs, outputs], stride)?);
            }
        }
        Ok(Self { input, stem, blocks, output: source.affine("stage4_batchnorm0", CHANNELS)? })
    }

    /// `tiles: U8 [N, H, W, 3]`, wherever they are, to `[N, 1024, H/16, W/16]`, not negative: the
    /// activation that stage 4 would read.
    pub fn features(&self, tiles: &Tensor) -> Result<Tensor, TchError> {
        let _no_grad = tch::no_grad_guard();
        let pixels = upload(tiles, self.stem.weight.device())?
            .f_permute([0, 3, 1, 2])?
            .f_to_kind(Kind::Float)?;
        let mut x = self.stem.apply(&self.input.apply(&pixels)?)?.f_relu()?;
        x = x.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?;
        for block in &self.blocks {
            x = block.apply(&x)?;
        }
        self.output.apply(&x)?.f_relu()
    }
}

/// The arrays of one archive, checked as they are taken.
struct Arrays<'a> {
    arrays: &'a BTreeMap<String, Tensor>,
    path: &'a Path,
}

impl Arrays<'_> {
    fn take(&self, name: &str, shape: &[i64]) -> Result<Tensor, TrainError> {
        let name = format!("{PREFIX}{name}");
        let Some(array) = self.arrays.get(&name) else {
            return Err(unusable(self.path, &format!("the array {name}"), "none"));
        };
        if array.size() != shape {
            return Err(unusable(
                self.path,
                &format!("{name} of shape {shape:?}"),
                &format!("{:?}", array.size()),
            ));
        }
        Ok(array.f_to_kind(Kind::Float)?)
    }

    /// A batch norm at inference as scale and offset, `[C]` each.
    fn statistics(&self, name: &str, channels: i64) -> Result<[Tensor; 2], TrainError> {
        let take = |part: &str| self.take(&format!("{name}_{part}"), &[channels]);
        let scale = take("gamma")?.f_div(&take("running_var")?.f_add_scalar(EPSILON)?.f_sqrt()?)?;
        let offset = take("beta")?.f_sub(&take("running_mean")?.f_mul(&scale)?)?;
        Ok([scale, offset])
    }

    fn affine(&self, name: &str, channels: i64) -> Result<ChannelAffine, TrainError> {
        let [scale, offset] = self.statistics(name, channels)?;
        Ok(ChannelAffine { scale: per_channel(&scale)?, offset: per_channel(&offset)? })
    }

    /// Bytes to ImageNet units, then the batch norm on the input, as one step.
    fn input(&self) -> Result<ChannelAffine, TrainError> {
        let [scale, offset] = self.statistics("batchnorm0", 3)?;
        let [mean, deviation] = [MEAN, STANDARD_DEVIATION]
            .map(|values| upload(&Tensor::f_from_slice(&values)?, scale.device()));
        let (mean, deviation) = (mean?, deviation?);
        let offset = offset.f_sub(&scale.f_mul(&mean)?.f_div(&deviation)?)?;
        let scale = scale.f_div(&deviation)?.f_div_scalar(255.0)?;
        Ok(ChannelAffine { scale: per_channel(&scale)?, offset: per_channel(&offset)? })
    }

    fn convolution(
        &self,
        name: &str,
        shape: [i64; 4],
        stride: i64,
        norm: Option<&str>,
    ) -> Result<Convolution, TrainError> {
        let weight = self.take(&format!("{name}_weight"), &shape)?;
        let padding = shape[2] / 2;
        let Some(norm) = norm else {
            return Ok(Convolution { weight, bias: None, stride, padding });
        };
        let [scale, offset] = self.statistics(norm, shape[0])?;
        let weight = weight.f_mul(&scale.f_view([-1, 1, 1, 1])?)?;
        Ok(Convolution { weight, bias: Some(offset), stride, padding })
    }

    /// gluon numbers the layers of a stage in order of creation: three of each kind a block, and
    /// one more convolution, the shortcut, at the end of the first block.
    fn bottleneck(
        &self,
        stage: usize,
        block: usize,
        [inputs, outputs]: [i64; 2],
        stride: i64,
    ) -> Result<Bottleneck, TrainError> {
        let norm = |offset: usize| format!("stage{stage}_batchnorm{}", 3 * block + offset);
        let convolution = |offset: usize| {
            format!("stage{stage}_conv{}", 3 * block + usize::from(block > 0) + offset)
        };
        let inner = outputs / 4;
        let shortcut = (block == 0)
            .then(|| self.convolution(&convolution(3), [outputs, inputs, 1, 1], stride, None));
        Ok(Bottleneck {
            activation: self.affine(&norm(0), inputs)?,
            shortcut: shortcut.transpose()?,
            reduce: self.convolution(&convolution(0), [inner, inputs, 1, 1], 1, Some(&norm(1)))?,
            middle: self.convolution(
                &convolution(1),
                [inner, inner, 3, 3],
                stride,
                Some(&norm(2)),
            )?,
            expand: self.convolution(&convolution(2), [outputs, inner, 1, 1], 1, None)?,
        })
    }
}

fn per_channel(vector: &Tensor) -> Result<Tensor, TchError> {
    vector.f_view([1, -1, 1, 1])
}

fn unusable(path: &Path, expected: &str, found: &str) -> TrainError {
    let hint = "another network's weights?";
    TrainError::Checkpoint {
        path: path.to_owned(),
        expected: expected.to_owned(),
        found: found.to_owned(),
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rszs_data::Rng;

    /// Rounding in f32 over 40 layers of order-one numbers.
    const FLOAT32: f64 = 1e-3;

    fn random(shape: &[i64], rng: &mut Rng, centre: f32, spread: f32) -> Tensor {
        let values: Vec<f32> = (0..shape.iter().product::<i64>())
            .map(|_| centre + spread * rng.range(-1.0, 1.0))
            .collect();
        Tensor::from_slice(&values).reshape(shape)
    }

    /// Arrays of the right names and shapes, in gluon's order of layers.
    fn arrays() -> BTreeMap<String, Tensor> {
        let mut rng = Rng::new(3);
        let mut arrays = BTreeMap::new();
        let norm =
            |name: String, channels: i64, arrays: &mut BTreeMap<String, Tensor>, rng: &mut Rng| {
                for (part, centre, spread) in [
                    ("gamma", 1.0, 0.3),
                    ("beta", 0.0, 0.3),
                    ("running_mean", 0.0, 0.3),
                    ("running_var", 1.0, 0.3),
                ] {
                    arrays.insert(
                        format!("{PREFIX}{name}_{part}"),
                        random(&[channels], rng, centre, spread),
                    );
                }
            };
        let convolution = |name: String,
                           shape: [i64; 4],
                           arrays: &mut BTreeMap<String, Tensor>,
                           rng: &mut Rng| {
            let spread = (3.0 / (shape[1] * shape[2] * shape[3]) as f32).sqrt();
            arrays.insert(format!("{PREFIX}{name}_weight"), random(&shape, rng, 0.0, spread));
        };
        norm("batchnorm0".to_owned(), 3, &mut arrays, &mut rng);
        convolution("conv0".to_owned(), [64, 3, 7, 7], &mut arrays, &mut rng);
        norm("batchnorm1".to_owned(), 64, &mut arrays, &mut rng);
        for (stage, blocks, inputs, outputs) in
            [(1, 3, 64, 256), (2, 4, 256, 512), (3, 6, 512, 1024)]
        {
            let (mut norms, mut convolutions) = (0, 0);
            for block in 0..blocks {
                let inputs = if block == 0 { inputs } else { outputs };
                let inner = outputs / 4;
                for channels in [inputs, inner, inner] {
                    norm(format!("stage{stage}_batchnorm{norms}"), channels, &mut arrays, &mut rng);
                    norms += 1;
                }
                let mut shapes =
                    vec![[inner, inputs, 1, 1], [inner, inner, 3, 3], [outputs, inner, 1, 1]];
                if block == 0 {
                    shapes.push([outputs, inputs, 1, 1]);
                }
                for shape in shapes {
                    convolution(
                        format!("stage{stage}_conv{convolutions}"),
                        shape,
                        &mut arrays,
                        &mut rng,
                    );
                    convolutions += 1;
                }
            }
        }
        norm("stage4_batchnorm0".to_owned(), 1024, &mut arrays, &mut rng);
        arrays
    }

    /// The same network layer by layer, nothing folded: gluon-cv `BottleneckV2`.
    fn layer_by_layer(arrays: &BTreeMap<String, Tensor>, tiles: &Tensor) -> Tensor {
        let array = |name: &str| &arrays[&format!("{PREFIX}{name}")];
        let norm = |x: &Tensor, name: &str| {
            let part = |part: &str| Some(array(&format!("{name}_{part}")));
            x.batch_norm(
                part("gamma"),
                part("beta"),
                part("running_mean"),
                part("running_var"),
                false,
                0.0,
                1e-5,
                false,
            )
        };
        let convolution = |x: &Tensor, name: &str, stride: i64| {
            let weight = array(&format!("{name}_weight"));
            x.conv2d::<&Tensor>(weight, None, [stride; 2], [weight.size()[2] / 2; 2], [1, 1], 1)
        };
        let mean = Tensor::from_slice(&MEAN).view([1, 3, 1, 1]);
        let deviation = Tensor::from_slice(&STANDARD_DEVIATION).view([1, 3, 1, 1]);
        let mut x = (tiles.permute([0, 3, 1, 2]).to_kind(Kind::Float) / 255.0 - mean) / deviation;
        x = norm(&convolution(&norm(&x, "batchnorm0"), "conv0", 2), "batchnorm1").relu();
        x = x.max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false);
        for (stage, blocks) in [(1, 3), (2, 4), (3, 6)] {
            for block in 0..blocks {
                let at = |n: usize| 3 * block + n;
                let conv =
                    |n: usize| format!("stage{stage}_conv{}", at(n) + usize::from(block > 0));
                let stride = if block == 0 && stage > 1 { 2 } else { 1 };
                let y = norm(&x, &format!("stage{stage}_batchnorm{}", at(0))).relu();
                let shortcut =
                    if block == 0 { convolution(&y, &conv(3), stride) } else { x.shallow_clone() };
                let y = norm(
                    &convolution(&y, &conv(0), 1),
                    &format!("stage{stage}_batchnorm{}", at(1)),
                )
                .relu();
                let y = norm(
                    &convolution(&y, &conv(1), stride),
                    &format!("stage{stage}_batchnorm{}", at(2)),
                )
                .relu();
                x = convolution(&y, &conv(2), 1) + shortcut;
            }
        }
        norm(&x, "stage4_batchnorm0").relu()
    }

    #[test]
    fn folded_norms_change_nothing_and_the_stride_is_sixteen() {
        let arrays = arrays();
        let mut rng = Rng::new(4);
        let tiles = random(&[2, 64, 64, 3], &mut rng, 128.0, 127.0).to_kind(Kind::Uint8);
        let features =
            Teacher::from_arrays(&arrays, Path::new("t.npz")).unwrap().features(&tiles).unwrap();
        assert_eq!(features.size(), [2, CHANNELS, 64 / STRIDE_PX, 64 / STRIDE_PX]);
        let expected = layer_by_layer(&arrays, &tiles);
        let scale = expected.abs().max().double_value(&[]);
        assert!(scale > 0.1, "features of {scale} prove nothing");
        let difference = (features - expected).abs().max().double_value(&[]);
        assert!(difference < FLOAT32 * scale, "differs by {difference} at a scale of {scale}");
    }

    #[test]
    fn a_missing_or_wrong_array_is_named() {
        let mut arrays = arrays();
        let name = "resnetv24_stage2_conv3_weight";
        arrays.insert(name.to_owned(), Tensor::zeros([512, 256, 3, 3], (Kind::Float, Device::Cpu)));
        let message = |arrays: &BTreeMap<String, Tensor>| {
            Teacher::from_arrays(arrays, Path::new("t.npz")).unwrap_err().to_string()
        };
        assert!(
            message(&arrays).contains(
                "t.npz: expected resnetv24_stage2_conv3_weight of shape [512, 256, 1, 1]"
            )
        );
        arrays.remove(name);
        assert!(
            message(&arrays)
                .contains("expected the array resnetv24_stage2_conv3_weight, found none")
        );
    }
}
