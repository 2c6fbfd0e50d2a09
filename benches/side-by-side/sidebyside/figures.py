"""Arithmetic on measured figures."""

import statistics
from dataclasses import dataclass


def half_range(values: list[float]) -> float:
    """How far the values lie apart: half of their range as a share of their median; 0 for a single one."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0


@dataclass(frozen=True)
class Line:
    """A straight line through points, and how well it fits."""

    base: float
    slope: float
    # The largest distance of a point from the line, as a share of what the line says there.
    deviation: float
    # Where that is.
    worst: float


def line_through(points: list[tuple[float, float]]) -> Line:
    """The line with the least sum of squares. Needs two points with different x."""
    if len({x for x, _ in points}) < 2:
        raise ValueError("a line needs two different points")
    slope, base = statistics.linear_regression([x for x, _ in points], [y for _, y in points])
    deviation, worst = max((abs(y - (base + slope * x)) / abs(base + slope * x), x) for x, y in points)
    return Line(base, slope, deviation, worst)
