//! A convolutional stem that both streams share: what takes the place of patches in small presets.
//!
//! Not in the paper, whose streams are published vision transformers. At a few million parameters
//! patches of 16 pixels lose edges and thin things, and nothing that small is published for them; a
//! small convolutional network is, trained on ImageNet. Its map at stride 16 is what the streams'
//! tokens are projected from, and its finer maps are the taps of MS-CAM.
//!
//! Source: EfficientNet-Lite (tensorflow/tpu, `efficientnet/lite`): inverted residual blocks,
//! `ReLU6`, no squeeze and excitation. Its batch normalisation is a gain and a bias of each channel
//! here, with fixed statistics inside: batches are small. Its padding puts an odd pixel to the
//! right and below; here it is alike on both sides, as `conv2d` has it.

use rszs_graph::{Builder, Init, Value};

use crate::{StageConfig, StemConfig};

/// Maps of one stem, each `[N, C, H/stride, W/stride]`.
#[derive(Debug, Clone, Copy)]
pub struct StemMaps<'g> {
    /// The last map at stride 4.
    pub stride_4: Value<'g>,
    /// The last map at stride 8.
    pub stride_8: Value<'g>,
    /// The last map of all, at stride 16.
    pub stride_16: Value<'g>,
}

/// `pixels: [N, 3, S, S]` normalised by the stem's statistics. Blocks are numbered through all
/// stages.
pub fn stem<'g>(b: &'g Builder, pixels: Value<'g>, config: &StemConfig) -> StemMaps<'g> {
    let first = Kernel { side: 3, stride: 2, depthwise: false };
    let mut x = convolution(b, "first", pixels, config.channels, first).relu6();
    let mut maps = [x; 3];
    let (mut stride, mut block) = (2, 0);
    for stage in &config.stages {
        for place in 0..stage.blocks {
            let stride = if place == 0 { stage.stride } else { 1 };
            x = b.scoped(format!("blocks.{block}"), || inverted_residual(b, x, stage, stride));
            block += 1;
        }
        stride *= stage.stride;
        for (map, of) in maps.iter_mut().zip([4, 8, 16]) {
            if of == stride {
                *map = x;
            }
        }
    }
    let [stride_4, stride_8, stride_16] = maps;
    StemMaps { stride_4, stride_8, stride_16 }
}

/// Sandler et al. 2018 (arXiv:1801.04381): wider, one filter a channel, narrower; the input is
/// added where the shape stays.
fn inverted_residual<'g>(
    b: &'g Builder,
    x: Value<'g>,
    stage: &StageConfig,
    stride: usize,
) -> Value<'g> {
    let inputs = x.dim(1).as_fixed().unwrap_or_default();
    let hidden = inputs * stage.expansion;
    let pointwise = Kernel { side: 1, stride: 1, depthwise: false };
    let wide = if stage.expansion == 1 {
        x
    } else {
        convolution(b, "expand", x, hidden, pointwise).relu6()
    };
    let filter = Kernel { side: stage.kernel, stride, depthwise: true };
    let filtered = convolution(b, "depthwise", wide, hidden, filter).relu6();
    let narrow = convolution(b, "project", filtered, stage.channels, pointwise);
    if stride == 1 && inputs == stage.channels { narrow + x } else { narrow }
}

#[derive(Debug, Clone, Copy)]
struct Kernel {
    side: usize,
    stride: usize,
    depthwise: bool,
}

/// A convolution whose weight has a gain for each output: the batch normalisation after it, at no
/// cost for a pixel.
fn convolution<'g>(
    b: &'g Builder,
    name: &str,
    x: Value<'g>,
    outputs: usize,
    kernel: Kernel,
) -> Value<'g> {
    let inputs = x.dim(1).as_fixed().unwrap_or_default();
    let Kernel { side, stride, depthwise } = kernel;
    let (per_group, groups) = if depthwise { (1, inputs) } else { (inputs, 1) };
    b.scoped(name, || {
        let fan_in = per_group * side * side;
        let weight = b.param("weight", [outputs, per_group, side, side], Init::FanIn { fan_in });
        let gain = b.param("gain", [outputs], Init::Constant(1.0)).reshape([outputs, 1, 1, 1]);
        let bias = b.param("bias", [outputs], Init::Constant(0.0));
        x.conv2d(weight * gain, Some(bias), stride, side / 2, groups)
    })
}
