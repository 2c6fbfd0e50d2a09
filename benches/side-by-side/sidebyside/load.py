"""Load generators: wrk and h2load for as much as the peer takes, oha for a fixed rate. And what they print."""

import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from . import keys, place
from .scenario import Scenario, Wire

MICROSECONDS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7}
STREAMS_PER_CONNECTION = 8
# Beyond the load's own duration: connecting, waiting for what is under way, printing.
GRACE_S = 45.0


class LoadFailure(Exception):
    """A load generator that said something else than figures."""


@dataclass(frozen=True)
class Load:
    """What a load generator saw."""

    requests: int
    per_second: float
    # Answers other than 200, and broken connections.
    bad: int
    latency_us: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Generator:
    """Loads a port of this machine, from one core."""

    core: int
    folder: Path

    def most(self, scenario: Scenario, port: int, seconds: int, connections: int, handshakes_per_s: int) -> Load:
        """As many requests as the peer takes; handshakes at their fixed rate."""
        url = f"{scenario.wire.scheme}://127.0.0.1:{port}"
        if scenario.wire is Wire.TLS_H2:
            sessions = max(1, connections // STREAMS_PER_CONNECTION)
            argv = ["h2load", "-D", str(seconds), "-c", str(sessions), "-m", str(STREAMS_PER_CONNECTION), "-t", "1"]
            return parse_h2load(self._run(argv + [url + scenario.path], seconds), seconds)
        if scenario.wire is Wire.HANDSHAKES:
            total = str(handshakes_per_s * seconds)
            argv = ["h2load", "--h1", "-n", total, "-c", total, "-t", "1"]
            argv += ["-r", str(handshakes_per_s), "--rate-period=1s", url + scenario.path]
            return parse_h2load(self._run(argv, seconds))
        return self.wrk(url, requests_of(scenario), seconds, scenario.connections or connections)

    def wrk(self, url: str, requests: list[str], seconds: int, connections: int) -> Load:
        """As many of these requests, in turn, as the connections carry."""
        file = self.folder / "requests"
        file.write_text("\n".join(requests) + "\n")
        script = place.HERE / "sidebyside" / "requests.lua"
        argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s", str(script)]
        return parse_wrk(self._run(argv + [url, "--", str(file)], seconds))

    def paced(self, scenario: Scenario, port: int, seconds: int, connections: int, rate: int) -> Load:
        """A fixed rate; latency counts from when a request was due, so that a pause cannot hide others."""
        argv = [str(place.OHA), "-z", f"{seconds}s", "-q", str(rate), "--latency-correction", "-w", "--insecure"]
        argv += ["--no-tui", "--output-format", "json"]
        if scenario.wire is Wire.TLS_H2:
            argv += ["--http2", "-c", str(connections // STREAMS_PER_CONNECTION), "-p", str(STREAMS_PER_CONNECTION)]
        else:
            argv += ["-c", str(connections)]
        if scenario.credential:
            _, _, header = requests_of(scenario)[0].partition("\t")
            argv += ["-H", header]
        url = f"{scenario.wire.scheme}://127.0.0.1:{port}{scenario.path}"
        return parse_oha(self._run(argv + [url], seconds))

    def _run(self, argv: list[str], seconds: int) -> str:
        try:
            pinned = ["taskset", "-c", str(self.core), *argv]
            done = subprocess.run(pinned, capture_output=True, text=True, timeout=seconds + GRACE_S)
        except subprocess.TimeoutExpired as error:
            raise LoadFailure(f"{Path(argv[0]).name} did not come to an end") from error
        if done.returncode:
            raise LoadFailure(f"{Path(argv[0]).name} ended with {done.returncode}: {(done.stdout + done.stderr)[-300:]}")
        return done.stdout


def requests_of(scenario: Scenario) -> list[str]:
    """The requests of a scenario as requests.lua reads them."""
    credential = scenario.credential
    if credential is None:
        return [scenario.path]
    values = keys.lines(place.KEYS, credential.file)
    return [f"{scenario.path}\t{credential.header}: {credential.prefix}{value}" for value in values]


def parse_wrk(text: str) -> Load:
    """Reads the report of wrk."""
    total = re.search(r"^\s*(\d+) requests in ", text, re.M)
    rate = re.search(r"^Requests/sec:\s+([\d.]+)", text, re.M)
    if not total or not rate:
        raise LoadFailure(f"not a report of wrk: {text[-300:]}")
    bad = sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", text))
    if errors := re.search(r"Socket errors: (.*)", text):
        bad += sum(int(n) for n in re.findall(r"\d+", errors[1]))
    percentiles = re.findall(r"^\s+(50|75|90|99)%\s+([\d.]+)(us|ms|s|m)$", text, re.M)
    latency = {f"p{name}": float(value) * MICROSECONDS[unit] for name, value, unit in percentiles}
    if total[1] == "0":
        raise LoadFailure(f"no request was answered: {text[-300:]}")
    return Load(int(total[1]), float(rate[1]), bad, latency)


def parse_h2load(text: str, seconds: int | None = None) -> Load:
    """Reads the report of h2load. With a duration, its own rate is not used: it counts the time to end as well."""
    counts = re.search(r"requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded", text)
    took = re.search(r"finished in ([\d.]+)(us|ms|s|m),", text)
    if not counts or not took:
        raise LoadFailure(f"not a report of h2load: {text[-300:]}")
    total, done, good = (int(count) for count in counts.groups())
    span = seconds or float(took[1]) * MICROSECONDS[took[2]] / 1e6
    # With a duration the total is what happens to be under way at the end, which is nobody's fault.
    asked = done if seconds else total
    return Load(good, good / span, asked - good)


def parse_oha(text: str) -> Load:
    """Reads the JSON of oha."""
    try:
        report = json.loads(text)
        codes, percentiles = report["statusCodeDistribution"], report["latencyPercentiles"]
        answers = sum(codes.values())
        # What is cut by the end of the test is nobody's fault.
        broken = sum(count for text, count in report["errorDistribution"].items() if "deadline" not in text)
        latency = {name: seconds * 1e6 for name, seconds in percentiles.items() if seconds is not None}
        return Load(answers, report["summary"]["requestsPerSec"], answers - codes.get("200", 0) + broken, latency)
    except (ValueError, KeyError, TypeError) as error:
        raise LoadFailure(f"not a report of oha: {text[-300:]}") from error
