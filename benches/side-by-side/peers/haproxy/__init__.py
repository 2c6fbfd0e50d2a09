"""HAProxy of Debian."""

from pathlib import Path

from sidebyside.peer import ISSUER, Launch, Order, program_says, render
from sidebyside.scenario import Policy

HERE = Path(__file__).parent

COUNTERS = """backend counters
  stick-table type string len 64 size 100k expire 2m store http_req_rate(60s)"""

SET_HEADER = """  http-request set-header x-gw bench
  http-response set-header x-gw bench
"""

# A sliding window for each key.
LIMIT = """  http-request track-sc0 {key} table counters
  http-request return status 429 content-type text/plain string denied if {{ sc_http_req_rate(0) gt {limit} }}
"""

AUTHENTICATE = """  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
  http-request set-var(txn.iss) var(txn.token),jwt_payload_query('$.iss')
  http-request set-var(txn.sub) var(txn.token),jwt_payload_query('$.sub')
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request return status 401 content-type text/plain string denied unless \
{{ var(txn.alg) -m str {algorithm} }} \
{{ var(txn.iss) -m str {issuer} }} \
{{ var(txn.exp),sub(txn.now) -m int gt 0 }} \
{{ var(txn.token),jwt_verify(txn.alg,"{key}") -m int 1 }}
  http-request set-header x-sub %[var(txn.sub)]
"""

LOG = """  log global
  log-format '%ci %Ts.%ms "%HM %HP" %ST %B %Ta "%[capture.req.hdr(0)]" %[var(txn.sub)]'
  http-request capture req.hdr(user-agent) len 64
"""


class Haproxy:
    name = "haproxy"
    about = "HAProxy of Debian"
    policies = frozenset(Policy)

    def version(self) -> str | None:
        # "HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/"
        said = program_says("haproxy", "-v")
        return said and f"HAProxy {said.split()[2]}"

    def launch(self, order: Order) -> Launch:
        values = {
            "CONNECTIONS": 2 * order.connections,
            "PORT": order.port,
            "ORIGIN": order.origin,
            "GLOBAL": "log stdout format raw local0 info" if order.policy is Policy.ALL else "",
            "TABLE": COUNTERS if order.policy in (Policy.RATE, Policy.ALL) else "",
            "BIND": f"ssl crt {order.keys}/tls.pem alpn h2,http/1.1" if order.policy is Policy.TLS else "",
            "RULES": rules(order),
        }
        cfg = order.folder / "haproxy.cfg"
        cfg.write_text(render(HERE / "haproxy.cfg", values))
        # It logs to syslog or to standard output; the latter is made the file.
        log = order.access_log if order.policy is Policy.ALL else None
        return Launch(["haproxy", "-db", "-f", str(cfg)], stdout=log)


def rules(order: Order) -> str:
    """What the frontend does with a request, in this order."""
    match order.policy:
        case Policy.HEADER:
            return SET_HEADER
        case Policy.HS256:
            return authenticate(order, "HS256")
        case Policy.RS256:
            return authenticate(order, "RS256")
        case Policy.RATE:
            return LIMIT.format(key="hdr(x-api-key)", limit=order.limit)
        case Policy.ALL:
            limit = LIMIT.format(key="var(txn.sub)", limit=order.limit)
            return LOG + authenticate(order, "HS256") + limit + SET_HEADER
        case _:
            return ""


def authenticate(order: Order, algorithm: str) -> str:
    key = (order.keys / "hs.secret").read_text() if algorithm == "HS256" else order.keys / "rs.pub.pem"
    return AUTHENTICATE.format(algorithm=algorithm, issuer=ISSUER, key=key)
