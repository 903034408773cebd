"""The gateway and a FastAPI service, asked the same over the wire, must answer the same: status, challenge, body.

The corpus varies the token; this varies the request around it.
"""

import http.client
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from corpus import Door, Wallet
from forge import Key
from house import PORTCULLIS, free_port, recorder, running

Headers = list[tuple[str, bytes]]


@dataclass
class Doors:
    gateway: str
    service: str
    key: Key

    def token(self, **more: Any) -> str:
        now = int(time.time())
        claims = {"iss": "https://id.test", "sub": "s", "aud": "https://api.test/v1", "client_id": "c", "jti": "j"}
        return self.key.token(
            self.key.header(), claims | {"iat": now, "exp": now + 600, "scope": "generate:basic"} | more
        )


def configuration(folder: Path, gateway: str, admin: str, upstream: str) -> str:
    routes = "".join(
        f"""
[[route]]
methods = ["POST"]
path = "{path}"
api = "text"
scopes = ["generate:basic"]
upstream = "echo"
dialect = "{dialect}"
{demands}
"""
        for path, dialect, demands in (
            ("/problem", "problem", ""),
            ("/openai", "openai", ""),
            ("/anthropic", "anthropic", ""),
            ("/tenants/{tenant}", "problem", ""),
            ("/bound", "problem", 'dpop = "required"\ndpop_nonce = true'),
            ("/strong", "problem", 'acr = "mfa"\nmax_age = "15m"'),
        )
    )
    return f"""
data_dir = "{folder / "data"}"
key_encryption_key = {{ file = "{folder / "key"}" }}

[gateway]
url = "{gateway}"
listen = "{gateway.removeprefix("http://")}"
workers = 1

[admin]
listen = "{admin.removeprefix("http://")}"

[[trust]]
issuer = "https://id.test"
jwks_file = "{folder / "jwks.json"}"
tenant = "any"

[[api]]
name = "text"
resource = "https://api.test/v1"
scopes = ["generate:basic"]

[[upstream]]
name = "echo"
url = "{upstream}"
{routes}"""


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder = tmp_path_factory.mktemp("doors")
    key = Key.make("one", "ES256")
    (folder / "jwks.json").write_text(json.dumps({"keys": [key.public()]}))
    (folder / "key").write_text(os.urandom(32).hex())
    (folder / "key").chmod(0o600)
    gateway, admin, service = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
    config = folder / "portcullis.toml"
    app = [sys.executable, "-m", "uvicorn", "doors_app:app", "--app-dir", str(Path(__file__).parent)]
    with recorder() as upstream:
        config.write_text(configuration(folder, gateway, admin, upstream.url))
        with (
            running([PORTCULLIS, "serve", "--config", config], f"{admin}/readyz", folder / "serve.log"),
            running(
                [*app, "--port", service.rpartition(":")[2]],
                f"{service}/health",
                folder / "service.log",
                DOORS_JWKS=str(folder / "jwks.json"),
            ),
        ):
            yield Doors(gateway, service, key)


def ask(address: str, path: str, headers: Headers, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """As raw as http.client can: repeated headers stay repeated, bytes stay bytes."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        connection.putrequest("POST", path, skip_accept_encoding=True)
        for name, value in [*headers, ("Content-Length", str(len(body)).encode())]:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def bearer(token: str) -> tuple[str, bytes]:
    return "Authorization", f"Bearer {token}".encode()


SHAPES: dict[str, tuple[int, str | None]] = {
    "nothing": (401, "no_credential"),
    "Basic": (401, "no_credential"),
    "a bare token": (401, "no_credential"),
    "Bearer and nothing": (401, "no_credential"),
    "bytes that are no text": (401, "no_credential"),
    "two headers": (400, "many_credentials"),
    "two headers, one of them Basic": (400, "many_credentials"),
    "two tokens in a list": (400, "many_credentials"),
    "the token in the query": (401, "no_credential"),
    "the token in the body": (401, "no_credential"),
    "an OpenAI-style key": (401, "not_a_token"),
    "a token of 9 KB": (431, "credential_too_large"),
    "a token that was cut": (401, "malformed_token"),
    "another audience": (401, "wrong_audience"),
    "expired": (401, "expired"),
    "no scope": (403, "missing_scope"),
    "good": (200, None),
    "good, in lower case": (200, None),
    "another one in the query": (400, "many_credentials"),
    "the token in x-api-key": (401, "no_credential"),
    "the token in both headers": (200, None),
}


def shaped(doors: Doors, shape: str) -> tuple[Headers, str, bytes]:
    """Headers, query and body of a shape."""
    token = doors.token()
    headers: dict[str, Headers] = {
        "nothing": [],
        "Basic": [("Authorization", b"Basic Zm9vOmJhcg==")],
        "a bare token": [("Authorization", token.encode())],
        "Bearer and nothing": [("Authorization", b"Bearer ")],
        "bytes that are no text": [("Authorization", b"Bearer \xff\xfe.\xff.\xff")],
        "two headers": [bearer(token), bearer(token)],
        "two headers, one of them Basic": [bearer(token), ("Authorization", b"Basic Zm9vOmJhcg==")],
        "two tokens in a list": [bearer(f"{token}, Bearer {token}")],
        "the token in the query": [],
        "the token in the body": [("Content-Type", b"application/x-www-form-urlencoded")],
        "an OpenAI-style key": [bearer("sk-proj-0123456789abcdef")],
        "a token of 9 KB": [bearer(f"a.{'b' * 9000}.c")],
        "a token that was cut": [bearer(token.rpartition(".")[0])],
        "another audience": [bearer(doors.token(aud="https://other.test"))],
        "expired": [bearer(doors.token(iat=1, exp=600))],
        "no scope": [bearer(doors.token(scope="model:list"))],
        "good": [bearer(token)],
        "good, in lower case": [("authorization", f"bearer {token}".encode())],
        "another one in the query": [bearer(token)],
        "the token in x-api-key": [("x-api-key", token.encode())],
        "the token in both headers": [bearer(token), ("x-api-key", token.encode())],
    }
    query = f"?access_token={token}" if "in the query" in shape else ""
    body = f"access_token={token}".encode() if "in the body" in shape else b""
    return headers[shape], query, body


def said(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The decision, and the body without its name: no two decisions have the same."""
    found = body.get("decision_id") or body["error"]["decision_id"]
    return found, json.loads(json.dumps(body).replace(found, "dec_…"))


def code_of(body: dict[str, Any]) -> str:
    return str(body["code"] if "code" in body else body["error"]["reason"])


@pytest.mark.parametrize("dialect", ["problem", "openai", "anthropic"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gateway_and_service_answer_alike(doors: Doors, shape: str, dialect: str) -> None:
    expected = SHAPES[shape]
    if dialect == "anthropic":
        # Anthropic's clients send their key there.
        changed = {"the token in x-api-key": (200, None), "the token in both headers": (400, "many_credentials")}
        expected = changed.get(shape, expected)
    headers, query, body = shaped(doors, shape)
    answers = [ask(door, f"/{dialect}{query}", headers, body) for door in (doors.gateway, doors.service)]
    assert [answer[0] for answer in answers] == [expected[0]] * 2, answers
    if expected[1] is None:
        return
    (theirs, their_body), (ours, our_body) = ((answer[1], json.loads(answer[2])) for answer in answers)
    for name in ("www-authenticate", "content-type", "cache-control", "retry-after"):
        assert ours.get(name) == theirs.get(name), name
    assert code_of(our_body) == expected[1]
    (our_id, our_body), (their_id, their_body) = said(our_body), said(their_body)
    assert our_body == their_body
    assert (our_id, their_id) == (ours["x-decision-id"], theirs["x-decision-id"])


@pytest.mark.parametrize(
    ("path", "status"), [("/tenants/acme", 200), ("/tenants/umbrella", 404), ("/tenants/Not%20One", 404)]
)
def test_a_tenant_in_the_path_must_be_the_tokens(doors: Doors, path: str, status: int) -> None:
    headers = [bearer(doors.token(tenant="acme"))]
    for door in (doors.gateway, doors.service):
        assert ask(door, path, headers)[0] == status, door


def alike(doors: Doors, path: str, headers: list[Headers]) -> list[tuple[int, dict[str, str], dict[str, Any]]]:
    """Asks the gateway and the service, each with headers of its own, and compares what both say."""
    answers = [ask(door, path, sent) for door, sent in zip((doors.gateway, doors.service), headers, strict=True)]
    (theirs, their_headers, their_body), (ours, our_headers, our_body) = answers
    assert ours == theirs, answers
    for name in ("www-authenticate", "content-type", "cache-control"):
        assert theirs == 200 or our_headers.get(name) == their_headers.get(name), name
    assert ("dpop-nonce" in our_headers) == ("dpop-nonce" in their_headers) or theirs == 200
    if theirs != 200:
        assert said(json.loads(our_body))[1] == said(json.loads(their_body))[1]
    return [(status, headers, json.loads(body)) for status, headers, body in answers]


def test_a_bound_token_walks_through_both_doors_by_the_same_steps(doors: Doors) -> None:
    wallet = Wallet(Key.make("", "ES256"))
    door = Door("POST", "/bound", "text", ["generate:basic"])
    token = doors.token(cnf={"jkt": wallet.jkt})

    def dpop(**claims: Any) -> Headers:
        proof = wallet.proof(door, token, **claims)
        return [("Authorization", f"DPoP {token}".encode()), ("DPoP", proof.encode())]

    nothing = alike(doors, "/bound", [[], []])
    assert nothing[0][0] == 401
    assert nothing[0][1]["www-authenticate"].startswith('DPoP realm="text", algs="')
    unbound = alike(doors, "/bound", [[bearer(doors.token())]] * 2)
    assert code_of(unbound[0][2]) == "not_the_holder"
    asked = alike(doors, "/bound", [dpop(), dpop()])
    assert 'error="use_dpop_nonce"' in asked[0][1]["www-authenticate"]
    nonces = [headers["dpop-nonce"] for _, headers, _ in asked]
    good = [dpop(nonce=nonce) for nonce in nonces]
    assert alike(doors, "/bound", good)[0][0] == 200
    replayed = alike(doors, "/bound", good)
    assert (replayed[0][0], code_of(replayed[0][2])) == (401, "invalid_dpop_proof")
    assert alike(doors, "/bound", [dpop(nonce=nonce) for nonce in nonces])[0][0] == 200
    stolen = alike(doors, "/bound", [[bearer(token)]] * 2)
    assert 'DPoP realm="text", error="invalid_token"' in stolen[0][1]["www-authenticate"]


def test_a_weak_sign_in_is_told_how_to_do_better(doors: Doors) -> None:
    now = int(time.time())
    strong = doors.token(acr="phr", auth_time=now)
    assert alike(doors, "/strong", [[bearer(strong)]] * 2)[0][0] == 200
    for weak in (doors.token(), doors.token(acr="pwd", auth_time=now), doors.token(acr="mfa", auth_time=now - 3600)):
        answers = alike(doors, "/strong", [[bearer(weak)]] * 2)
        assert answers[0][0] == 401
        challenge = answers[0][1]["www-authenticate"]
        assert 'error="insufficient_user_authentication"' in challenge
        assert 'acr_values="mfa phr", max_age="900"' in challenge


def test_no_answer_holds_any_part_of_the_token(doors: Doors) -> None:
    token = doors.token(scope="model:list")
    for door in (doors.gateway, doors.service):
        _, headers, body = ask(door, "/problem", [bearer(token)])
        text = json.dumps(headers) + body.decode()
        assert not any(part in text for part in token.split("."))
