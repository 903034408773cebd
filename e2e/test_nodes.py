"""Two issuers on one PostgreSQL behind a round-robin: whichever node answers a step, the flow goes on."""

import itertools
import os
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from browser import NewVisitor
from company import SECRET, by_company, company_at, enrol, mailed
from house import PORTCULLIS, ROOT, free_port, recorder, run, running, wait_until
from provider import BACK, KEY, PERSON, App, Key, Provider, digest
from visitor import Visitor, totp

UPSTREAM = f"http://localhost:{free_port()}"
SCIM = "urn:ietf:params:scim:schemas:core:2.0:User"
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
dpop_nonce = "required"

[issuer.registration]
mode = "open"
pkce = "or-nonce"
per_hour = 1000
auth_methods = ["client_secret_basic", "none"]
identity = "openid profile email offline_access"
scopes = ["model:list"]
apis = ["text"]

[mail]
folder = "mail"

[[identity_provider]]
name = "company"
title = "The company"
preset = "oidc"
issuer = "{upstream}"
client_id = "portcullis"
client_secret = {{ env = "UPSTREAM_SECRET" }}
scopes = ["openid", "profile", "email"]
provision = true

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
        http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # They are the browsers' own.
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

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward

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
    env = {"KEY": KEY, "UPSTREAM_SECRET": SECRET}
    with postgres() as store:
        configs = []
        for port in ports:
            config = folder / f"{port}.toml"
            told = {"store": store, "issuer": issuer, "upstream": UPSTREAM}
            config.write_text(CONFIG.format(data=f"data-{port}", port=port, **told))
            configs.append(config)
        who = ["person", "add", PERSON[0], "--name", "Somebody", "--role", "scientist", "--password-stdin"]
        added = run(*who, config=configs[0], stdin=f"{PERSON[1]}\n", **env)
        assert added.returncode == 0, added.stderr
        nodes = [
            running(
                [PORTCULLIS, "serve", "--config", config],
                f"http://127.0.0.1:{port}/.well-known/openid-configuration",
                folder / f"{port}.log",
                **env,
            )
            for config, port in zip(configs, ports, strict=True)
        ]
        with nodes[0], nodes[1], httpx.Client(trust_env=False, timeout=30) as http:
            provider = Provider(issuer, "", configs[0], None, None, http)  # type: ignore[arg-type]
            yield provider, turns
            # It is gone when all is over.
            dump = [PROGRAMS[-1] / "pg_dump", "--inserts", "--file", folder / "dump.sql"]
            subprocess.run([*dump, store.replace("portcullis@/", "postgres@/")], check=True)
            export = run("audit", "export", "--out", folder / "audit.jsonl", config=configs[0], **env)
            assert export.returncode == 0, export.stderr
    turns.server.shutdown()


@pytest.mark.skipif(not PROGRAMS or not shutil.which("psql"), reason="PostgreSQL is not installed")
class TestFleet:
    def app(self, at: Provider) -> App:
        return at.register(scope="openid profile offline_access model:list")

    def push(self, app: App) -> httpx.Response:
        return app.post("pushed_authorization_request_endpoint", **app.asks())

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

    def joins(self, at: Provider, login: str) -> tuple[str, str]:
        terms = ["--name", login, "--role", "scientist", "--password-stdin"]
        at.cli("person", "add", login, *terms, stdin="rather long and unlikely 9\n")
        return login, "rather long and unlikely 9"

    def signed_in(self, at: Provider, who: tuple[str, str]) -> Visitor:
        browser = Visitor(BACK)
        page = browser.sign_in(browser.get(f"{at.issuer}/sign-in"), *who)
        assert page.url == f"{at.issuer}/account", page.html
        return browser

    def test_every_account_page_and_the_end_of_a_session(self, fleet: tuple[Provider, Turns]) -> None:
        at, _ = fleet
        who = self.joins(at, "account")
        browser, other = self.signed_in(at, who), self.signed_in(at, who)
        for part in ["", "/passkeys", "/authenticator", "/recovery-codes", "/password", "/sessions", "/apps"] * 2:
            assert browser.get(f"{at.issuer}/account{part}").status == 200, part
        browser.press(browser.get(f"{at.issuer}/account/sessions"), "sessions-end-others")
        for _ in range(2):
            assert "/sign-in" in other.get(f"{at.issuer}/account").url

    def test_a_second_factor_is_good_once_on_whichever_node(self, fleet: tuple[Provider, Turns]) -> None:
        at, _ = fleet
        who = self.joins(at, "factor")
        key = enrol(self.signed_in(at, who), at.issuer)
        otp, arrived = totp(key, ahead=1), []
        for _ in range(3):
            browser = Visitor(BACK)
            page = browser.sign_in(browser.get(f"{at.issuer}/sign-in"), *who)
            arrived.append(browser.press(page, "otp-submit", otp=otp).url == f"{at.issuer}/account")
        assert arrived == [True, False, False]

    def test_a_passkey_is_made_at_one_and_taken_at_the_other(
        self, fleet: tuple[Provider, Turns], visitor: NewVisitor
    ) -> None:
        at, _ = fleet
        it = visitor(at)
        it.authenticator()
        it.sign_in(self.joins(at, "passkey"))
        it.go("/account/passkeys")
        it.page.fill("#name", "Laptop")
        it.click(".passkey-submit")
        it.page.wait_for_url("**/account/passkeys?done=saved")
        it.keep()
        it.context.clear_cookies()
        it.go("/sign-in")
        # This authenticator takes what the browser offers by itself.
        it.page.wait_for_url(f"{at.issuer}/account")

    def test_a_forgotten_password(self, fleet: tuple[Provider, Turns]) -> None:
        at, _ = fleet
        self.joins(at, "forgets@example.com")
        browser = Visitor(BACK)
        page = browser.get(f"{at.issuer}/password-reset")
        assert browser.press(page, "reset-submit", login="forgets@example.com").status == 200
        link = mailed(at.config.parent, "forgets")
        page = browser.press(browser.get(link), "password-submit", password="chosen anew, and unlikely")
        assert page.status == 200, page.html
        self.signed_in(at, ("forgets@example.com", "chosen anew, and unlikely"))
        assert [browser.get(link).status for _ in range(2)] == [410, 410]

    def test_a_proof_needs_a_nonce_of_either_node(self, fleet: tuple[Provider, Turns]) -> None:
        at, _ = fleet
        app, key, url = self.app(at), Key(), at.metadata["token_endpoint"]
        form = {"grant_type": "authorization_code", "redirect_uri": BACK}
        code = app.code(Visitor(BACK), scope="openid profile")
        asked = app.post("token_endpoint", {"dpop": key.proof("POST", url, nonce="made up")}, code=code, **form)
        assert asked.json()["error"] == "use_dpop_nonce", asked.text
        proof = key.proof("POST", url, nonce=asked.headers["dpop-nonce"])
        granted = app.post("token_endpoint", {"dpop": proof}, code=code, **form)
        assert granted.status_code == 200, granted.text
        # Attack: what was seen at one node is shown to the other.
        another = app.code(Visitor(BACK), scope="openid profile")
        again = app.post("token_endpoint", {"dpop": proof}, code=another, **form)
        assert again.json()["error"] == "invalid_dpop_proof", again.text
        token, userinfo = granted.json()["access_token"], at.metadata["userinfo_endpoint"]
        proof = key.proof("GET", userinfo, token, granted.headers["dpop-nonce"])
        headers = {"authorization": f"DPoP {token}", "dpop": proof}
        assert at.http.get(userinfo, headers=headers).status_code == 200

    def test_a_registration_is_read_changed_and_ended(self, fleet: tuple[Provider, Turns]) -> None:
        at, _ = fleet
        registered = self.app(at).registered
        url, token = registered["registration_client_uri"], registered["registration_access_token"]
        for name in ("one", "two", "three"):
            bearer = {"authorization": f"Bearer {token}"}
            body = {"client_id": registered["client_id"], "redirect_uris": [BACK], "client_name": name}
            changed = at.http.put(url, json=body, headers=bearer)
            assert changed.status_code == 200, changed.text
            token = changed.json().get("registration_access_token", token)
            bearer = {"authorization": f"Bearer {token}"}
            assert [at.http.get(url, headers=bearer).json()["client_name"] for _ in range(2)] == [name] * 2
        assert at.http.delete(url, headers=bearer).status_code == 204
        assert [at.http.get(url, headers=bearer).status_code for _ in range(2)] == [401, 401]

    def test_a_directory_creates_and_disables_somebody(self, fleet: tuple[Provider, Turns]) -> None:
        at, _ = fleet
        bearer = {"authorization": f"Bearer {at.cli('scim', 'add', 'directory')['token']}"}
        users = f"{at.issuer}/scim/v2/Users"
        for _ in range(2):
            wait_until(lambda: at.http.get(users, headers=bearer).status_code == 200, "both know the token", 0.3)
        made = at.http.post(users, json={"schemas": [SCIM], "userName": "scim@example.com"}, headers=bearer).json()
        at.cli("person", "password", "scim@example.com", "--password-stdin", stdin="rather long and unlikely 9\n")
        browser = self.signed_in(at, ("scim@example.com", "rather long and unlikely 9"))
        for _ in range(2):
            assert at.http.get(f"{users}/{made['id']}", headers=bearer).json()["active"] is True
        change = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": False}],
        }
        at.http.patch(f"{users}/{made['id']}", json=change, headers=bearer)
        for _ in range(2):
            assert at.http.get(f"{users}/{made['id']}", headers=bearer).json()["active"] is False
            assert "/sign-in" in browser.get(f"{at.issuer}/account").url

    def test_an_app_hears_once_that_a_session_ended(self, fleet: tuple[Provider, Turns]) -> None:
        at, _ = fleet
        with recorder() as app_site:
            uri = f"{app_site.url}/ended"
            terms = ["--redirect-uri", BACK, "--identity", "openid", "--backchannel-logout-uri", uri]
            added = at.cli("client", "add", "hears", "--pkce", "or-nonce", *terms)
            app = App(at, added | {"token_endpoint_auth_method": "client_secret_basic"})
            for _ in range(2):
                wait_until(lambda: self.push(app).status_code == 201, "both know the app", 0.3)
            for ended in (1, 2):
                browser = Visitor(BACK)
                hint = app.redeem(app.code(browser)).json()["id_token"]
                browser.get(f"{at.metadata['end_session_endpoint']}?id_token_hint={hint}")
                # Two nodes that both told it would be seen at the second.
                wait_until(lambda ended=ended: len(app_site.requests) >= ended, "it heard nothing")  # type: ignore[misc]
                assert len(app_site.requests) == ended

    def test_a_company_sends_somebody_back_to_the_other_node(
        self, fleet: tuple[Provider, Turns], node_modules: Path, tmp_path: Path
    ) -> None:
        at, _ = fleet
        with company_at(UPSTREAM, at.issuer, node_modules, tmp_path / "log"):
            app = self.app(at)
            for _ in range(2):
                browser = Visitor(BACK)
                page = by_company(browser, browser.get(app.address()), UPSTREAM, "ada")
                page = browser.press(page, "consent-approve") if page.has("consent-approve") else page
                assert app.redeem(page.query["code"]).status_code == 200
