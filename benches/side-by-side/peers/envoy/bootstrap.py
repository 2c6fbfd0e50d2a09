"""The bootstrap of Envoy: one listener, one cluster, and what a policy adds to them."""

from sidebyside.peer import Order
from sidebyside.scenario import Policy

from .filters import Config, typed

LOG_LINE = (
    "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %START_TIME% "
    '"%REQ(:METHOD)% %REQ(:PATH)%" %RESPONSE_CODE% %BYTES_SENT% %DURATION% "%REQ(USER-AGENT)%" %REQ(X-SUB)%\n'
)


def bootstrap(order: Order, filters: list[Config], *, edits_headers: bool) -> Config:
    """The whole configuration. Features that the others do not have are off: request ids, statistics, X-Forwarded-For."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": order.port}}
    chain: Config = {"filters": [connection_manager(order, filters, edits_headers)]}
    if order.policy is Policy.TLS:
        chain["transport_socket"] = tls(order)
    listener = {"name": "gateway", "address": address, "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster(order)]}}


def connection_manager(order: Order, filters: list[Config], edits_headers: bool) -> Config:
    router = typed(
        "envoy.filters.http.router",
        "extensions.filters.http.router.v3.Router",
        suppress_envoy_headers=True,
        dynamic_stats=False,
    )
    route: Config = {"match": {"prefix": "/"}, "route": {"cluster": "origin", "timeout": "30s"}}
    if edits_headers and order.policy in (Policy.HEADER, Policy.ALL):
        header = {"key": "x-gw", "value": "bench"}
        edit = [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
        route |= {"request_headers_to_add": edit, "response_headers_to_add": edit}
    return typed(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="gateway",
        codec_type="AUTO",
        generate_request_id=False,
        server_header_transformation="PASS_THROUGH",
        skip_xff_append=True,
        access_log=[access_log(order)] if order.policy is Policy.ALL else [],
        http2_protocol_options={"max_concurrent_streams": 256},
        common_http_protocol_options={"idle_timeout": "300s"},
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        http_filters=[*filters, router],
    )


def access_log(order: Order) -> Config:
    return typed(
        "envoy.access_loggers.file",
        "extensions.access_loggers.file.v3.FileAccessLog",
        path=str(order.access_log),
        log_format={"text_format_source": {"inline_string": LOG_LINE}},
    )


def tls(order: Order) -> Config:
    certificate = {
        "certificate_chain": {"filename": str(order.keys / "tls.crt")},
        "private_key": {"filename": str(order.keys / "tls.key")},
    }
    return typed(
        "envoy.transport_sockets.tls",
        "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
            "tls_certificates": [certificate],
        },
    )


def cluster(order: Order) -> Config:
    host, port = order.origin.split(":")
    address = {"socket_address": {"address": host, "port_value": int(port)}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    bounds = {"max_connections": 4096, "max_pending_requests": 8192, "max_requests": 8192}
    return {
        "name": "origin",
        "type": "STATIC",
        "connect_timeout": "2s",
        "circuit_breakers": {"thresholds": [bounds]},
        "load_assignment": {"cluster_name": "origin", "endpoints": endpoints},
    }
