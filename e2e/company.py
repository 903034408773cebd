"""A company's estate: its own provider of identities, our issuer in front of it, mail, and a gateway elsewhere that
hears of revocations by the feed."""

import email
import email.policy
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from house import PORTCULLIS, free_port, recorder, running, wait_until
from notebook import NOTES
from provider import KEY, App, Provider, serving
from visitor import Page, Visitor, totp

HERE = Path(__file__).parent / "node"
SECRET = "the secret of portcullis"
LEFT = "https://app.example.com/left"
OURS = """
[admin]
listen = "127.0.0.1:{admin_port}"

[mail]
folder = "mail"

[[identity_provider]]
name = "company"
title = "The company"
preset = "oidc"
issuer = "{upstream}"
client_id = "portcullis"
client_secret = {{ env = "UPSTREAM_SECRET" }}
scopes = ["openid", "profile", "email", "groups"]
provision = true
roles = {{ "engineers" = "scientist" }}
"""
FAR = """
data_dir = "far"
key_encryption_key = {{ env = "KEY" }}

[gateway]
url = "{far}"
listen = "{far_address}"
workers = 1

[admin]
listen = "127.0.0.1:{far_admin}"

[[trust]]
issuer = "{issuer}"
jwks_file = "jwks.json"
revocations = "{admin}/revocations"

[[api]]
name = "text"
resource = "{resource}"
scopes = ["model:list", "generate:basic"]

[[upstream]]
name = "models"
url = "{models}"

[[route]]
methods = ["GET"]
path = "/v1/models"
api = "text"
scopes = ["model:list"]
upstream = "models"

[[route]]
methods = ["GET"]
path = "/v1/strong"
api = "text"
scopes = ["model:list"]
acr = "mfa"
max_age = "15m"
upstream = "models"

[[route]]
methods = ["GET"]
path = "/v1/fresh"
api = "text"
scopes = ["model:list"]
max_age = "10s"
upstream = "models"
"""


@dataclass
class Company:
    """Our issuer, and what stands around it."""

    ours: Provider
    issuer: str
    """Of the company's own provider, which need not run."""
    far: str
    """The gateway elsewhere, with the same API."""
    folder: Path

    def visitor(self) -> Visitor:
        browser = self.ours.browser()
        browser.stops_at += (LEFT,)
        return browser

    def call(self, token: str, path: str = "/v1/models") -> httpx.Response:
        """The gateway elsewhere."""
        return self.ours.http.get(f"{self.far}{path}", headers={"authorization": f"Bearer {token}"})

    def joins(self, login: str, password: str) -> tuple[str, str]:
        """Somebody new, with a password."""
        terms = ["--name", login, "--role", "scientist", "--password-stdin"]
        self.ours.cli("person", "add", login, *terms, stdin=f"{password}\n")
        return login, password

    def sign_in(self, app: App, browser: Visitor, login: str, **parameters: str) -> Page:
        """From the app, by way of the company, back to the app."""
        page = by_company(browser, browser.get(app.address(**parameters)), self.issuer, login)
        return browser.press(page, "consent-approve") if page.has("consent-approve") else page


def by_company(browser: Visitor, page: Page, theirs: str, login: str) -> Page:
    """From our page, by way of the company's own pages, as far as it goes."""
    if "The company" in page.html:
        page = browser.get(urljoin(page.url, page.link("/sign-in/with/company")))
    for _ in range(2):
        if page.url.startswith(theirs) and page.has("login-submit"):
            page = browser.press(page, "login-submit", login=login, password="x")
    return page


def mailed(folder: Path, about: str) -> str:
    """The link in the newest letter of a house that has this in it."""

    def letters() -> list[str]:
        read = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in sorted(sent())]
        return [letter.get_content() for letter in read if about in letter.get_content()]

    def sent() -> list[Path]:
        return list((folder / "mail").glob("*.eml"))

    wait_until(lambda: bool(letters()), f"no letter about {about}")
    found = re.search(r"https?://\S+", letters()[-1])
    assert found
    NOTES.note(found[0].partition("token=")[2], kind="link")
    return found[0]


@pytest.fixture(scope="session")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """The company without its own provider."""
    folder = tmp_path_factory.mktemp("company")
    upstream = f"http://localhost:{free_port()}"
    admin_port, far_port, far_admin = free_port(), free_port(), free_port()
    far, admin = f"http://127.0.0.1:{far_port}", f"http://127.0.0.1:{admin_port}"
    with ExitStack() as stack:
        more = OURS.format(admin_port=admin_port, upstream=upstream)
        # Everything that it could say it says here.
        env = {"UPSTREAM_SECRET": SECRET, "PORTCULLIS_LOG": "trace"}
        ours = stack.enter_context(serving(folder, more, **env))
        NOTES.admins.append(admin)
        models = stack.enter_context(recorder())
        # It would fetch them, but from no https on loopback.
        (folder / "jwks.json").write_bytes(ours.http.get(ours.metadata["jwks_uri"]).content)
        config = folder / "far.toml"
        told = {"far": far, "far_address": f"127.0.0.1:{far_port}", "far_admin": far_admin, "admin": admin}
        config.write_text(FAR.format(issuer=ours.issuer, resource=ours.gateway, models=models.url, **told))
        command: list[str | Path] = [PORTCULLIS, "serve", "--config", config]
        ready = f"http://127.0.0.1:{far_admin}/readyz"
        stack.enter_context(running(command, ready, folder / "far.log", KEY=KEY, PORTCULLIS_LOG="trace"))
        yield Company(ours, upstream, far, folder)


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything of e2e/node, installed."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node is not installed")
    folder = tmp_path_factory.mktemp("node")
    for file in HERE.glob("*.js*"):
        shutil.copy(file, folder)
    install = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def company(estate: Company, node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """The company, with its own provider running: npm's oidc-provider, which is certified."""
    log = tmp_path_factory.mktemp("upstream") / "log"
    with company_at(
        estate.issuer, estate.ours.issuer, node_modules, log, NODE_EXTRA_CA_CERTS=str(estate.ours.authority.ca)
    ):
        yield estate


@contextmanager
def company_at(theirs: str, ours: str, node_modules: Path, log: Path, **env: str) -> Iterator[None]:
    """The company's own provider, which knows one client: us."""
    callback = f"{ours}/sign-in/with/company"
    told = {"redirect_uri": f"{callback}/callback", "backchannel_logout_uri": f"{callback}/logout"}
    told |= {"port": theirs.rpartition(":")[2]}
    command: list[str | Path] = ["node", node_modules / "provider.js", json.dumps(told)]
    with running(command, f"{theirs}/.well-known/openid-configuration", log, **env):
        yield


def enrol(who: Visitor, issuer: str) -> str:
    """Sets an authenticator app up for who is signed in; gives its key."""
    page = who.press(who.get(f"{issuer}/account/authenticator"), "totp-begin")
    key = page.html.partition('totp-key">')[2].partition("<")[0]
    where = "/account/authenticator"
    NOTES.shown_once[key] = NOTES.shown_once[key.replace(" ", "")] = where
    page = who.press(page, "otp-submit", otp=totp(key))
    assert "recovery" in page.html.lower(), page.html
    codes = re.findall(
        r"\b[a-z0-9]{4,6}(?:-[a-z0-9]{4,6})+\b", page.html.partition('class="codes')[2].partition("</")[0]
    )
    NOTES.shown_once.update(dict.fromkeys(codes, where))
    return key
