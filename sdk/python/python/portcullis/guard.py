"""`Guard`: a FastAPI dependency that lets a request through with its claims, or says no as the gateway does."""

import logging
from collections.abc import Callable, Sequence
from urllib.parse import quote

from fastapi import HTTPException, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.responses import Response

from ._portcullis import Claims, Need
from .denied import Denied, Dialect
from .verifier import Accepted, Holder, Verifier, configured

log = logging.getLogger("portcullis")


class Refused(HTTPException):
    """What a `Guard` raises: the answer to the caller, with the `Denied` that it comes from."""

    def __init__(self, denied: Denied, dialect: Dialect) -> None:
        super().__init__(denied.status, denied.body(dialect), denied.headers())
        self.denied = denied
        self.dialect = dialect


class Guard(SecurityBase):
    """Needs a token with all of `scopes`: `claims: Claims = Depends(Guard("generate:basic"))`.

    Where the path has a `{tenant}`, it must be the token's. `dialect` is the language of refusals; with
    `anthropic` the token may stand in `x-api-key` too. The verifier is `portcullis.configure`'s, or what
    the environment says. `acr`, `max_age`, `dpop`, `dpop_nonce` and `client_certificate` are those of
    `Verifier.need`. Tokens that are bound to a client certificate need `certificate_hash`: its SHA-256, as
    whoever ended the TLS hands it on.
    """

    def __init__(
        self,
        *scopes: str,
        dialect: Dialect = "problem",
        verifier: Verifier | None = None,
        acr: str | Sequence[str] = (),
        max_age: int | None = None,
        dpop: Accepted = "accepted",
        dpop_nonce: bool = False,
        client_certificate: Accepted = "accepted",
        certificate_hash: Callable[[Request], bytes | None] | None = None,
    ) -> None:
        if not scopes:
            raise ValueError("at least one scope must be needed")
        self.scopes = scopes
        self.dialect = dialect
        self._verifier = verifier
        self._certificate_hash = certificate_hash

        def need(verifier: Verifier) -> Need:
            return verifier.need(
                scopes,
                acr=acr,
                max_age=max_age,
                dpop=dpop,
                dpop_nonce=dpop_nonce,
                client_certificate=client_certificate,
            )

        self._make_need = need
        self._need: Need | None = need(verifier) if verifier else None
        # How it appears in the OpenAPI document.
        self.model = HTTPBearer(bearerFormat="JWT", description="An access token (RFC 9068).")
        self.scheme_name = "Portcullis"

    # Not async: FastAPI runs it in a thread, so that fetching keys holds up nobody else.
    def __call__(self, request: Request) -> Claims:
        if self._verifier is None or self._need is None:
            self._verifier = configured()
            self._need = self._make_need(self._verifier)
        tenant = request.path_params.get("tenant")
        try:
            return self._verifier.guard(
                self._credentials(request),
                request.scope.get("query_string", b"").decode("latin-1"),
                self._need,
                object_tenant=None if tenant is None else str(tenant),
                holder=self._holder(request),
            )
        except Denied as denied:
            log.info("refused: %s", denied, extra={"decision_id": denied.decision_id, "code": denied.code})
            _speak_dialects(request)
            raise Refused(denied, self.dialect) from denied

    def _holder(self, request: Request) -> Holder:
        raw = request.scope.get("raw_path")
        path = raw.decode("latin-1") if raw else quote(request.scope["path"])
        return Holder(
            method=request.method,
            url=path.partition("?")[0],
            dpop=[value for name, value in request.headers.raw if name == b"dpop"],
            client_certificate=self._certificate_hash(request) if self._certificate_hash else None,
        )

    def _credentials(self, request: Request) -> list[bytes]:
        headers = request.headers.raw
        found = [value for name, value in headers if name == b"authorization"]
        if self.dialect == "anthropic":
            found += [b"Bearer " + value for name, value in headers if name == b"x-api-key"]
        return found


def _speak_dialects(request: Request) -> None:
    """Has the application answer `Refused` with the very body; its own handler for it goes first. Where
    Starlette keeps no such table, the answer is FastAPI's: same status and headers, body under `detail`."""
    handlers = request.scope.get("starlette.exception_handlers")
    if handlers:
        handlers[0].setdefault(Refused, _answer)


def _answer(request: Request, refused: Refused) -> Response:
    denied, dialect = refused.denied, refused.dialect
    media_type, body = denied._bodies[dialect]
    return Response(body, denied.status, denied.headers(), media_type)
