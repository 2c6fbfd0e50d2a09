"""A cell of the tables: one peer in one scenario, once."""

import threading
import time
from dataclasses import dataclass

from . import accounting
from .bench import Bench, Phase
from .load import Load, LoadFailure
from .peer import Peer
from .process import Process, StartFailure
from .scenario import Scenario

# Long enough that a slow origin has all connections waiting in the middle of it.
IN_FLIGHT_S_MIN = 2


@dataclass
class Cell:
    peer: str
    scenario: str
    repetition: int
    # Seconds since 1970.
    at: float
    # Memory before any load, after it, and in the middle of a phase that holds connections.
    idle_kib: int = 0
    loaded_kib: int = 0
    in_flight_kib: int | None = None
    busy: Phase | None = None
    paced: Phase | None = None
    error: str | None = None


def measure(bench: Bench, peer: Peer, scenario: Scenario, repetition: int) -> Cell:
    """Starts the peer, loads it, and ends it."""
    cell = Cell(peer.name, scenario.name, repetition, time.time())
    order = bench.order(scenario.policy, f"{peer.name}-{scenario.name}")
    try:
        process = bench.start(peer.launch(order), order)
    except StartFailure as failure:
        cell.error = f"did not start: {failure}"
        return cell
    try:
        cell.idle_kib = accounting.memory_kib(process.pids())
        bench.most(scenario, bench.method.warm_s)
        cell.busy = bench.phase(process, lambda: _busy(bench, process, scenario, cell))
        cell.loaded_kib = accounting.memory_kib(process.pids())
        if scenario.paced and bench.method.paced_s:
            reference = bench.method.paced_reference
            cell.paced = bench.phase(process, lambda: bench.paced(scenario), reference=reference)
    except LoadFailure as failure:
        cell.error = str(failure)
    finally:
        process.stop()
        # Some hundred bytes for each request of each peer would fill a disk.
        order.access_log.unlink(missing_ok=True)
    return cell


def _busy(bench: Bench, process: Process, scenario: Scenario, cell: Cell) -> Load:
    if scenario.connections is None:
        return bench.most(scenario, bench.method.busy_s)
    seconds = max(bench.method.busy_s, IN_FLIGHT_S_MIN)

    def look() -> None:
        cell.in_flight_kib = accounting.memory_kib(process.pids())

    timer = threading.Timer(seconds / 2, look)
    timer.start()
    try:
        return bench.most(scenario, seconds)
    finally:
        timer.join()
