"""RESULTS.md: the tables of a run, what it ran on, and whether the goals were met."""

from collections.abc import Callable

from . import linearity
from .goals import Goal, goals
from .results import Record, Results, is_disturbed
from .scenario import SCENARIOS

Cell = Callable[[str, str], str | None]

CHARTS = {
    "cpu.svg": "CPU time for a request, by peer and scenario",
    "latency.svg": "Latency at 2 000 requests a second",
    "plugins.svg": "Throughput and CPU time against the number of plugins",
    "connections.svg": "CPU time and memory against connections",
    "routes.svg": "CPU time against routes",
}


def report(results: Results, charts: list[str]) -> str:
    """The whole page. `charts` are the names of those that were drawn."""
    parts = [
        _head(results),
        _goals(goals(results)),
        _tables(results),
        _growth(results),
        "## Charts\n\n" + "\n\n".join(f"![{CHARTS[name]}](charts/{name})" for name in charts) if charts else "",
        _checks(results),
        _method(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(results: Results) -> str:
    record, machine = results.record, results.record["machine"]
    virtual = ", virtual" if machine["virtual"] else ""
    lines = ["# Side by side", "", f"Measured on {record['date']} by `{record['command']}`; [README.md](README.md) says how."]
    if record["quick"]:
        lines += ["", "**A quick run**: one short phase for each cell. It shows that everything works, and the order of things."]
    if record["left_out"]:
        lines += ["", f"Left out because time was up: {', '.join(record['left_out'])}."]
    lines += [
        "",
        f"- Machine: {machine['processor']}, {machine['processors']} processors{virtual}, {machine['memory_gib']} GiB, "
        f"{machine['system']}, Linux {machine['kernel']}",
        f"- Load: {', '.join(said for said in record['tools'].values() if said)}",
        f"- Gateway: {record['gateway']}",
    ]
    lines += ["", "| peer | what it is | version |", "|---|---|---|"]
    for name, peer in record["versions"].items():
        lines.append(f"| {name} | {peer['about']} | {peer['version'] or 'not installed, so not measured'} |")
    return "\n".join(lines)


def _goals(all_goals: list[Goal]) -> str:
    lines = ["## Goals", "", "| goal | figure | at most | |", "|---|---|---|---|"]
    for goal in all_goals:
        figure = "not measured" if goal.figure is None else _with_unit(goal.figure, goal.unit)
        verdict = {True: "met", False: "**missed**", None: ""}[goal.is_met]
        lines.append(f"| {goal.claim} | {figure} | {_with_unit(goal.limit, goal.unit)} | {verdict} |")
    return "\n".join(lines)


def _with_unit(value: float, unit: str) -> str:
    return f"{value:.2f} {unit}" if unit == "×" else f"{value:.1f} {unit}"


def _tables(results: Results) -> str:
    def figure(kind: str, key: str, form: str, *, spread: bool = False) -> Cell:
        def cell(peer: str, scenario: str) -> str | None:
            found = results.figure(peer, scenario, kind, key)
            if found is None:
                return None
            apart = f" ±{found.spread * 100:.0f} %" if spread and found.spread else ""
            return f"{found.value:{form}}{apart}{'~' if found.disturbed else ''}"

        return cell

    def normalised(peer: str, scenario: str) -> str | None:
        value = results.normalised_us(peer, scenario)
        return None if value is None else f"{value:.1f}"

    def added(peer: str, scenario: str) -> str | None:
        plain = results.normalised_us("tidegate-bare" if peer.startswith("tidegate") else peer, "a")
        value = results.normalised_us(peer, scenario)
        if plain is None or value is None or SCENARIOS[scenario].policy.value not in "bcdef":
            return None
        return f"{value - plain:+.1f}"

    def memory(key: str) -> Cell:
        def cell(peer: str, scenario: str) -> str | None:
            value = results.memory_mib(peer, scenario, key)
            return None if value is None else f"{value:.1f}"

        return cell

    reference = results.reference_us() or 0
    cells: list[tuple[str, Cell]] = [
        (
            "CPU time for a request, as a multiple of the bare hyper proxy's on `a` within the same seconds "
            "(median, ± half of the range)",
            figure("busy", "ratio", ".2f", spread=True),
        ),
        (f"The same in µs, at {reference:.1f} µs for the bare hyper proxy, its median over the whole run", normalised),
        ("What a policy adds to the same peer's `a`, in µs", added),
        ("Requests a second at most (`gh`: paced)", figure("busy", "per_second", ".0f")),
        ("CPU time for a request at 2 000 a second, in µs as measured", figure("paced", "cpu_us", ".1f")),
        *(
            (f"Latency at 2 000 a second, {name}, in µs", figure("paced", f"latency_us.{name}", ".0f"))
            for name in ("p50", "p99", "p99.9")
        ),
        ("Memory before any load, in MiB", memory("idle_kib")),
        ("Memory after the load, in MiB", memory("loaded_kib")),
        ("Memory with 1 000 requests in flight, in MiB", memory("in_flight_kib")),
    ]
    names = ", ".join(f"`{name}` {SCENARIOS[name].title}" for name in results.scenarios)
    note = "A dash: the peer cannot do it, or failed the check. A tilde: all phases of the cell were disturbed."
    tables = [f"### {title}\n\n{table}" for title, cell in cells if (table := _table(results, cell))]
    return "\n\n".join([f"## Tables\n\n{names}. {note}", *tables])


def _table(results: Results, cell: Cell) -> str | None:
    """Peers by scenarios, without empty rows and columns."""
    values = {(peer, name): cell(peer, name) for peer in results.peers for name in results.scenarios}
    columns = [name for name in results.scenarios if any(values[peer, name] for peer in results.peers)]
    rows = [peer for peer in results.peers if any(values[peer, name] for name in columns)]
    if not rows:
        return None
    lines = [f"| peer | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for peer in rows:
        lines.append(f"| {peer} | {' | '.join(values[peer, name] or '–' for name in columns)} |")
    return "\n".join(lines)


def _growth(results: Results) -> str | None:
    if not results.record["growth"]:
        return None
    reference = results.reference_us() or 0
    lines = ["## Growth", "", "CPU time for a request (normalised) and memory as something grows."]
    for grows in dict.fromkeys(series["grows"] for series in results.record["growth"]):
        these = [series for series in results.record["growth"] if series["grows"] == grows]
        sizes = sorted({point["size"] for series in these for point in series["points"]})
        lines += ["", f"| {grows} | | {' | '.join(f'{size:,}'.replace(',', ' ') for size in sizes)} |"]
        lines += ["|---" * (len(sizes) + 2) + "|"]
        for series in these:
            times, memory = dict(linearity.cpu_points(series, reference)), dict(linearity.memory_points(series))
            rates = dict(linearity.throughput_points(series))
            name = f"{series['peer']}, `{series['scenario']}`"
            rows = (("CPU, µs", times, 1, 1), ("requests/s", rates, 1, 0), ("memory, MiB", memory, 1 / 1024, 1))
            lines += [_row(name, what, points, sizes, factor, digits) for what, points, factor, digits in rows if points]
    lines += ["", "Straight lines through them, by least squares:", ""]
    lines += ["| cost | begins at | for each | largest distance | |", "|---|---|---|---|---|"]
    for trend in linearity.trends(results):
        unit = "µs" if trend.of == "CPU time" else "KiB"
        verdict = "linear" if trend.is_linear else "**not linear**"
        lines.append(
            f"| {trend.of} of {trend.peer} against {trend.grows} | {trend.line.base:.1f} {unit} "
            f"| {trend.line.slope:.4g} {unit} | {trend.line.deviation * 100:.0f} % at {trend.line.worst:g} | {verdict} |"
        )
    return "\n".join(lines)


def _row(name: str, what: str, points: dict[float, float], sizes: list[int], factor: float, digits: int) -> str:
    values = (f"{points[size] * factor:.{digits}f}" if size in points else "–" for size in sizes)
    return f"| {name} | {what} | {' | '.join(values)} |"


def _checks(results: Results) -> str:
    checks = results.record["checks"]
    wrong = [check for check in checks if check["wrong"]]
    lines = ["## Equal work", "", f"{len(checks) - len(wrong)} of {len(checks)} checks passed."]
    lines += [f"- {check['peer']}, policy `{check['policy']}`, not measured: {_one_line(check['wrong'])}" for check in wrong]
    failed = [cell for cell in results.record["cells"] if cell["error"]]
    lines += [f"- {cell['peer']}, `{cell['scenario']}`, failed: {_one_line(cell['error'])}" for cell in failed]
    for cell, kind, phase in _phases(results):
        if phase["error"]:
            lines.append(f"- {cell['peer']}, `{cell['scenario']}`, {kind}, failed: {_one_line(phase['error'])}")
        elif phase["bad"]:
            lines.append(f"- {cell['peer']}, `{cell['scenario']}`, {kind}: {phase['bad']} bad answers of {phase['requests']}")
    for series in results.record["growth"]:
        for point in series["points"]:
            where, phase = f"- {series['peer']}, {point['size']} {series['grows']}", point["phase"] or {}
            if failure := point["error"] or phase.get("error"):
                lines.append(f"{where}, failed: {_one_line(failure)}")
            elif phase.get("bad"):
                lines.append(f"{where}: {phase['bad']} bad answers of {phase['requests']}")
    return "\n".join(lines)


def _method(results: Results) -> str:
    method, phases = results.record["method"], [phase for _, _, phase in _phases(results)]
    disturbed = sum(is_disturbed(phase) for phase in phases)
    steal = sum(phase["steal_s"] for phase in phases)
    text = (
        f"One worker on processor {method['cores']['proxy']}; origin and load on processor {method['cores']['load']}. "
        f"{method['connections']} connections; {method['repetitions']} repetitions of {method['busy_s']} s at full load and "
        f"{method['paced_s']} s at {method['rate_per_s']} requests a second. CPU time is the scheduler's own figure for the "
        "peer's processes. A bare hyper proxy stays resident on the same processor and is measured for a second before and "
        f"after each phase. Phases were repeated, at most {method['repeats']} times, when others used more than "
        f"{method['foreign_percent']:g} % of a processor or the reference moved by more than {method['drift_percent']:g} %. "
        f"Of {len(phases)} phases {disturbed} remained disturbed; the hypervisor took {steal:.1f} s in all."
    )
    return f"## Method in short\n\n{text}"


def _phases(results: Results) -> list[tuple[Record, str, Record]]:
    return [(cell, kind, cell[kind]) for cell in results.record["cells"] for kind in ("busy", "paced") if cell[kind]]


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")[:300]
