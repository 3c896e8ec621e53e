"""Prints the numbers of a test in src/boundary_score.rs.

The test is `outlines_of_four_classes_score_as_scipy_counts_them`.

Boundary F1 after Csurka et al. 2013 with SciPy's exact distance transform, and beside it DAVIS's F
of the same masks: bwboundary outlines, matched within a disk of 0.8 % of the diagonal
(`db_eval_boundary` of davisvideochallenge/davis2017-evaluation, written anew). Run with numpy 2.4
and SciPy 1.17.
"""

import numpy
from scipy.ndimage import binary_dilation, distance_transform_edt

WIDTH, HEIGHT, CLASSES, IGNORE = 320, 240, 4, 255
DIAGONAL = numpy.hypot(WIDTH, HEIGHT)

y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
truth = (x // 37 + y // 29) % CLASSES
predicted = ((x + y * y // 9000) // 37 + (y + x // 50) // 29) % CLASSES
predicted[(x % 61 < 3) & (y % 53 < 3)] = 1
truth[(x - 200) ** 2 + (y - 150) ** 2 < 900] = IGNORE


def outline(labels, of):
    """Pixels of a class with another label above, below, left or right.

    Ignored pixels neither have outlines nor make them.
    """
    counted = truth != IGNORE
    differs = counted & (labels != of)
    beside = numpy.zeros_like(differs)
    beside[:, 1:] |= differs[:, :-1]
    beside[:, :-1] |= differs[:, 1:]
    beside[1:] |= differs[:-1]
    beside[:-1] |= differs[1:]
    return counted & (labels == of) & beside


def f1(precision, recall):
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def csurka(of):
    ours, theirs = outline(truth, of), outline(predicted, of)
    near = lambda outlines: distance_transform_edt(~outlines) <= 0.0075 * DIAGONAL
    return f1(near(ours)[theirs].mean(), near(theirs)[ours].mean())


def davis(of):
    def boundary(mask):
        east, south, southeast = (numpy.zeros_like(mask) for _ in range(3))
        east[:, :-1], south[:-1], southeast[:-1, :-1] = mask[:, 1:], mask[1:], mask[1:, 1:]
        edge = (mask ^ east) | (mask ^ south) | (mask ^ southeast)
        edge[-1] = (mask ^ east)[-1]
        edge[:, -1] = (mask ^ south)[:, -1]
        edge[-1, -1] = False
        return edge

    radius = int(numpy.ceil(0.008 * DIAGONAL))
    v, u = numpy.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = u**2 + v**2 <= radius**2
    ours, theirs = (
        boundary((truth == of) & (truth != IGNORE)),
        boundary((predicted == of) & (truth != IGNORE)),
    )
    return f1(
        (theirs & binary_dilation(ours, disk)).sum() / theirs.sum(),
        (ours & binary_dilation(theirs, disk)).sum() / ours.sum(),
    )


for name, measure in [("Csurka", csurka), ("DAVIS", davis)]:
    values = [measure(of) for of in range(CLASSES)]
    print(name, ", ".join(f"{value:.12f}" for value in values), f"mean {numpy.mean(values):.12f}")
