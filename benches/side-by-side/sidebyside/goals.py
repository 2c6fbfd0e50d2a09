"""What Tidegate claims, as ratios within one run, and whether this run bears it out."""

from collections.abc import Iterator
from dataclasses import dataclass

from . import linearity
from .results import Results

# Kong's ngx_wasm_module with an instance for each request, JWT HS256, as a multiple of the bare hyper proxy. Measured
# once by the same method (150 µs); it is in no registry, so it cannot be measured again by everyone.
NGX_WASM_FRESH_C = 10.8
MEMORY_IDLE_MB = 60.0
MEMORY_CONNECTION_KB = 20.0
# p99.9 has a step if it lies further above p99 than that of the bare hyper proxy, which has the machine's own tail.
STEP_FACTOR = 1.5


@dataclass(frozen=True)
class Goal:
    claim: str
    # What was measured, in the unit of the limit; None if this run did not.
    figure: float | None
    limit: float
    unit: str = "×"

    @property
    def is_met(self) -> bool | None:
        return None if self.figure is None else self.figure <= self.limit


def goals(results: Results) -> list[Goal]:
    """All goals, whether this run measured them or not."""
    return [*_processor_time(results), *_latency(results), *_memory(results), *_growth(results)]


def _processor_time(results: Results) -> Iterator[Goal]:
    for scenario in ("a", "a100k"):
        for peer, limit in (("hyper", 1.10), ("pingora", 0.70), ("envoy", 0.35)):
            yield _ratio(results, scenario, "tidegate-bare", peer, limit)
    for scenario in ("g1", "g2"):
        yield _ratio(results, scenario, "tidegate-bare", "nginx", 1.15)
    yield _ratio(results, "f", "tidegate-pooled", "nginx-lua", 1.00)
    yield _ratio(results, "f", "tidegate", "envoy-wasm", 0.75)
    fresh, hyper = results.figure("tidegate", "c", "busy", "ratio"), results.figure("hyper", "a", "busy", "ratio")
    figure = fresh.value / hyper.value / NGX_WASM_FRESH_C if fresh and hyper else None
    yield Goal(f"`c`: tidegate to ngx_wasm with an instance per request ({NGX_WASM_FRESH_C} × hyper's `a`)", figure, 0.20)
    yield _ratio(results, "d", "tidegate-pooled", "nginx-lua", 1.2)


def _ratio(results: Results, scenario: str, ours: str, theirs: str, limit: float) -> Goal:
    own, other = (results.figure(peer, scenario, "busy", "ratio") for peer in (ours, theirs))
    figure = own.value / other.value if own and other else None
    return Goal(f"`{scenario}`: CPU time per request of {ours} to {theirs}", figure, limit)


def _latency(results: Results) -> Iterator[Goal]:
    for ours in ("tidegate", "tidegate-pooled"):
        for percentile in ("p50", "p99"):
            own = results.figure(ours, "f", "paced", f"latency_us.{percentile}")
            envoys = (results.figure(peer, "f", "paced", f"latency_us.{percentile}") for peer in ("envoy", "envoy-wasm"))
            best = min((figure.value for figure in envoys if figure), default=None)
            figure = own.value / best if own and best else None
            yield Goal(f"`f` at 2 000/s: {percentile} of {ours} to the better of both Envoys", figure, 1.0)
    for ours in ("tidegate", "tidegate-pooled"):
        own_step, machine_step = _step(results, ours), _step(results, "hyper")
        figure = own_step / machine_step if own_step and machine_step else None
        yield Goal(f"`f` at 2 000/s: p99.9 ÷ p99 of {ours} to that of hyper", figure, STEP_FACTOR)


def _step(results: Results, peer: str) -> float | None:
    high, low = (results.figure(peer, "f", "paced", f"latency_us.{name}") for name in ("p99.9", "p99"))
    return high.value / low.value if high and low else None


def _memory(results: Results) -> Iterator[Goal]:
    for peer in ("tidegate", "tidegate-pooled"):
        idle_mib = results.memory_mib(peer, "f", "idle_kib")
        idle_mb = idle_mib * 1.048576 if idle_mib else None
        yield Goal(f"memory of {peer} with 4 plugins, idle", idle_mb, MEMORY_IDLE_MB, "MB")
    for trend in linearity.trends(results):
        if trend.of == "memory" and trend.peer in ("tidegate", "tidegate-pooled"):
            claim = f"memory of {trend.peer} with 4 plugins for each idle connection"
            yield Goal(claim, trend.line.slope * 1024 / 1000, MEMORY_CONNECTION_KB, "KB")


def _growth(results: Results) -> Iterator[Goal]:
    for trend in linearity.trends(results):
        if trend.peer.startswith("tidegate"):
            claim = f"{trend.of} of {trend.peer} against {trend.grows}: largest distance from a straight line"
            yield Goal(claim, trend.line.deviation * 100, linearity.DEVIATION_MAX * 100, "%")
