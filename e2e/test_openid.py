"""What the OpenID Foundation's suites for basic, config, dynamic and form_post providers ask of a provider."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.x509 import UniformResourceIdentifier
from house import wait_until
from jwcrypto import jwe, jwk
from provider import BACK, App, Key, Provider, seconds
from visitor import Visitor

METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
SCOPES = {
    "profile": {"name", "preferred_username", "updated_at"},
    "email": {"email", "email_verified"},
    "roles": {"roles"},
    "phone": set(),
    "address": set(),
}


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register(client_name="The app")


@pytest.fixture(scope="module")
def someone(provider: Provider, app: App) -> Visitor:
    """Who is signed in, and has agreed."""
    browser = provider.browser()
    app.code(browser)
    return browser


def error(page_url: dict[str, str]) -> str | None:
    return page_url.get("error")


def test_discovery_tells_what_openid_clients_need(provider: Provider) -> None:
    said = provider.metadata
    assert said["issuer"] == provider.issuer
    endpoints = [name for name in said if name.endswith("_endpoint") or name == "jwks_uri"]
    assert all(said[name].startswith(f"{provider.issuer}/") for name in endpoints)
    needed = {"authorization", "token", "userinfo", "registration", "end_session", "pushed_authorization_request"}
    assert {f"{name}_endpoint" for name in needed} <= set(endpoints)
    assert said["response_types_supported"] == ["code"] and "form_post" in said["response_modes_supported"]
    assert "RS256" in said["id_token_signing_alg_values_supported"]
    assert set(said["subject_types_supported"]) == {"public", "pairwise"}
    assert set(METHODS) <= set(said["token_endpoint_auth_methods_supported"])
    assert {"openid", "profile", "email", "offline_access"} <= set(said["scopes_supported"])
    assert {"sub", "name", "email"} <= set(said["claims_supported"])
    assert said["claims_parameter_supported"] and not said["request_uri_parameter_supported"]
    # Believed true where it is left out.
    assert "none" not in said["request_object_signing_alg_values_supported"]


def test_published_keys_are_public_and_named(provider: Provider) -> None:
    keys = provider.http.get(provider.metadata["jwks_uri"]).json()["keys"]
    assert len({key["kid"] for key in keys}) == len(keys)
    assert all({"kty", "kid", "use", "alg"} <= set(key) and not {"d", "p", "q", "k"} & set(key) for key in keys)


@pytest.mark.parametrize("method", METHODS)
def test_the_code_flow_goes_without_pkce_for_who_sends_a_nonce(provider: Provider, method: str) -> None:
    key = Key()
    jwks = {"jwks": key.jwks} if method == "private_key_jwt" else {}
    app = provider.register(token_endpoint_auth_method=method, **jwks)
    app.key = key
    page = app.authorize(state="a state & more", nonce="the nonce")
    assert page.query["state"] == "a state & more" and page.query["iss"] == provider.issuer
    answer = app.redeem(page.query["code"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert tokens["token_type"].lower() == "bearer"
    claims = app.id_token(tokens)
    assert claims["nonce"] == "the nonce" and claims["exp"] > claims["iat"] >= seconds() - 60
    assert app.userinfo(tokens["access_token"]).json()["sub"] == claims["sub"]


def test_without_a_nonce_pkce_is_demanded(app: App, someone: Visitor) -> None:
    assert error(app.authorize(someone, nonce=None).query) == "invalid_request"


def test_userinfo_takes_a_token_in_the_header_or_in_a_form(provider: Provider, app: App, someone: Visitor) -> None:
    token = app.tokens(someone)["access_token"]
    url = provider.metadata["userinfo_endpoint"]
    header = {"authorization": f"Bearer {token}"}
    answers = [
        provider.http.get(url, headers=header),
        provider.http.post(url, headers=header),
        provider.http.post(url, data={"access_token": token}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.json()["sub"] for answer in answers}) == 1
    assert provider.http.get(f"{url}?access_token={token}").status_code in {400, 401}
    refused = provider.http.get(url)
    assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("scope", SCOPES)
def test_userinfo_tells_what_a_scope_says(app: App, someone: Visitor, scope: str) -> None:
    told = set(app.userinfo(app.tokens(someone, scope=f"openid {scope}")["access_token"]).json())
    assert SCOPES[scope] | {"sub"} <= told <= SCOPES[scope] | {"sub"} | {"given_name", "family_name", "locale"}


@pytest.mark.parametrize("named", [True, False])
def test_a_token_opens_the_api_and_userinfo(app: App, someone: Visitor, provider: Provider, named: bool) -> None:
    resource = {"resource": provider.gateway} if named else {}
    tokens = app.tokens(someone, scope="openid profile model:list", **resource)
    claims = provider.verified(tokens["access_token"], provider.gateway)
    assert set(tokens["scope"].split()) == set(claims["scope"].split()) == {"openid", "profile", "model:list"}
    assert provider.call(tokens["access_token"]).status_code == 200
    assert app.userinfo(tokens["access_token"]).json()["name"]
    assert "name" not in app.id_token(tokens)


def test_all_scopes_at_once_are_granted(app: App, someone: Visitor) -> None:
    tokens = app.tokens(someone, scope="openid profile email phone address")
    assert {"sub", "name", "email"} <= set(app.userinfo(tokens["access_token"]).json())


def test_a_claim_can_be_asked_for_by_name(app: App, someone: Visitor) -> None:
    wanted = {"userinfo": {"name": {"essential": True}}, "id_token": {"email": None, "auth_time": {"essential": True}}}
    tokens = app.tokens(someone, claims=json.dumps(wanted))
    told = app.userinfo(tokens["access_token"]).json()
    assert told["name"] and "email" not in told
    assert {"email", "auth_time"} <= set(app.id_token(tokens))


def test_prompt_none_answers_without_a_page(app: App, someone: Visitor, provider: Provider) -> None:
    before = app.id_token(app.tokens(someone))
    stranger = provider.browser().get(app.address(prompt="none"))
    assert error(stranger.query) == "login_required" and "state" in stranger.query
    again = someone.get(app.address(prompt="none"))
    after = app.id_token(app.redeem(again.query["code"]).json())
    assert (after["sub"], after["auth_time"]) == (before["sub"], before["auth_time"])


def test_prompt_none_is_not_consent(provider: Provider, someone: Visitor) -> None:
    page = someone.get(provider.register().address(prompt="none"))
    assert error(page.query) in {"consent_required", "interaction_required"}


def test_prompt_login_asks_again(app: App, someone: Visitor, provider: Provider) -> None:
    before = app.id_token(app.tokens(someone))
    page = someone.get(app.address(prompt="login"))
    assert page.has("login-submit")
    # Tokens tell it in whole seconds.
    wait_until(lambda: seconds() > before["auth_time"], "the clock stands")
    page = someone.through(page, *provider.person)
    after = app.id_token(app.redeem(page.query["code"]).json())
    assert after["auth_time"] > before["auth_time"] and after["sub"] == before["sub"]


def test_prompt_none_goes_with_no_other(app: App, someone: Visitor) -> None:
    assert error(someone.get(app.address(prompt="none login")).query) == "invalid_request"


def test_max_age_says_how_old_a_sign_in_may_be(app: App, someone: Visitor, provider: Provider) -> None:
    before = app.id_token(app.tokens(someone))
    wait_until(lambda: seconds() > before["auth_time"] + 1, "the clock stands")
    page = someone.get(app.address(max_age="1"))
    assert page.has("login-submit")
    page = someone.through(page, *provider.person)
    newer = app.id_token(app.redeem(page.query["code"]).json())
    assert newer["auth_time"] > before["auth_time"]
    later = app.id_token(app.redeem(someone.get(app.address(max_age="10000")).query["code"]).json())
    assert later["auth_time"] == newer["auth_time"]


def test_an_id_token_hint_says_who_is_meant(app: App, someone: Visitor) -> None:
    hint = app.tokens(someone)["id_token"]
    assert "code" in someone.get(app.address(prompt="none", id_token_hint=hint)).query


def test_what_is_only_advice_does_no_harm(app: App, someone: Visitor, provider: Provider) -> None:
    advice = {
        "ui_locales": "se en",
        "claims_locales": "fr",
        "acr_values": "1 2 urn:mace:incommon:iap:silver",
        "display": "page",
        "login_hint": "bob@example.com",
        "extra": "foobar",
    }
    for name, value in advice.items():
        assert "code" in someone.get(app.address(**{name: value})).query, name
    page = provider.browser().get(app.address(login_hint="bob@example.com"))
    assert page.form("login-submit").fields["login"] == "bob@example.com"


def test_an_acr_that_is_had_is_told(app: App, someone: Visitor) -> None:
    assert app.id_token(app.tokens(someone, acr_values="pwd"))["acr"] == "pwd"


@pytest.mark.parametrize("uri", ["https://app.example.com/other", f"{BACK}?foo=bar", f"{BACK}/", None])
def test_nobody_is_sent_to_an_address_that_is_not_registered(app: App, someone: Visitor, uri: str | None) -> None:
    app = app.at.register(redirect_uris=[BACK, "https://app.example.com/second"])
    page = someone.get(app.address(redirect_uri=uri))
    assert page.status == 400 and page.url.startswith(app.at.issuer), page.url


def test_a_query_of_the_redirect_uri_stays(provider: Provider, someone: Visitor) -> None:
    back = f"{BACK}?foo=bar"
    app = provider.register(redirect_uris=[back])
    page = app.authorize(someone, redirect_uri=back)
    assert page.query["foo"] == "bar"
    assert app.redeem(page.query["code"], redirect_uri=back).status_code == 200


def test_redirect_uris_with_fragments_are_not_registered(provider: Provider) -> None:
    body = {"redirect_uris": [f"{BACK}#fragment"]}
    answer = provider.http.post(provider.metadata["registration_endpoint"], json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


def test_a_code_is_good_once_and_takes_its_tokens_along(app: App, someone: Visitor) -> None:
    code = app.code(someone)
    tokens = app.redeem(code).json()
    assert app.userinfo(tokens["access_token"]).status_code == 200
    again = app.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert app.userinfo(tokens["access_token"]).status_code == 401
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_code_is_for_one_app_and_one_way_back(app: App, someone: Visitor, provider: Provider) -> None:
    other = provider.register()
    assert other.redeem(app.code(someone)).json()["error"] == "invalid_grant"
    assert app.redeem(app.code(someone), redirect_uri=f"{BACK}/x").json()["error"] == "invalid_grant"


def test_an_unsigned_request_object_is_refused(app: App, someone: Visitor) -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    unsigned = f"{part({'alg': 'none'})}.{part(app.asks())}."
    assert error(someone.get(app.address(request=unsigned)).query) == "invalid_request_object"


def test_a_remote_request_uri_is_fetched_by_nobody(app: App, someone: Visitor, provider: Provider) -> None:
    uri = provider.site.publish("/request", {})
    assert error(someone.get(app.address(request_uri=uri)).query) == "request_uri_not_supported"
    assert "/request" not in provider.site.fetched


def test_a_response_type_is_needed(app: App, someone: Visitor) -> None:
    page = someone.get(app.address(response_type=None))
    assert error(page.query) == "invalid_request" and "state" in page.query
    assert error(someone.get(app.address(response_type="id_token")).query) == "unsupported_response_type"


def test_answers_come_as_a_form_where_that_is_asked_for(app: App, someone: Visitor, provider: Provider) -> None:
    page = someone.get(app.address(response_mode="form_post", state="posted"))
    assert page.status == 200 and f'action="{BACK}"' in page.html and 'method="post"' in page.html.lower()
    fields = page.any_form().fields
    assert fields["state"] == "posted" and fields["iss"] == provider.issuer
    assert app.redeem(fields["code"]).status_code == 200
    refused = provider.browser().get(app.address(response_mode="form_post", prompt="none")).any_form().fields
    assert refused["error"] == "login_required"


def test_an_authorization_request_may_be_posted(app: App, someone: Visitor, provider: Provider) -> None:
    assert "code" in someone.post(provider.metadata["authorization_endpoint"], app.asks()).query


def test_refresh_tokens_give_new_tokens_of_the_same_sign_in(app: App, someone: Visitor, provider: Provider) -> None:
    tokens = app.tokens(someone, scope="openid offline_access", prompt="consent")
    answer = app.refresh(tokens["refresh_token"])
    assert answer.status_code == 200, answer.text
    first, second = app.id_token(tokens), app.id_token(answer.json())
    same = ("iss", "sub", "aud", "auth_time")
    assert [first[name] for name in same] == [second[name] for name in same]
    assert app.userinfo(answer.json()["access_token"]).status_code == 200
    other = provider.register()
    assert other.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_keys_may_be_published_by_the_client_and_change(provider: Provider, someone: Visitor) -> None:
    first, second = Key("first"), Key("second")
    uri = provider.site.publish("/app.jwks", first.jwks)
    app = provider.register(token_endpoint_auth_method="private_key_jwt", jwks_uri=uri)
    app.key = first
    app.tokens(someone)
    provider.site.publish("/app.jwks", second.jwks)
    app.key = second
    app.tokens(someone)


def test_userinfo_is_signed_for_whom_registered_it(provider: Provider, someone: Visitor) -> None:
    app = provider.register(userinfo_signed_response_alg="RS256", id_token_signed_response_alg="ES256")
    tokens = app.tokens(someone)
    answer = app.userinfo(tokens["access_token"])
    assert answer.headers["content-type"] == "application/jwt"
    assert provider.verified(answer.text, app.id)["sub"] == app.id_token(tokens)["sub"]


def test_pairwise_subjects_are_one_for_each_sector(provider: Provider, someone: Visitor) -> None:
    listed = ["https://app.example.com/back", "https://two.example.net/back"]
    uri = provider.site.publish("/sector.json", listed)
    pairwise: dict[str, Any] = {"subject_type": "pairwise", "sector_identifier_uri": uri, "redirect_uris": listed}
    subjects = []
    for metadata in [pairwise, pairwise, {"subject_type": "pairwise"}, {}]:
        app = provider.register(**metadata)
        tokens = app.tokens(someone)
        subjects.append(app.id_token(tokens)["sub"])
        assert app.userinfo(tokens["access_token"]).json()["sub"] == subjects[-1]
    assert subjects[0] == subjects[1] and len(set(subjects)) == 3
    body = {"redirect_uris": [BACK, "https://three.example.org/"], "sector_identifier_uri": uri}
    refused = provider.http.post(provider.metadata["registration_endpoint"], json=body)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")


def test_a_registration_is_shown_to_whom_it_belongs(provider: Provider) -> None:
    about = {"client_name": "An app", "contacts": ["admin@example.com"], "client_uri": "https://app.example.com/"}
    about |= {"policy_uri": "https://app.example.com/policy", "tos_uri": "https://app.example.com/tos"}
    about |= {"logo_uri": "https://app.example.com/logo.png"}
    app = provider.register(**about)
    assert about.items() <= app.registered.items()
    token = {"authorization": f"Bearer {app.registered['registration_access_token']}"}
    shown = provider.http.get(app.registered["registration_client_uri"], headers=token)
    assert shown.status_code == 200 and about.items() <= shown.json().items()
    assert provider.http.get(app.registered["registration_client_uri"]).status_code == 401


def test_people_read_who_asks_before_they_agree(provider: Provider, someone: Visitor) -> None:
    about = {"policy_uri": "https://app.example.com/policy", "tos_uri": "https://app.example.com/tos"}
    page = someone.get(provider.register(client_name="The new app", **about).address())
    assert page.has("consent-approve") and "The new app" in page.html
    assert all(uri in page.html for uri in about.values())
    denied = someone.press(page, "consent-deny")
    assert denied.query["error"] == "access_denied" and denied.query["iss"] == provider.issuer


def test_a_wrong_secret_is_said_in_the_way_it_was_shown(provider: Provider, app: App) -> None:
    url = provider.metadata["token_endpoint"]
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": BACK}
    answer = provider.http.post(url, data=form, auth=(app.id, "wrong"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_key_that_signs_next_is_published_before(provider: Provider, app: App, someone: Visitor) -> None:
    before = app.tokens(someone)["id_token"]
    provider.cli("key", "rotate", "--alg", "RS256")
    wait_until(lambda: len(provider.keys().keys) >= 3, "the new key is not published", pause=0.1)
    provider.verified(before, app.id)
    app.id_token(app.tokens(someone))


def test_query_and_body_are_read_alike(app: App, someone: Visitor) -> None:
    doubled = app.address() + "&" + urlencode({"state": "another"})
    page = someone.get(doubled)
    assert error(page.query) == "invalid_request" or page.status == 400


def test_a_client_may_prove_itself_by_its_certificate(provider: Provider, someone: Visitor) -> None:
    name = "spiffe://example.com/app"
    app = provider.register(token_endpoint_auth_method="tls_client_auth", tls_client_auth_san_uri=name)
    refused = app.redeem(app.code(someone))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    pair = provider.authority.pair("app", UniformResourceIdentifier(name))
    with httpx.Client(trust_env=False, verify=provider.authority.trust(pair)) as app.http:
        assert app.redeem(app.code(someone)).status_code == 200


def test_what_is_told_is_encrypted_to_whom_registered_it(provider: Provider, someone: Visitor) -> None:
    key = jwk.JWK.generate(kty="EC", crv="P-256", use="enc", alg="ECDH-ES", kid="secret")
    app = provider.register(
        jwks={"keys": [key.export_public(as_dict=True)]},
        id_token_encrypted_response_alg="ECDH-ES",
        userinfo_signed_response_alg="RS256",
        userinfo_encrypted_response_alg="ECDH-ES",
    )
    tokens = app.tokens(someone)
    subjects = []
    for encrypted in (tokens["id_token"], app.userinfo(tokens["access_token"]).text):
        opened = jwe.JWE()
        opened.deserialize(encrypted, key=key)
        subjects.append(provider.verified(opened.payload.decode(), app.id)["sub"])
    assert subjects[0] == subjects[1]
