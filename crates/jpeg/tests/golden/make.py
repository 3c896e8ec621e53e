"""Makes the files of this folder: small JPEG files, and the pixels that libjpeg-turbo gives for
them (through Pillow, as RGB bytes, row by row).

    pip install pillow==13.0.0 numpy==2.4.6; apt install libjpeg-turbo-progs   # jpegtran
    python make.py
"""

import io
import subprocess
from pathlib import Path

import numpy
from PIL import Image

FOLDER = Path(__file__).parent
WIDTH, HEIGHT = 45, 35


def image():
    """Waves of three colours with a hard edge: chroma that subsampling changes."""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    red = 127 + 120 * numpy.sin(x / 5) * numpy.cos(y / 7)
    green = 127 + 120 * numpy.cos(x / 3 + y / 9)
    blue = numpy.where(x + y > 40, 230, 20)
    return Image.fromarray(numpy.stack([red, green, blue], axis=2).astype(numpy.uint8))


def saved(picture, **options):
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88, **options)
    return out.getvalue()


def transformed(jpeg, *options):
    command = ["jpegtran", *options]
    return subprocess.run(command, input=jpeg, capture_output=True, check=True).stdout


def scans(jpeg, script):
    path = FOLDER / "scans.txt"
    path.write_text(script)
    try:
        return transformed(jpeg, "-scans", str(path))
    finally:
        path.unlink()


def ycck(jpeg):
    """A four-component file whose Adobe marker says YCCK."""
    at = jpeg.index(b"Adobe")
    return jpeg[: at + 11] + b"\2" + jpeg[at + 12 :]


def main():
    rgb = image()
    baseline = {name: saved(rgb, subsampling=name) for name in ("4:4:4", "4:2:2", "4:2:0")}
    cmyk = saved(rgb.convert("CMYK"))
    files = {
        "s444": baseline["4:4:4"],
        "s422": baseline["4:2:2"],
        "s420": baseline["4:2:0"],
        "s440": transformed(saved(rgb.transpose(Image.Transpose.ROTATE_90), subsampling="4:2:2"),
                            "-rotate", "90"),
        "s400": saved(rgb.convert("L")),
        "progressive": saved(rgb, subsampling="4:2:0", progressive=True),
        "one_scan_each": scans(baseline["4:2:0"], "0;\n1;\n2;\n"),
        "restarts": saved(rgb, subsampling="4:2:0", restart_marker_blocks=1),
        "restarts_progressive": transformed(baseline["4:2:2"], "-progressive", "-restart", "2B"),
        "cmyk": cmyk,
        "ycck": ycck(cmyk),
    }
    for name, jpeg in files.items():
        (FOLDER / f"{name}.jpg").write_bytes(jpeg)
        pixels = Image.open(io.BytesIO(jpeg)).convert("RGB").tobytes()
        (FOLDER / f"{name}.rgb").write_bytes(pixels)


main()
