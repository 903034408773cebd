"""Whom to trust, and the checks. Keys are fetched, kept and renewed by the compiled half."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ._portcullis import Claims, Engine, Need

Accepted = Literal["accepted", "required"]


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """An issuer whose tokens are accepted, and on what terms."""

    issuer: str
    """Its identifier: the `iss` of its tokens, byte for byte."""
    jwks_uri: str | None = None
    """Where its keys are. By default found through its metadata."""
    jwks: Mapping[str, Any] | str | None = None
    """Its keys themselves, which are then never fetched."""
    algs: Sequence[str] | None = None
    """What it may sign with; by default RS256, ES256 and Ed25519."""
    typ: Sequence[str] | None = None
    """The types of its access tokens; by default `at+jwt`. An empty string stands for none."""
    profile: Literal["rfc9068", "legacy"] = "rfc9068"
    """`legacy`: `jti` and `iat` may be missing, and the client may be called `azp`, `cid` or `appid`."""
    tenant: str | None = None
    """The tenant that it speaks for, which all of its tokens name. By default none: a token that names a
    tenant is refused. `"any"` is for an issuer that may speak for every tenant."""
    max_lifetime_seconds: int | None = None
    """The longest life of its tokens; by default a day."""
    leeway_seconds: int | None = None
    """By how much its clock may differ from ours; by default 30 seconds, at most 300."""
    allow_loopback: bool | None = None
    """Whether keys may be fetched from this machine; by default only if the addresses above are on it."""
    allow_private_network: bool = False
    """Whether keys may be fetched from a private network. Cloud metadata stays out of reach."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """What a request brings along to show that it comes from the holder of a bound token."""

    method: str = ""
    """Its method."""
    url: str = ""
    """Its URL as the caller wrote it, or its path alone: then it is below the host of `audience` or `url`."""
    dpop: Sequence[bytes | str] = ()
    """The values of all `DPoP` headers (RFC 9449)."""
    client_certificate: bytes | None = None
    """The SHA-256 of the TLS client certificate (RFC 8705), from whoever ended the TLS and checked it."""

    def came(self) -> tuple[str, str, list[bytes], bytes | None]:
        """As the compiled half takes it."""
        proofs = [one.encode("utf-8", "surrogatepass") if isinstance(one, str) else one for one in self.dpop]
        return self.method, self.url, proofs, self.client_certificate


class Verifier:
    """Checks tokens for one API. Make one per process: threads share it, and it remembers keys and tokens.

    `issuer` and the terms beside it describe one issuer, one's own, which may speak for every tenant;
    `issuers` several, each on its own terms. Nothing is fetched before the first token comes.
    """

    def __init__(
        self,
        *,
        audience: str,
        issuer: str | None = None,
        issuers: Iterable[Issuer | str] = (),
        jwks_uri: str | None = None,
        jwks: Mapping[str, Any] | str | None = None,
        algs: Sequence[str] | None = None,
        leeway: int | None = None,
        max_lifetime: int | None = None,
        allow_loopback: bool | None = None,
        api: str = "api",
        tenant: str | None = None,
        resource_metadata: str | None = None,
        extra_scopes: Mapping[str, Sequence[str]] | None = None,
        cache: int = 10_000,
        url: str | None = None,
        dpop_nonce_key: str | None = None,
    ) -> None:
        """`audience` must be in the token's `aud`. `leeway` and `max_lifetime` are seconds.

        `api` is the realm of challenges, `resource_metadata` the address they point to (RFC 9728).
        `extra_scopes` adds scopes of one's own with what each implies: `{"weather:read": []}`.
        `cache` is how many verified tokens are remembered per thread; 0 remembers none.
        `url` is where callers reach the service, if that is not on the host of `audience`: DPoP proofs name it.
        `dpop_nonce_key` is 32 random bytes in base64url, the same in all processes of the service; without
        it each process accepts its own nonces only.
        """
        trusted = [Issuer(issuer=one) if isinstance(one, str) else one for one in issuers]
        if issuer is not None:
            one = Issuer(
                issuer=issuer,
                tenant="any",
                jwks_uri=jwks_uri,
                jwks=jwks,
                algs=algs,
                leeway_seconds=leeway,
                max_lifetime_seconds=max_lifetime,
                allow_loopback=allow_loopback,
            )
            trusted.insert(0, one)
        elif any(term is not None for term in (jwks_uri, jwks, algs, leeway, max_lifetime, allow_loopback)):
            raise ValueError("these terms belong to issuer=…; for several, write issuers=[Issuer(…)]")
        settings = {
            "api": api,
            "audience": audience,
            "tenant": tenant,
            "resource_metadata": resource_metadata,
            "issuers": [asdict(one) for one in trusted],
            "cache": cache,
            "scopes": [{"name": name, "implies": list(implies)} for name, implies in (extra_scopes or {}).items()],
            "url": url,
            "dpop_nonce_key": dpop_nonce_key,
        }
        self._engine = Engine(json.dumps(settings, default=list))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Verifier":
        """From PORTCULLIS_AUDIENCE, PORTCULLIS_ISSUER and PORTCULLIS_TRUST.

        PORTCULLIS_TRUST holds further issuers, separated by spaces. Each issuer may be followed by `=` and
        the address of its keys: `https://gw.example.com=https://gw.example.com/.well-known/jwks.json`.
        They are one's own: they may speak for every tenant.
        PORTCULLIS_API and PORTCULLIS_RESOURCE_METADATA, if set, are the realm and the address in challenges;
        PORTCULLIS_URL and PORTCULLIS_DPOP_NONCE_KEY are `url` and `dpop_nonce_key`.
        """
        audience = environ.get("PORTCULLIS_AUDIENCE")
        words = [environ.get("PORTCULLIS_ISSUER", ""), *environ.get("PORTCULLIS_TRUST", "").split()]
        issuers = []
        for word in filter(None, words):
            issuer, _, jwks_uri = word.partition("=")
            issuers.append(Issuer(issuer=issuer, jwks_uri=jwks_uri or None, tenant="any"))
        if not audience or not issuers:
            raise RuntimeError(
                "set PORTCULLIS_ISSUER and PORTCULLIS_AUDIENCE, or call portcullis.configure(Verifier(…))"
            )
        return cls(
            audience=audience,
            issuers=issuers,
            api=environ.get("PORTCULLIS_API") or "api",
            resource_metadata=environ.get("PORTCULLIS_RESOURCE_METADATA") or None,
            url=environ.get("PORTCULLIS_URL") or None,
            dpop_nonce_key=environ.get("PORTCULLIS_DPOP_NONCE_KEY") or None,
        )

    def need(
        self,
        scopes: Sequence[str],
        *,
        acr: str | Sequence[str] = (),
        max_age: int | None = None,
        dpop: Accepted = "accepted",
        dpop_nonce: bool = False,
        client_certificate: Accepted = "accepted",
    ) -> Need:
        """What a caller needs, read once for many calls. ValueError if a scope does not exist.

        `acr` are the strengths of sign-in that are accepted; of `pwd`, `mfa` and `phr`, a stronger one is as
        good. `max_age` is how many seconds ago the person may have signed in (RFC 9470). With `"required"`,
        only tokens are accepted that are bound to a DPoP key or a client certificate; those that are bound
        are always checked. `dpop_nonce` asks for a nonce in proofs.
        """
        demands = {
            "dpop": dpop,
            "dpop_nonce": dpop_nonce,
            "client_certificate": client_certificate,
            "acr": [acr] if isinstance(acr, str) else list(acr),
            "max_age_seconds": max_age,
        }
        return self._engine.need(_words(scopes), json.dumps(demands))

    def verify(
        self,
        token: str,
        scopes: Sequence[str] | Need,
        *,
        now: float | None = None,
        object_tenant: str | None = None,
        scheme: Literal["Bearer", "DPoP"] = "Bearer",
        holder: Holder | None = None,
    ) -> Claims:
        """All checks on a token that must have all of `scopes`. Raises `Denied`.

        Waits for the network only when keys are missing. `now` is in seconds since 1970. `object_tenant` is
        the tenant whose object is asked for, where that is known from the request. `scheme` is the one that the
        token was sent under; `holder` is what came with it, without which no bound token passes.
        """
        need = scopes if isinstance(scopes, Need) else self.need(scopes)
        # What is no Unicode text is no token either: it is for the checks to say so.
        wish = (need, now, object_tenant, holder.came() if holder else None)
        return self._engine.verify(scheme, token.encode("utf-8", "surrogatepass"), wish)

    def guard(
        self,
        authorization: Sequence[bytes],
        query: str | None,
        need: Need,
        *,
        object_tenant: str | None = None,
        holder: Holder | None = None,
    ) -> Claims:
        """All checks on a request: every value of its `Authorization` headers, and its query string, in
        which no token is ever read. For frameworks other than FastAPI. Raises `Denied`."""
        wish = (need, None, object_tenant, holder.came() if holder else None)
        return self._engine.guard(list(authorization), query, wish)


_configured: Verifier | None = None


def configure(verifier: Verifier) -> None:
    """What every `Guard` without a verifier of its own uses."""
    global _configured
    _configured = verifier


def configured() -> Verifier:
    """What was configured, or else what the environment says."""
    if _configured is None:
        configure(Verifier.from_env())
        return configured()
    return _configured


def _words(scopes: Sequence[str]) -> list[str]:
    if isinstance(scopes, str):
        raise TypeError(f"scopes is a list: [{scopes!r}]")
    return list(scopes)
