"""Writes tests/golden/published/*: tiny random models in published file formats.

The formats are those of CLIP, DINO and GSNet. The tests import these files and compare what our
towers make of them with what the original models compute. Nothing here is needed to run them; run
this only to make the files again. The same versions give the same bytes.

Command (from the workspace root; one thread, ten seconds):
    python tests/python/write_published.py
Versions the committed files were made with: Python 3.11.7, torch 2.11.0, open_clip_torch 3.3.0,
timm 1.0.31, safetensors 0.8.0.

* openai_clip.pt         open_clip's CLIP with QuickGELU as a TorchScript archive in half precision,
                         with the three extra buffers of OpenAI's files (zipped again without the
                         files that say where the source lay)
* open_clip.pt           the same weights as open_clip's training saves them: `state_dict` with
                         `module.` before every name
* dino.pth               timm's VisionTransformer, which has the names of DINO's, as a plain state
                         dict
* gsnet_rsib.pth         the same architecture with other weights as a whole DINO training
                         checkpoint: `student`, `teacher` with `backbone.` before every name, a
                         projection head, an optimiser and the arguments. No RSIB file was at hand;
                         this is what GSNet's loader expects
* expected.safetensors   `clip.*`, `dino.*`, `gsnet_rsib.*`: inputs and outputs of the models,
                         computed in double precision on weights rounded to the files' precision
* positions.safetensors  a position table of a 14x14 grid for 24x24 and 32x32, and one of 28x28 for
                         48x48, as CLIP's users and as DINO interpolate them, in single precision
"""

import argparse
import math
import pathlib
import zipfile

import open_clip
import safetensors.torch
import timm
import torch
from torch.nn import functional

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "golden" / "published"
SEED = 31
SIDE = 16
WIDTH = 8


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Gives every parameter a value that shows in the output and is exact in half precision."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        if "ln_" in name or "norm" in name:
            values = values * 0.2 + (1.0 if name.endswith("weight") else 0.0)
        elif name.endswith("bias"):
            values = values * 0.2
        elif "embed" in name:
            fan_in = parameter[0].numel() if parameter.dim() == 4 else 1
            values = values * 0.3 / fan_in**0.5
        else:
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 1
            values = values * 1.5 / fan_in**0.5
        parameter.data = values.half().float()


def pixels(seed: int) -> torch.Tensor:
    return torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


def make_clip() -> torch.nn.Module:
    vision = dict(layers=2, width=WIDTH, head_width=WIDTH // 2, patch_size=4, image_size=SIDE)
    # The vocabulary of a tokenizer without merges: 512 ids for bytes, start of text, end of text.
    text = dict(layers=1, width=WIDTH, heads=2, context_length=8, vocab_size=514)
    model = open_clip.model.CLIP(
        embed_dim=24, vision_cfg=vision, text_cfg=text, quick_gelu=True
    ).eval()
    randomise(model, SEED)
    return model


def dense_embeds(visual: torch.nn.Module, images: torch.Tensor) -> torch.Tensor:
    """CAT-Seg's dense CLIP features.

    In the last block every token's own value through the output projection, with the class token's
    residual; the class token is dropped.
    """
    x = visual.conv1(images).flatten(2).transpose(1, 2)
    token = visual.class_embedding.expand(len(x), 1, -1)
    x = visual.ln_pre(torch.cat([token, x], dim=1) + visual.positional_embedding)
    *blocks, last = visual.transformer.resblocks
    for block in blocks:
        x = block(x)
    weight, bias = last.attn.in_proj_weight.chunk(3)[2], last.attn.in_proj_bias.chunk(3)[2]
    y = last.attn.out_proj(functional.linear(last.ln_1(x), weight, bias)) + x[:, :1]
    y = y + last.mlp(last.ln_2(y))
    return (visual.ln_post(y) @ visual.proj)[:, 1:]


def without_debug_files(path: pathlib.Path) -> None:
    """Leaves out of a TorchScript archive where the model's source lay on the machine."""
    with zipfile.ZipFile(path) as archive:
        members = [
            (name, archive.read(name))
            for name in archive.namelist()
            if not name.endswith(".debug_pkl")
        ]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)


def write_clip(expected: dict[str, torch.Tensor]) -> None:
    model = make_clip()
    images = pixels(SEED)
    texts = torch.tensor([[512, 5, 9, 513, 0, 0, 0, 0], [512, 70, 3, 21, 400, 300, 2, 513]])
    state = {f"module.{name}": tensor.clone() for name, tensor in model.state_dict().items()}
    torch.save({"epoch": 3, "name": "tiny", "state_dict": state}, FOLDER / "open_clip.pt")

    for name, size in [("input_resolution", SIDE), ("context_length", 8), ("vocab_size", 514)]:
        if hasattr(model, name):
            delattr(model, name)
        model.register_buffer(name, torch.tensor(size))
    path = FOLDER / "openai_clip.pt"
    torch.jit.trace(model, (images, texts), check_trace=False).half().save(path)
    without_debug_files(path)

    model = make_clip().double()
    expected["clip.pixels"] = images
    expected["clip.tokens"] = texts
    expected["clip.image_embeds"] = model.encode_image(images.double())
    expected["clip.dense_embeds"] = dense_embeds(model.visual, images.double())
    expected["clip.text_embeds"] = model.encode_text(texts)


def make_dino(seed: int) -> torch.nn.Module:
    model = timm.models.VisionTransformer(
        img_size=SIDE,
        patch_size=4,
        embed_dim=WIDTH,
        depth=2,
        num_heads=2,
        qkv_bias=True,
        num_classes=0,
        norm_layer=None,
    ).eval()
    randomise(model, seed)
    return model


def write_dino(expected: dict[str, torch.Tensor]) -> None:
    dino, rsib = make_dino(SEED + 1), make_dino(SEED + 2)
    torch.save(dino.state_dict(), FOLDER / "dino.pth")

    teacher = {f"backbone.{name}": tensor for name, tensor in rsib.state_dict().items()}
    teacher["head.mlp.0.weight"] = torch.zeros(4, WIDTH)
    teacher["head.last_layer.weight_g"] = torch.ones(4, 1)
    student = {"module.backbone.cls_token": torch.zeros(1, 1, WIDTH)}
    optimizer = torch.optim.AdamW(rsib.parameters(), lr=1e-3)
    arguments = argparse.Namespace(
        arch="vit_base", patch_size=4, lr=0.0005, use_fp16=True, local_crops_scale=(0.05, 0.4)
    )
    everything = {
        "student": student,
        "teacher": teacher,
        "optimizer": optimizer.state_dict(),
        "epoch": 100,
        "args": arguments,
        "dino_loss": {"center": torch.zeros(1, 4)},
    }
    torch.save(everything, FOLDER / "gsnet_rsib.pth")

    for name, model in [("dino", dino), ("gsnet_rsib", rsib)]:
        expected[f"{name}.pixels"] = pixels(SEED)
        expected[f"{name}.tokens"] = model.double().forward_features(pixels(SEED).double())


def clip_positions(table: torch.Tensor, side: int) -> torch.Tensor:
    """As CAT-Seg, GSNet and others do for CLIP: to a size, pixel centres at half integers."""
    grid = math.isqrt(len(table) - 1)
    patches = table[1:].reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
    patches = functional.interpolate(
        patches, size=(side, side), mode="bicubic", align_corners=False
    )
    return torch.cat([table[:1], patches.permute(0, 2, 3, 1).flatten(0, 2)])


def dino_positions(table: torch.Tensor, side: int) -> torch.Tensor:
    """As facebookresearch/dino's vision_transformer.py: by a factor for a side 0.1 longer."""
    grid = math.isqrt(len(table) - 1)
    patches = table[1:].reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
    factor = (side + 0.1) / grid
    patches = functional.interpolate(patches, scale_factor=(factor, factor), mode="bicubic")
    assert patches.shape[-2:] == (side, side)
    return torch.cat([table[:1], patches.permute(0, 2, 3, 1).flatten(0, 2)])


def write_positions() -> None:
    tensors = {}
    for grid, side, how, rule in [
        (14, 24, "clip", clip_positions),
        (14, 32, "clip", clip_positions),
        (14, 32, "dino", dino_positions),
        (28, 48, "dino", dino_positions),
    ]:
        table = torch.randn(1 + grid * grid, 1, generator=torch.Generator().manual_seed(grid))
        tensors[f"table.{grid}"] = table
        tensors[f"{how}.{grid}.{side}"] = rule(table, side)
    safetensors.torch.save_file(tensors, FOLDER / "positions.safetensors")


def main() -> None:
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    FOLDER.mkdir(exist_ok=True)
    expected: dict[str, torch.Tensor] = {}
    write_clip(expected)
    write_dino(expected)
    stored = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in expected.items()
    }
    safetensors.torch.save_file(
        {name: tensor.contiguous() for name, tensor in stored.items()},
        FOLDER / "expected.safetensors",
    )
    write_positions()
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
