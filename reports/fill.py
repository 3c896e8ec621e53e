"""How much the scores of valid pixels change when a collar replaces real image, for five fills.

    pip install pillow numpy
    python reports/fill.py make IN IMAGE...
    rszs-edge -q flood,building,road --scores --no-overlay --output OUT IN
    python reports/fill.py measure IN OUT
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 768
NEAR_PX = 64
FILLS = ("black", "mean", "row", "edge", "reflection")
QUERIES = ("flood", "building", "road")
STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def shifted(plane, step, empty):
    """`plane` moved by one pixel; what comes in from outside is `empty`."""
    out = np.roll(plane, step, (0, 1))
    if step[0]:
        out[0 if step[0] > 0 else -1] = empty
    if step[1]:
        out[:, 0 if step[1] > 0 else -1] = empty
    return out


def nearest(rgb, valid):
    """The nearest valid pixel, by growing."""
    out, known = rgb.copy(), valid.copy()
    while not known.all():
        before, pixels = known.copy(), out.copy()
        for step in STEPS:
            new = shifted(before, step, False) & ~known
            out[new] = shifted(pixels, step, 0)[new]
            known |= new
    return out


def rows(rgb, valid, mirror):
    """Each row from its own pixels; rows without any from the nearest row."""
    out = rgb.copy()
    height, width = valid.shape
    filled = np.flatnonzero(valid.any(1))
    x = np.arange(width)
    for y in filled:
        seen = np.flatnonzero(valid[y])
        first, last = seen[0], seen[-1]
        source = np.clip(x, first, last)
        if mirror:
            source = np.where(x < first, np.minimum(2 * first - x, last), source)
            source = np.where(x > last, np.maximum(2 * last - x, first), source)
        out[y] = rgb[y][source]
    for y in set(range(height)) - set(filled):
        out[y] = out[filled[np.abs(filled - y).argmin()]]
    return out


def collars():
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    across, along = x * 0.97 + y * 0.26, y * 0.97 - x * 0.26
    yield "strip", x >= SIDE // 4
    yield "turned", (across >= 150) & (across <= 800) & (along >= -20)


def make(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(images):
        image = Image.open(path).convert("RGB")
        side = min(image.size)
        image = image.crop((0, 0, side, side)).resize((SIDE, SIDE), Image.Resampling.BOX)
        rgb = np.asarray(image)
        for shape, valid in collars():
            black = np.where(valid[..., None], rgb, 0).astype(np.uint8)
            fills = {
                "real": rgb,
                "black": black,
                "mean": np.broadcast_to(rgb[valid].mean(0), rgb.shape),
                "row": rows(rgb, valid, False),
                "edge": nearest(black, valid),
                "reflection": rows(rgb, valid, True),
            }
            np.save(folder / f"{number}-{shape}.npy", valid)
            for fill, pixels in fills.items():
                shown = np.where(valid[..., None], rgb, pixels).astype(np.uint8)
                Image.fromarray(shown).save(folder / f"{number}-{shape}-{fill}.png")


def measure(folder, results):
    found = {fill: [] for fill in FILLS}
    for path in sorted(folder.glob("*.npy")):
        valid = np.load(path)
        grown = ~valid
        for _ in range(NEAR_PX):
            grown = np.logical_or.reduce([grown] + [shifted(grown, s, False) for s in STEPS])
        near, far = valid & grown, valid & ~grown

        def pixels(fill, end):
            return np.asarray(Image.open(results / f"{path.stem}-{fill}.{end}"))

        def score(fill, query):
            return pixels(fill, f"{query}.score.png").astype(float) / 255

        for fill in FILLS:
            apart = [abs(score(fill, query) - score("real", query)) for query in QUERIES]
            other = pixels(fill, "mask.png") != pixels("real", "mask.png")
            found[fill].append([
                np.mean([one[near].mean() for one in apart]),
                np.mean([np.quantile(one[near], 0.99) for one in apart]),
                np.mean([one[far].mean() for one in apart]),
                other[near].mean(),
                other[far].mean(),
            ])
    for fill, numbers in found.items():
        print(fill, len(numbers), *(f"{value:.4f}" for value in np.mean(numbers, 0)))


if sys.argv[1] == "make":
    make(Path(sys.argv[2]), sys.argv[3:])
else:
    measure(Path(sys.argv[2]), Path(sys.argv[3]))
