"""Checks access tokens inside a Python service exactly as the Portcullis gateway does.

    from fastapi import Depends, FastAPI
    from portcullis import Claims, Guard

    @app.post("/generate")
    def generate(claims: Claims = Depends(Guard("generate:basic"))): ...

`Verifier` needs nothing but this package; `Guard` needs FastAPI.
"""

from typing import TYPE_CHECKING, Any

from ._portcullis import Claims, __version__
from .denied import Denied, Dialect, TraceRow
from .verifier import Holder, Issuer, Verifier, configure

if TYPE_CHECKING:
    from .guard import Guard

__all__ = [
    "Claims",
    "Denied",
    "Dialect",
    "Guard",
    "Holder",
    "Issuer",
    "TraceRow",
    "Verifier",
    "__version__",
    "configure",
]


def __getattr__(name: str) -> Any:
    # FastAPI is optional: it is imported with the first use of Guard.
    if name == "Guard":
        from .guard import Guard

        return Guard
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
