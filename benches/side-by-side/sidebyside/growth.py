"""What Tidegate costs as something grows: plugins, connections, routes."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from peers.native import HYPER
from peers.nginx import NGINX
from peers.tidegate import BARE, FRESH, POOLED, Tidegate
from peers.tidegate.document import document_with_plugins, document_with_routes, route_prefix

from . import accounting, place
from .bench import Bench, Phase
from .load import LoadFailure, requests_of
from .peer import Launch, Order, Peer
from .process import StartFailure
from .scenario import SCENARIOS, Policy, Scenario

PLUGINS = (0, 1, 2, 5, 10, 20)
CONNECTIONS = (1, 64, 1_000, 10_000)
BUSY_CONNECTIONS = (1, 64, 250, 1_000, 10_000)
ROUTES = (10, 1_000, 10_000)

# Beside idle connections, or if nothing is said, so many are busy.
BUSY = 64
# For all of a series, so that what a peer sets aside for connections does not differ.
CONNECTIONS_ALLOWED = 12_000
# Files beside those of connections.
SPARE_FILES = 500
# Peers give buffers of idle connections back after a second or so.
IDLE_S = 2.5
# Requests go round so many routes, evenly spread over all of them.
ROUTES_ASKED = 100


@dataclass
class Point:
    """One size, and what was measured there."""

    size: int
    memory_kib: int = 0
    phase: Phase | None = None
    error: str | None = None


@dataclass
class Series:
    """One peer at growing sizes of something."""

    grows: str
    peer: str
    scenario: str
    points: list[Point] = field(default_factory=list)


def measure(bench: Bench, say: Callable[[str], None], measured: Callable[[Peer, Policy], bool], files: int) -> list[Series]:
    """All series of the peers that have passed the check. `files` is how many a process may have open."""
    found = []

    def run(series: Series, point: Callable[[int], Point], sizes: tuple[int, ...]) -> None:
        for size in sizes:
            try:
                series.points.append(point(size))
            except (StartFailure, LoadFailure, OSError) as failure:
                series.points.append(Point(size, error=str(failure)))
            say(f"{series.grows:>16} {size:>6}  {series.peer:<16} {_told(series.points[-1])}")
        found.append(series)

    for own in (FRESH, POOLED):
        if measured(own, Policy.HEADER):
            run(Series("plugins", own.name, "a"), lambda n: _plugins(bench, own, n), PLUGINS)
    holders: tuple[tuple[Peer, str], ...] = ((BARE, "a"), (FRESH, "f"), (POOLED, "f"), (HYPER, "a"), (NGINX, "a"))
    for peer, name in holders:
        scenario = SCENARIOS[name]
        if measured(peer, scenario.policy):
            run(Series("idle connections", peer.name, name), lambda n: _idle_connections(bench, peer, scenario, n), CONNECTIONS)
    busy: tuple[Peer, ...] = (BARE, HYPER, NGINX)
    for peer in busy:
        if measured(peer, Policy.PLAIN):
            # A busy connection is two files of the proxy.
            sizes = tuple(n for n in BUSY_CONNECTIONS if 2 * n + SPARE_FILES <= files)
            run(Series("busy connections", peer.name, "a"), lambda n: _busy_connections(bench, peer, n), sizes)
    if measured(BARE, Policy.PLAIN):
        run(Series("routes", BARE.name, "a"), lambda n: _routes(bench, n), ROUTES)
    return found


def _plugins(bench: Bench, peer: Tidegate, count: int) -> Point:
    order = bench.order(Policy.PLAIN, f"growth-{peer.name}")
    text = document_with_plugins(order, peer.isolation, count)
    return _point(bench, count, peer.launch_with(order, text), order, [SCENARIOS["a"].path])


def _routes(bench: Bench, count: int) -> Point:
    order = bench.order(Policy.PLAIN, "growth-routes")
    step = max(1, count // ROUTES_ASKED)
    paths = [f"{route_prefix(i)}/items" for i in range(0, count, step)]
    return _point(bench, count, BARE.launch_with(order, document_with_routes(order, count)), order, paths)


def _busy_connections(bench: Bench, peer: Peer, count: int) -> Point:
    order = bench.order(Policy.PLAIN, f"growth-{peer.name}", connections=CONNECTIONS_ALLOWED)
    return _point(bench, count, peer.launch(order), order, [SCENARIOS["a"].path], busy=count)


def _idle_connections(bench: Bench, peer: Peer, scenario: Scenario, count: int) -> Point:
    order = bench.order(scenario.policy, f"growth-{peer.name}", connections=CONNECTIONS_ALLOWED)
    return _point(bench, count, peer.launch(order), order, requests_of(scenario), idle=count)


def _point(
    bench: Bench,
    size: int,
    launch: Launch,
    order: Order,
    requests: list[str],
    *,
    busy: int = BUSY,
    idle: int = 0,
) -> Point:
    """Starts a proxy, holds idle connections, and loads it by busy ones. Memory is that with idle connections alone if
    there are any, and that after the load if not."""
    process = bench.start(launch, order)
    url = f"http://127.0.0.1:{order.port}"
    try:
        point = Point(size)
        with _held(order.port, requests[0], idle):
            time.sleep(IDLE_S if idle else 0)
            held_kib = accounting.memory_kib(process.pids())
            bench.generator.wrk(url, requests, bench.method.warm_s, busy)
            point.phase = bench.phase(process, lambda: bench.generator.wrk(url, requests, bench.method.busy_s, busy))
            point.memory_kib = held_kib if idle else accounting.memory_kib(process.pids())
        return point
    finally:
        process.stop()
        order.access_log.unlink(missing_ok=True)


@contextmanager
def _held(port: int, request: str, count: int) -> Iterator[None]:
    """So many connections, each of which had one request answered."""
    path, _, field_line = request.partition("\t")
    fields = f"{field_line}\r\n" if field_line else ""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: side-by-side\r\n{fields}\r\n".encode()
    held: list[socket.socket] = []
    try:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), 10)
            held.append(connection)
            connection.sendall(head)
            answer = connection.makefile("rb")
            status = answer.readline()
            if b" 200 " not in status:
                raise LoadFailure(f"connection {len(held)} was answered by {status!r}")
            length = 0
            while (line := answer.readline().strip()):
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            answer.read(length)
            answer.close()
        yield
    finally:
        for connection in held:
            connection.close()


def _told(point: Point) -> str:
    if point.error:
        return point.error
    phase = point.phase
    if phase is None or phase.error or phase.cpu_us is None:
        return phase.error or "no requests" if phase else "no phase"
    return f"{phase.cpu_us:7.1f} µs a request, {phase.per_second:8.0f}/s, {point.memory_kib / 1024:6.1f} MiB"
