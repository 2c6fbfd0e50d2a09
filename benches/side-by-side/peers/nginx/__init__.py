"""nginx: alone, with LuaJIT (the model of Kong and APISIX), and with njs. All from Debian."""

from dataclasses import dataclass, field
from pathlib import Path

from sidebyside.peer import ISSUER, NO_LIMIT, Launch, Order, program_says, render
from sidebyside.scenario import Policy

HERE = Path(__file__).parent
MODULES = Path("/usr/lib/nginx/modules")

SET_HEADER = "proxy_set_header x-gw bench; add_header x-gw bench;"
TLS = """ssl_certificate {order.keys}/tls.crt;
    ssl_certificate_key {order.keys}/tls.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:sessions:10m;
    http2_max_concurrent_streams 256;"""
LOG = "access_log {order.access_log} gateway buffer=64k flush=1s;"


@dataclass
class Parts:
    """What a policy adds to nginx.conf."""

    main: str = ""
    http: str = ""
    listen: str = ""
    server: str = ""
    location: str = ""
    # The variable of the log that holds the token's subject.
    subject: str = "-"
    environment: dict[str, str] = field(default_factory=dict)


def limit_zone(order: Order, key: str) -> tuple[str, str]:
    """nginx limits by a rate: so many at once, then evenly. Both are out of reach while it is measured."""
    if order.limit >= NO_LIMIT:
        rate, burst = "1000000r/s", 1_000_000
    else:
        rate, burst = f"{order.limit}r/m", order.limit - 1
    zone = f"limit_req_zone {key} zone=limit:10m rate={rate}; limit_req_status 429;"
    return zone, f"limit_req zone=limit burst={burst} nodelay;"


class Nginx:
    name = "nginx"
    about = "nginx of Debian"
    policies = frozenset({Policy.PLAIN, Policy.HEADER, Policy.RATE, Policy.TLS})
    modules: tuple[str, ...] = ()

    def version(self) -> str | None:
        if any(not (MODULES / module).exists() for module in self.modules):
            return None
        said = program_says("nginx", "-v")
        return said and said.replace("nginx version: nginx/", "nginx ")

    def launch(self, order: Order) -> Launch:
        parts = self.parts(order)
        values = {
            "FOLDER": order.folder,
            "PORT": order.port,
            "ORIGIN": order.origin,
            # Two for each client. Slots cost memory whether they are used or not.
            "CONNECTIONS": 2 * order.connections,
            "MAIN": parts.main,
            "HTTP": parts.http,
            "LISTEN": parts.listen,
            "SERVER": parts.server,
            "LOCATION": parts.location,
            "SUBJECT": parts.subject,
        }
        conf = order.folder / "nginx.conf"
        conf.write_text(render(HERE / "nginx.conf", values))
        return Launch(["nginx", "-c", str(conf), "-p", str(order.folder)], parts.environment)

    def parts(self, order: Order) -> Parts:
        match order.policy:
            case Policy.HEADER:
                return Parts(location=SET_HEADER)
            case Policy.RATE:
                zone, use = limit_zone(order, "$http_x_api_key")
                return Parts(http=zone, location=use)
            case Policy.TLS:
                return Parts(listen="ssl http2", server=TLS.format(order=order))
            case _:
                return Parts()


class Lua(Nginx):
    name = "nginx-lua"
    about = "nginx with LuaJIT, as Kong and APISIX run it"
    policies = frozenset(Policy) - {Policy.TLS}
    modules = ("ndk_http_module.so", "ngx_http_lua_module.so")

    def parts(self, order: Order) -> Parts:
        options = (
            f"secret = '{order.keys}/hs.secret', public_key = '{order.keys}/rs.pub.pem', "
            f"issuer = '{ISSUER}', limit = {order.limit}"
        )
        parts = Parts(
            main=" ".join(f"load_module {MODULES / module};" for module in self.modules),
            http=f"lua_package_path '{HERE}/?.lua;;'; lua_shared_dict limit 10m; "
            f"init_by_lua_block {{ require 'resty.core' gateway = require 'gateway' gateway.init{{ {options} }} }}",
        )
        response = "header_filter_by_lua_block { ngx.header['x-gw'] = 'bench' }"
        match order.policy:
            case Policy.HEADER:
                parts.location = f"access_by_lua_block {{ ngx.req.set_header('x-gw', 'bench') }} {response}"
            case Policy.HS256 | Policy.RS256:
                parts.location = f"access_by_lua_block {{ gateway.authenticate('{order.policy.name}') }}"
            case Policy.RATE:
                parts.location = "access_by_lua_block { gateway.limit(ngx.var.http_x_api_key) }"
            case Policy.ALL:
                parts.subject = "$subject"
                parts.location = (
                    "access_by_lua_block { "
                    "local claims = gateway.authenticate('HS256') "
                    "gateway.limit(claims.sub) "
                    "ngx.req.set_header('x-gw', 'bench') "
                    "ngx.ctx.subject = claims.sub } "
                    f"{response} "
                    "set $subject '-'; log_by_lua_block { ngx.var.subject = ngx.ctx.subject or '-' } "
                    + LOG.format(order=order)
                )
        return parts


class Njs(Nginx):
    name = "nginx-njs"
    about = "nginx with njs"
    # RS256 would need asynchronous WebCrypto, which `js_set` of this version cannot wait for.
    policies = frozenset({Policy.HS256, Policy.ALL})
    modules = ("ngx_http_js_module.so",)

    def parts(self, order: Order) -> Parts:
        parts = Parts(
            main=f"load_module {MODULES / self.modules[0]}; env HS_SECRET_FILE; env JWT_ISS;",
            http=f"js_path {HERE}; js_import gateway from gateway.js; js_set $subject gateway.subject;",
            location="if ($subject = '') { return 401; } proxy_set_header x-sub $subject;",
            subject="$subject",
            environment=order.environment(),
        )
        if order.policy is Policy.ALL:
            zone, use = limit_zone(order, "$subject")
            parts.http += f" {zone}"
            parts.location += f" {use} {SET_HEADER} {LOG.format(order=order)}"
        return parts


NGINX, LUA, NJS = Nginx(), Lua(), Njs()
