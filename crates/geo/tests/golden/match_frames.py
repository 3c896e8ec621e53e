"""Points of overlapping frames that show the same place, found by OpenCV.

    python match_frames.py FOLDER > matches.csv

SIFT on every pair of frames at a third of their size, Lowe's ratio test (0.75), inliers of a
homography (RANSAC, 3 px of the reduced frame). A pair with fewer than 30 inliers counts as one
that does not overlap. Of each pair at most 60 points are kept, evenly from the list of matches.
Columns: first frame, its x and y, second frame, its x and y, in pixels of the frame as stored,
the centre of the first pixel being 0.5.
"""

import itertools
import pathlib
import sys

import cv2
import numpy as np

REDUCTION = 3
FEWEST = 30
KEPT = 60

folder = pathlib.Path(sys.argv[1])
detector = cv2.SIFT_create(nfeatures=6000)
features = {}
for path in sorted(folder.glob("*.JPG")):
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    size = (image.shape[1] // REDUCTION, image.shape[0] // REDUCTION)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    keys, descriptors = detector.detectAndCompute(small, None)
    scale = np.array([image.shape[1] / size[0], image.shape[0] / size[1]])
    # OpenCV has the centre of the first pixel at 0.
    features[path.name] = (np.array([k.pt for k in keys]) + 0.5, scale, descriptors)

matcher = cv2.BFMatcher()
print("a,xa,ya,b,xb,yb")
for a, b in itertools.combinations(features, 2):
    (pa, sa, da), (pb, sb, db) = features[a], features[b]
    good = [m for m, n in matcher.knnMatch(da, db, k=2) if m.distance < 0.75 * n.distance]
    if len(good) < FEWEST:
        continue
    qa, qb = pa[[m.queryIdx for m in good]], pb[[m.trainIdx for m in good]]
    cv2.setRNGSeed(1)
    _, inliers = cv2.findHomography(qa, qb, cv2.RANSAC, 3.0)
    if inliers is None or inliers.sum() < FEWEST:
        print(f"{a} {b}: {0 if inliers is None else inliers.sum()} inliers", file=sys.stderr)
        continue
    rows = np.flatnonzero(inliers.ravel())
    rows = rows[np.linspace(0, len(rows) - 1, min(KEPT, len(rows))).astype(int)]
    for (xa, ya), (xb, yb) in zip(qa[rows] * sa, qb[rows] * sb):
        print(f"{a},{xa:.1f},{ya:.1f},{b},{xb:.1f},{yb:.1f}")
