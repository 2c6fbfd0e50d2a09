"""Tidegate: without plugins, with an instance for each request, and with pooled instances."""

import os
from pathlib import Path

from sidebyside import place
from sidebyside.peer import Launch, Order, program_says
from sidebyside.scenario import Policy

from .document import document

WITH_PLUGINS = frozenset({Policy.HEADER, Policy.HS256, Policy.RS256, Policy.RATE, Policy.ALL})


class Tidegate:
    # The program; `--gateway` puts another in its place.
    program: Path = Path(os.environ.get("CARGO_TARGET_DIR", place.REPOSITORY / "target")) / "release" / "tidegate"

    def __init__(self, name: str, about: str, isolation: str, policies: frozenset[Policy]) -> None:
        self.name = name
        self.about = about
        self.isolation = isolation
        self.policies = policies

    def version(self) -> str | None:
        return program_says(str(self.program), "--version") if self.program.exists() else None

    def launch(self, order: Order) -> Launch:
        return self.launch_with(order, document(order, self.isolation))

    def launch_with(self, order: Order, text: str) -> Launch:
        """With a configuration of its own, as growth measures it."""
        file = order.folder / "gateway.toml"
        file.write_text(text)
        # Compiled plugins are kept there, so that only the first start compiles them.
        environment = {"XDG_CACHE_HOME": str(place.BUILD / "cache")}
        return Launch([str(self.program), "run", str(file)], environment)


BARE = Tidegate("tidegate-bare", "Tidegate without plugins", "request", frozenset({Policy.PLAIN, Policy.TLS}))
POOLED = Tidegate("tidegate-pooled", "Tidegate, pooled instances", "pooled", WITH_PLUGINS)
FRESH = Tidegate("tidegate", "Tidegate, a fresh instance of each plugin for each request", "request", WITH_PLUGINS)
