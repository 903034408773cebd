"""People sign in with a provider that their company has: npm's oidc-provider, which is certified."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from house import free_port, run, running, wait_until
from provider import BACK, KEY, App, Provider, serving
from visitor import Page, Visitor

HERE = Path(__file__).parent / "node"
SECRET = "the secret of portcullis"
LEFT = "https://app.example.com/left"
UPSTREAM = """
[[identity_provider]]
name = "company"
title = "The company"
preset = "oidc"
issuer = "{issuer}"
client_id = "portcullis"
client_secret = {{ env = "UPSTREAM_SECRET" }}
scopes = ["openid", "profile", "email", "groups"]
provision = true
roles = {{ "engineers" = "scientist" }}
"""

pytestmark = pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="Node is not installed")


@dataclass
class Company:
    """The company's provider, and ours before it."""

    issuer: str
    ours: Provider
    app: App

    def visitor(self) -> Visitor:
        browser = self.ours.browser()
        browser.stops_at += (LEFT,)
        return browser

    def sign_in(self, browser: Visitor, login: str, **parameters: str) -> Page:
        """From the app, by way of the company's own pages, back to the app."""
        page = browser.get(self.app.address(**parameters))
        if "The company" in page.html:
            page = browser.get(f"{self.ours.issuer}{page.link('/sign-in/with/company')}")
        for _ in range(2):
            if page.url.startswith(self.issuer) and page.has("login-submit"):
                page = browser.press(page, "login-submit", login=login, password="x")
        return browser.press(page, "consent-approve") if page.has("consent-approve") else page


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("upstream")
    program = tmp_path_factory.mktemp("company")
    for file in ("package.json", "package-lock.json", "provider.js"):
        shutil.copy(HERE / file, program)
    install = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    subprocess.run(install, cwd=program, check=True, capture_output=True, timeout=120)
    port = free_port()
    issuer = f"http://localhost:{port}"
    with serving(folder, UPSTREAM.format(issuer=issuer), UPSTREAM_SECRET=SECRET) as ours:
        callback = f"{ours.issuer}/sign-in/with/company"
        told = {"redirect_uri": f"{callback}/callback", "backchannel_logout_uri": f"{callback}/logout", "port": port}
        command: list[str | Path] = ["node", program / "provider.js", json.dumps(told)]
        ready = f"{issuer}/.well-known/openid-configuration"
        with running(command, ready, program / "log", NODE_EXTRA_CA_CERTS=str(ours.authority.ca)):
            app = ours.register(client_name="The app")
            yield Company(issuer, ours, app)


def check(company: Company, secret: str) -> tuple[int, str]:
    done = run("check", config=company.ours.config, KEY=KEY, UPSTREAM_SECRET=secret)
    return done.returncode, done.stdout + done.stderr


def test_check_knows_a_wrong_secret_from_the_right_one(company: Company) -> None:
    code, said = check(company, SECRET)
    assert code == 0, said
    code, said = check(company, "a wrong secret")
    assert code == 1 and "secret" in said and "a wrong secret" not in said


def test_the_company_signs_its_people_in_and_its_groups_are_roles(company: Company) -> None:
    browser = company.visitor()
    page = company.sign_in(browser, "ada", scope="openid profile email roles")
    tokens = company.app.redeem(page.query["code"]).json()
    told = company.app.userinfo(tokens["access_token"]).json()
    assert told["roles"] == ["scientist"] and told["email"] == "ada@company.example"
    assert company.app.id_token(tokens)["sub"].startswith("usr_")
    page = company.app.authorize(browser, resource=company.ours.gateway, scope="openid model:list")
    api = company.app.redeem(page.query["code"]).json()
    assert company.ours.call(api["access_token"]).status_code == 200


def test_a_group_that_nobody_mapped_is_nothing(company: Company) -> None:
    page = company.sign_in(company.visitor(), "mallory", scope="openid roles")
    tokens = company.app.redeem(page.query["code"]).json()
    assert company.app.userinfo(tokens["access_token"]).json()["roles"] == []


def test_one_person_of_the_company_is_one_person_here(company: Company) -> None:
    subjects = []
    for login in ("ada", "ada", "grace"):
        page = company.sign_in(company.visitor(), login)
        subjects.append(company.app.id_token(company.app.redeem(page.query["code"]).json())["sub"])
    assert subjects[0] == subjects[1] != subjects[2]


def test_who_signs_out_at_the_company_is_signed_out_here(company: Company) -> None:
    browser = company.visitor()
    page = company.sign_in(browser, "ada")
    tokens = company.app.redeem(page.query["code"]).json()
    assert "code" in browser.get(company.app.address(prompt="none")).query
    query = urlencode({"client_id": "portcullis", "post_logout_redirect_uri": LEFT})
    page = browser.get(f"{company.issuer}/session/end?{query}")
    form = page.any_form()
    page = browser.post(form.action, form.fields | {"logout": "yes"})
    assert page.url.startswith(LEFT), (page.url, page.html)

    def ended() -> bool:
        return browser.get(company.app.address(prompt="none")).query.get("error") == "login_required"

    wait_until(ended, "the session is alive")
    assert company.app.userinfo(tokens["access_token"]).status_code == 401


def test_an_answer_is_of_the_browser_that_began(company: Company) -> None:
    begun = company.visitor()
    page = begun.get(company.app.address())
    begun.stops_at += (f"{company.ours.issuer}/sign-in/with/company/callback",)
    page = begun.get(f"{company.ours.issuer}{page.link('/sign-in/with/company')}")
    for _ in range(2):
        if page.url.startswith(company.issuer) and page.has("login-submit"):
            page = begun.press(page, "login-submit", login="ada", password="x")
    assert "/callback" in page.url and "code=" in page.url
    refused = company.visitor().get(page.url)
    assert refused.status in {400, 410} and not refused.url.startswith(BACK)
