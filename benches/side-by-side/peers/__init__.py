"""All peers, in the order of the tables. To add one, write a folder like the others and name it here."""

from sidebyside.peer import Peer

from .caddy import Caddy
from .envoy import Envoy
from .fastify import Fastify
from .haproxy import Haproxy
from .native import HYPER, HYPER_STEALING, PINGORA
from .nginx import LUA, NGINX, NJS
from .tidegate import BARE, FRESH, POOLED

ALL: tuple[Peer, ...] = (
    BARE,
    POOLED,
    FRESH,
    HYPER,
    HYPER_STEALING,
    NGINX,
    LUA,
    NJS,
    Haproxy(),
    PINGORA,
    Envoy("envoy", wasm=False),
    Envoy("envoy-wasm", wasm=True),
    Caddy(),
    Fastify(),
)

PEERS = {peer.name: peer for peer in ALL}
