"""Charts of a run, by matplotlib: `python -m sidebyside.chart results.json DIR`. Each is left out if there is nothing
to draw."""

import sys
from pathlib import Path

try:
    import matplotlib
except ImportError:
    sys.exit("matplotlib is not installed")

matplotlib.use("svg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import linearity
from .results import Record, Results
from .scenario import SCENARIOS

OWN, OTHER = "#1769aa", "#b0b7bf"
COLOURS = ("#1769aa", "#e07b39", "#4b9e5f", "#8e5ea2", "#c0392b")
PERCENTILES = ("p50", "p90", "p99", "p99.9")

# Text stays text, and the same results make the same file.
pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "side-by-side", "font.size": 9})


def main() -> None:
    results, folder = Results.read(Path(sys.argv[1])), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {
        "cpu.svg": cpu(results),
        "latency.svg": latency(results),
        "plugins.svg": plugins(results),
        "connections.svg": connections(results),
        "routes.svg": routes(results),
    }
    for name, figure in drawn.items():
        (folder / name).unlink(missing_ok=True)
        if figure:
            figure.savefig(folder / name, metadata={"Date": None}, bbox_inches="tight")


def cpu(results: Results) -> Figure | None:
    """A panel for each scenario, a bar for each peer, the cheapest at the top."""
    panels = {}
    for scenario in results.scenarios:
        known = [(us, peer) for peer in results.peers if (us := results.normalised_us(peer, scenario)) is not None]
        if known:
            panels[scenario] = sorted(known, reverse=True)
    if not panels:
        return None
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    most = max(len(bars) for bars in panels.values())
    size = (4.2 * columns, (0.24 * most + 0.6) * rows)
    figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    for axis, (scenario, bars) in zip(axes.flat, panels.items()):
        peers = [peer for _, peer in bars]
        drawn = axis.barh(peers, [us for us, _ in bars], color=[colour_of(peer) for peer in peers])
        axis.bar_label(drawn, fmt="%.0f", padding=2, fontsize=7)
        axis.set_title(f"{scenario}: {SCENARIOS[scenario].title}", fontsize=9)
        axis.margins(x=0.12)
        tidy(axis)
    figure.supxlabel("CPU time for a request, µs")
    return figure


def latency(results: Results) -> Figure | None:
    """Percentiles of each peer; the scenario with all policies, or else plain proxying."""
    scenario = "f" if "f" in results.scenarios else "a"
    lines = {}
    for peer in results.peers:
        found = [results.figure(peer, scenario, "paced", f"latency_us.{name}") for name in PERCENTILES]
        if all(found):
            lines[peer] = [figure.value for figure in found if figure]
    if not lines:
        return None
    figure, axis = pyplot.subplots(figsize=(7, 4), layout="constrained")
    width = 0.85 / len(lines)
    for number, (peer, values) in enumerate(lines.items()):
        places = [place - 0.425 + width * (number + 0.5) for place in range(len(PERCENTILES))]
        axis.bar(places, values, width * 0.9, label=peer, color=pyplot.get_cmap("tab20")(number))
    axis.set_xticks(range(len(PERCENTILES)), PERCENTILES)
    axis.set_yscale("log")
    axis.set_ylabel("µs, logarithmic")
    axis.set_title(f"Latency at 2 000 requests a second, {scenario}: {SCENARIOS[scenario].title}", fontsize=9)
    axis.legend(fontsize=7, ncols=2)
    tidy(axis)
    return figure


def plugins(results: Results) -> Figure | None:
    these = series_of(results, "plugins")
    return two_panels(results, these, "plugins", "requests a second") if these else None


def connections(results: Results) -> Figure | None:
    these = series_of(results, "idle connections")
    return two_panels(results, these, "idle connections beside 64 busy ones", "memory, MiB") if these else None


def routes(results: Results) -> Figure | None:
    these = series_of(results, "routes")
    if not these:
        return None
    figure, axis = pyplot.subplots(figsize=(4.5, 3), layout="constrained")
    for colour, series in zip(COLOURS, these):
        curve(axis, linearity.cpu_points(series, results.reference_us() or 0), series, colour)
    finish(axis, "routes", "CPU time for a request, µs")
    return figure


def two_panels(results: Results, these: list[Record], grows: str, right: str) -> Figure:
    """Processor time on the left; memory or throughput on the right."""
    figure, (first, second) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for colour, series in zip(COLOURS, these):
        curve(first, linearity.cpu_points(series, results.reference_us() or 0), series, colour)
        if right.startswith("memory"):
            curve(second, [(size, kib / 1024) for size, kib in linearity.memory_points(series)], series, colour)
        else:
            curve(second, linearity.throughput_points(series), series, colour)
    for axis, label in ((first, "CPU time for a request, µs"), (second, right)):
        finish(axis, grows, label)
    return figure


def series_of(results: Results, grows: str) -> list[Record]:
    return [series for series in results.record["growth"] if series["grows"] == grows and linearity.cpu_points(series, 1)]


def curve(axis: Axes, points: list[tuple[float, float]], series: Record, colour: str) -> None:
    label = f"{series['peer']}, {series['scenario']}"
    axis.plot([x for x, _ in points], [y for _, y in points], marker="o", markersize=4, label=label, color=colour)


def finish(axis: Axes, grows: str, label: str) -> None:
    axis.set_xlabel(grows)
    axis.set_ylabel(label)
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=7)
    tidy(axis)


def tidy(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)


def colour_of(peer: str) -> str:
    return OWN if peer.startswith("tidegate") else OTHER


if __name__ == "__main__":
    main()
