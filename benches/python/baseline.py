"""The job of rszs-edge in plain Python: onnxruntime, numpy and pillow on the same ONNX file.

What somebody would write who has the bundle and no rszs-edge: tile, run, blend with a raised
cosine, upsample, threshold, write a palette mask and an overlay. Same tiles, same thresholds, same
thread count; no attempt to be slow, none to be clever.

    third_party/python/bin/python benches/python/baseline.py --queries flood,building \\
        --threads 2 --output out IMAGE...

Prints one JSON object per image with seconds per stage, and one for the whole process.
Needs numpy, pillow, onnxruntime (tests/python/requirements.txt).
"""

import argparse
import json
import struct
import time
from pathlib import Path

STARTED = time.perf_counter()

import numpy as np
import onnxruntime
from PIL import Image

STRIDE_PX = 4


def read_safetensors(path):
    """Tensors of a safetensors file, by name."""
    data = path.read_bytes()
    (header_bytes,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + header_bytes])
    types = {"F32": np.float32, "U8": np.uint8}
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = (8 + header_bytes + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[begin:end], types[entry["dtype"]]).reshape(
                entry["shape"]
            )
    return tensors


def tile_starts(length_px, tile_px, overlap_px):
    """Left or top edges of tiles that cover a side; the last is shifted back to the edge."""
    padded = max(-(-length_px // STRIDE_PX) * STRIDE_PX, tile_px)
    step = tile_px - overlap_px
    starts = list(range(0, padded - tile_px, step))
    return starts + [padded - tile_px]


def ramp(tile_px, overlap_px):
    """Blending weight along one side of a tile, at the resolution of logits."""
    cells, fade = tile_px // STRIDE_PX, overlap_px // STRIDE_PX
    weight = np.ones(cells, np.float32)
    rising = 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)
    weight[:fade], weight[-fade:] = rising, rising[::-1]
    return weight


def segment(session, image, embeddings, thresholds, tile_px, overlap_px, times):
    """Masks of an image `[H, W, 3]`: bool `[K, H, W]`, and the logits they come from."""
    height, width = image.shape[:2]
    tops, lefts = (tile_starts(side, tile_px, overlap_px) for side in (height, width))
    bottom, right = max(tops[-1] + tile_px, height), max(lefts[-1] + tile_px, width)
    padded = np.pad(image, ((0, bottom - height), (0, right - width), (0, 0)), mode="edge")
    total = np.zeros((len(embeddings), bottom // STRIDE_PX, right // STRIDE_PX), np.float32)
    weights = np.zeros(total.shape[1:], np.float32)
    side = ramp(tile_px, overlap_px)
    weight = side[:, None] * side[None, :] + np.float32(1e-6)
    for top in tops:
        for left in lefts:
            tile = padded[None, top : top + tile_px, left : left + tile_px]
            begun = time.perf_counter()
            logits = session.run(["logits"], {"tiles": tile, "queries": embeddings})[0][0]
            times["engine_s"] += time.perf_counter() - begun
            rows = slice(top // STRIDE_PX, (top + tile_px) // STRIDE_PX)
            columns = slice(left // STRIDE_PX, (left + tile_px) // STRIDE_PX)
            total[:, rows, columns] += logits * weight
            weights[rows, columns] += weight
    total /= weights
    full = (total.shape[2] * STRIDE_PX, total.shape[1] * STRIDE_PX)
    upsampled = [
        np.asarray(Image.fromarray(plane).resize(full, Image.BILINEAR))[:height, :width]
        for plane in total
    ]
    logits = np.stack(upsampled)
    limits = np.log(thresholds / (1 - thresholds)).astype(np.float32)
    return logits > limits[:, None, None], logits - limits[:, None, None]


def write(image, masks, margins, colours, path):
    """A palette mask and an overlay beside each other in `path`'s folder."""
    best = np.where(masks, margins, -np.inf).argmax(0).astype(np.uint8) + 1
    classes = np.where(masks.any(0), best, 0).astype(np.uint8)
    mask = Image.fromarray(classes, mode="P")
    palette = np.concatenate([np.zeros((1, 3), np.uint8), colours])
    mask.putpalette(palette.tobytes())
    mask.save(path.with_suffix(".mask.png"), compress_level=1)
    blend = (image.astype(np.uint16) + palette[classes]) // 2
    overlay = np.where((classes > 0)[..., None], blend, image).astype(np.uint8)
    Image.fromarray(overlay).save(path.with_suffix(".overlay.png"), compress_level=1)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=Path("bundles/nano"))
    parser.add_argument("--queries", default="flood,building")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("images", nargs="+", type=Path)
    arguments = parser.parse_args()

    contract = json.loads((arguments.bundle / "manifest.json").read_text())["engine"]
    entries = json.loads((arguments.bundle / "vocabulary.json").read_text())["rows"]
    rows = read_safetensors(arguments.bundle / "vocabulary.safetensors")["embeddings"]
    names = [entry["name"] for entry in entries]
    chosen = [names.index(query) for query in arguments.queries.split(",")]
    thresholds = np.array([entries[row]["threshold"] for row in chosen])
    colours = np.array([entries[row]["colour"] for row in chosen], np.uint8)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(
        str(arguments.bundle / "model.fp32.onnx"), options, providers=["CPUExecutionProvider"]
    )
    arguments.output.mkdir(parents=True, exist_ok=True)
    for path in arguments.images:
        times = {"engine_s": 0.0}
        begun = time.perf_counter()
        image = np.asarray(Image.open(path).convert("RGB"))
        times["decode_s"] = time.perf_counter() - begun
        masks, margins = segment(
            session,
            image,
            rows[chosen],
            thresholds,
            contract["tile_px"],
            contract["overlap_px"],
            times,
        )
        written = time.perf_counter()
        write(image, masks, margins, colours, arguments.output / path.name)
        times["write_s"] = time.perf_counter() - written
        times["image_s"] = time.perf_counter() - begun
        print(json.dumps({"image": str(path), **times}), flush=True)
    print(json.dumps({"process_s": time.perf_counter() - STARTED}))


if __name__ == "__main__":
    main()
