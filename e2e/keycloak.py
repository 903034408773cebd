"""A real Keycloak, where KEYCLOAK_HOME says that one is unpacked: realms, users and clients by its admin API."""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from house import answers, free_port, serving_here
from notebook import NOTES

PASSWORD = "correct horse battery staple 9"
START = 150.0
"""Seconds. It builds itself first."""
SECRET = "a secret of this realm's clients"


@dataclass
class Keycloak:
    """It runs, with nothing but its own realm."""

    url: str
    admin: str = field(repr=False)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=60), repr=False)

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The admin API. Its tokens live for a minute, so each call has its own."""
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": self.admin}
        token = self.http.post(f"{self.url}/realms/master/protocol/openid-connect/token", data=form)
        headers = {"authorization": f"Bearer {token.json()['access_token']}"}
        answer = self.http.request(method, f"{self.url}/admin/realms{path}", headers=headers, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def realm(self, name: str, roles: list[str]) -> "Realm":
        about = {"realm": name, "enabled": True, "sslRequired": "none", "accessTokenLifespan": 600}
        self.call("POST", "", json=about)
        for role in roles:
            self.call("POST", f"/{name}/roles", json={"name": role})
        return Realm(self, name)


@dataclass
class Realm:
    """One realm. Clients have one secret and people one password: what is told apart here is not that."""

    keycloak: Keycloak
    name: str

    @property
    def issuer(self) -> str:
        return f"{self.keycloak.url}/realms/{self.name}"

    @property
    def token_endpoint(self) -> str:
        return f"{self.issuer}/protocol/openid-connect/token"

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.keycloak.call(method, f"/{self.name}{path}", **more)

    def person(self, login: str, *roles: str) -> str:
        """Somebody with a password; gives Keycloak's id for them."""
        about = {"username": login, "email": f"{login}@acme.example", "emailVerified": True, "enabled": True}
        about |= {"firstName": login.title(), "lastName": "Acme"}
        about["credentials"] = [{"type": "password", "value": PASSWORD, "temporary": False}]
        made = self.call("POST", "/users", json=about)
        found = made.headers["location"].rpartition("/")[2]
        given = [self.call("GET", f"/roles/{role}").json() for role in roles]
        self.call("POST", f"/users/{found}/role-mappings/realm", json=given)
        return str(found)

    def client(self, name: str, audience: str | None = None, **attributes: str) -> None:
        """A confidential one, for people by password and for itself; its tokens have `audience` besides."""
        mapper = {
            "name": "audience",
            "protocol": "openid-connect",
            "protocolMapper": "oidc-audience-mapper",
            "config": {
                "included.custom.audience": audience,
                "access.token.claim": "true",
                "lightweight.claim": "true",
                "introspection.token.claim": "true",
            },
        }
        about: dict[str, Any] = {"clientId": name, "secret": SECRET, "publicClient": False}
        about |= {"directAccessGrantsEnabled": True, "serviceAccountsEnabled": True, "standardFlowEnabled": False}
        about |= {"attributes": attributes, "protocolMappers": [mapper] if audience else []}
        self.call("POST", "/clients", json=about)

    def ask(self, client: str, **form: str) -> httpx.Response:
        answer = self.keycloak.http.post(self.token_endpoint, data=form, auth=(client, SECRET))
        if answer.is_success:
            told = answer.json()
            NOTES.note(*(told[name] for name in told if name.endswith("_token")), kind="partner's token")
        return answer

    def sign_in(self, client: str, login: str, scope: str = "openid") -> dict[str, str]:
        form = {"grant_type": "password", "username": login, "password": PASSWORD, "scope": scope}
        answer = self.ask(client, **form)
        assert answer.status_code == 200, answer.text
        told: dict[str, str] = answer.json()
        return told

    def service(self, client: str) -> str:
        answer = self.ask(client, grant_type="client_credentials")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def jwks(self) -> list[dict[str, Any]]:
        keys: list[dict[str, Any]] = self.keycloak.http.get(f"{self.issuer}/protocol/openid-connect/certs").json()[
            "keys"
        ]
        return keys

    def rotate(self, name: str) -> None:
        """A new key signs from now on, and is published from now on: Keycloak has no time between."""
        realm = self.call("GET", "").json()["id"]
        config = {"priority": ["1000"], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"]}
        about = {"name": name, "providerId": "rsa-generated", "parentId": realm, "config": config}
        self.call("POST", "/components", json=about | {"providerType": "org.keycloak.keys.KeyProvider"})


@contextmanager
def keycloak_in(home: Path, folder: Path) -> Iterator[Keycloak]:
    """On loopback, with a database that is gone with it."""
    port, management = free_port(), free_port()
    it = Keycloak(f"http://127.0.0.1:{port}", secrets.token_urlsafe(16))
    command = [str(home / "bin/kc.sh"), "start-dev", "--db=dev-mem", "--http-host=127.0.0.1"]
    command += [f"--http-port={port}", f"--http-management-port={management}"]
    env = {"KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": it.admin}
    with serving(command, folder / "keycloak.log", env) as alive:
        deadline = time.monotonic() + START
        while not answers(f"{it.url}/realms/master"):
            alive()
            assert time.monotonic() < deadline, "Keycloak does not answer"
            time.sleep(0.2)
        yield it


@contextmanager
def told_of_logouts() -> Iterator[tuple[str, Queue[str]]]:
    """Where an app hears that somebody signed out: its address, and the logout tokens that came."""
    came: Queue[str] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            came.put(parse_qs(body)["logout_token"][0])
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving_here(server):
        yield f"http://127.0.0.1:{server.server_port}/out", came


@contextmanager
def serving(command: list[str], log: Path, env: dict[str, str]) -> Iterator[Any]:
    """`kc.sh` starts Java as a child: both end."""
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=os.environ | env, start_new_session=True)

    def alive() -> None:
        if process.poll() is not None:
            raise RuntimeError(f"Keycloak ended with {process.returncode}:\n{log.read_text()}")

    try:
        yield alive
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    home = os.environ.get("KEYCLOAK_HOME")
    if not home:
        pytest.skip("KEYCLOAK_HOME does not say where a Keycloak is unpacked (26.2 or newer, with its Java)")
    with keycloak_in(Path(home), tmp_path_factory.mktemp("keycloak")) as it:
        yield it
