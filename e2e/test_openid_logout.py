"""What the OpenID Foundation's suites for RP-initiated and back-channel logout and third-party login ask."""

from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from house import wait_until
from provider import App, Provider
from visitor import Page, Visitor

LEFT = "https://app.example.com/left"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def app(provider: Provider) -> App:
    return provider.register(
        post_logout_redirect_uris=[LEFT],
        backchannel_logout_uri=f"{provider.site.url}/ended",
        backchannel_logout_session_required=True,
    )


@pytest.fixture
def browser(provider: Provider) -> Visitor:
    browser = provider.browser()
    browser.stops_at += (LEFT,)
    return browser


def leave(app: App, browser: Visitor, **parameters: str) -> Page:
    return browser.get(f"{app.at.metadata['end_session_endpoint']}?{urlencode(parameters)}")


def is_signed_in(app: App, browser: Visitor) -> bool:
    return "code" in browser.get(app.address(prompt="none")).query


def told(provider: Provider, app: App) -> list[dict[str, Any]]:
    """What the app heard of ended sessions."""
    heard = [form["logout_token"] for path, form in provider.site.forms if path == "/ended"]
    return [
        provider.verified(token, app.id) | {"typ": jwt.get_unverified_header(token)["typ"]}
        for token in heard
        if jwt.decode(token, options={"verify_signature": False})["aud"] == app.id
    ]


def test_an_app_signs_its_person_out(app: App, browser: Visitor) -> None:
    hint = app.tokens(browser)["id_token"]
    page = leave(app, browser, id_token_hint=hint, post_logout_redirect_uri=LEFT, state="a state")
    assert page.url.startswith(LEFT) and page.query == {"state": "a state"}
    assert not is_signed_in(app, browser)


def test_without_a_state_none_comes_back(app: App, browser: Visitor) -> None:
    hint = app.tokens(browser)["id_token"]
    page = leave(app, browser, id_token_hint=hint, post_logout_redirect_uri=LEFT)
    assert page.url == LEFT and not is_signed_in(app, browser)


def test_a_logout_may_be_posted(app: App, browser: Visitor) -> None:
    form = {"id_token_hint": app.tokens(browser)["id_token"], "post_logout_redirect_uri": LEFT, "state": "s"}
    assert browser.post(app.at.metadata["end_session_endpoint"], form).query == {"state": "s"}


def test_without_a_hint_the_person_is_asked(app: App, browser: Visitor) -> None:
    app.code(browser)
    page = leave(app, browser, client_id=app.id, post_logout_redirect_uri=LEFT, state="x")
    assert page.has("logout-submit") and is_signed_in(app, browser)
    assert browser.press(page, "logout-submit").url == f"{LEFT}?state=x"
    assert not is_signed_in(app, browser)


def test_without_any_parameter_the_person_is_asked_and_stays_here(app: App, browser: Visitor) -> None:
    app.code(browser)
    page = leave(app, browser)
    assert page.has("logout-submit")
    done = browser.press(page, "logout-submit")
    assert done.status == 200 and done.url.startswith(app.at.issuer) and not is_signed_in(app, browser)


def test_without_client_and_hint_nobody_is_sent_anywhere(app: App, browser: Visitor) -> None:
    app.code(browser)
    page = leave(app, browser, post_logout_redirect_uri=LEFT, state="x")
    if page.has("logout-submit"):
        page = browser.press(page, "logout-submit")
    assert page.url.startswith(app.at.issuer)


@pytest.mark.parametrize("uri", [f"{LEFT}/other", f"{LEFT}?foo=bar", "https://elsewhere.example/"])
def test_nobody_is_sent_to_where_the_app_did_not_say(app: App, browser: Visitor, uri: str) -> None:
    hint = app.tokens(browser)["id_token"]
    page = leave(app, browser, id_token_hint=hint, post_logout_redirect_uri=uri, state="x")
    assert page.url.startswith(app.at.issuer) and page.status == 400


def test_a_hint_with_a_broken_signature_signs_nobody_out(app: App, browser: Visitor) -> None:
    head, body, signature = app.tokens(browser)["id_token"].split(".")
    bad = f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    page = leave(app, browser, id_token_hint=bad, post_logout_redirect_uri=LEFT, state="x")
    assert page.url.startswith(app.at.issuer) and is_signed_in(app, browser)


def test_whoever_is_signed_out_already_goes_back_by_themselves(app: App, browser: Visitor) -> None:
    hint = app.tokens(browser)["id_token"]
    assert leave(app, browser, id_token_hint=hint, post_logout_redirect_uri=LEFT).url == LEFT
    # Nobody vouches for an app that registered itself: no link of ours sends people on to it.
    again = leave(app, browser, id_token_hint=hint, post_logout_redirect_uri=LEFT)
    assert again.status == 200 and again.link(LEFT) == LEFT


def test_apps_hear_that_a_session_ended(provider: Provider, app: App, browser: Visitor) -> None:
    tokens = app.tokens(browser)
    claims = app.id_token(tokens)
    leave(app, browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=LEFT)
    wait_until(lambda: bool(told(provider, app)), "the app heard nothing of the logout")
    (heard,) = told(provider, app)
    assert heard["typ"] == "logout+jwt" and heard["events"] == {EVENT: {}} and "nonce" not in heard
    assert (heard["sub"], heard["sid"], heard["iss"]) == (claims["sub"], claims["sid"], provider.issuer)
    assert heard["jti"] and 0 < heard["exp"] - heard["iat"] <= 120


def test_an_app_of_another_session_hears_nothing(provider: Provider, app: App, browser: Visitor) -> None:
    other = provider.browser()
    app.code(other)
    tokens = app.tokens(browser)
    leave(app, browser, id_token_hint=tokens["id_token"])
    wait_until(lambda: bool(told(provider, app)), "the app heard nothing of the logout")
    assert [heard["sid"] for heard in told(provider, app)] == [app.id_token(tokens)["sid"]]
    assert is_signed_in(app, other)


def test_with_the_session_go_its_tokens(app: App, browser: Visitor) -> None:
    tokens = app.tokens(browser)
    leave(app, browser, id_token_hint=tokens["id_token"])
    assert app.userinfo(tokens["access_token"]).status_code == 401
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_the_end_of_a_session_spares_what_was_asked_for_offline(app: App, browser: Visitor) -> None:
    tokens = app.tokens(browser, scope="openid offline_access", prompt="consent")
    leave(app, browser, id_token_hint=tokens["id_token"])
    assert app.refresh(tokens["refresh_token"]).status_code == 200


def test_the_account_page_leads_to_where_an_app_begins_its_sign_in(provider: Provider, browser: Visitor) -> None:
    begin = "https://app.example.com/begin"
    app = provider.register(initiate_login_uri=begin, client_name="Begins itself")
    app.tokens(browser)
    page = browser.get(f"{provider.issuer}/account/apps")
    assert page.link(begin) == f"{begin}?{urlencode({'iss': provider.issuer})}"
