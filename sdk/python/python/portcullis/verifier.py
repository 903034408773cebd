"""Whom to trust, and the checks. Keys are fetched, kept and renewed by the compiled half."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ._portcullis import Claims, Engine, Need


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
    ) -> None:
        """`audience` must be in the token's `aud`. `leeway` and `max_lifetime` are seconds.

        `api` is the realm of challenges, `resource_metadata` the address they point to (RFC 9728).
        `extra_scopes` adds scopes of one's own with what each implies: `{"weather:read": []}`.
        `cache` is how many verified tokens are remembered per thread; 0 remembers none.
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
        }
        self._engine = Engine(json.dumps(settings, default=list))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Verifier":
        """From PORTCULLIS_AUDIENCE, PORTCULLIS_ISSUER and PORTCULLIS_TRUST.

        PORTCULLIS_TRUST holds further issuers, separated by spaces. Each issuer may be followed by `=` and
        the address of its keys: `https://gw.example.com=https://gw.example.com/.well-known/jwks.json`.
        They are one's own: they may speak for every tenant.
        PORTCULLIS_API and PORTCULLIS_RESOURCE_METADATA, if set, are the realm and the address in challenges.
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
        )

    def need(self, scopes: Sequence[str]) -> Need:
        """What a caller needs, read once for many calls. ValueError if a scope does not exist."""
        return self._engine.need(_words(scopes))

    def verify(
        self,
        token: str,
        scopes: Sequence[str] | Need,
        *,
        now: float | None = None,
        object_tenant: str | None = None,
    ) -> Claims:
        """All checks on a token that must have all of `scopes`. Raises `Denied`.

        Waits for the network only when keys are missing. `now` is in seconds since 1970. `object_tenant` is
        the tenant whose object is asked for, where that is known from the request.
        """
        need = scopes if isinstance(scopes, Need) else self.need(scopes)
        # What is no Unicode text is no token either: it is for the checks to say so.
        return self._engine.verify(token.encode("utf-8", "surrogatepass"), (need, now, object_tenant))

    def guard(
        self,
        authorization: Sequence[bytes],
        query: str | None,
        need: Need,
        *,
        object_tenant: str | None = None,
    ) -> Claims:
        """All checks on a request: every value of its `Authorization` headers, and its query string, in
        which no token is ever read. For frameworks other than FastAPI. Raises `Denied`."""
        return self._engine.guard(list(authorization), query, (need, None, object_tenant))


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
