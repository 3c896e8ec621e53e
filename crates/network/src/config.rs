//! Every size of the network, with the presets by name.

use serde::{Deserialize, Serialize};

/// Mean and standard deviation of CLIP's training pixels, as fractions of 255. Source: openai/CLIP
/// `clip/clip.py`.
const CLIP_PIXELS: ([f32; 3], [f32; 3]) =
    ([0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_6, 0.275_777_1]);

/// The same of ImageNet, which DINO was trained with.
const IMAGENET_PIXELS: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/// One vision transformer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitConfig {
    /// Side of the square image that the stream sees; tiles are resized to it inside the graph.
    pub input_px: usize,
    /// Side of one patch.
    pub patch_px: usize,
    /// Channels of a token.
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Number of attention heads; divides the width.
    pub heads: usize,
    /// Chance of skipping a block's branch in training (stochastic depth), growing linearly over
    /// the blocks.
    pub drop_path: f32,
    /// Mean pixel, as a fraction of 255.
    pub pixel_mean: [f32; 3],
    /// Standard deviation of pixels, as a fraction of 255.
    pub pixel_std: [f32; 3],
}

impl VitConfig {
    /// Patches along one side.
    pub fn grid(&self) -> usize {
        self.input_px / self.patch_px
    }

    /// The chance of skipping a branch of block `layer`, growing linearly from 0 to `drop_path`.
    pub(crate) fn drop_path_at(&self, layer: usize) -> f32 {
        self.drop_path * layer as f32 / (self.layers - 1).max(1) as f32
    }

    /// A CLIP image tower as published.
    fn clip(input_px: usize, patch_px: usize, width: usize, layers: usize) -> Self {
        let (pixel_mean, pixel_std) = CLIP_PIXELS;
        Self {
            input_px,
            patch_px,
            width,
            layers,
            heads: width / 64,
            drop_path: 0.0,
            pixel_mean,
            pixel_std,
        }
    }

    /// DINO ViT-B/16 as published.
    fn dino_b16(input_px: usize) -> Self {
        let (pixel_mean, pixel_std) = IMAGENET_PIXELS;
        Self {
            input_px,
            patch_px: 16,
            width: 768,
            layers: 12,
            heads: 12,
            drop_path: 0.0,
            pixel_mean,
            pixel_std,
        }
    }
}

/// Consecutive blocks of a stem with one number of channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// Number of blocks.
    pub blocks: usize,
    /// Side of the depthwise kernel.
    pub kernel: usize,
    /// Step of the first block; the others have 1.
    pub stride: usize,
    /// Channels inside a block for each at its entrance.
    pub expansion: usize,
    /// Channels at the exit.
    pub channels: usize,
}

/// A convolutional stem in place of patches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StemConfig {
    /// Channels of the first convolution, whose stride is 2.
    pub channels: usize,
    /// What follows it; their strides multiply to 8.
    pub stages: Vec<StageConfig>,
    /// Mean pixel, as a fraction of 255; streams on a stem have none of their own.
    pub pixel_mean: [f32; 3],
    /// Standard deviation of pixels, as a fraction of 255.
    pub pixel_std: [f32; 3],
}

impl StemConfig {
    /// EfficientNet-Lite2 up to stride 16, without its last two stages.
    pub fn efficientnet_lite2() -> Self {
        let stage = |[blocks, kernel, stride, expansion, channels]: [usize; 5]| StageConfig {
            blocks,
            kernel,
            stride,
            expansion,
            channels,
        };
        let stages = [
            [1, 3, 1, 1, 16],
            [3, 3, 2, 6, 24],
            [3, 5, 2, 6, 48],
            [4, 3, 2, 6, 88],
            [4, 5, 1, 6, 120],
        ]
        .map(stage);
        Self { channels: 32, stages: stages.to_vec(), pixel_mean: [0.5; 3], pixel_std: [0.5; 3] }
    }
}

/// CLIP's text transformer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextConfig {
    /// Number of token ids.
    pub vocabulary: usize,
    /// Longest prompt in tokens, start and end included.
    pub context: usize,
    /// Channels of a token.
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Number of attention heads; divides the width.
    pub heads: usize,
}

/// The Category-Adaptive Refinement Head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// Heads of the attention between a query and the pixels.
    pub heads: usize,
    /// Channels of each.
    pub head_width: usize,
    /// Channels of the maps that each query modulates.
    pub channels: usize,
    /// Where a logit starts: ln(p / (1 - p)) of the share p of positive pixels expected in
    /// training.
    pub initial_logit: f32,
}

/// The whole network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Side of a square tile, the unit of inference.
    pub tile_px: usize,
    /// D, the width of the space that images and words share.
    pub joint_width: usize,
    /// What both streams stand on in place of patches of their own, and whose finer maps MS-CAM
    /// takes as taps. Not in the paper: published towers have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stem: Option<StemConfig>,
    /// The vision-language stream (CLIP).
    pub vlm: VitConfig,
    /// Blocks of the vision-language stream whose outputs refine the two finest scales:
    /// `[coarse, fine]`, counted from
    /// 0. Taps of a 12-block tower: 7 and 3; of a 24-block tower: 15 and 7 (`GSNet`). Not read
    ///    where there is a stem.
    pub vlm_taps: [usize; 2],
    /// The remote-sensing stream (DINO).
    pub rsi: VitConfig,
    /// The text tower. It runs at export, or on the device for free words; never per image.
    pub text: TextConfig,
    /// Channels of DSFE and MS-CAM.
    pub fusion_width: usize,
    /// Heads of MS-CAM's cross-attention. 32 channels a head: 16 is fragile in FP16 on mobile GPUs.
    pub fusion_heads: usize,
    /// Channels of the fused map F at stride 4.
    pub decoder_width: usize,
    /// Whether the 3×3 convolutions of DSFE and MS-CAM are one filter a channel and a 1×1
    /// convolution. Not in the paper.
    #[serde(default)]
    pub separable: bool,
    /// Groups of every group normalisation; fewer where that would leave a group less than two
    /// channels.
    pub norm_groups: usize,
    /// The head's sizes.
    pub head: HeadConfig,
    /// Table 2 of the paper: without it, F is the upsampled DSFE map.
    pub multi_scale_cross_attention: bool,
    /// Table 2 of the paper: without it, logits are scaled cosines of F and `E(t_k)`.
    pub category_adaptive_head: bool,
}

impl Config {
    /// Small enough for two CPU cores; trained on real imagery and shipped as the default bundle.
    pub fn nano() -> Self {
        let stem = StemConfig::efficientnet_lite2();
        let stream = VitConfig {
            input_px: 256,
            patch_px: 16,
            width: 128,
            layers: 2,
            heads: 4,
            drop_path: 0.0,
            pixel_mean: stem.pixel_mean,
            pixel_std: stem.pixel_std,
        };
        Self {
            tile_px: 256,
            joint_width: 512,
            stem: Some(stem),
            vlm: stream.clone(),
            vlm_taps: [0, 0],
            rsi: stream,
            text: TextConfig { vocabulary: 4096, context: 32, width: 128, layers: 4, heads: 4 },
            fusion_width: 96,
            fusion_heads: 3,
            decoder_width: 64,
            separable: true,
            norm_groups: 8,
            head: HeadConfig { heads: 2, head_width: 32, channels: 8, initial_logit: -1.5 },
            multi_scale_cross_attention: true,
            category_adaptive_head: true,
        }
    }

    /// CLIP ViT-B/32 at 1024 px and DINO ViT-B/16 at 512 px: both 32×32 tokens.
    pub fn b32() -> Self {
        Self { vlm: VitConfig::clip(1024, 32, 768, 12), ..Self::b16() }
    }

    /// CLIP ViT-B/16 and DINO ViT-B/16, both at 512 px.
    pub fn b16() -> Self {
        Self {
            tile_px: 512,
            joint_width: 512,
            stem: None,
            vlm: VitConfig::clip(512, 16, 768, 12),
            vlm_taps: [7, 3],
            rsi: VitConfig::dino_b16(512),
            text: TextConfig { vocabulary: 49_408, context: 77, width: 512, layers: 12, heads: 8 },
            fusion_width: 256,
            fusion_heads: 8,
            decoder_width: 128,
            separable: false,
            norm_groups: 16,
            head: HeadConfig { heads: 4, head_width: 32, channels: 64, initial_logit: -3.7 },
            multi_scale_cross_attention: true,
            category_adaptive_head: true,
        }
    }

    /// CLIP ViT-L/14 at 448 px and DINO ViT-B/16 at 512 px, the paper's best row.
    pub fn l14() -> Self {
        Self {
            joint_width: 768,
            vlm: VitConfig::clip(448, 14, 1024, 24),
            vlm_taps: [15, 7],
            text: TextConfig { vocabulary: 49_408, context: 77, width: 768, layers: 12, heads: 12 },
            ..Self::b16()
        }
    }

    /// Every preset with its name.
    pub fn presets() -> [(&'static str, Self); 4] {
        [("nano", Self::nano()), ("b32", Self::b32()), ("b16", Self::b16()), ("l14", Self::l14())]
    }

    /// A preset by name.
    pub fn preset(name: &str) -> Option<Self> {
        Self::presets().into_iter().find(|(preset, _)| *preset == name).map(|(_, config)| config)
    }

    /// The same network for another tile side: both streams' inputs grow in proportion, patches
    /// stay. Position tables change length with the grid.
    #[must_use]
    pub fn with_tile_px(mut self, tile_px: usize) -> Self {
        self.vlm.input_px = self.vlm.input_px * tile_px / self.tile_px;
        self.rsi.input_px = self.rsi.input_px * tile_px / self.tile_px;
        self.tile_px = tile_px;
        self
    }
}
