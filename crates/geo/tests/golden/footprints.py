"""Golden values of tests/brighton.rs: tags by exiftool, places by PROJ.

    python footprints.py FRAME...

Needs exiftool, pyproj. A frame's corners are put on the ground by bearing and distance from the
camera, with the yaw of the aircraft, a gimbal pitched by GimbalPitchDegree and the focal length of
a sensor 6.17 mm wide: longitude and latitude of top left, bottom left, bottom right, top right.
"""

import json
import subprocess
import sys

import numpy as np
from pyproj import Geod, Transformer

GEOD = Geod(ellps="WGS84")
TAGS = [
    "GPSLatitude", "GPSLongitude", "RelativeAltitude", "GimbalPitchDegree", "GimbalRollDegree",
    "GimbalYawDegree", "FlightYawDegree", "FocalLength", "DateTimeOriginal", "ImageWidth",
    "ImageHeight",
]


def rotation(axis, degrees):
    angle = np.radians(degrees)
    turn = np.eye(3)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    turn[i, i] = turn[j, j] = np.cos(angle)
    turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
    return turn


for path in sys.argv[1:]:
    command = ["exiftool", "-n", "-json", *("-" + tag for tag in TAGS), path]
    tags = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]
    number = {name: tags[name] for name in TAGS if name != "DateTimeOriginal"}
    number = {name: float(value) for name, value in number.items()}
    width, height = number["ImageWidth"], number["ImageHeight"]
    focal = number["FocalLength"] / 6.17 * width
    # Body axes: ahead, right, below. Of a gimbal at nadir only yaw minus roll is defined; the
    # aircraft's yaw stands for it.
    yaw, pitch = number["FlightYawDegree"], number["GimbalPitchDegree"]
    turn = rotation(2, yaw) @ rotation(1, pitch)
    corners = []
    for x, y in [(0, 0), (0, height), (width, height), (width, 0)]:
        north, east, down = turn @ [focal, x - width / 2, y - height / 2]
        north, east = np.array([north, east]) / down * number["RelativeAltitude"]
        azimuth, distance = np.degrees(np.arctan2(east, north)), np.hypot(east, north)
        place = GEOD.fwd(number["GPSLongitude"], number["GPSLatitude"], azimuth, distance)
        corners.append([round(place[0], 9), round(place[1], 9)])
    print(path.rsplit("/", 1)[-1], tags["DateTimeOriginal"])
    print("  ", [number["GPSLongitude"], number["GPSLatitude"]], number["RelativeAltitude"], focal)
    print("  ", corners)
    zone = int((number["GPSLongitude"] + 180) // 6) + 1
    utm = Transformer.from_crs(4326, 32600 + zone, always_xy=True)
    print("  ", 32600 + zone, [[round(part, 3) for part in utm.transform(*c)] for c in corners])
