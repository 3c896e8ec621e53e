"""How long a training step of `nano` takes in rszs-train and in PyTorch, in turn, on one core.

The network is written here a second time, as one would in PyTorch, and has to give the logits, the loss and the gradients that rszs-train gives for the same
weights before anything is timed. Same batch, same loss, AdamW, clipped gradients and moving average on both sides; processor time of the thread that
computes, so that other work on the machine counts for less.

    cargo build --release -p rszs-train --example step_time
    pip install torch==2.11.0 numpy
    taskset -c 0 python trainer/python/step_time.py --precision float32

Prints one line a round, then the medians and their ratio. Needs torch of the version of libtorch that `cargo xtask setup` fetches.
"""

import argparse
import json
import statistics
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

WIDTH, HEADS, LAYERS, GRID, JOINT = 160, 5, 6, 16, 512
FUSION, FUSION_HEADS, DECODER, GROUPS = 96, 3, 64, 8
HEAD_HEADS, HEAD_WIDTH, CHANNELS = 2, 32, 8
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
        self.fc1, self.fc2, self.activation = nn.Linear(width, 4 * width), nn.Linear(4 * width, width), activation

    def forward(self, x):
        return self.fc2(self.activation(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, epsilon, activation):
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(WIDTH, epsilon) for _ in range(2))
        self.attn, self.mlp = Attention(WIDTH, HEADS), Mlp(WIDTH, activation)

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attn(y, y)
        return x + self.mlp(self.norm2(x))


class LastBlock(Block):
    """CAT-Seg's value path of every patch, with the class token's residual."""

    def __init__(self, epsilon, activation):
        super().__init__(epsilon, activation)
        self.attn = ValuePath(WIDTH)

    def forward(self, x):
        y = self.attn(self.norm1(x)[:, 1:]) + x[:, :1]
        return y + self.mlp(self.norm2(y))


class Stream(nn.Module):
    def __init__(self, bias, mean, std):
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, 16, 16, bias=bias)
        self.class_token = nn.Parameter(torch.empty(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.empty(1 + GRID * GRID, WIDTH))
        constant = lambda values: torch.tensor(values).reshape(1, 3, 1, 1)
        self.mean, self.gain = 255 * constant(mean), 1 / (255 * constant(std))

    def embed(self, pixels):
        patches = to_tokens(self.patch((pixels - self.mean) * self.gain))
        return torch.cat([self.class_token.expand(len(pixels), 1, WIDTH), patches], 1) + self.positions


class Clip(Stream):
    def __init__(self):
        super().__init__(False, [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
        quick_gelu = lambda x: x * torch.sigmoid(1.702 * x)
        kinds = [Block] * (LAYERS - 1) + [LastBlock]
        self.blocks = nn.ModuleList(kind(1e-5, quick_gelu) for kind in kinds)
        self.norm_before, self.norm_after = nn.LayerNorm(WIDTH, 1e-5), nn.LayerNorm(WIDTH, 1e-5)
        self.projection = nn.Parameter(torch.empty(WIDTH, JOINT))

    def forward(self, pixels):
        x, outputs = self.norm_before(self.embed(pixels)), []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        return self.norm_after(x) @ self.projection, [outputs[3][:, 1:], outputs[0][:, 1:]]


class Dino(Stream):
    def __init__(self):
        super().__init__(True, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        self.blocks = nn.ModuleList(Block(1e-6, nn.GELU()) for _ in range(LAYERS))
        self.norm_after = nn.LayerNorm(WIDTH, 1e-6)

    def forward(self, pixels):
        x = self.embed(pixels)
        for block in self.blocks:
            x = block(x)
        return self.norm_after(x)[:, 1:]


class ConvBlock(nn.Conv2d):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(GROUPS, outputs)

    def forward(self, x):
        return F.relu(self.norm(super().forward(x)))


class Dsfe(nn.Module):
    def __init__(self):
        super().__init__()
        self.vlm, self.rsi = nn.Linear(JOINT, FUSION), nn.Linear(WIDTH, FUSION)
        self.fuse = ConvBlock(2 * FUSION, FUSION)

    def forward(self, vlm, rsi):
        vlm, rsi = to_map(self.vlm(vlm)), to_map(self.rsi(rsi))
        return vlm, rsi, self.fuse(torch.cat([vlm, rsi], 1))


class CrossAttention(nn.Module):
    def __init__(self, pool):
        super().__init__()
        self.pool = pool
        self.norm_vlm, self.norm_rsi = nn.LayerNorm(FUSION), nn.LayerNorm(FUSION)
        self.attn = Attention(FUSION, FUSION_HEADS)

    def forward(self, vlm, rsi, both):
        asking, answering = vlm + both, rsi + both
        if self.pool > 1:
            answering = F.avg_pool2d(answering, self.pool)
        return asking + to_map(self.attn(self.norm_vlm(to_tokens(asking)), self.norm_rsi(to_tokens(answering))))


class MsCam(nn.Module):
    def __init__(self):
        super().__init__()
        self.finer_context = nn.ConvTranspose2d(FUSION, FUSION, 2, 2)
        self.stride_32, self.stride_16, self.stride_8 = CrossAttention(1), CrossAttention(1), CrossAttention(2)
        self.join_16, self.join_8, self.join_4 = ConvBlock(FUSION, FUSION), ConvBlock(FUSION, FUSION), ConvBlock(DECODER, DECODER)
        self.tap_8, self.tap_4 = nn.ConvTranspose2d(WIDTH, FUSION, 2, 2), nn.ConvTranspose2d(WIDTH, DECODER, 4, 4)
        self.narrow = nn.Linear(FUSION, DECODER)

    def forward(self, fused, taps):
        vlm, rsi, both = fused
        coarse, fine = (to_map(tap) for tap in taps)
        at_32 = self.stride_32(*(F.avg_pool2d(x, 2) for x in fused))
        at_16 = self.stride_16(vlm, rsi, both)
        at_8 = self.stride_8(resize(vlm, 2 * GRID), resize(rsi, 2 * GRID), self.finer_context(both))
        x = self.join_16(at_16 + resize(at_32, GRID))
        x = self.join_8(at_8 + resize(x, 2 * GRID) + self.tap_8(coarse))
        x = resize(to_map(self.narrow(to_tokens(x))), 4 * GRID) + self.tap_4(fine)
        return self.join_4(x)


class Carh(nn.Module):
    def __init__(self):
        super().__init__()
        inner, per_head = HEAD_HEADS * HEAD_WIDTH, (1, HEAD_HEADS, 1, 1)
        self.q, self.k, self.v = nn.Linear(JOINT, inner), nn.Linear(DECODER, inner), nn.Linear(DECODER, inner)
        self.gate_gain, self.gate_bias = (nn.Parameter(torch.empty(per_head)) for _ in range(2))
        self.project, self.norm = nn.Linear(DECODER, CHANNELS), nn.GroupNorm(CHANNELS // 2, CHANNELS)
        self.film_gain, self.film_shift = nn.Linear(inner, CHANNELS), nn.Linear(inner, CHANNELS)
        self.spread = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=CHANNELS, bias=False)
        self.classify = nn.Conv2d(CHANNELS, 1, 3, padding=1)
        self.direct_gain = nn.Parameter(torch.empty(1))

    def forward(self, f, queries):
        (n, _, height, width), k = f.shape, len(queries)
        tokens = to_tokens(f)
        split = lambda x: x.unflatten(2, (HEAD_HEADS, HEAD_WIDTH)).transpose(1, 2)
        scores = split(self.q(queries)[None] * HEAD_WIDTH**-0.5) @ split(self.k(tokens)).transpose(2, 3)
        gate = torch.sigmoid(scores * self.gate_gain + self.gate_bias).mean(1).reshape(n, k, 1, height * width)
        context = (scores.softmax(-1) @ split(self.v(tokens))).transpose(1, 2).flatten(2)
        z = self.norm(to_map(self.project(tokens))).reshape(n, 1, CHANNELS, height * width)
        spread = self.spread((z * gate).reshape(n * k, CHANNELS, height, width))
        per_map = lambda x: x.reshape(n * k, CHANNELS, 1, 1)
        refined = F.relu(spread * per_map(self.film_gain(context) + 1) + per_map(self.film_shift(context)))
        direct = scores.mean(1).reshape(n, k, height, width)
        return self.classify(refined).reshape(n, k, height, width) + direct * self.direct_gain


class Align(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(DECODER, JOINT)

    def forward(self, f):
        return F.normalize(self.project(f.mean((2, 3))), dim=-1, eps=1e-6)


class Nano(nn.Module):
    """`tiles: u8 [N, H, W, 3]`, `queries: [K, D]` → logits `[N, K, H/4, W/4]`, aligned `[N, D]`."""

    def __init__(self):
        super().__init__()
        self.vlm, self.rsi, self.dsfe, self.ms_cam, self.carh, self.align = Clip(), Dino(), Dsfe(), MsCam(), Carh(), Align()

    def forward(self, tiles, queries):
        pixels = tiles.float().permute(0, 3, 1, 2)
        dense, taps = self.vlm(pixels)
        f = self.ms_cam(self.dsfe(dense, self.rsi(pixels)), taps)
        return self.carh(f, queries), self.align(f)

    def load(self, tensors):
        """Takes every tensor of rszs-train; its matrices are [inputs, outputs]."""
        linear = {f"{name}.weight" for name, module in self.named_modules() if isinstance(module, nn.Linear)}
        names = dict(self.named_parameters())
        assert names.keys() == tensors.keys(), names.keys() ^ tensors.keys()
        for name, parameter in names.items():
            parameter.data.copy_(tensors[name].t() if name in linear else tensors[name])
        return linear


def loss_of(logits, aligned, queries, targets):
    """As trainer/src/loss.rs has it; every pixel of these targets is labelled."""
    positive = (targets == 1).float()
    up = F.interpolate(logits, targets.shape[2:], mode="bilinear", align_corners=False)
    labelled = (targets != 255).float()
    segmentation = F.binary_cross_entropy_with_logits(up, positive, labelled, reduction="sum") / labelled.sum()
    present = positive.flatten(2).amax(2)
    cosine = F.cosine_similarity(aligned, present @ queries, 1, 1e-6)
    showing = present.amax(1)
    alignment = ((1 - cosine) * showing).sum() / showing.sum().clamp(min=1)
    n, k, height, width = logits.shape
    pattern = logits.reshape(n, k, GRID, height // GRID, GRID, width // GRID).mean((2, 4))
    grid = (pattern - pattern.mean((2, 3), keepdim=True)).square().mean((2, 3)).mean()
    return segmentation + 0.2 * alignment + 4.0 * grid


class Trainer:
    def __init__(self, reference, precision):
        self.tiles, self.queries, self.targets = (reference[name] for name in ["tiles", "queries", "targets"])
        self.model, self.precision = Nano(), precision
        self.linear = self.model.load({name[8:]: x for name, x in reference.items() if name.startswith("weights.")})
        self.parameters = list(self.model.parameters())
        self.optimizer = torch.optim.AdamW(self.parameters, 1e-4, (0.9, 0.99), 1e-8, weight_decay=0.05)
        self.average = [parameter.detach().clone() for parameter in self.parameters]

    def loss(self):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16"):
            logits, aligned = self.model(self.tiles, self.queries)
        return loss_of(logits.float(), aligned.float(), self.queries, self.targets), logits

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
        gradients = {name: p.grad.t() if name in self.linear else p.grad for name, p in self.model.named_parameters()}
        largest = max(float(gradient.abs().max()) for gradient in gradients.values())
        pairs |= {name: (g / largest, reference[f"gradients.{name}"] / largest) for name, g in gradients.items()}
        worst = 0.0
        for name, (ours, theirs) in pairs.items():
            ours = ours.detach()
            error = float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1))
            assert error < 2e-5, f"{name}: differs from rszs-train by {error:.2e}, expected at most 2e-5"
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
            tensors[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def main():
    global FUSED
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--queries", type=int, default=6)
    parser.add_argument("--steps", type=int, default=3, help="steps a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--fused-attention", action="store_true", help="F.scaled_dot_product_attention, which rszs-train has not")
    arguments = parser.parse_args()
    FUSED = arguments.fused_attention
    torch.set_num_threads(1)
    program = [PROGRAM, str(arguments.images), str(arguments.queries), str(arguments.steps), arguments.precision]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reference.safetensors"
        subprocess.run([*program[:4], "float32", f"write={path}"], check=True, stdout=subprocess.DEVNULL)
        reference = read_safetensors(path)
    worst = Trainer(reference, "float32").check(reference)
    print(f"logits, loss and gradients agree: largest difference {worst:.1e}")

    trainer = Trainer(reference, arguments.precision)
    trainer.step()
    ours, theirs = [], []
    for _ in range(arguments.rounds):
        output = subprocess.run(program, check=True, capture_output=True, text=True).stdout
        ours.append(float(output.split("ms a step")[0].split()[-1]))
        begin = time.thread_time()
        for _ in range(arguments.steps):
            trainer.step()
        theirs.append((time.thread_time() - begin) / arguments.steps * 1e3)
        print(f"rszs-train {ours[-1]:.0f} ms, PyTorch {theirs[-1]:.0f} ms a step: {ours[-1] / theirs[-1]:.3f}", flush=True)
    ratios = sorted(mine / other for mine, other in zip(ours, theirs))
    print(
        f"{arguments.precision}, {arguments.images} images, {arguments.queries} queries, PyTorch {torch.__version__}: medians "
        f"{statistics.median(ours):.0f} and {statistics.median(theirs):.0f} ms a step; ratio {statistics.median(ratios):.3f} "
        f"({ratios[0]:.3f} to {ratios[-1]:.3f})"
    )


if __name__ == "__main__":
    main()
