"""The filters of Envoy that do what a policy asks."""

import json

from sidebyside import place
from sidebyside.peer import ISSUER, Order
from sidebyside.scenario import Policy

Config = dict[str, object]

# What a bucket of Envoy may hold at most.
TOKENS_MAX = 4_000_000_000
# Keys that have a bucket of their own at a time.
KEYS_MAX = 10_000


def typed(name: str, kind: str, **fields: object) -> Config:
    """A named extension with its configuration."""
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/envoy.{kind}", **fields}}


def native_filters(order: Order) -> list[Config]:
    """Envoy's own filters. Headers are edited by the route."""
    match order.policy:
        case Policy.HS256:
            return [authenticate(order, "hs")]
        case Policy.RS256:
            return [authenticate(order, "rs")]
        case Policy.RATE:
            return [limit(order, "x-api-key")]
        case Policy.ALL:
            return [authenticate(order, "hs"), limit(order, "x-sub")]
        case _:
            return []


def authenticate(order: Order, key_set: str) -> Config:
    provider = {
        "issuer": ISSUER,
        "local_jwks": {"inline_string": (order.keys / f"{key_set}.jwks").read_text()},
        "forward": True,
        "claim_to_headers": [{"header_name": "x-sub", "claim_name": "sub"}],
    }
    return typed(
        "envoy.filters.http.jwt_authn",
        "extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        providers={"bench": provider},
        rules=[{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}],
    )


def limit(order: Order, header: str) -> Config:
    """A bucket for each value of the header."""
    enabled = {"default_value": {"numerator": 100}}
    descriptor = {"request_headers": {"header_name": header, "descriptor_key": "key"}}
    return typed(
        "envoy.filters.http.local_ratelimit",
        "extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="limit",
        token_bucket=bucket(TOKENS_MAX),
        filter_enabled=enabled,
        filter_enforced=enabled,
        max_dynamic_descriptors=KEYS_MAX,
        rate_limits=[{"actions": [descriptor]}],
        descriptors=[{"entries": [{"key": "key"}], "token_bucket": bucket(order.limit)}],
    )


def bucket(tokens: int) -> Config:
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": "60s"}


def wasm_filters(order: Order) -> list[Config]:
    """The filter of `peers/filter`, which does the policy whose letter it is told."""
    told = {
        "policy": order.policy.value,
        "secret": (order.keys / "hs.secret").read_text(),
        "rs_n": (order.keys / "rs.n").read_text(),
        "rs_e": "AQAB",
        "issuer": ISSUER,
        "limit": order.limit,
    }
    vm = {"vm_id": "bench", "runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": str(place.FILTER)}}}
    text = {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": json.dumps(told)}
    config = {"name": "bench", "root_id": "bench", "configuration": text, "vm_config": vm}
    return [typed("envoy.filters.http.wasm", "extensions.filters.http.wasm.v3.Wasm", config=config)]
