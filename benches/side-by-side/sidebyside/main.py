"""The command: options, and the order of things."""

import argparse
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from peers import PEERS
from peers.native import HYPER
from peers.tidegate import Tidegate

from . import accounting, cell, check, growth, installation, machine, place, report
from .bench import Bench
from .method import QUICK, Cores, Method
from .peer import Peer
from .process import StartFailure, allow_open_files
from .results import Results
from .scenario import SCENARIOS, Policy, Scenario

QUICK_PEERS = ("hyper", "nginx", "nginx-lua", "envoy-wasm", "tidegate", "tidegate-pooled", "tidegate-bare")
QUICK_SCENARIOS = ("a", "f")
# What begins later than this in a quick run is left out, so that it ends within three minutes.
QUICK_LAST_START_S = 165

DESCRIPTION = """\
Measures Tidegate and other gateways side by side: the same work, on the same core, within the same seconds.

Without options everything is set up, built, checked and measured, which takes some hours, and RESULTS.md, results.json
and charts/ are written beside this program. With options that choose a part, the results go to out/ and git ignores them.
"""


def main() -> int:
    # So that what was started is ended, too, when somebody ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = parser().parse_args()
    try:
        run(options)
    except (StartFailure, installation.SetupFailure, subprocess.CalledProcessError) as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    names = argparse.ArgumentParser(
        prog="run", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = names.add_argument
    add("--quick", action="store_true", help="few peers, scenarios a and f, short phases: ends in three minutes once built")
    add("--peers", type=among(PEERS), metavar="NAMES", help=f"some of {', '.join(PEERS)}")
    add("--scenarios", type=among(SCENARIOS), metavar="NAMES", help=f"some of {', '.join(SCENARIOS)}")
    add("--reps", type=positive, metavar="N", help="repetitions of each cell (3; quick: 1)")
    add("--seconds", type=positive, metavar="N", help="length of the phases of load (5 and 6; quick: 2)")
    add("--patience", type=positive, metavar="S", help="seconds for waiting and repeating on a busy machine, in all (3600; quick: 20)")
    add("--growth", action=argparse.BooleanOptionalAction, help="whether plugins, connections and routes grow (full run: yes)")
    add("--gateway", type=Path, metavar="PATH", help="a tidegate that is built already, in place of this repository's")
    add("--no-setup", action="store_true", help="take everything as it is, install and build nothing")
    add("--out", type=Path, metavar="DIR", help="where results go")
    add("--report", type=Path, metavar="FILE", help="measure nothing: write tables and charts of this results.json again")
    add("--proxy-cpu", type=int, default=Cores.proxy, metavar="N", help="the processor of the peers (%(default)s)")
    add("--load-cpu", type=int, default=Cores.load, metavar="N", help="the processor of origin and load (%(default)s)")
    return names


def among(known: Mapping[str, object]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        chosen = [name.strip() for name in text.split(",")]
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"there is no `{name}`; there are {', '.join(known)}")
        return chosen

    return names


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1")
    return int(text)


@dataclass(frozen=True)
class Plan:
    """What a run measures, and where its results go."""

    peers: list[Peer]
    scenarios: list[Scenario]
    method: Method
    grows: bool
    quick: bool
    out: Path


def plan_of(options: argparse.Namespace) -> Plan:
    quick = options.quick
    peers = options.peers or (QUICK_PEERS if quick else PEERS)
    scenarios = options.scenarios or (QUICK_SCENARIOS if quick else SCENARIOS)
    method = replace(QUICK if quick else Method(), cores=Cores(options.proxy_cpu, options.load_cpu))
    if options.reps:
        method = replace(method, repetitions=options.reps)
    if options.seconds:
        method = replace(method, busy_s=options.seconds, paced_s=options.seconds)
    if options.patience:
        method = replace(method, patience_s=options.patience)
    whole = not (quick or options.peers or options.scenarios or options.seconds or options.growth is False)
    default = place.HERE if whole else place.OUT / time.strftime("%Y-%m-%d-%H%M%S")
    return Plan(
        # In the order of the tables, whatever that of the command line.
        peers=[peer for name, peer in PEERS.items() if name in peers],
        scenarios=[scenario for name, scenario in SCENARIOS.items() if name in scenarios],
        method=method,
        grows=whole if options.growth is None else options.growth,
        quick=quick,
        out=(options.out or default).resolve(),
    )


def run(options: argparse.Namespace) -> None:
    if options.report:
        write(Results.read(options.report), (options.out or options.report.parent).resolve())
        return
    plan = plan_of(options)
    if options.gateway:
        Tidegate.program = options.gateway.resolve()
    if not options.no_setup:
        installation.install(say)
        if not options.gateway:
            installation.build_gateway(say)
    if not Tidegate.program.exists():
        raise installation.SetupFailure(f"there is no gateway at {Tidegate.program}")
    files = allow_open_files()
    with bench_of(plan.method) as bench:
        results = measured(plan, bench, files, options)
    write(results, plan.out)


@contextlib.contextmanager
def bench_of(method: Method) -> Iterator[Bench]:
    processors = os.sched_getaffinity(0)
    for core in (method.cores.proxy, method.cores.load):
        if core not in processors:
            raise StartFailure(f"there is no processor {core}; --proxy-cpu and --load-cpu choose others")
    with Bench(method, HYPER) as bench:
        yield bench


def measured(plan: Plan, bench: Bench, files: int, options: argparse.Namespace) -> Results:
    """Checks, cells and growth; the record is written after each, so that an end half-way loses nothing."""
    start = time.monotonic()
    versions = {peer.name: {"about": peer.about, "version": peer.version()} for peer in plan.peers}
    gateway_version = next((peer.version() for peer in PEERS.values() if isinstance(peer, Tidegate)), None)
    results = Results(
        {
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "command": " ".join(["run", *command_line(options)]),
            "quick": plan.quick,
            "gateway": f"{gateway_version}, " + ("built elsewhere" if options.gateway else f"commit {machine.commit()}"),
            "method": asdict(plan.method),
            "machine": machine.machine(),
            "tools": machine.tools(),
            "versions": versions,
            "left_out": [],
            "checks": [],
            "cells": [],
            "growth": [],
        }
    )
    record, partial = results.record, place.BUILD / "last-run.json"
    passed: set[tuple[str, Policy]] = set()
    peers = [peer for peer in plan.peers if versions[peer.name]["version"]]
    for peer in peers:
        for policy in policies_of(peer, plan):
            wrong = check.check(peer, policy, plan.method.cores.proxy)
            record["checks"].append({"peer": peer.name, "policy": policy.value, "wrong": wrong})
            say(f"check {policy.value}  {peer.name:<16} {wrong or 'ok'}")
            if not wrong:
                passed.add((peer.name, policy))

    for repetition in range(plan.method.repetitions):
        for scenario in plan.scenarios:
            for peer in peers:
                if (peer.name, scenario.policy) not in passed:
                    continue
                if plan.quick and time.monotonic() - start > QUICK_LAST_START_S:
                    record["left_out"].append(f"{peer.name} `{scenario.name}`")
                    continue
                found = cell.measure(bench, peer, scenario, repetition)
                record["cells"].append(asdict(found))
                results.write(partial)
                say(told(found))
    if plan.grows:
        series = growth.measure(bench, say, lambda peer, policy: (peer.name, policy) in passed, files)
        record["growth"] = [asdict(one) for one in series]
        results.write(partial)
    return results


def policies_of(peer: Peer, plan: Plan) -> list[Policy]:
    """What the peer is checked for: what it can do of what is measured. Growth needs headers and no policy at all."""
    wanted = {scenario.policy for scenario in plan.scenarios}
    if plan.grows:
        wanted |= {Policy.PLAIN, Policy.HEADER, Policy.ALL}
    return [policy for policy in Policy if policy in wanted & peer.policies]


def write(results: Results, out: Path) -> None:
    """Tables, record and charts. Without matplotlib there are no charts."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / "results.json"
    results.write(file)
    python = place.VENV / "bin" / "python"
    charts = out / "charts"
    drawn = [str(python if python.exists() else sys.executable), "-m", "sidebyside.chart", str(file), str(charts)]
    if subprocess.run(drawn, cwd=place.HERE).returncode:
        say("no charts were drawn")
    names = [name for name in report.CHARTS if (charts / name).exists()]
    (out / "RESULTS.md").write_text(report.report(results, names))
    say(f"written: {out / 'RESULTS.md'}")


def told(found: cell.Cell) -> str:
    """A cell in a line."""
    head = f"{found.repetition + 1}  {found.scenario:<6} {found.peer:<16}"
    busy, paced = found.busy, found.paced
    if found.error or busy is None or busy.error or busy.cpu_us is None:
        return f"{head} {found.error or (busy and busy.error) or 'no requests'}"
    text = f"{head} {busy.cpu_us:7.1f} µs = {busy.ratio or 0:5.2f} x {busy.reference_us or 0:.1f}  {busy.per_second:7.0f}/s"
    if paced and not paced.error:
        latency = paced.latency_us
        text += "  paced " + " ".join(f"{name} {latency.get(name, 0):.0f}" for name in ("p50", "p99", "p99.9"))
    if bad := busy.bad + (paced.bad if paced else 0):
        text += f"  {bad} BAD"
    return f"{text}  {found.loaded_kib / 1024:.0f} MiB  drift {busy.drift_percent:.0f} % foreign {busy.foreign_percent:.0f} %"


def command_line(options: argparse.Namespace) -> list[str]:
    """The options as given, without paths, which say something about somebody's machine."""
    given = []
    for name in ("quick", "no_setup"):
        given += [f"--{name.replace('_', '-')}"] if getattr(options, name) else []
    for name in ("peers", "scenarios"):
        given += [f"--{name}", ",".join(getattr(options, name))] if getattr(options, name) else []
    for name in ("reps", "seconds", "patience"):
        given += [f"--{name}", str(getattr(options, name))] if getattr(options, name) else []
    return [shlex.quote(word) for word in given]


def say(text: str) -> None:
    print(text, flush=True)
