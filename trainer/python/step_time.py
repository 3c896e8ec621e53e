"""How long a training step takes in rszs-train and in PyTorch, in turn.

Both run on one core or on a CUDA device. The network is written here a second time, as one would in
PyTorch, and has to give the logits, the loss and the gradients that rszs-train gives for the same
weights before anything is timed. Same batch, same loss, AdamW, clipped gradients and moving average
on both sides; processor time of the thread that computes, so that other work on the machine counts
for less; on a device the time that passes until all of its work is done.

    cargo build --release -p rszs-train --example step_time
    pip install torch==2.11.0 numpy
    taskset -c 0 python trainer/python/step_time.py --precision float32

    python trainer/python/step_time.py --preset b16 --device cuda --precision bfloat16 --images 4

Prints one line a round, then the medians and their ratio; `--json` adds a last line with the same,
images a second and memory. The network is checked on the processor, one image of it, whatever is
timed. Needs torch of the version of libtorch that `cargo xtask setup` fetches. With `--device cuda`
rszs-train computes in torch's own libraries, so its program may have been linked with a libtorch
without CUDA.
"""

import argparse
import gc
import json
import os
import statistics
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn

# Streams: input, patch, width, layers, heads. Stem: channels; then blocks, kernel, stride,
# expansion, channels of each stage. The sizes of
# crates/network/src/config.rs.
STEM = (
    32,
    [(1, 3, 1, 1, 16), (3, 3, 2, 6, 24), (3, 5, 2, 6, 48), (4, 3, 2, 6, 88), (4, 5, 1, 6, 120)],
)
PRESETS = {
    "nano": dict(
        stem=STEM,
        clip=(256, 16, 128, 2, 4),
        dino=(256, 16, 128, 2, 4),
        joint=512,
        fusion=96,
        fusion_heads=3,
        decoder=64,
        groups=8,
        head=(2, 32, 8),
    ),
    "b16": dict(
        stem=None,
        clip=(512, 16, 768, 12, 12),
        dino=(512, 16, 768, 12, 12),
        taps=(7, 3),
        joint=512,
        fusion=256,
        fusion_heads=8,
        decoder=128,
        groups=16,
        head=(4, 32, 64),
    ),
    "l14": dict(
        stem=None,
        clip=(448, 14, 1024, 24, 16),
        dino=(512, 16, 768, 12, 12),
        taps=(15, 7),
        joint=768,
        fusion=256,
        fusion_heads=8,
        decoder=128,
        groups=16,
        head=(4, 32, 64),
    ),
}
PROGRAM = Path(__file__).parents[2] / "target/release/examples/step_time"


def to_map(tokens):
    side = int(tokens.shape[1] ** 0.5)
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], side, side)


def to_tokens(feature_map):
    return feature_map.flatten(2).transpose(1, 2)


def resize(x, side):
    return F.interpolate(x, (side, side), mode="bilinear", align_corners=False)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, queries, context):
        split = lambda x: x.unflatten(2, (self.heads, -1)).transpose(1, 2)
        q, k, v = split(self.q(queries)), split(self.k(context)), split(self.v(context))
        if FUSED:
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q * q.shape[-1] ** -0.5 @ k.transpose(2, 3)).softmax(-1) @ v
        return self.out(mixed.transpose(1, 2).flatten(2))


class ValuePath(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.v, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x):
        return self.out(self.v(x))


class Mlp(nn.Module):
    def __init__(self, width, activation):
        super().__init__()
        self.fc1, self.fc2, self.activation = (
            nn.Linear(width, 4 * width),
            nn.Linear(4 * width, width),
            activation,
        )

    def forward(self, x):
        return self.fc2(self.activation(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width, heads, epsilon, activation):
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, epsilon) for _ in range(2))
        self.attn, self.mlp = Attention(width, heads), Mlp(width, activation)

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attn(y, y)
        return x + self.mlp(self.norm2(x))


class LastBlock(Block):
    """CAT-Seg's value path of every patch, with the class token's residual."""

    def __init__(self, width, heads, epsilon, activation):
        super().__init__(width, heads, epsilon, activation)
        self.attn = ValuePath(width)

    def forward(self, x):
        y = self.attn(self.norm1(x)[:, 1:]) + x[:, :1]
        return y + self.mlp(self.norm2(y))


class ScaledConv(nn.Module):
    """A convolution whose weight has a gain for each output, and its activation."""

    def __init__(self, inputs, outputs, kernel, stride=1, depthwise=False, activation=F.relu6):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, 1 if depthwise else inputs, kernel, kernel))
        self.gain, self.bias = (nn.Parameter(torch.empty(outputs)) for _ in range(2))
        self.stride, self.padding, self.groups, self.activation = (
            stride,
            kernel // 2,
            inputs if depthwise else 1,
            activation,
        )

    def forward(self, x):
        return self.activation(
            F.conv2d(
                x,
                self.weight * self.gain.reshape(-1, 1, 1, 1),
                self.bias,
                self.stride,
                self.padding,
                1,
                self.groups,
            )
        )


class InvertedResidual(nn.Module):
    def __init__(self, inputs, kernel, stride, expansion, outputs):
        super().__init__()
        hidden = inputs * expansion
        self.is_residual = stride == 1 and inputs == outputs
        self.expand = ScaledConv(inputs, hidden, 1) if expansion > 1 else nn.Identity()
        self.depthwise = ScaledConv(hidden, hidden, kernel, stride, depthwise=True)
        self.project = ScaledConv(hidden, outputs, 1, activation=nn.Identity())

    def forward(self, x):
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.is_residual else y


class Stem(nn.Module):
    """The last maps at strides 4, 8 and 16."""

    def __init__(self, channels, stages):
        super().__init__()
        self.first, self.blocks = ScaledConv(3, channels, 3, 2), nn.ModuleList()
        self.channels, self.ends, at = {2: channels}, {}, 2
        for blocks, kernel, stride, expansion, outputs in stages:
            for place in range(blocks):
                self.blocks.append(
                    InvertedResidual(
                        channels, kernel, stride if place == 0 else 1, expansion, outputs
                    )
                )
                channels = outputs
            at *= stride
            self.channels[at], self.ends[at] = channels, len(self.blocks) - 1

    def forward(self, pixels):
        x, outputs = self.first((pixels - 127.5) * (1 / 127.5)), []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        return [outputs[self.ends[stride]] for stride in (4, 8, 16)]


class Stream(nn.Module):
    """On the pixels, or on a stem's map of so many channels."""

    def __init__(self, sizes, bias, mean, std, channels):
        super().__init__()
        self.side, patch, width, _, _ = sizes
        self.patch = (
            nn.Conv2d(channels, width, 1, bias=bias)
            if channels
            else nn.Conv2d(3, width, patch, patch, bias=bias)
        )
        self.class_token = nn.Parameter(torch.empty(1, 1, width))
        self.positions = nn.Parameter(torch.empty(1 + (self.side // patch) ** 2, width))
        constant = lambda values: torch.tensor(values).reshape(1, 3, 1, 1)
        self.is_on_stem = channels is not None
        self.register_buffer("mean", 255 * constant(mean), persistent=False)
        self.register_buffer("gain", 1 / (255 * constant(std)), persistent=False)

    def embed(self, x):
        if not self.is_on_stem:
            x = x if x.shape[-1] == self.side else resize(x, self.side)
            x = (x - self.mean) * self.gain
        patches = to_tokens(self.patch(x))
        return torch.cat([self.class_token.expand(len(x), -1, -1), patches], 1) + self.positions


class Clip(Stream):
    def __init__(self, p, channels):
        super().__init__(
            p.clip,
            False,
            [0.48145466, 0.4578275, 0.40821073],
            [0.26862954, 0.26130258, 0.27577711],
            channels,
        )
        quick_gelu = lambda x: x * torch.sigmoid(1.702 * x)
        (_, _, width, layers, heads), self.taps = p.clip, p.taps if channels is None else ()
        kinds = [Block] * (layers - 1) + [LastBlock]
        self.blocks = nn.ModuleList(kind(width, heads, 1e-5, quick_gelu) for kind in kinds)
        self.norm_before, self.norm_after = nn.LayerNorm(width, 1e-5), nn.LayerNorm(width, 1e-5)
        self.projection = nn.Parameter(torch.empty(width, p.joint))

    def forward(self, pixels):
        x, outputs = self.norm_before(self.embed(pixels)), []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        return self.norm_after(x) @ self.projection, [outputs[tap][:, 1:] for tap in self.taps]


class Dino(Stream):
    def __init__(self, p, channels):
        super().__init__(p.dino, True, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], channels)
        _, _, width, layers, heads = p.dino
        self.blocks = nn.ModuleList(Block(width, heads, 1e-6, nn.GELU()) for _ in range(layers))
        self.norm_after = nn.LayerNorm(width, 1e-6)

    def forward(self, pixels):
        x = self.embed(pixels)
        for block in self.blocks:
            x = block(x)
        return self.norm_after(x)[:, 1:]


class ConvBlock(nn.Conv2d):
    """3×3; beside a stem one filter a channel and a 1×1 convolution."""

    def __init__(self, inputs, outputs, p):
        side = 1 if p.stem else 3
        super().__init__(inputs, outputs, side, padding=side // 2, bias=False)
        self.depthwise = (
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
            if p.stem
            else nn.Identity()
        )
        self.norm = nn.GroupNorm(p.groups, outputs)

    def forward(self, x):
        return F.relu(self.norm(super().forward(self.depthwise(x))))


class MixChannels(nn.Linear):
    """A 1×1 convolution."""

    def forward(self, x):
        return to_map(super().forward(to_tokens(x)))


class Dsfe(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.vlm, self.rsi = nn.Linear(p.joint, p.fusion), nn.Linear(p.dino[2], p.fusion)
        self.fuse = ConvBlock(2 * p.fusion, p.fusion, p)

    def forward(self, vlm, rsi):
        vlm, rsi = to_map(self.vlm(vlm)), to_map(self.rsi(rsi))
        return vlm, rsi, self.fuse(torch.cat([vlm, rsi], 1))


class CrossAttention(nn.Module):
    def __init__(self, p, pool):
        super().__init__()
        self.pool = pool
        self.norm_vlm, self.norm_rsi = nn.LayerNorm(p.fusion), nn.LayerNorm(p.fusion)
        self.attn = Attention(p.fusion, p.fusion_heads)

    def forward(self, vlm, rsi, both):
        asking, answering = vlm + both, rsi + both
        if self.pool > 1:
            answering = F.avg_pool2d(answering, self.pool)
        return asking + to_map(
            self.attn(self.norm_vlm(to_tokens(asking)), self.norm_rsi(to_tokens(answering)))
        )


class MsCam(nn.Module):
    """Refined by tokens of two blocks, or by maps of a stem with so many channels by stride."""

    def __init__(self, p, channels):
        super().__init__()
        width, fusion, decoder = p.clip[2], p.fusion, p.decoder
        self.stride_32, self.stride_16, self.stride_8 = (
            CrossAttention(p, pool) for pool in [1, 1, 2]
        )
        self.join_16, self.join_8, self.join_4 = (
            ConvBlock(x, x, p) for x in [fusion, fusion, decoder]
        )
        if channels is None:
            self.finer_context = nn.ConvTranspose2d(fusion, fusion, 2, 2)
            self.tap_8, self.tap_4 = (
                nn.ConvTranspose2d(width, fusion, 2, 2),
                nn.ConvTranspose2d(width, decoder, 4, 4),
            )
        else:
            self.finer_context = lambda both: resize(both, 2 * both.shape[-1])
            self.tap_8, self.tap_4 = (
                MixChannels(channels[8], fusion),
                MixChannels(channels[4], decoder),
            )
        self.narrow = MixChannels(fusion, decoder)

    def forward(self, fused, coarse, fine):
        vlm, rsi, both = fused
        grid = vlm.shape[-1]
        at_32 = self.stride_32(*(F.avg_pool2d(x, 2) for x in fused))
        at_16 = self.stride_16(vlm, rsi, both)
        at_8 = self.stride_8(resize(vlm, 2 * grid), resize(rsi, 2 * grid), self.finer_context(both))
        x = self.join_16(at_16 + resize(at_32, grid))
        x = self.join_8(at_8 + resize(x, 2 * grid) + self.tap_8(coarse))
        x = resize(self.narrow(x), 4 * grid) + self.tap_4(fine)
        return self.join_4(x)


class Carh(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.heads, self.width, channels = self.sizes = p.head
        inner, per_head = self.heads * self.width, (1, self.heads, 1, 1)
        self.q, self.k, self.v = (
            nn.Linear(p.joint, inner),
            nn.Linear(p.decoder, inner),
            nn.Linear(p.decoder, inner),
        )
        self.gate_gain, self.gate_bias = (nn.Parameter(torch.empty(per_head)) for _ in range(2))
        self.project, self.norm = (
            nn.Linear(p.decoder, channels),
            nn.GroupNorm(min(p.groups, channels // 2), channels),
        )
        self.film_gain, self.film_shift = nn.Linear(inner, channels), nn.Linear(inner, channels)
        self.spread = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.classify = nn.Conv2d(channels, 1, 3, padding=1)
        self.direct_gain = nn.Parameter(torch.empty(1))

    def forward(self, f, queries):
        (n, _, height, width), k, channels = f.shape, len(queries), self.sizes[2]
        tokens = to_tokens(f)
        split = lambda x: x.unflatten(2, (self.heads, self.width)).transpose(1, 2)
        scores = split(self.q(queries)[None] * self.width**-0.5) @ split(self.k(tokens)).transpose(
            2, 3
        )
        gate = (
            torch.sigmoid(scores * self.gate_gain + self.gate_bias)
            .mean(1)
            .reshape(n, k, 1, height * width)
        )
        context = (scores.softmax(-1) @ split(self.v(tokens))).transpose(1, 2).flatten(2)
        z = self.norm(to_map(self.project(tokens))).reshape(n, 1, channels, height * width)
        spread = self.spread((z * gate).reshape(n * k, channels, height, width))
        per_map = lambda x: x.reshape(n * k, channels, 1, 1)
        refined = F.relu(
            spread * per_map(self.film_gain(context) + 1) + per_map(self.film_shift(context))
        )
        direct = scores.mean(1).reshape(n, k, height, width)
        return self.classify(refined).reshape(n, k, height, width) + direct * self.direct_gain


class Align(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.project = nn.Linear(p.decoder, p.joint)

    def forward(self, f):
        return F.normalize(self.project(f.mean((2, 3))), dim=-1, eps=1e-6)


class Network(nn.Module):
    """`tiles: u8 [N, H, W, 3]`, `queries: [K, D]` → logits `[N, K, H/4, W/4]`, aligned `[N, D]`."""

    def __init__(self, p):
        super().__init__()
        self.stem = Stem(*p.stem) if p.stem else None
        channels = self.stem.channels if p.stem else None
        self.vlm, self.rsi = (stream(p, channels and channels[16]) for stream in [Clip, Dino])
        self.dsfe, self.ms_cam, self.carh, self.align = (
            Dsfe(p),
            MsCam(p, channels),
            Carh(p),
            Align(p),
        )

    def forward(self, tiles, queries):
        x = tiles.float().permute(0, 3, 1, 2)
        if self.stem is None:
            dense, taps = self.vlm(x)
            coarse, fine = (to_map(tap) for tap in taps)
        else:
            fine, coarse, x = self.stem(x)
            dense, _ = self.vlm(x)
        f = self.ms_cam(self.dsfe(dense, self.rsi(x)), coarse, fine)
        return self.carh(f, queries), self.align(f)

    def load(self, tensors):
        """Takes every tensor of rszs-train; its matrices are [inputs, outputs]."""
        linear = {
            f"{name}.weight"
            for name, module in self.named_modules()
            if isinstance(module, nn.Linear)
        }
        names = dict(self.named_parameters())
        assert names.keys() == tensors.keys(), names.keys() ^ tensors.keys()
        for name, parameter in names.items():
            parameter.data.copy_(tensors[name].t() if name in linear else tensors[name])
        return linear


def loss_of(logits, aligned, queries, targets, grid):
    """As trainer/src/loss.rs has it; every pixel of these targets is labelled."""
    positive = (targets == 1).float()
    up = F.interpolate(logits, targets.shape[2:], mode="bilinear", align_corners=False)
    labelled = (targets != 255).float()
    segmentation = (
        F.binary_cross_entropy_with_logits(up, positive, labelled, reduction="sum") / labelled.sum()
    )
    present = positive.flatten(2).amax(2)
    cosine = F.cosine_similarity(aligned, present @ queries, 1, 1e-6)
    showing = present.amax(1)
    alignment = ((1 - cosine) * showing).sum() / showing.sum().clamp(min=1)
    n, k, height, width = logits.shape
    pattern = logits.reshape(n, k, grid, height // grid, grid, width // grid).mean((2, 4))
    dots = (pattern - pattern.mean((2, 3), keepdim=True)).square().mean((2, 3)).mean()
    return segmentation + 0.2 * alignment + 4.0 * dots


class Trainer:
    def __init__(self, preset, reference, batch, precision, device="cpu"):
        self.tiles, self.queries, self.targets = (x.to(device) for x in batch)
        self.model, self.precision, self.device = Network(preset), precision, device
        self.grid = preset.clip[0] // preset.clip[1]
        self.linear = self.model.load(
            {name[8:]: x for name, x in reference.items() if name.startswith("weights.")}
        )
        self.model.to(device)
        self.parameters = list(self.model.parameters())
        self.optimizer = torch.optim.AdamW(
            self.parameters, 1e-4, (0.9, 0.99), 1e-8, weight_decay=0.05
        )
        self.average = [parameter.detach().clone() for parameter in self.parameters]

    def loss(self):
        with torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bfloat16"):
            logits, aligned = self.model(self.tiles, self.queries)
        return loss_of(
            logits.float(), aligned.float(), self.queries, self.targets, self.grid
        ), logits

    def step(self):
        loss, _ = self.loss()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=False)
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.parameters, 0.01)

    def check(self, reference):
        """Stops unless logits, loss and gradients are those of rszs-train."""
        loss, logits = self.loss()
        loss.backward()
        pairs = {"logits": (logits, reference["logits"]), "loss": (loss, reference["loss"])}
        gradients = {
            name: p.grad.t() if name in self.linear else p.grad
            for name, p in self.model.named_parameters()
        }
        largest = max(float(gradient.abs().max()) for gradient in gradients.values())
        pairs |= {
            name: (g / largest, reference[f"gradients.{name}"] / largest)
            for name, g in gradients.items()
        }
        worst = 0.0
        for name, (ours, theirs) in pairs.items():
            ours = ours.detach()
            error = float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1))
            assert error < 2e-5, (
                f"{name}: differs from rszs-train by {error:.2e}, expected at most 2e-5"
            )
            worst = max(worst, error)
        self.optimizer.zero_grad(set_to_none=False)
        return worst


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    types = {"F32": torch.float32, "U8": torch.uint8}
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = torch.frombuffer(
                bytearray(data[begin:end]), dtype=types[entry["dtype"]]
            ).reshape(entry["shape"])
    return tensors


def batch_of(reference, images):
    """The reference's images and targets, repeated or cut to so many."""
    tiles, targets = (reference[name] for name in ["tiles", "targets"])
    turns = -(-images // len(tiles))
    return (
        tiles.repeat(turns, 1, 1, 1)[:images],
        reference["queries"],
        targets.repeat(turns, 1, 1, 1)[:images],
    )


def surroundings(device):
    """Variables with which rszs-train runs on this torch.

    Its CUDA part registers itself when it is loaded, and nothing else loads it.
    """
    if device == "cpu":
        return None
    lib = Path(torch.__file__).parent / "lib"
    path = os.pathsep.join([str(lib), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])
    return {**os.environ, "LD_LIBRARY_PATH": path, "LD_PRELOAD": str(lib / "libtorch_cuda.so")}


class DeviceMemory:
    """Most bytes in use on the first card beyond those at the start, while something else runs.

    Counts all programs.
    """

    def __enter__(self):
        self.first, self.peak, self.is_over = self.now(), None, threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def now(self):
        query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
        try:
            return (
                int(subprocess.run(query, check=True, capture_output=True, text=True).stdout) << 20
            )
        except (OSError, subprocess.CalledProcessError, ValueError):
            return None

    def watch(self):
        while self.first is not None and not self.is_over.wait(0.1):
            found = self.now()
            if found is not None:
                self.peak = max(self.peak or 0, found - self.first)


def seconds(device):
    if device == "cpu":
        return time.thread_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def main():
    global FUSED
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, default="nano")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--queries", type=int, default=6)
    parser.add_argument("--steps", type=int, default=3, help="steps a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--fused-attention",
        action="store_true",
        help="F.scaled_dot_product_attention, which rszs-train has not",
    )
    parser.add_argument(
        "--program", type=Path, default=PROGRAM, help="the example step_time of rszs-train"
    )
    parser.add_argument("--json", action="store_true", help="a last line with the results as JSON")
    arguments = parser.parse_args()
    FUSED, device, images, steps = (
        arguments.fused_attention,
        arguments.device,
        arguments.images,
        arguments.steps,
    )
    preset = SimpleNamespace(**PRESETS[arguments.preset])
    if device == "cpu":
        torch.set_num_threads(1)
    # rszs-train forbids TF32 as well.
    torch.backends.cudnn.allow_tf32 = False
    command = lambda images, *more: [
        str(arguments.program),
        str(images),
        str(arguments.queries),
        str(steps),
        f"preset={arguments.preset}",
        *more,
    ]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reference.safetensors"
        write = command(images if device == "cpu" else 1, f"write={path}")
        subprocess.run(write, check=True, stdout=subprocess.DEVNULL, env=surroundings(device))
        reference = read_safetensors(path)
    batch = [reference[name] for name in ["tiles", "queries", "targets"]]
    worst = Trainer(preset, reference, batch, "float32").check(reference)
    print(f"logits, loss and gradients agree: largest difference {worst:.1e}")

    trainer = Trainer(preset, reference, batch_of(reference, images), arguments.precision, device)
    trainer.step()
    program = command(images, arguments.precision, *([] if device == "cpu" else ["cuda"]))

    def one_of_ours():
        output = subprocess.run(
            program, check=True, capture_output=True, text=True, env=surroundings(device)
        ).stdout
        return float(output.split("ms a step")[0].split()[-1])

    def one_of_theirs():
        begin = seconds(device)
        for _ in range(steps):
            trainer.step()
        return (seconds(device) - begin) / steps * 1e3

    ours, theirs, our_memory, their_memory = [], [], None, None
    if device == "cpu":
        for _ in range(arguments.rounds):
            ours.append(one_of_ours())
            theirs.append(one_of_theirs())
            print(
                f"rszs-train {ours[-1]:.0f} ms, PyTorch {theirs[-1]:.0f} ms a step: "
                f"{ours[-1] / theirs[-1]:.3f}",
                flush=True,
            )
    else:
        # One after the other: a card may not hold both at once.
        theirs = [one_of_theirs() for _ in range(arguments.rounds)]
        their_memory = torch.cuda.max_memory_reserved()
        print(f"PyTorch {statistics.median(theirs):.1f} ms a step", flush=True)
        del trainer
        gc.collect()
        torch.cuda.empty_cache()
        with DeviceMemory() as memory:
            ours = [one_of_ours() for _ in range(arguments.rounds)]
        our_memory = memory.peak
    ratios = sorted(mine / other for mine, other in zip(ours, theirs))
    mine, other, ratio = (statistics.median(values) for values in [ours, theirs, ratios])
    print(
        f"{arguments.preset}, {device}, {arguments.precision}, {images} images, "
        f"{arguments.queries} queries, PyTorch {torch.__version__}: medians "
        f"{mine:.1f} and {other:.1f} ms a step; "
        f"ratio {ratio:.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"
    )
    if arguments.json:
        results = {
            "images": images,
            "rszs_ms_a_step": mine,
            "pytorch_ms_a_step": other,
            "rszs_images_per_s": images / mine * 1e3,
            "pytorch_images_per_s": images / other * 1e3,
            "ratio": ratio,
            "rszs_device_bytes": our_memory,
            "pytorch_reserved_bytes": their_memory,
            "torch": torch.__version__,
        }
        print(json.dumps(results))


if __name__ == "__main__":
    main()
