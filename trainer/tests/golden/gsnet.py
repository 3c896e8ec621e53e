"""Writes gsnet.safetensors: GSNet's sliding-window evaluation in PyTorch.

The input is an invented image with random logits. The steps are those of `GSNet.forward` with
TEST.SLIDING_WINDOW (yecy749/GSNet, gs_net/GSNet.py), behind detectron2's ResizeShortestEdge and
before its sem_seg_postprocess, written anew with a tile of 16 in the place of 384. Nothing here is
needed to run the tests.

Run with torch 2.11.0, Pillow 13.0.0, safetensors 0.8.0, one thread.
"""

from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

KERNEL, OVERLAP, QUERIES = 16, 0.333, 3
STRIDE = int(KERNEL * (1 - OVERLAP))
SQUARE = [KERNEL + STRIDE] * 2
WIDTH, HEIGHT = 45, 30


def resize_shortest_edge(image):
    """detectron2: the shorter side becomes that of the square, by Pillow, antialiased."""
    scale = SQUARE[0] / min(WIDTH, HEIGHT)
    size = [int(side * scale + 0.5) for side in (WIDTH, HEIGHT)]
    return numpy.asarray(Image.fromarray(image).resize(size, Image.BILINEAR))


def views(image):
    image = torch.from_numpy(image.copy()).float().permute(2, 0, 1)[None]
    square = F.interpolate(image, size=SQUARE, mode="bilinear", align_corners=False)
    windows = torch.nn.Unfold(KERNEL, stride=STRIDE)(square)
    windows = windows[0].T.reshape(-1, 3, KERNEL, KERNEL)
    whole = F.interpolate(image, size=(KERNEL, KERNEL), mode="bilinear", align_corners=False)
    return torch.cat((windows, whole))


def scores(logits):
    outputs = F.interpolate(logits, size=KERNEL, mode="bilinear", align_corners=False).sigmoid()
    whole = F.interpolate(outputs[-1:], size=SQUARE, mode="bilinear", align_corners=False)
    fold = torch.nn.Fold(SQUARE, KERNEL, stride=STRIDE)
    unfold = torch.nn.Unfold(KERNEL, stride=STRIDE)
    windows = fold(outputs[:-1].flatten(1).T[None]) / fold(unfold(torch.ones([1, 1] + SQUARE)))
    outputs = (windows + whole) / 2.0
    # sem_seg_postprocess
    return F.interpolate(outputs, size=(HEIGHT, WIDTH), mode="bilinear", align_corners=False)[0]


torch.set_num_threads(1)
torch.manual_seed(1)
y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
image = numpy.stack([x * 7 % 256, y * 5 % 256, x * y % 256], axis=-1).astype(numpy.uint8)
logits = torch.randn(5, QUERIES, KERNEL // 4, KERNEL // 4) * 3
tensors = {
    "views": views(resize_shortest_edge(image)).permute(0, 2, 3, 1).contiguous(),
    "logits": logits,
    "scores": scores(logits),
}
save_file(tensors, Path(__file__).with_name("gsnet.safetensors"))
