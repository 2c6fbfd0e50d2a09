"""Proxies in Rust, from crates.io: bare hyper with the policies in native code, the floor of any gateway on hyper; and
Pingora with the same code."""

from dataclasses import dataclass

from pathlib import Path

from sidebyside import place
from sidebyside.peer import Launch, Order, locked_version
from sidebyside.scenario import Policy

LOCK = Path(__file__).parent / "Cargo.lock"


@dataclass(frozen=True)
class Native:
    name: str
    about: str
    program: str
    # The crate whose version is shown.
    crate: str
    runtime: str = ""
    policies: frozenset[Policy] = frozenset(Policy)

    def version(self) -> str | None:
        version = locked_version(LOCK, self.crate)
        return f"{self.crate} {version}" if version and (place.NATIVE / self.program).exists() else None

    def launch(self, order: Order) -> Launch:
        environment = {**order.environment(), "RUNTIME": self.runtime}
        return Launch([str(place.NATIVE / self.program), order.policy.value, str(order.port)], environment)


HYPER = Native("hyper", "bare hyper proxy, native policies, one thread", "hyper-proxy", "hyper", "single")
HYPER_STEALING = Native("hyper-mt", "the same on tokio's work-stealing runtime", "hyper-proxy", "hyper", "stealing")
PINGORA = Native("pingora", "Pingora, native policies", "pingora-gateway", "pingora")
