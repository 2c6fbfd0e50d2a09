"""gateway.toml for each policy: one worker, the plugins that are part of the gateway, and otherwise the defaults."""

from sidebyside import place
from sidebyside.peer import ISSUER, Order
from sidebyside.scenario import Policy

# Beyond the default of `limits.connections`, which a user with so many clients raises too.
CONNECTIONS_DEFAULT = 10_000

# `any_audience`, because no other peer looks at the audience.
AUTHENTICATE = """
[plugins.auth]
component = "jwt"
isolation = "{isolation}"

[plugins.auth.config]
claims_to_headers = {{ sub = "x-sub" }}

[[plugins.auth.config.issuers]]
iss = "{issuer}"
any_audience = true
algorithms = ["{algorithm}"]
{key}
"""

# A fixed window, and no headers about it, as with the others.
LIMIT = """
[plugins.limit]
component = "rate-limit"
isolation = "{isolation}"
config = {{ limit = {limit}, per = "minute", algorithm = "fixed", by = "{by}", headers = "none" }}
"""

HEADERS = """
[plugins.{name}]
component = "headers"
isolation = "{isolation}"
config = {{ request = {{ set = {{ "{header}" = "bench" }} }}, response = {{ set = {{ "{header}" = "bench" }} }} }}
"""

LOG = """
[outputs.access]
file = "access.log"

[plugins.log]
component = "access-log"
isolation = "{isolation}"

[plugins.log.config]
output = "access"
template = '$client $time "$request" $status $response_bytes $${{duration_ms}} "$user_agent" $attribute_auth.subject'
"""


def document(order: Order, isolation: str) -> str:
    """The configuration for a policy."""
    plugins = {
        Policy.HEADER: [headers(isolation)],
        Policy.HS256: [authenticate(order, isolation, "HS256")],
        Policy.RS256: [authenticate(order, isolation, "RS256")],
        Policy.RATE: [limit(order, isolation, "header:x-api-key")],
        Policy.ALL: [
            LOG.format(isolation=isolation),
            authenticate(order, isolation, "HS256"),
            limit(order, isolation, "consumer"),
            headers(isolation),
        ],
    }.get(order.policy, [])
    pipelines = {
        Policy.HEADER: ["headers"],
        Policy.HS256: ["auth"],
        Policy.RS256: ["auth"],
        Policy.RATE: ["limit"],
        Policy.ALL: ["log", "auth", "limit", "headers"],
    }
    tls = f'{{ certificate = "{order.keys}/tls.crt", key = "{order.keys}/tls.key" }}'
    listener = f"tls = {tls}" if order.policy is Policy.TLS else ""
    return base(order, listener) + "".join(plugins) + route("all", "/", pipelines.get(order.policy, []))


def document_with_plugins(order: Order, isolation: str, count: int) -> str:
    """So many plugins that each set a header of their own."""
    names = [f"headers-{i}" for i in range(count)]
    plugins = [headers(isolation, name, f"x-gw-{i}") for i, name in enumerate(names)]
    return base(order) + "".join(plugins) + route("all", "/", names)


def document_with_routes(order: Order, count: int) -> str:
    """So many routes, by prefix."""
    return base(order) + "".join(route(f"route-{i}", route_prefix(i), []) for i in range(count))


def route_prefix(index: int) -> str:
    """What the route of this number takes."""
    return f"/service-{index}/v1"


def base(order: Order, listener: str = "") -> str:
    """Everything but plugins and routes."""
    text = f"""
[gateway]
workers = 1

[admin]
address = "127.0.0.1:{place.ADMIN_PORT}"

[[listeners]]
address = "127.0.0.1:{order.port}"
{listener}

[upstreams.origin]
endpoints = ["http://{order.origin}"]
"""
    if order.connections >= CONNECTIONS_DEFAULT:
        text += f"\n[limits]\nconnections = {order.connections}\n"
    return text


def route(name: str, prefix: str, pipeline: list[str]) -> str:
    plugins = f"[{', '.join(f'{plugin!r}' for plugin in pipeline)}]"
    return f"""
[[routes]]
name = "{name}"
match = {{ path = "{prefix}" }}
pipeline = {plugins}
upstream = "origin"
"""


def authenticate(order: Order, isolation: str, algorithm: str) -> str:
    key = {
        "HS256": f'secret = "${{file:{order.keys}/hs.secret}}"',
        "RS256": f'public_key = "${{file:{order.keys}/rs.pub.pem}}"',
    }[algorithm]
    return AUTHENTICATE.format(isolation=isolation, issuer=ISSUER, algorithm=algorithm, key=key)


def limit(order: Order, isolation: str, by: str) -> str:
    return LIMIT.format(isolation=isolation, limit=order.limit, by=by)


def headers(isolation: str, name: str = "headers", header: str = "x-gw") -> str:
    return HEADERS.format(isolation=isolation, name=name, header=header)
