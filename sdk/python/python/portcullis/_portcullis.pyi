from collections.abc import Sequence
from typing import Any, final

__all__ = ["Claims", "Engine", "Need", "__version__"]

__version__: str

# Method, URL or path of it, DPoP headers, SHA-256 of the client's certificate.
_Came = tuple[str, str, list[bytes], bytes | None]

@final
class Claims:
    """The verified claims of an access token that may do what was asked for.

    Only a verifier makes these: whoever holds one knows that every check has passed.
    """

    @property
    def iss(self) -> str:
        """Who issued it."""

    @property
    def sub(self) -> str:
        """Whom it is about: a person, or the client itself."""

    @property
    def client_id(self) -> str:
        """The client that it was issued to."""

    @property
    def aud(self) -> tuple[str, ...]:
        """Whom it is meant for."""

    @property
    def scopes(self) -> frozenset[str]:
        """Its scopes as they are written in it. What one implies, `covers` knows."""

    @property
    def tenant(self) -> str | None:
        """The tenant that it speaks for."""

    @property
    def exp(self) -> int:
        """When it ends, in seconds since 1970."""

    @property
    def iat(self) -> int | None:
        """When it was issued, in seconds since 1970."""

    @property
    def nbf(self) -> int | None:
        """When it begins, in seconds since 1970."""

    @property
    def acr(self) -> str | None:
        """How strongly the person signed in."""

    @property
    def auth_time(self) -> int | None:
        """When the person signed in, in seconds since 1970."""

    @property
    def jti(self) -> str | None:
        """Its name."""

    @property
    def kid(self) -> str | None:
        """The name of the key that signed it."""

    @property
    def alg(self) -> str:
        """The algorithm that signed it."""

    @property
    def raw(self) -> dict[str, Any]:
        """All claims, as they were signed. A new dictionary each time."""

    def covers(self, scope: str) -> bool:
        """Whether its scopes cover this one: `generate:advanced` covers `generate:basic`."""

@final
class Need:
    """What a caller needs: all of the scopes, and what else is demanded. Read once, asked for often."""

# What is needed, when, for which tenant's object, and what came along.
_Wish = tuple[Need, float | None, str | None, _Came | None]

@final
class Engine:
    def __new__(cls, settings: str) -> Engine: ...
    def need(self, scopes: list[str], demands: str) -> Need: ...
    def verify(self, scheme: str, token: bytes, wish: _Wish) -> Claims: ...
    def guard(self, authorization: Sequence[bytes], query: str | None, wish: _Wish) -> Claims: ...
