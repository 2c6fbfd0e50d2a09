"""A peer: a gateway that can be told to do what a scenario asks, and started."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from .scenario import Policy

# So high that nobody is refused while a peer is measured; every peer can count to it.
NO_LIMIT = 1_000_000_000
ISSUER = "bench"


@dataclass(frozen=True)
class Order:
    """What a peer is to do, and where."""

    policy: Policy
    port: int
    origin: str
    keys: Path
    # For its configuration, its logs and its output. Empty when it starts, but for what it left there itself.
    folder: Path
    # Requests of one key within a minute.
    limit: int = NO_LIMIT
    # How many clients' connections it must be able to hold.
    connections: int = 4096

    @property
    def access_log(self) -> Path:
        return self.folder / "access.log"

    def environment(self) -> dict[str, str]:
        """The order as variables, for peers that are programs of ours."""
        return {
            "ORIGIN": self.origin,
            "HS_SECRET_FILE": str(self.keys / "hs.secret"),
            "RS_PUB_PEM": str(self.keys / "rs.pub.pem"),
            "RS_PUB_DER": str(self.keys / "rs.pub.der"),
            "JWT_ISS": ISSUER,
            "TLS_CERT": str(self.keys / "tls.crt"),
            "TLS_KEY": str(self.keys / "tls.key"),
            "LIMIT": str(self.limit),
            "ACCESS_LOG": str(self.access_log),
        }


@dataclass(frozen=True)
class Launch:
    """A program to start in the foreground."""

    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    # Where its standard output goes if it is its access log.
    stdout: Path | None = None


class Peer(Protocol):
    """One row of the tables."""

    @property
    def name(self) -> str:
        """As in the tables and after `--peers`."""

    @property
    def about(self) -> str:
        """What it is, in a few words."""

    @property
    def policies(self) -> frozenset[Policy]:
        """What it can do. Anything else is a dash in the tables."""

    def version(self) -> str | None:
        """Name and version as its program or its lock file has it; None if it is not installed."""

    def launch(self, order: Order) -> Launch:
        """Writes its configuration into the order's folder, and says how to start it."""


def render(template: Path, values: Mapping[str, object]) -> str:
    """The text of a template with each @NAME@ replaced."""
    text = template.read_text()
    for name, value in values.items():
        if f"@{name}@" not in text:
            raise ValueError(f"{template.name} has no @{name}@")
        text = text.replace(f"@{name}@", str(value))
    return text


def program_says(*argv: str) -> str | None:
    """The first line that a program says about itself; None if it is not there."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, env=dict(os.environ, LC_ALL="C"))
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines[0] if lines else None


def locked_version(lock: Path, package: str) -> str | None:
    """The version of a crate in a Cargo.lock."""
    if not lock.exists():
        return None
    lines = lock.read_text().splitlines()
    for line, following in zip(lines, lines[1:]):
        if line == f'name = "{package}"':
            return following.split('"')[1]
    return None
