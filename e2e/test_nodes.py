"""Two issuers on one PostgreSQL behind a round-robin: whichever node answers a step, the flow goes on."""

import itertools
import os
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from house import PORTCULLIS, ROOT, free_port, run, running, wait_until
from provider import BACK, KEY, PERSON, App, Provider, digest
from visitor import Visitor

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
CONFIG = """
data_dir = "{data}"
key_encryption_key = {{ env = "KEY" }}

[store]
url = "{store}"

[issuer]
url = "{issuer}"
listen = "127.0.0.1:{port}"

[issuer.registration]
mode = "open"
pkce = "or-nonce"
per_hour = 1000
auth_methods = ["client_secret_basic", "none"]
identity = "openid profile email offline_access"
scopes = ["model:list"]
apis = ["text"]

[[api]]
name = "text"
resource = "https://models.example.com"
scopes = ["model:list", "generate:basic"]

[roles.scientist]
title = "Scientist"
scopes = ["model:list", "generate:*"]
"""


@contextmanager
def postgres() -> Iterator[str]:
    """A server of our own, which ends with us."""
    script = (ROOT / "crates/store/src/testing/server.sh").read_text()
    who = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    port = str(free_port())
    command = [*who, "sh", "-c", script, "sh", str(PROGRAMS[-1]), "/tmp", "127.0.0.1", port, "fast", "", ""]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
    assert server.stdin and server.stdout
    try:
        folder, state = server.stdout.readline().strip(), server.stdout.readline().strip()
        assert state == "ready"
        psql = ["psql", "--quiet", "--host", folder, "--port", port, "--username", "postgres", "--command"]
        for statement in ["CREATE ROLE portcullis LOGIN", "CREATE DATABASE portcullis OWNER portcullis"]:
            subprocess.run([*psql, statement], check=True)
        yield f"postgres://portcullis@/portcullis?host={folder}&port={port}"
    finally:
        server.stdin.close()
        server.wait()


class Turns:
    """Each request to the next node."""

    def __init__(self, nodes: list[str]) -> None:
        self.counts = dict.fromkeys(nodes, 0)
        turns, lock = itertools.cycle(nodes), threading.Lock()
        http = httpx.Client(trust_env=False, timeout=30)
        skipped = {"host", "connection", "transfer-encoding", "content-length", "content-encoding"}

        class Handler(BaseHTTPRequestHandler):
            def forward(handler) -> None:
                with lock:
                    node = next(turns)
                    self.counts[node] += 1
                body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
                kept = [(name, value) for name, value in handler.headers.items() if name.lower() not in skipped]
                headers = [*kept, ("host", handler.headers["host"])]
                answer = http.request(handler.command, node + handler.path, headers=headers, content=body)
                handler.send_response(answer.status_code)
                for name, value in answer.headers.multi_items():
                    if name.lower() not in skipped:
                        handler.send_header(name, value)
                handler.send_header("content-length", str(len(answer.content)))
                handler.end_headers()
                handler.wfile.write(answer.content)

            do_GET = do_POST = do_PUT = do_DELETE = forward

            def log_message(handler, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Provider, Turns]]:
    folder = tmp_path_factory.mktemp("fleet")
    ports = [free_port(), free_port()]
    turns = Turns([f"http://127.0.0.1:{port}" for port in ports])
    issuer = f"http://localhost:{turns.server.server_port}"
    with postgres() as store:
        configs = []
        for port in ports:
            config = folder / f"{port}.toml"
            config.write_text(CONFIG.format(data=f"data-{port}", store=store, issuer=issuer, port=port))
            configs.append(config)
        who = ["person", "add", PERSON[0], "--name", "Somebody", "--role", "scientist", "--password-stdin"]
        added = run(*who, config=configs[0], stdin=f"{PERSON[1]}\n", KEY=KEY)
        assert added.returncode == 0, added.stderr
        nodes = [
            running(
                [PORTCULLIS, "serve", "--config", config],
                f"http://127.0.0.1:{port}/.well-known/openid-configuration",
                folder / f"{port}.log",
                KEY=KEY,
            )
            for config, port in zip(configs, ports, strict=True)
        ]
        with nodes[0], nodes[1], httpx.Client(trust_env=False, timeout=30) as http:
            provider = Provider(issuer, "", configs[0], None, None, http)  # type: ignore[arg-type]
            yield provider, turns
    turns.server.shutdown()


@pytest.mark.skipif(not PROGRAMS or not shutil.which("psql"), reason="PostgreSQL is not installed")
class TestFleet:
    def app(self, at: Provider) -> App:
        return at.register(scope="openid profile offline_access model:list")

    def begin(self, app: App) -> httpx.Response:
        return app.post("device_authorization_endpoint", scope="openid")

    def test_a_whole_life_of_tokens(self, fleet: tuple[Provider, Turns]) -> None:
        at, turns = fleet
        app = self.app(at)
        before = dict(turns.counts)
        tokens = app.tokens(Visitor(BACK), scope="openid profile offline_access")
        assert app.id_token(tokens)["iss"] == at.issuer
        assert app.userinfo(tokens["access_token"]).status_code == 200
        again = app.refresh(tokens["refresh_token"])
        assert again.status_code == 200, again.text
        fresh = again.json()
        alive = app.post("introspection_endpoint", token=fresh["access_token"])
        assert alive.json()["active"] is True, alive.text
        ended = app.post("revocation_endpoint", token=fresh.get("refresh_token", tokens["refresh_token"]))
        assert ended.status_code == 200
        assert app.refresh(fresh.get("refresh_token", tokens["refresh_token"])).status_code == 400
        assert all(turns.counts[node] > before[node] for node in before), "both nodes answered"

    def test_a_code_is_good_once_on_whichever_node(self, fleet: tuple[Provider, Turns]) -> None:
        at, _ = fleet
        app = self.app(at)
        code = app.code(Visitor(BACK))
        assert sorted(app.redeem(code).status_code for _ in range(4)) == [200, 400, 400, 400]

    def test_a_pushed_request_and_a_session_are_known_to_both(self, fleet: tuple[Provider, Turns]) -> None:
        at, _ = fleet
        app, who = self.app(at), Visitor(BACK)
        for _ in range(3):
            pushed = app.post("pushed_authorization_request_endpoint", **app.asks(state=secrets.token_urlsafe(8)))
            assert pushed.status_code == 201, pushed.text
            request_uri = pushed.json()["request_uri"]
            address = f"{at.metadata['authorization_endpoint']}?client_id={app.id}&request_uri={request_uri}"
            page = who.through(who.get(address), *PERSON)
            assert "code" in page.query, page.html
            assert app.redeem(page.query["code"]).status_code == 200

    def test_a_device_and_a_sign_out(self, fleet: tuple[Provider, Turns]) -> None:
        at, _ = fleet
        grants = ["--grant-type", "authorization_code", "--grant-type", GRANT, "--redirect-uri", BACK]
        added = at.cli("client", "add", "device-app", "--public", "--identity", "openid", *grants)
        app = App(at, {"client_id": added["client_id"], "token_endpoint_auth_method": "none"})
        who = Visitor(BACK)
        wait_until(lambda: self.begin(app).status_code == 200, "both nodes know the app", 0.3)
        wait_until(lambda: self.begin(app).status_code == 200, "both nodes know the app", 0.3)
        begun = self.begin(app).json()
        page = who.get(begun["verification_uri_complete"])
        for button in ["device-submit", "login-submit", "device-submit", "consent-approve"]:
            if page.has("login-submit"):
                page = who.sign_in(page, *PERSON)
            elif page.has(button):
                page = who.press(page, button)
        form = {"grant_type": GRANT, "device_code": begun["device_code"]}
        answer = app.post("token_endpoint", **form)
        assert answer.status_code == 200, answer.text
        hint = answer.json()["id_token"]
        out = who.get(f"{at.metadata['end_session_endpoint']}?id_token_hint={hint}&client_id={app.id}")
        if out.has("logout-submit"):
            out = who.press(out, "logout-submit")
        challenge = digest(secrets.token_urlsafe(32))
        silent = who.get(app.address(prompt="none", code_challenge=challenge, code_challenge_method="S256"))
        assert silent.query.get("error") == "login_required", (silent.url, silent.html)
