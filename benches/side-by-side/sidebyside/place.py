"""Where things are: folders, ports, and what was built."""

from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent
PEERS = HERE / "peers"

# Everything that set-up makes; git ignores it, and it may be deleted at any time.
BUILD = HERE / "build"
NATIVE = BUILD / "native" / "release"
FILTER = BUILD / "filter" / "wasm32-wasip1" / "release" / "filter.wasm"
VENV = BUILD / "venv"
OHA = BUILD / "tools" / "bin" / "oha"
KEYS = BUILD / "keys"
RUNS = BUILD / "run"

# Results of runs that are only tried out; git ignores them too.
OUT = HERE / "out"

# All on 127.0.0.1. The check has a port of its own, so that a straggler of one cannot answer for the other.
ORIGIN_PORT = 19000
PEER_PORT = 18080
REFERENCE_PORT = 18081
ADMIN_PORT = 18082
CHECK_PORT = 18090


def origin_address() -> str:
    """Where every peer sends what it was asked."""
    return f"127.0.0.1:{ORIGIN_PORT}"
