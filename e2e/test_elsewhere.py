"""A gateway in a process of its own, which hears of revocations by the feed: who leaves is refused there within five
seconds, and who signed in too weakly learns there how to do better (RFC 9470)."""

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from company import LEFT, Company, enrol
from house import wait_until
from provider import PERSON, App
from visitor import Visitor, totp

BOUND = 5.0
"""Seconds within which every gateway knows: what is promised, and not how fast it is."""
SCOPE = "openid model:list"
pytestmark = pytest.mark.usefixtures("early")
SCIM = "urn:ietf:params:scim:schemas:core:2.0:User"


@pytest.fixture(scope="module")
def app(estate: Company) -> App:
    return estate.ours.register(client_name="The app")


@pytest.fixture(scope="module")
def early(estate: Company, app: App) -> tuple[Visitor, dict[str, Any]]:
    """Somebody who signed in before everybody else here did."""
    browser = estate.visitor()
    return browser, tokens(estate, app, browser)


def tokens(estate: Company, app: App, browser: Visitor, who: tuple[str, str] = PERSON, **more: str) -> dict[str, Any]:
    page = browser.get(app.address(scope=SCOPE, resource=estate.ours.gateway, **more))
    page = browser.through(page, *who)
    answer = app.redeem(page.query["code"])
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert estate.call(found["access_token"]).status_code == 200
    return found


def is_refused_in_time(estate: Company, token: str, end: Callable[[], object]) -> None:
    """Ends what the token comes from: the gateway elsewhere refuses it in time, and says why."""
    assert estate.call(token).status_code == 200
    end()
    ended = time.monotonic()
    wait_until(lambda: estate.call(token).status_code != 200, "the gateway elsewhere still lets it in")
    assert time.monotonic() - ended < BOUND
    refused = estate.call(token)
    assert (refused.status_code, refused.json()["code"]) == (401, "revoked")


def test_a_session_that_is_ended_on_the_account_page(estate: Company, app: App) -> None:
    who = estate.joins("twice", "rather long and unlikely 0")
    browser, other = estate.visitor(), estate.visitor()
    token = tokens(estate, app, browser, who)["access_token"]
    kept = tokens(estate, app, other, who)["access_token"]

    def end() -> None:
        page = other.get(f"{estate.ours.issuer}/account/sessions")
        assert "ended" in other.press(page, "sessions-end-others").html.lower()

    is_refused_in_time(estate, token, end)
    assert estate.call(kept).status_code == 200, "the session that ended the others goes on"


def test_a_token_that_is_revoked(estate: Company, app: App) -> None:
    browser = estate.visitor()
    first, second = tokens(estate, app, browser), tokens(estate, app, browser)
    token = first["access_token"]
    is_refused_in_time(estate, token, lambda: app.post("revocation_endpoint", token=token))
    assert estate.call(second["access_token"]).status_code == 200
    token = second["access_token"]
    is_refused_in_time(estate, token, lambda: app.post("revocation_endpoint", token=second["refresh_token"]))


def test_a_person_who_is_disabled(estate: Company, app: App) -> None:
    who = estate.joins("leaver", "rather long and unlikely 1")
    token = tokens(estate, app, estate.visitor(), who)["access_token"]
    is_refused_in_time(estate, token, lambda: estate.ours.cli("person", "disable", who[0]))


def test_a_person_whom_the_directory_sets_inactive(estate: Company, app: App) -> None:
    bearer = {"authorization": f"Bearer {estate.ours.cli('scim', 'add', 'directory')['token']}"}
    users = f"{estate.ours.issuer}/scim/v2/Users"
    body = {"schemas": [SCIM], "userName": "grace@example.com", "active": True}
    made = estate.ours.http.post(users, json=body, headers=bearer)
    assert made.status_code == 201, made.text
    who = ("grace@example.com", "rather long and unlikely 2")
    estate.ours.cli("person", "password", who[0], "--password-stdin", stdin=f"{who[1]}\n")
    estate.ours.cli("person", "roles", who[0], "scientist")
    token = tokens(estate, app, estate.visitor(), who)["access_token"]
    change = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": False}],
    }

    def end() -> None:
        answer = estate.ours.http.patch(f"{users}/{made.json()['id']}", json=change, headers=bearer)
        assert answer.status_code in {200, 204}, answer.text

    is_refused_in_time(estate, token, end)


def test_a_person_who_signs_out_at_the_company(company: Company, app: App) -> None:
    browser = company.visitor()
    asked = {"scope": SCOPE, "resource": company.ours.gateway}
    page = company.sign_in(app, browser, "ada", **asked)
    token = app.redeem(page.query["code"]).json()["access_token"]

    def end() -> None:
        query = urlencode({"client_id": "portcullis", "post_logout_redirect_uri": LEFT})
        form = browser.get(f"{company.issuer}/session/end?{query}").any_form()
        assert browser.post(form.action, form.fields | {"logout": "yes"}).url.startswith(LEFT)

    is_refused_in_time(company, token, end)


def challenged(refused: httpx.Response) -> dict[str, str]:
    """RFC 9470 §3: what the client must ask for."""
    challenge = refused.headers["www-authenticate"]
    assert refused.status_code == 401 and challenge.startswith("Bearer "), challenge
    said = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    assert said["error"] == "insufficient_user_authentication"
    return {name: said[name] for name in ("acr_values", "max_age") if name in said}


def test_a_challenge_leads_to_a_second_factor_and_on(estate: Company, app: App) -> None:
    who = estate.joins("strong", "rather long and unlikely 3")
    browser, other = estate.visitor(), estate.visitor()
    weak = tokens(estate, app, browser, who)["access_token"]
    # Elsewhere: where an authenticator is set up, its code was shown.
    other.sign_in(other.get(f"{estate.ours.issuer}/sign-in"), *who)
    key = enrol(other, estate.ours.issuer)
    demand = challenged(estate.call(weak, "/v1/strong"))
    assert demand == {"acr_values": "mfa phr", "max_age": "900"}
    asked = app.address(scope=SCOPE, resource=estate.ours.gateway, **demand)
    page = browser.get(asked)
    assert page.has("login-submit") and "code" not in page.query
    page = browser.sign_in(page, *who)
    assert page.has("otp-submit"), page.html
    page = browser.press(page, "otp-submit", otp=totp(key, ahead=1))
    better = app.redeem(page.query["code"]).json()
    assert app.id_token(better)["acr"] == "mfa" and {"pwd", "otp"} <= set(app.id_token(better)["amr"])
    assert estate.call(better["access_token"], "/v1/strong").status_code == 200
    assert estate.call(weak, "/v1/strong").status_code == 401, "the token of before got no better"
    assert "code" in browser.get(asked).query, "nobody who is strong enough is asked again"


def test_a_second_factor_that_nobody_has_is_no_dead_end(estate: Company, app: App) -> None:
    who = estate.joins("without", "rather long and unlikely 4")
    browser = estate.visitor()
    demand = challenged(estate.call(tokens(estate, app, browser, who)["access_token"], "/v1/strong"))
    page = browser.get(app.address(scope=SCOPE, resource=estate.ours.gateway, **demand))
    page = browser.sign_in(page, *who)
    assert page.query.get("error") == "unmet_authentication_requirements", (page.url, page.html)


def test_a_sign_in_that_was_too_long_ago_is_renewed(
    estate: Company, app: App, early: tuple[Visitor, dict[str, Any]]
) -> None:
    browser, first = early
    old = first["access_token"]
    # It was young enough once; the time is the route's, the shortest that there is.
    wait_until(lambda: estate.call(old, "/v1/fresh").status_code == 401, "it does not grow old", pause=0.2)
    demand = challenged(estate.call(old, "/v1/fresh"))
    assert demand == {"max_age": "10"}
    page = browser.get(app.address(scope=SCOPE, resource=estate.ours.gateway, **demand))
    assert page.has("login-submit")
    page = browser.through(page, *PERSON)
    better = app.redeem(page.query["code"]).json()["access_token"]
    assert estate.call(better, "/v1/fresh").status_code == 200
