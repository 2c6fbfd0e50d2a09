"""fastify on Node.js, from npm: the gateway that one writes oneself in JavaScript."""

import json
import shutil
from pathlib import Path

from sidebyside import place
from sidebyside.peer import Launch, Order, program_says
from sidebyside.scenario import Policy

HERE = Path(__file__).parent


class Fastify:
    name = "fastify"
    about = "fastify on Node.js"
    # Fastify's proxy does not take HTTP/2 from clients and HTTP/1.1 to the origin at once.
    policies = frozenset(Policy) - {Policy.TLS}

    def version(self) -> str | None:
        package = HERE / "node_modules" / "fastify" / "package.json"
        program = node()
        if program is None or not package.exists():
            return None
        return f"fastify {json.loads(package.read_text())['version']} on Node.js {program_says(program, '--version')}"

    def launch(self, order: Order) -> Launch:
        environment = {**order.environment(), "NODE_ENV": "production"}
        return Launch([node() or "node", str(HERE / "gateway.js"), order.policy.value, str(order.port)], environment)


def node() -> str | None:
    """Node.js as set-up got it from PyPI because the system's is too old or absent, or else the system's."""
    own = place.VENV / "bin" / "node"
    return str(own) if own.exists() else shutil.which("node")
