"""People and apps: what an app asks for, what a person answers, and how it is taken back."""

import base64
import hashlib
import secrets as chance
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from browser import NewVisitor, Secrets, Visitor
from house import Demo, Recorder, recorder, run, serving_here, wait_until

CLI = "portcullis-cli"
SCOPE = "openid offline_access generate:basic model:list"


@pytest.fixture
def app() -> Iterator[Recorder]:
    """A program on this machine that waits for its answer."""
    with recorder() as it:
        yield it


class Asking:
    """One request for authorization (RFC 7636)."""

    def __init__(self, demo: Demo, app: Recorder, **more: str) -> None:
        self.demo, self.app = demo, app
        self.verifier = chance.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        self.redirect_uri = f"{app.url}/callback"
        query = {
            "response_type": "code",
            "client_id": CLI,
            "redirect_uri": self.redirect_uri,
            "scope": SCOPE,
            "resource": demo.gateway,
            "state": "s",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        self.url = f"{demo.issuer}/authorize?{urlencode(query | more)}"

    def answer(self) -> dict[str, str]:
        """What the app was told, at its redirect URI."""
        wait_until(lambda: any("/callback" in path for _, path, _ in self.app.requests), "the app was told nothing")
        path = next(path for _, path, _ in self.app.requests if "/callback" in path)
        return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}

    def tokens(self, secrets: Secrets, **form: str) -> dict[str, Any]:
        code = self.answer()["code"]
        form = {
            "grant_type": "authorization_code",
            "client_id": CLI,
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        } | form
        answer = httpx.post(f"{self.demo.issuer}/token", data=form, trust_env=False)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        secrets.note(code, self.verifier, told["access_token"], told["refresh_token"])
        return told


def test_an_app_is_told_no(demo: Demo, visitor: NewVisitor, app: Recorder, secrets: Secrets) -> None:
    it = visitor()
    asking = Asking(demo, app, prompt="consent")
    it.page.goto(asking.url)
    assert "to continue to" in it.text()
    it.inspect()
    it.type_password("viewer")
    it.page.wait_for_selector(".consent-deny")
    it.inspect()
    shown = it.text()
    for words in [
        "a program on this computer",
        "Run generation on models of the basic tier",
        "Keep this access when you are not there",
        "It will not get",
        "Your password",
        "portcullis-cli",
    ]:
        assert words in shown, shown
    it.click(".consent-deny")
    it.page.wait_for_url(f"{app.url}/**")
    answer = asking.answer()
    assert answer["error"] == "access_denied" and "code" not in answer


def approve(it: Visitor, asking: Asking, who: str) -> None:
    it.page.goto(asking.url)
    it.type_password(who)
    it.page.wait_for_selector(".consent-approve")
    it.click(".consent-approve")
    it.page.wait_for_url(f"{asking.app.url}/**")


@contextmanager
def sending_on(to: str) -> Iterator[Recorder]:
    """An app whose redirect URI takes whatever comes, by link or form, and sends the person to another origin."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            it.requests.append((self.command, self.path, {}))
            self.send_response(302)
            self.send_header("location", f"{to}/landed")
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it = Recorder(f"http://127.0.0.1:{server.server_port}")
    with serving_here(server):
        yield it


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_an_app_may_send_the_person_on_to_another_origin(
    demo: Demo, visitor: NewVisitor, app: Recorder, mode: str, script: bool
) -> None:
    with sending_on(app.url) as callback:
        it = visitor(java_script_enabled=script)

        def land() -> None:
            if mode == "form_post" and not script:
                it.click(".form-post-submit")
            it.page.wait_for_url(f"{app.url}/landed")

        it.page.goto(Asking(demo, callback, prompt="consent", response_mode=mode).url)
        it.type_password("viewer")
        it.click(".consent-approve")
        land()
        # Agreed to before, and asked again: any program on this machine could ask like this.
        it.page.goto(Asking(demo, callback, prompt="login", response_mode=mode).url)
        it.type_password("viewer")
        it.click(".consent-approve")
        land()
    assert len(callback.requests) == 2


def refused(demo: Demo, token: str) -> bool:
    bearer = {"authorization": f"Bearer {token}"}
    return httpx.get(f"{demo.gateway}/v1/models", headers=bearer, trust_env=False).status_code == 401


def test_access_is_given_seen_and_taken_back(demo: Demo, visitor: NewVisitor, app: Recorder, secrets: Secrets) -> None:
    it = visitor()
    asking = Asking(demo, app, prompt="consent")
    approve(it, asking, "viewer")
    tokens = asking.tokens(secrets)
    assert not refused(demo, tokens["access_token"])

    it.go("/account/apps")
    assert "Run generation on models of the basic tier" in it.text()
    it.inspect()
    it.click("summary")
    assert "refused within seconds" in it.page.inner_text("details[open]")
    it.inspect()
    it.click("details[open] .app-revoke")
    it.page.wait_for_url("**/account/apps?done=app")
    start = time.monotonic()
    wait_until(lambda: refused(demo, tokens["access_token"]), "the gateway still lets it in")
    assert time.monotonic() - start < 5
    form = {"grant_type": "refresh_token", "client_id": CLI, "refresh_token": tokens["refresh_token"]}
    answer = httpx.post(f"{demo.issuer}/token", data=form, trust_env=False)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_an_app_without_javascript_and_with_a_second_look(
    demo: Demo, visitor: NewVisitor, app: Recorder, secrets: Secrets
) -> None:
    it = visitor(java_script_enabled=False)
    approve(it, asking := Asking(demo, app, prompt="consent"), "admin")
    assert asking.tokens(secrets)["token_type"].lower() == "bearer"


def test_a_device_is_connected_from_another_browser(demo: Demo, visitor: NewVisitor, secrets: Secrets) -> None:
    ask = {"client_id": CLI, "scope": SCOPE, "resource": demo.gateway}
    begun = httpx.post(f"{demo.issuer}/device_authorization", data=ask, trust_env=False).json()
    secrets.note(begun["device_code"])
    it = visitor()
    it.sign_in("viewer")
    it.page.goto(begun["verification_uri"])
    it.page.fill("#user_code", "BCDF-BCDF")
    it.click(".device-submit")
    assert it.page.inner_text("#user_code-wrong")
    it.inspect()
    it.page.fill("#user_code", begun["user_code"].lower().replace("-", " "))
    it.click(".device-submit")
    it.page.wait_for_selector(".consent-approve")
    assert begun["user_code"] in it.text() and "in front of you" in it.text()
    it.inspect()
    it.click(".consent-approve")
    it.page.wait_for_selector("text=The device is connected")
    it.inspect()
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": CLI,
        "device_code": begun["device_code"],
    }
    tokens: dict[str, Any] = {}

    def told() -> bool:
        answer = httpx.post(f"{demo.issuer}/token", data=form, trust_env=False)
        tokens.update(answer.json())
        return answer.status_code == 200

    wait_until(told, "the device gets no token", pause=begun.get("interval", 5))
    secrets.note(tokens["access_token"], tokens["refresh_token"])
    assert not refused(demo, tokens["access_token"])


def test_a_link_into_somebody_elses_flow_leads_nowhere(demo: Demo, visitor: NewVisitor, app: Recorder) -> None:
    attacker, victim = visitor(), visitor()
    attacker.page.goto(Asking(demo, app, prompt="login").url)
    victim.sign_in("viewer")
    victim.page.goto(attacker.page.url)
    assert "began in another browser" in victim.text()
    assert not app.requests


def test_an_app_that_nobody_knows_is_explained(demo: Demo, visitor: NewVisitor, app: Recorder) -> None:
    it = visitor()
    for more in ({"client_id": "nobody"}, {"redirect_uri": "https://evil.example/callback"}):
        it.page.goto(Asking(demo, app, **more).url)
        assert it.page.url.startswith(demo.issuer)
        decision = it.page.inner_text(".decision-id")
        it.inspect()
        assert run("explain", decision, config=demo.config).returncode == 0
    assert not app.requests


def test_signing_out_is_asked_and_done(demo: Demo, visitor: NewVisitor) -> None:
    it = visitor()
    it.sign_in("viewer")
    it.go("/logout")
    it.inspect()
    it.click(".logout-submit")
    it.page.wait_for_selector("text=You are signed out")
    it.inspect()
    it.go("/account")
    assert "/sign-in" in it.page.url


def test_somebody_signs_in_to_the_sample_app(demo: Demo, visitor: NewVisitor) -> None:
    it = visitor()
    it.page.goto(demo.app)
    it.click(".sign-in")
    it.type_password("scientist")
    it.page.wait_for_selector(".consent-approve")
    it.inspect()
    it.click(".consent-approve")
    it.page.wait_for_url(f"{demo.app}/**")
    assert "Demo Data Scientist" in it.page.inner_text("body")
    it.click(".ask-basic")
    it.page.wait_for_load_state()
    it.click(".sign-out")
    it.page.wait_for_load_state()
