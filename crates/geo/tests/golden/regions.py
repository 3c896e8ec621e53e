"""Regions of a run against GDAL's polygons of its masks and OGC's rules.

    python regions.py FOLDER

Needs rasterio (GDAL) and shapely. FOLDER is one into which rszs-edge wrote regions.geojson and
masks. Compares the areas in pixels of each frame and class with those of GDAL's 4-connected
polygons, and says how many polygons are not valid.
"""

import collections
import json
import pathlib
import sys

import numpy as np
import rasterio
import rasterio.features
from shapely.geometry import shape

folder = pathlib.Path(sys.argv[1])
features = json.loads((folder / "regions.geojson").read_text())["features"]
found = collections.defaultdict(list)
broken = turned = 0
for feature in features:
    polygon = shape(feature["geometry"])
    broken += not polygon.is_valid
    turned += not polygon.exterior.is_ccw or any(hole.is_ccw for hole in polygon.interiors)
    properties = feature["properties"]
    found[pathlib.Path(properties["frame"]).stem].append(properties["area_m2"])
print(f"{len(features)} regions, {broken} not valid, {turned} with rings the wrong way round")
footprints = json.loads((folder / "footprints.geojson").read_text())["features"]
for footprint in footprints:
    properties = footprint["properties"]
    name = pathlib.Path(properties["frame"]).stem
    if footprint["geometry"] is None:
        print(f"{name}: {properties['no_georeference']}")
        continue
    with rasterio.open(folder / f"{name}.mask.png") as file:
        classes, crs = file.read(1), file.crs
    shapes = rasterio.features.shapes(classes, mask=(classes > 0) & (classes < 255))
    areas = sorted(shape(geometry).area for geometry, _ in shapes)
    square = properties["metres_per_pixel"] ** 2
    ours = sorted(found[name])
    apart = max((abs(a * square - b) for a, b in zip(areas, ours)), default=0)
    same = len(areas) == len(ours)
    print(f"{name} {crs}: {len(ours)} regions, GDAL {len(areas)} ({same=}), {apart:.3f} m2 apart")
