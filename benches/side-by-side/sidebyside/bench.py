"""The bench: an origin, a resident bare proxy that tells how fast the machine is at this moment, and load under
accounting."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from . import accounting, place
from .load import Generator, Load, LoadFailure
from .method import Method
from .peer import Launch, Order, Peer
from .process import Process, StartFailure, takes_connections
from .scenario import SCENARIOS, Policy, Scenario

QUIET_SAMPLE_S = 0.5
REFERENCE_S = 1
# From the moment a peer listens until it is at rest.
SETTLE_S = 0.3


@dataclass
class Phase:
    """One stretch of load on one peer, and what it cost."""

    requests: int = 0
    per_second: float = 0.0
    bad: int = 0
    latency_us: dict[str, float] = field(default_factory=dict)
    wall_s: float = 0.0
    # Processor time of the peer's processes: by the scheduler, and by ticks as a cross-check.
    cpu_s: float = 0.0
    cpu_ticks_s: float = 0.0
    cpu_us: float | None = None
    # The resident reference around this phase: its figure, how far its two figures lie apart, and the peer's multiple.
    reference_us: float | None = None
    drift_percent: float = 0.0
    ratio: float | None = None
    # What anybody else used, of one processor.
    foreign_percent: float = 0.0
    steal_s: float = 0.0
    # How busy the machine was before, all processors together.
    before_percent: float = 0.0
    attempt: int = 0
    error: str | None = None


class Bench:
    """A context in which origin and reference run."""

    def __init__(self, method: Method, reference: Peer) -> None:
        self.method = method
        self.generator = Generator(method.cores.load, place.RUNS)
        self._reference_peer = reference
        self._patience_s = method.patience_s
        self._running: list[Process] = []

    def __enter__(self) -> "Bench":
        place.RUNS.mkdir(parents=True, exist_ok=True)
        for port in (place.ORIGIN_PORT, place.PEER_PORT, place.REFERENCE_PORT, place.ADMIN_PORT, place.CHECK_PORT):
            if takes_connections(port):
                raise StartFailure(f"port {port} is in use")
        try:
            launch = Launch([str(place.NATIVE / "origin"), place.origin_address()])
            self.origin = self._resident(launch, self.method.cores.load, "origin", place.ORIGIN_PORT)
            order = self.order(Policy.PLAIN, "reference", port=place.REFERENCE_PORT)
            launch = self._reference_peer.launch(order)
            self.reference = self._resident(launch, self.method.cores.proxy, "reference", place.REFERENCE_PORT)
            self.reference_us()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def order(
        self, policy: Policy, name: str, *, port: int = place.PEER_PORT, connections: int = Order.connections
    ) -> Order:
        """An order with a folder of its own and an empty access log."""
        folder = place.RUNS / name
        folder.mkdir(parents=True, exist_ok=True)
        order = Order(policy, port, place.origin_address(), place.KEYS, folder, connections=connections)
        order.access_log.write_text("")
        return order

    def start(self, launch: Launch, order: Order) -> Process:
        """Starts a proxy on its core, and waits until it serves."""
        process = Process(launch, self.method.cores.proxy, order.folder)
        process.wait_for(order.port)
        time.sleep(SETTLE_S)
        return process

    def most(self, scenario: Scenario, seconds: int, port: int = place.PEER_PORT) -> Load:
        """As much load as the peer takes."""
        return self.generator.most(scenario, port, seconds, self.method.connections, self.method.handshakes_per_s)

    def paced(self, scenario: Scenario) -> Load:
        """Load at the fixed rate."""
        method = self.method
        return self.generator.paced(scenario, place.PEER_PORT, method.paced_s, method.connections, method.rate_per_s)

    def reference_us(self) -> float:
        """Processor time for a request of the reference now, plain proxying, in µs."""
        pids = self.reference.pids()
        before = accounting.usage(pids)
        load = self.most(SCENARIOS["a"], REFERENCE_S, place.REFERENCE_PORT)
        return accounting.usage(pids).since(before).run_ns / 1e3 / load.requests

    def phase(self, process: Process, load: Callable[[], Load], *, reference: bool = True) -> Phase:
        """One phase; again while it was disturbed, at most as often as the method says and while there is patience. The
        least disturbed one."""
        phases: list[Phase] = []
        for attempt in range(max(self.method.repeats, 1) + 1):
            begin = time.monotonic()
            phase = self._attempt(process, load, reference)
            if attempt:
                self._patience_s -= time.monotonic() - begin
            phase.attempt = attempt
            phases.append(phase)
            # A generator that failed has a second try, whatever the method says.
            if not phase.error and self._is_enough(phase):
                break
        return min(phases, key=lambda phase: (phase.error is not None, self._disturbance(phase)))

    def _attempt(self, process: Process, load: Callable[[], Load], reference: bool) -> Phase:
        phase = Phase(before_percent=self._wait_for_quiet())
        try:
            before_us = self.reference_us() if reference else None
            self._account(phase, process, load)
            if before_us:
                after_us = self.reference_us()
                phase.reference_us = (before_us + after_us) / 2
                phase.drift_percent = abs(after_us - before_us) / phase.reference_us * 100
                phase.ratio = phase.cpu_us and phase.cpu_us / phase.reference_us
        except LoadFailure as failure:
            phase.error = str(failure)
        return phase

    def _account(self, phase: Phase, process: Process, load: Callable[[], Load]) -> None:
        """Runs the load; all that is busy and is neither proxy, origin nor generator is foreign."""
        pids, origin = process.pids(), self.origin.pids()
        machine, peer, at_origin = accounting.processors(), accounting.usage(pids), accounting.usage(origin)
        generators, start = _children_s(), time.monotonic()

        seen = load()

        wall_s = time.monotonic() - start
        spent = accounting.usage(pids).since(peer)
        busy = accounting.processors().since(machine)
        ours_s = spent.run_s + accounting.usage(origin).since(at_origin).run_s + _children_s() - generators
        phase.requests, phase.per_second, phase.bad = seen.requests, seen.per_second, seen.bad
        phase.latency_us = seen.latency_us
        phase.wall_s, phase.cpu_s, phase.cpu_ticks_s = wall_s, spent.run_s, spent.ticks_s
        phase.cpu_us = spent.run_ns / 1e3 / seen.requests if seen.requests else None
        phase.foreign_percent = (sum(busy.busy_s) - ours_s) / wall_s * 100
        phase.steal_s = busy.steal_s

    def _wait_for_quiet(self) -> float:
        """Returns how busy the machine is, once it is quiet or the wait has been long enough."""
        end = time.monotonic() + min(self.method.quiet_wait_s, self._patience_s)
        while True:
            before = accounting.processors()
            time.sleep(QUIET_SAMPLE_S)
            percent = sum(accounting.processors().since(before).busy_s) / QUIET_SAMPLE_S * 100
            if percent <= self.method.quiet_percent or time.monotonic() >= end:
                return percent
            self._patience_s -= QUIET_SAMPLE_S

    def _is_enough(self, phase: Phase) -> bool:
        calm = self._disturbance(phase) == 0
        return calm or phase.attempt >= self.method.repeats or self._patience_s <= 0

    def _disturbance(self, phase: Phase) -> float:
        """By how much a phase was disturbed beyond what is borne; 0 is good."""
        foreign = max(0.0, phase.foreign_percent - self.method.foreign_percent)
        return foreign + max(0.0, phase.drift_percent - self.method.drift_percent)

    def _resident(self, launch: Launch, core: int, name: str, port: int) -> Process:
        process = Process(launch, core, place.RUNS / name)
        self._running.append(process)
        process.wait_for(port)
        return process

    def _stop(self) -> None:
        for process in self._running:
            process.stop()


def _children_s() -> float:
    """Processor time of all children that have ended: of the generators, as peers end outside of phases."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
