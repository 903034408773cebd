"""People sign in with a provider that their company has: npm's oidc-provider, which is certified."""

from urllib.parse import urlencode

import pytest
from company import LEFT, SECRET, Company
from house import run, wait_until
from provider import BACK, KEY, App
from visitor import Visitor


@pytest.fixture(scope="module")
def app(company: Company) -> App:
    return company.ours.register(client_name="The app")


def check(company: Company, secret: str) -> tuple[int, str]:
    done = run("check", config=company.ours.config, KEY=KEY, UPSTREAM_SECRET=secret)
    return done.returncode, done.stdout + done.stderr


def sign_out(company: Company, browser: Visitor) -> None:
    """At the company."""
    query = urlencode({"client_id": "portcullis", "post_logout_redirect_uri": LEFT})
    page = browser.get(f"{company.issuer}/session/end?{query}")
    form = page.any_form()
    page = browser.post(form.action, form.fields | {"logout": "yes"})
    assert page.url.startswith(LEFT), (page.url, page.html)


def is_signed_out(app: App, browser: Visitor) -> bool:
    return browser.get(app.address(prompt="none")).query.get("error") == "login_required"


def test_check_knows_a_wrong_secret_from_the_right_one(company: Company) -> None:
    code, said = check(company, SECRET)
    assert code == 0, said
    code, said = check(company, "a wrong secret")
    assert code == 1 and "secret" in said and "a wrong secret" not in said


def test_the_company_signs_its_people_in_and_its_groups_are_roles(company: Company, app: App) -> None:
    browser = company.visitor()
    page = company.sign_in(app, browser, "ada", scope="openid profile email roles")
    tokens = app.redeem(page.query["code"]).json()
    told = app.userinfo(tokens["access_token"]).json()
    assert told["roles"] == ["scientist"] and told["email"] == "ada@company.example"
    assert app.id_token(tokens)["sub"].startswith("usr_")
    page = app.authorize(browser, resource=company.ours.gateway, scope="openid model:list")
    api = app.redeem(page.query["code"]).json()
    assert company.ours.call(api["access_token"]).status_code == 200


def test_a_group_that_nobody_mapped_is_nothing(company: Company, app: App) -> None:
    page = company.sign_in(app, company.visitor(), "mallory", scope="openid roles")
    tokens = app.redeem(page.query["code"]).json()
    assert app.userinfo(tokens["access_token"]).json()["roles"] == []


def test_one_person_of_the_company_is_one_person_here(company: Company, app: App) -> None:
    subjects = []
    for login in ("ada", "ada", "grace"):
        page = company.sign_in(app, company.visitor(), login)
        subjects.append(app.id_token(app.redeem(page.query["code"]).json())["sub"])
    assert subjects[0] == subjects[1] != subjects[2]


def test_who_signs_out_at_the_company_is_signed_out_here(company: Company, app: App) -> None:
    browser = company.visitor()
    page = company.sign_in(app, browser, "ada")
    tokens = app.redeem(page.query["code"]).json()
    assert "code" in browser.get(app.address(prompt="none")).query
    sign_out(company, browser)
    wait_until(lambda: is_signed_out(app, browser), "the session is alive")
    assert app.userinfo(tokens["access_token"]).status_code == 401


def test_a_session_at_the_company_is_no_new_sign_in(company: Company, app: App) -> None:
    browser = company.visitor()
    first = app.id_token(app.redeem(company.sign_in(app, browser, "ada").query["code"]).json())
    for wish in ({"prompt": "login"}, {"max_age": "0"}):
        page = browser.get(app.address(**wish))
        page = browser.get(f"{company.ours.issuer}{page.link('/sign-in/with/company')}")
        assert page.url.startswith(company.issuer) and page.has("login-submit"), (page.url, page.html)
        for _ in range(2):
            if page.url.startswith(company.issuer) and page.has("login-submit"):
                page = browser.press(page, "login-submit", login="ada", password="x")
        again = app.id_token(app.redeem(page.query["code"]).json())
        assert again["sub"] == first["sub"] and again["sid"] == first["sid"] and again["auth_time"]
    sign_out(company, browser)
    wait_until(lambda: is_signed_out(app, browser), "the session is alive after another sign-in")


def test_an_answer_is_of_the_browser_that_began(company: Company, app: App) -> None:
    begun = company.visitor()
    page = begun.get(app.address())
    begun.stops_at += (f"{company.ours.issuer}/sign-in/with/company/callback",)
    page = begun.get(f"{company.ours.issuer}{page.link('/sign-in/with/company')}")
    for _ in range(2):
        if page.url.startswith(company.issuer) and page.has("login-submit"):
            page = begun.press(page, "login-submit", login="ada", password="x")
    assert "/callback" in page.url and "code=" in page.url
    refused = company.visitor().get(page.url)
    assert refused.status in {400, 410} and not refused.url.startswith(BACK)
