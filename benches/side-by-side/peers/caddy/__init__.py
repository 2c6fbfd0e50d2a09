"""Caddy of Debian, on one processor of Go's scheduler."""

from pathlib import Path

from sidebyside.peer import Launch, Order, program_says, render
from sidebyside.scenario import Policy

HERE = Path(__file__).parent


class Caddy:
    name = "caddy"
    about = "Caddy of Debian"
    # Tokens and limits are modules of others, which Debian's build does not have.
    policies = frozenset({Policy.PLAIN, Policy.HEADER, Policy.TLS})

    def version(self) -> str | None:
        said = program_says("caddy", "version")
        return said and f"Caddy {said.split()[0]}"

    def launch(self, order: Order) -> Launch:
        encrypted = order.policy is Policy.TLS
        values = {
            "SITE": f"{'https' if encrypted else 'http'}://127.0.0.1:{order.port}",
            "TLS": f"tls {order.keys}/tls.crt {order.keys}/tls.key" if encrypted else "",
            "HEADERS": "header_up x-gw bench\n\t\theader_down x-gw bench" if order.policy is Policy.HEADER else "",
            "ORIGIN": order.origin,
        }
        caddyfile = order.folder / "Caddyfile"
        caddyfile.write_text(render(HERE / "Caddyfile", values))
        environment = {
            "XDG_DATA_HOME": str(order.folder),
            "XDG_CONFIG_HOME": str(order.folder),
            "GOMAXPROCS": "1",
        }
        return Launch(["caddy", "run", "--adapter", "caddyfile", "--config", str(caddyfile)], environment)
