"""Writes five-band and two-band TIFF files of invented pixels with GDAL.

Run with rasterio 1.4.4 (GDAL 3.10.3).
"""

from pathlib import Path

import numpy
import rasterio

y, x = numpy.mgrid[0:6, 0:8]
bands = numpy.stack([x * 10 + 1, y * 10 + 2, x * 5 + y * 3 + 3, 200 - x * 9, y * 20 + 5]).astype(
    numpy.uint8
)
files = {
    "interleaved": (5, {}),
    "planes": (5, {"interleave": "band"}),
    "lzw": (5, {"compress": "lzw", "predictor": 2}),
    "rgb_and_two": (5, {"photometric": "RGB"}),
    "two_bands": (2, {}),
}
for name, (count, options) in files.items():
    path = Path(__file__).with_name(f"{name}.tif")
    with rasterio.open(
        path, "w", driver="GTiff", width=8, height=6, count=count, dtype="uint8", **options
    ) as file:
        file.write(bands[:count])
