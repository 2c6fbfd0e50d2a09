"""What is asked of every peer: policies, and the scenarios in which they are measured."""

from dataclasses import dataclass
from enum import Enum


class Policy(Enum):
    """What a peer does with each request, besides forwarding it. The value names it in configurations."""

    PLAIN = "a"
    HEADER = "b"
    HS256 = "c"
    RS256 = "d"
    RATE = "e"
    ALL = "f"
    TLS = "g"


class Wire(Enum):
    """How the load talks to the peer."""

    HTTP = "http"
    TLS_H1 = "tls-h1"
    TLS_H2 = "tls-h2"
    # One connection with a full handshake for each request, at a fixed rate.
    HANDSHAKES = "handshakes"

    @property
    def scheme(self) -> str:
        return "http" if self is Wire.HTTP else "https"


@dataclass(frozen=True)
class Credential:
    """A header that each request carries; its values are the lines of a file among the keys, in turn."""

    header: str
    prefix: str
    file: str


HS256_TOKEN = Credential("Authorization", "Bearer ", "hs.tokens")
RS256_TOKEN = Credential("Authorization", "Bearer ", "rs.tokens")
API_KEY = Credential("x-api-key", "", "api.keys")


@dataclass(frozen=True)
class Scenario:
    """One column of the tables."""

    name: str
    title: str
    policy: Policy
    path: str = "/1k"
    wire: Wire = Wire.HTTP
    credential: Credential | None = None
    # Requests under way at once; None is as many as the method says.
    connections: int | None = None
    # Whether latency is measured at a fixed rate too.
    paced: bool = True


# Waits 200 ms before it answers, so that all of the connections have a request under way.
SLOW = Scenario("s", "slow origin, 1 000 in flight", Policy.PLAIN, path="/slow?200", connections=1000, paced=False)

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("a", "plain, 1 KiB", Policy.PLAIN),
        Scenario("a10k", "plain, 10 KiB", Policy.PLAIN, path="/10k"),
        Scenario("a100k", "plain, 100 KiB", Policy.PLAIN, path="/100k"),
        Scenario("b", "header", Policy.HEADER),
        Scenario("c", "JWT HS256", Policy.HS256, credential=HS256_TOKEN),
        Scenario("d", "JWT RS256", Policy.RS256, credential=RS256_TOKEN),
        Scenario("e", "rate limit by key", Policy.RATE, credential=API_KEY),
        Scenario("f", "JWT, limit, header, log", Policy.ALL, credential=HS256_TOKEN),
        Scenario("g1", "TLS, HTTP/1.1", Policy.TLS, wire=Wire.TLS_H1),
        Scenario("g2", "TLS, HTTP/2", Policy.TLS, wire=Wire.TLS_H2),
        Scenario("gh", "TLS handshakes", Policy.TLS, wire=Wire.HANDSHAKES, paced=False),
        SLOW,
    )
}
