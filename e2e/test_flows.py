"""The flows of people, clicked through in a real browser, over TLS: with the company's own provider, by mailed links,
to apps and away from them."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from browser import NewVisitor, Secrets, Visitor
from company import Company, mailed
from provider import App
from visitor import totp

NewApp = Callable[..., App]


@pytest.fixture
def app(estate: Company) -> App:
    """An app that is there: a browser gets to it."""
    back = estate.ours.site.publish("/back", {})
    left = estate.ours.site.publish("/left", {})
    return estate.ours.register(client_name="The notebook", redirect_uris=[back], post_logout_redirect_uris=[left])


def asking(app: App, **more: str) -> str:
    return app.address(redirect_uri=f"{app.at.site.url}/back", **more)


def answered(it: Visitor, app: App) -> dict[str, str]:
    """What the browser brought back to the app."""
    it.page.wait_for_url(f"{app.at.site.url}/back?**")
    return {name: values[0] for name, values in parse_qs(urlsplit(it.page.url).query).items()}


def claims(app: App, code: str) -> dict[str, object]:
    answer = app.redeem(code, redirect_uri=f"{app.at.site.url}/back")
    assert answer.status_code == 200, answer.text
    return app.id_token(answer.json())


def at_the_company(it: Visitor, company: Company, login: str) -> None:
    """Signs in on the company's own pages, and agrees there."""
    it.page.wait_for_url(f"{company.issuer}/**")
    it.page.fill("[name=login]", login)
    it.page.fill("[name=password]", "x")
    it.page.click("[type=submit]")
    it.page.wait_for_load_state()
    if it.page.url.startswith(company.issuer):
        it.page.click("[type=submit]")


def test_an_employee_comes_by_way_of_the_company(company: Company, app: App, visitor: NewVisitor) -> None:
    it = visitor(company.ours)
    it.page.goto(asking(app))
    it.inspect()
    it.page.get_by_text("The company").click()
    at_the_company(it, company, "ada")
    it.page.wait_for_selector(".consent-approve")
    it.inspect()
    it.click(".consent-approve")
    assert str(claims(app, answered(it, app)["code"])["sub"]).startswith("usr_")
    cookies = [cookie for cookie in it.context.cookies() if cookie["domain"] == "localhost" and cookie["secure"]]
    names = {cookie["name"] for cookie in cookies}
    assert {"__Host-session", "__Host-browser"} <= names
    for cookie in cookies:
        assert cookie["name"].startswith("__Host-") and cookie["path"] == "/" and cookie["httpOnly"], cookie
        assert cookie["sameSite"] in {"Lax", "Strict"}, cookie


def test_what_the_company_refuses_is_explained(company: Company, app: App, visitor: NewVisitor) -> None:
    it = visitor(company.ours)
    it.page.goto(asking(app))
    it.page.get_by_text("The company").click()
    it.page.wait_for_url(f"{company.issuer}/**")
    it.page.click("text=Cancel")
    it.page.wait_for_url(f"{company.ours.issuer}/**")
    assert it.page.inner_text(".decision-id").startswith("dec_")
    it.inspect()


def test_an_account_elsewhere_is_linked_and_signs_in(company: Company, app: App, visitor: NewVisitor) -> None:
    it, who = visitor(company.ours), company.joins("linda@example.com", "rather long and unlikely 5")
    it.sign_in(who)
    it.click(".account-link")
    at_the_company(it, company, "linda-of-the-company")
    it.page.wait_for_url(f"{it.issuer}/account**")
    assert it.page.locator(".account-link").count() == 0
    it.inspect()
    other = visitor(company.ours)
    other.go("/sign-in")
    other.page.get_by_text("The company").click()
    at_the_company(other, company, "linda-of-the-company")
    other.page.wait_for_url(f"{it.issuer}/account**")
    assert who[0] in other.text()


def test_an_invitation_comes_by_mail(estate: Company, visitor: NewVisitor) -> None:
    estate.ours.cli("person", "add", "iris@example.com", "--name", "Iris")
    estate.ours.cli("person", "invite", "iris@example.com", "--mail")
    it = visitor(estate.ours)
    it.page.goto(mailed(estate.folder, "Iris"))
    it.inspect()
    it.page.fill("#password", "password")
    it.click(".password-submit")
    assert it.page.inner_text("#password-wrong")
    it.inspect()
    it.page.fill("#password", "rather long and unlikely 6")
    it.click(".password-submit")
    it.page.wait_for_load_state()
    visitor(estate.ours).sign_in(("iris@example.com", "rather long and unlikely 6"))
    again = visitor(estate.ours)
    assert again.page.goto(mailed(estate.folder, "Iris")).status == 410  # type: ignore[union-attr]
    again.inspect()


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_a_forgotten_password_is_chosen_anew(estate: Company, visitor: NewVisitor, script: bool) -> None:
    name = f"forgets-{script}".lower()
    login = f"{name}@example.com"
    estate.joins(login, "rather long and unlikely 7")
    it = visitor(estate.ours, java_script_enabled=script)
    it.go("/sign-in")
    it.page.click("[href*=password-reset]")
    if script:
        it.inspect()
    it.page.fill("#login", login)
    it.click(".reset-submit")
    it.page.wait_for_load_state()
    if script:
        it.inspect()
    it.page.goto(mailed(estate.folder, name))
    if script:
        it.inspect()
    it.page.fill("#password", "another long and unlikely one")
    it.click(".password-submit")
    it.page.wait_for_load_state()
    visitor(estate.ours).sign_in((login, "another long and unlikely one"))


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_an_answer_is_posted(estate: Company, app: App, visitor: NewVisitor, script: bool) -> None:
    it = visitor(estate.ours, java_script_enabled=script)
    it.page.goto(asking(app, response_mode="form_post"))
    it.type_password("ada")
    it.click(".consent-approve")
    if not script:
        it.page.wait_for_selector(".form-post-submit")
        it.click(".form-post-submit")
    it.page.wait_for_url(f"{app.at.site.url}/back")
    answer = next(form for path, form in reversed(app.at.site.forms) if path == "/back")
    assert answer["iss"] == estate.ours.issuer and claims(app, answer["code"])


def test_the_page_that_posts_an_answer_can_be_read(estate: Company, app: App, visitor: NewVisitor) -> None:
    it = visitor(estate.ours)
    it.page.route("**/submit*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    it.page.goto(asking(app, response_mode="form_post"))
    it.type_password("ada")
    it.click(".consent-approve")
    it.page.wait_for_selector(".form-post-submit")
    it.inspect()


def test_who_is_signed_in_is_asked_for_more(estate: Company, app: App, visitor: NewVisitor, secrets: Secrets) -> None:
    before, it, who = visitor(estate.ours), visitor(estate.ours), estate.joins("more", "rather long and unlikely 8")
    before.sign_in(who)
    it.sign_in(who)
    it.go("/sign-in?return=authenticator")
    it.inspect()
    it.type_password(who)
    it.page.wait_for_url(f"{it.issuer}/account/authenticator")
    it.click(".totp-begin")
    key = it.page.inner_text(".totp-key")
    secrets.shown_once[key] = secrets.shown_once[key.replace(" ", "")] = "/account/authenticator"
    it.inspect()
    it.page.fill("#otp", totp(key))
    it.click(".otp-submit")
    secrets.shown_once.update(dict.fromkeys(it.page.inner_text(".codes").split(), "/account/authenticator"))
    it.inspect()
    # Where the code was shown, nobody asks for it again.
    before.page.goto(asking(app, acr_values="mfa"))
    before.inspect()
    before.type_password(who)
    before.page.wait_for_selector("#otp")
    before.page.fill("#otp", totp(key, ahead=1))
    before.click(".otp-submit")
    before.click(".consent-approve")
    assert claims(app, answered(before, app)["code"])["acr"] == "mfa"


@pytest.mark.parametrize("hinted", [True, False], ids=["with a hint", "asked"])
def test_an_app_signs_its_person_out(estate: Company, app: App, visitor: NewVisitor, hinted: bool) -> None:
    it = visitor(estate.ours)
    it.page.goto(asking(app))
    it.type_password("ada")
    it.click(".consent-approve")
    code = answered(it, app)["code"]
    hint = app.redeem(code, redirect_uri=f"{app.at.site.url}/back").json()["id_token"]
    left = f"{app.at.site.url}/left"
    out = {"client_id": app.id, "post_logout_redirect_uri": left, "state": "bye"}
    it.go(f"/logout?{urlencode(out | ({'id_token_hint': hint} if hinted else {}))}")
    if not hinted:
        assert "The notebook" in it.text()
        it.inspect()
        it.click(".logout-submit")
    it.page.wait_for_url(f"{left}?state=bye")
    it.go("/account")
    assert "/sign-in" in it.page.url
