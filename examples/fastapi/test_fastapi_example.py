"""The example, run as its README says: alone, and behind the gateway."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from house import PORTCULLIS, Demo, data, environment, free_port, running

HERE = Path(__file__).parent
RESOURCE = "https://text.example/v1"
INTERNAL = "https://text.internal"


@dataclass
class Place:
    """Issuer, gateway, and the service in two copies: one trusts the issuer, one only the gateway."""

    issuer: str
    gateway: str
    alone: str
    behind: str
    free: tuple[str, str]
    premium: tuple[str, str]
    config: Path

    def token(self, client: tuple[str, str]) -> str:
        form = {"grant_type": "client_credentials"}
        answer = httpx.post(f"{self.issuer}/token", data=form, auth=client, trust_env=False).raise_for_status()
        return str(answer.json()["access_token"])


def configuration(folder: Path, issuer: str, gateway: str, admin: str, service: str) -> str:
    routes = "".join(
        f"""
[[route]]
methods = ["POST"]
path = "{path}"
api = "text"
scopes = ["{scope}"]
upstream = "text"
"""
        # The second route asks for less than its endpoint: the endpoint itself must refuse.
        for path, scope in (("/generate", "generate:basic"), ("/generate/premium", "generate:basic"))
    )
    return f"""
data_dir = "{folder / "data"}"
key_encryption_key = {{ file = "{folder / "key"}" }}

[issuer]
url = "{issuer}"
listen = "{issuer.removeprefix("http://")}"

[gateway]
url = "{gateway}"
listen = "{gateway.removeprefix("http://")}"
workers = 1

[admin]
listen = "{admin.removeprefix("http://")}"

[[api]]
name = "text"
resource = "{RESOURCE}"
scopes = ["generate:basic", "generate:advanced"]
signing_alg = "RS256"

[[upstream]]
name = "text"
url = "{service}"
credential = {{ identity = "{INTERNAL}" }}
{routes}"""


def service(address: str, log: Path, **env: str) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    port = address.rpartition(":")[2]
    command: list[str | Path] = [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(HERE), "--port", port]
    return running(command, f"{address}/health", log, **env)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("fastapi")
    issuer, gateway, admin, alone, behind = (f"http://127.0.0.1:{free_port()}" for _ in range(5))
    config = folder / "portcullis.toml"
    config.write_text(configuration(folder, issuer, gateway, admin, behind))
    (folder / "key").write_text(os.urandom(32).hex())
    (folder / "key").chmod(0o600)
    clients = []
    for name, scopes in (("free-app", ["generate:basic"]), ("premium-app", ["generate:basic", "generate:advanced"])):
        options = [word for scope in scopes for word in ("--scope", scope)]
        added = data("client", "add", name, "--id", name, *options, config=config)
        clients.append((name, added["client_secret"]))
    with (
        running([PORTCULLIS, "serve", "--config", config], f"{admin}/readyz", folder / "serve.log"),
        service(
            alone, folder / "alone.log", PORTCULLIS_ISSUER=issuer, PORTCULLIS_AUDIENCE=RESOURCE, PORTCULLIS_API="text"
        ),
        service(
            behind,
            folder / "behind.log",
            PORTCULLIS_ISSUER=f"{gateway}={gateway}/.well-known/jwks.json",
            PORTCULLIS_AUDIENCE=INTERNAL,
        ),
    ):
        yield Place(issuer, gateway, alone, behind, clients[0], clients[1], config)


def ask(url: str, token: str | None) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.post(url, json={"prompt": "The"}, headers=headers, trust_env=False)


def client_is_served_and_refused(api: str, issuer: str, client: tuple[str, str]) -> None:
    env = environment(PORTCULLIS_ISSUER=issuer, FREE_CLIENT_ID=client[0], FREE_CLIENT_SECRET=client[1])
    done = subprocess.run([sys.executable, HERE / "client.py", api], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "with scope: generate:basic\n" in done.stdout
    assert "POST /generate: 200" in done.stdout
    assert "POST /generate/premium: 403" in done.stdout
    assert "The access token lacks a scope (missing_scope)" in done.stdout
    assert "Ask for a token with scope=generate:advanced as well." in done.stdout
    assert 'error="insufficient_scope"' in done.stdout


@pytest.mark.parametrize("door", ["alone", "gateway"])
def test_the_client_may_generate_and_premium_refuses_it_and_says_why(place: Place, door: str) -> None:
    client_is_served_and_refused(getattr(place, door), place.issuer, place.free)


def test_the_readme_is_right_inside_a_demo(demo: Demo, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with service(address, tmp_path / "log", PORTCULLIS_ISSUER=demo.issuer, PORTCULLIS_AUDIENCE=demo.gateway):
        client_is_served_and_refused(address, demo.issuer, demo.free)


@pytest.mark.parametrize("door", ["alone", "gateway"])
def test_the_premium_client_may_use_both(place: Place, door: str) -> None:
    token = place.token(place.premium)
    for path, model in (("/generate", "small"), ("/generate/premium", "large")):
        answer = ask(getattr(place, door) + path, token)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["model"], answer.json()["caller"]) == (model, "premium-app")


def test_a_service_that_trusts_the_gateway_alone_refuses_the_callers_own_token(place: Place) -> None:
    answer = ask(f"{place.behind}/generate", place.token(place.premium))
    assert answer.status_code == 401
    assert answer.json()["code"] == "untrusted_issuer"
    assert place.issuer not in answer.text


def test_without_a_token_there_is_a_challenge_and_no_error_code(place: Place) -> None:
    answer = ask(f"{place.alone}/generate", None)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="text", scope="generate:basic"'
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_service_and_the_gateway_refuse_in_the_same_words(place: Place) -> None:
    token = place.token(place.free) + "x"
    ours, theirs = (ask(f"{address}/generate", token) for address in (place.alone, place.gateway))
    assert ours.status_code == theirs.status_code == 401
    bodies = [json.loads(answer.text) for answer in (ours, theirs)]
    for answer, body in zip((ours, theirs), bodies, strict=True):
        assert body.pop("decision_id") == answer.headers["x-decision-id"]
    assert bodies[0] == bodies[1]


def test_the_openapi_document_says_what_the_endpoints_need(place: Place) -> None:
    document = httpx.get(f"{place.alone}/openapi.json", trust_env=False).json()
    assert document["paths"]["/generate"]["post"]["security"] == [{"Portcullis": []}]
    assert document["components"]["securitySchemes"]["Portcullis"]["scheme"] == "bearer"
