"""The equal-work check: whoever forgets a part of a policy, or lets pass what it should not, is not measured.

Each peer is started once for each policy, with a limit of five requests a minute, and asked good and bad things."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import keys, place
from .peer import Order, Peer
from .process import Process, StartFailure
from .scenario import Policy

LIMIT = 5
AGENT = "side-by-side-check"
# Peers with fixed windows begin anew with each minute; a check does not straddle one.
WINDOW_S, WINDOW_MARGIN_S = 60, 4
LOG_WAIT_S = 1.5

Headers = dict[str, str]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    body: bytes

    def upstream_saw(self, line: str) -> bool:
        """Whether the echoed request has this field line; names have no case."""
        return line.lower().encode() in self.body.lower()


class Wrong(Exception):
    """What a peer did otherwise than it should."""


def check(peer: Peer, policy: Policy, core: int) -> str | None:
    """What is wrong with this peer under this policy; None if nothing is. The origin must be running."""
    folder = place.RUNS / f"check-{peer.name}-{policy.value}"
    folder.mkdir(parents=True, exist_ok=True)
    order = Order(policy, place.CHECK_PORT, place.origin_address(), place.KEYS, folder, limit=LIMIT)
    order.access_log.write_text("")
    process = Process(peer.launch(order), core, folder)
    try:
        process.wait_for(order.port)
        for step in STEPS[policy]:
            step(order)
        if policy is Policy.ALL:
            _logs(order, process)
    except StartFailure as failure:
        return f"did not start: {failure}"
    except Wrong as wrong:
        return str(wrong)
    except (OSError, http.client.HTTPException) as error:
        return f"broke off: {error!r}"
    finally:
        process.stop()
    return None


def _forwards(order: Order) -> None:
    _expect("status", _get(order, "/echo").status, 200)
    big = _get(order, "/100k")
    _expect("a body of 100 KiB", (big.status, len(big.body)), (200, 102_400))
    chunked = _get(order, "/stream")
    _expect("a chunked body of 10 KiB", (chunked.status, len(chunked.body)), (200, 10_240))


def _leaves_headers_alone(order: Order) -> None:
    answer = _get(order, "/echo")
    _expect("no x-gw upstream", answer.upstream_saw("x-gw:"), False)
    _expect("no x-gw downstream", answer.headers.get("x-gw"), None)


def _sets_header(order: Order) -> None:
    answer = _get(order, "/echo", _credentials(order, 3))
    _expect("x-gw upstream", answer.upstream_saw("x-gw: bench"), True)
    _expect("x-gw downstream", answer.headers.get("x-gw"), "bench")


def _authenticates(algorithm: str) -> Callable[[Order], None]:
    stem, other = ("hs", "rs") if algorithm == "HS256" else ("rs", "hs")

    def step(order: Order) -> None:
        good = _get(order, "/echo", _bearer(keys.lines(order.keys, f"{stem}.tokens")[3]))
        _expect("a good token", good.status, 200)
        _expect("x-sub upstream", good.upstream_saw("x-sub: user-0003"), True)
        refused = {
            "no token": {},
            "an expired token": _bearer(keys.lines(order.keys, f"{stem}.expired")[0]),
            "a wrong signature": _bearer(keys.lines(order.keys, f"{stem}.badsig")[0]),
            "another algorithm": _bearer(keys.lines(order.keys, f"{other}.tokens")[0]),
            "garbage": _bearer("x.y.z"),
            "another scheme": {"Authorization": "Basic eDp5"},
        }
        for what, headers in refused.items():
            _expect(what, _get(order, "/echo", headers).status, 401)

    return step


def _limits(order: Order) -> None:
    if time.time() % WINDOW_S > WINDOW_S - WINDOW_MARGIN_S:
        time.sleep(WINDOW_MARGIN_S + 0.5)
    statuses = [_get(order, "/echo", _credentials(order, 7)).status for _ in range(LIMIT + 3)]
    _expect("eight requests of one key", statuses, [200] * LIMIT + [429] * 3)
    _expect("a request of another key", _get(order, "/echo", _credentials(order, 8)).status, 200)


def _logs(order: Order, process: Process) -> None:
    """The steps before have made lines. Some write them within a second or so, others when they end."""
    end = time.monotonic() + LOG_WAIT_S
    while _logged(order) < LIMIT and time.monotonic() < end:
        time.sleep(0.1)
    process.stop()
    _expect("lines of the access log with client, request, status, agent and subject", _logged(order), LIMIT)


def _logged(order: Order) -> int:
    """How many good requests of the limited caller are in the log, with all that a line has to say."""
    told = ("user-0007", "127.0.0.1", "GET /echo", " 200 ", AGENT)
    return sum(all(word in line for word in told) for line in order.access_log.read_text().splitlines())


def _encrypts(order: Order) -> None:
    context = ssl.create_default_context(cafile=order.keys / "tls.crt")
    for protocol in ("h2", "http/1.1"):
        context.set_alpn_protocols([protocol])
        plain = socket.create_connection(("127.0.0.1", order.port), 5)
        with context.wrap_socket(plain, server_hostname="localhost") as stream:
            _expect("the protocol by ALPN", stream.selected_alpn_protocol(), protocol)
            _expect("the version of TLS", stream.version(), "TLSv1.3")
            if protocol == "http/1.1":
                stream.sendall(b"GET /1k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                _expect("an answer over TLS", stream.recv(15), b"HTTP/1.1 200 OK")


STEPS: dict[Policy, list[Callable[[Order], None]]] = {
    Policy.PLAIN: [_forwards, _leaves_headers_alone],
    Policy.HEADER: [_forwards, _sets_header],
    Policy.HS256: [_authenticates("HS256")],
    Policy.RS256: [_authenticates("RS256")],
    Policy.RATE: [_limits],
    Policy.ALL: [_authenticates("HS256"), _sets_header, _limits],
    Policy.TLS: [_encrypts],
}


def _get(order: Order, path: str, headers: Headers | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", order.port, timeout=5)
    try:
        connection.request("GET", path, headers={"User-Agent": AGENT, **(headers or {})})
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
    finally:
        connection.close()


def _credentials(order: Order, number: int) -> Headers:
    """What the caller of this number shows under the order's policy."""
    match order.policy:
        case Policy.RATE:
            return {"x-api-key": keys.lines(order.keys, "api.keys")[number]}
        case Policy.ALL:
            return _bearer(keys.lines(order.keys, "hs.tokens")[number])
        case _:
            return {}


def _bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def _expect(what: str, got: object, wanted: object) -> None:
    if got != wanted:
        raise Wrong(f"{what}: {got!r} in place of {wanted!r}")
