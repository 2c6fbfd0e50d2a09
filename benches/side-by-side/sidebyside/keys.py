"""Secrets, certificates and signed tokens, for loopback alone. Made once by OpenSSL."""

import base64
import hashlib
import hmac
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .peer import ISSUER

TOKENS = 100
ISSUED_AT = 1_700_000_000
EXPIRES_AT = 1_999_999_999
EXPIRED_AT = ISSUED_AT + 1


def make(folder: Path) -> None:
    """Fills the folder, unless it is complete already."""
    if (folder / "complete").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    _make_keys(folder)
    _make_certificate(folder)
    _make_tokens(folder)
    _make_key_sets(folder)
    (folder / "api.keys").write_text("".join(f"key-{i:04d}\n" for i in range(TOKENS)))
    (folder / "complete").touch()


def lines(folder: Path, name: str) -> list[str]:
    """The values in one of the files."""
    return (folder / name).read_text().split()


def token(algorithm: str, subject: int, folder: Path, expires_at: int = EXPIRES_AT) -> str:
    """A compact JWS as an identity provider would sign it."""
    header = {"alg": algorithm, "typ": "JWT", "kid": "bench"}
    claims = {
        "iss": ISSUER,
        "sub": f"user-{subject:04d}",
        "aud": "gw",
        "iat": ISSUED_AT,
        "exp": expires_at,
        "scope": "read write",
        "jti": f"{subject:032x}",
    }
    message = f"{_segment(header)}.{_segment(claims)}"
    if algorithm == "HS256":
        secret = (folder / "hs.secret").read_bytes()
        signature = hmac.new(secret, message.encode(), hashlib.sha256).digest()
    else:
        signature = _openssl("dgst", "-sha256", "-sign", str(folder / "rs.key"), text=message.encode())
    return f"{message}.{_base64url(signature)}"


def _make_keys(folder: Path) -> None:
    (folder / "hs.secret").write_bytes(_openssl("rand", "-hex", "32").strip())
    _openssl("genrsa", "-out", str(folder / "rs.key"), "2048")
    for form, name in (("PEM", "rs.pub.pem"), ("DER", "rs.pub.der")):
        _openssl("rsa", "-in", str(folder / "rs.key"), "-pubout", "-outform", form, "-out", str(folder / name))


def _make_certificate(folder: Path) -> None:
    key, certificate = folder / "tls.key", folder / "tls.crt"
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key))
    _openssl(
        *("req", "-x509", "-new", "-key", str(key), "-days", "365", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", str(certificate)),
    )
    (folder / "tls.pem").write_bytes(certificate.read_bytes() + key.read_bytes())


def _make_tokens(folder: Path) -> None:
    for algorithm, stem in (("HS256", "hs"), ("RS256", "rs")):
        good = [token(algorithm, i, folder) for i in range(TOKENS)]
        (folder / f"{stem}.tokens").write_text("\n".join(good) + "\n")
        (folder / f"{stem}.expired").write_text(token(algorithm, 0, folder, EXPIRED_AT))
        (folder / f"{stem}.badsig").write_text(_with_another_signature(good[1]))


def _with_another_signature(good: str) -> str:
    other = "AAAAAA" if not good.endswith("AAAAAA") else "BBBBBB"
    return good[:-6] + other


def _make_key_sets(folder: Path) -> None:
    """The keys as JWK sets, which Envoy takes, and the modulus alone for its filter."""
    says = _openssl("rsa", "-pubin", "-in", str(folder / "rs.pub.pem"), "-modulus", "-noout").decode()
    modulus = _base64url(bytes.fromhex(says.strip().partition("=")[2]))
    (folder / "rs.n").write_text(modulus)
    secret = _base64url((folder / "hs.secret").read_bytes())
    keys = {
        "hs": {"kty": "oct", "alg": "HS256", "k": secret},
        "rs": {"kty": "RSA", "alg": "RS256", "n": modulus, "e": "AQAB"},
    }
    for stem, key in keys.items():
        key_set = {"keys": [{"kid": "bench", "use": "sig", **key}]}
        (folder / f"{stem}.jwks").write_text(json.dumps(key_set))


def _segment(part: Mapping[str, object]) -> str:
    return _base64url(json.dumps(part, separators=(",", ":")).encode())


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _openssl(*arguments: str, text: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *arguments], input=text, check=True, capture_output=True).stdout
