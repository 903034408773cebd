"""A FastAPI service with an endpoint for each dialect, for test_doors.py."""

import os
from pathlib import Path
from typing import Annotated

import portcullis
from fastapi import Depends, FastAPI
from portcullis import Claims, Guard

portcullis.configure(
    portcullis.Verifier(
        audience="https://api.test/v1",
        api="text",
        issuer="https://id.test",
        jwks=Path(os.environ["DOORS_JWKS"]).read_text(),
        resource_metadata="https://api.test/.well-known/oauth-protected-resource/v1",
    )
)
app = FastAPI()


@app.get("/health")
def health() -> str:
    return "ok"


@app.post("/problem")
def problem(claims: Annotated[Claims, Depends(Guard("generate:basic"))]) -> str:
    return claims.client_id


@app.post("/openai")
def openai(claims: Annotated[Claims, Depends(Guard("generate:basic", dialect="openai"))]) -> str:
    return claims.client_id


@app.post("/anthropic")
def anthropic(claims: Annotated[Claims, Depends(Guard("generate:basic", dialect="anthropic"))]) -> str:
    return claims.client_id


@app.post("/bound")
def bound(claims: Annotated[Claims, Depends(Guard("generate:basic", dpop="required", dpop_nonce=True))]) -> str:
    return claims.client_id


@app.post("/strong")
def strong(claims: Annotated[Claims, Depends(Guard("generate:basic", acr="mfa", max_age=900))]) -> str:
    return claims.client_id


@app.post("/tenants/{tenant}")
def tenants(tenant: str, claims: Annotated[Claims, Depends(Guard("generate:basic"))]) -> str:
    return claims.client_id
