"""Whether a cost grows in a straight line."""

from dataclasses import dataclass

from .figures import Line, line_through
from .results import Record, Results

# The largest distance of a point from the line that still counts as none: what two runs of the same differ by.
DEVIATION_MAX = 0.15
# One connection alone has no other's request to share a wake-up with, so its requests cost more. That is no growth.
BATCH_MIN = 64
# The first plugin brings what any pipeline needs, which is a cost but not that of a plugin.
PLUGINS_MIN = 1

# Where the line begins, if not at the first point.
BEGINS = {"busy connections": BATCH_MIN, "plugins": PLUGINS_MIN}


@dataclass(frozen=True)
class Trend:
    """A series as a line."""

    grows: str
    peer: str
    # `CPU time` in µs for a request, or `memory` in KiB.
    of: str
    points: list[tuple[float, float]]
    line: Line

    @property
    def is_linear(self) -> bool:
        return self.line.deviation <= DEVIATION_MAX


def trends(results: Results) -> list[Trend]:
    """All series with three points or more: processor time, and memory against idle connections."""
    found = []
    for series in results.record["growth"]:
        begins = BEGINS.get(series["grows"], 0)
        times = cpu_points(series, results.reference_us() or 0)
        candidates = [("CPU time", [(size, us) for size, us in times if size >= begins])]
        if series["grows"] == "idle connections":
            candidates.append(("memory", memory_points(series)))
        for of, points in candidates:
            if len(points) > 2:
                found.append(Trend(series["grows"], series["peer"], of, points, line_through(points)))
    return found


def cpu_points(series: Record, reference_us: float) -> list[tuple[float, float]]:
    """Size, and normalised processor time for a request in µs."""
    good = (point for point in series["points"] if point["phase"] and point["phase"]["ratio"])
    return [(point["size"], point["phase"]["ratio"] * reference_us) for point in good]


def throughput_points(series: Record) -> list[tuple[float, float]]:
    """Size, and requests a second."""
    good = (point for point in series["points"] if point["phase"] and not point["phase"]["error"])
    return [(point["size"], point["phase"]["per_second"]) for point in good]


def memory_points(series: Record) -> list[tuple[float, float]]:
    """Size, and memory in KiB."""
    return [(point["size"], point["memory_kib"]) for point in series["points"] if point["memory_kib"]]
