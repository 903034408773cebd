"""An agent that nobody registered finds its way from a 401 to a call, as the MCP authorization specification says."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from provider import BACK, App, Key, Provider, digest, seconds
from visitor import Visitor

VERIFIER = "0123456789-0123456789-0123456789-0123456789"
MODELS = "model:list"
NewAgent = Callable[..., App]


def challenge(provider: Provider) -> dict[str, str]:
    answer = provider.http.get(f"{provider.gateway}/v1/models")
    assert answer.status_code == 401
    return dict(re.findall(r'(\w+)="([^"]*)"', answer.headers["www-authenticate"]))


def described(provider: Provider, name: str, **metadata: Any) -> App:
    """An agent whose id is the address of the document that describes it."""
    address = f"{provider.site.url}/{name}"
    usual = {
        "client_id": address,
        "client_name": "The agent",
        "redirect_uris": [BACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    document = usual | metadata
    provider.site.publish(f"/{name}", document)
    return App(provider, document | {"client_id": address})


def ask(agent: App, browser: Visitor, **parameters: str | None) -> dict[str, str]:
    usual: dict[str, str | None] = {
        "resource": agent.at.gateway,
        "scope": MODELS,
        "nonce": None,
        "code_challenge": digest(VERIFIER),
        "code_challenge_method": "S256",
    }
    return agent.authorize(browser, **(usual | parameters)).query


def redeem(agent: App, code: str, **form: str) -> httpx.Response:
    return agent.redeem(code, code_verifier=VERIFIER, **({"resource": agent.at.gateway} | form))


def test_a_refusal_leads_to_the_issuer(provider: Provider) -> None:
    said = challenge(provider)
    resource = provider.http.get(said["resource_metadata"]).json()
    assert resource["resource"] == provider.gateway and MODELS in resource["scopes_supported"]
    assert resource["authorization_servers"] == [provider.issuer]
    found = []
    for well in ("oauth-authorization-server", "openid-configuration"):
        answer = provider.http.get(f"{provider.issuer}/.well-known/{well}")
        assert answer.headers["access-control-allow-origin"] == "*"
        found.append(answer.json())
    assert found[0] == found[1] and found[0]["issuer"] == provider.issuer
    assert "S256" in found[0]["code_challenge_methods_supported"]
    assert found[0]["client_id_metadata_document_supported"] is True
    assert found[0]["authorization_response_iss_parameter_supported"] is True


def test_an_agent_with_a_document_gets_in(provider: Provider) -> None:
    agent = described(provider, "agent.json")
    browser = provider.browser()
    page = browser.sign_in(
        browser.get(
            agent.address(
                scope=MODELS,
                resource=provider.gateway,
                nonce=None,
                code_challenge=digest(VERIFIER),
                code_challenge_method="S256",
            )
        ),
        *provider.person,
    )
    assert page.has("consent-approve") and "localhost" in page.html
    answer = browser.press(page, "consent-approve").query
    assert answer["iss"] == provider.issuer
    granted = redeem(agent, answer["code"])
    assert granted.status_code == 200, granted.text
    tokens = granted.json()
    assert provider.call(tokens["access_token"]).status_code == 200
    renewed = agent.post(
        "token_endpoint",
        grant_type="refresh_token",
        refresh_token=tokens["refresh_token"],
        resource=provider.gateway,
    ).json()
    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert provider.call(renewed["access_token"]).status_code == 200


def test_an_agent_with_a_document_may_prove_itself_by_its_key(provider: Provider) -> None:
    key = Key()
    agent = described(provider, "keyed.json", token_endpoint_auth_method="private_key_jwt", jwks=key.jwks)
    agent.key = key
    browser = provider.browser()
    assert redeem(agent, ask(agent, browser)["code"]).status_code == 200
    agent.key = Key()
    refused = redeem(agent, ask(agent, browser)["code"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "metadata",
    [
        {"client_id": "https://other.example/agent.json"},
        {"client_id": None},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"client_secret": "secret"},
        {"redirect_uris": ["https://other.example/back"]},
    ],
    ids=["another id", "no id", "a secret method", "a secret", "another way back"],
)
def test_a_document_that_is_wrong_lets_nobody_in(provider: Provider, metadata: dict[str, Any]) -> None:
    name = f"wrong-{'-'.join(metadata)}-{seconds()}.json"
    page = described(provider, name, **metadata)
    answer = provider.browser().get(page.address(code_challenge=digest(VERIFIER), code_challenge_method="S256"))
    assert answer.status == 400 and answer.url.startswith(provider.issuer)


def test_an_agent_may_register_itself_instead(provider: Provider) -> None:
    agent = provider.register(
        client_name="An older agent",
        application_type="native",
        redirect_uris=["http://127.0.0.1/callback"],
        token_endpoint_auth_method="none",
    )
    assert "client_secret" not in agent.registered
    back = "http://127.0.0.1:43210/callback"
    browser = Visitor("http://127.0.0.1:43210", verify=provider.authority.trust())
    answer = ask(agent, browser, redirect_uri=back)
    tokens = redeem(agent, answer["code"], redirect_uri=back).json()
    assert provider.call(tokens["access_token"]).status_code == 200
    assert ask(agent, browser, redirect_uri=back, code_challenge=None, code_challenge_method=None)["error"]
    assert ask(agent, browser, redirect_uri=back, code_challenge_method="plain")["error"] == "invalid_request"


def test_a_token_is_for_what_was_asked_for_alone(provider: Provider) -> None:
    agent = described(provider, "narrow.json")
    browser = provider.browser()
    code = ask(agent, browser)["code"]
    assert ask(agent, browser, resource="https://elsewhere.example/")["error"] == "invalid_target"
    refused = redeem(agent, code, resource="https://elsewhere.example/")
    assert refused.json()["error"] == "invalid_target"


def test_an_agent_sends_nobody_on_who_is_not_signed_in(provider: Provider) -> None:
    """RFC 9700 §4.11.2: what nobody vouches for is no way to make links of ours lead elsewhere."""
    agent = described(provider, "onward.json")
    page = agent.authorize(provider.browser(), resource="https://elsewhere.example/", code_challenge=None)
    assert page.url.startswith(provider.issuer) and page.status == 400


def test_a_stolen_refresh_token_ends_the_whole_grant(provider: Provider) -> None:
    agent = described(provider, "rotating.json")
    tokens = redeem(agent, ask(agent, provider.browser())["code"]).json()
    second = agent.refresh(tokens["refresh_token"]).json()
    third = agent.refresh(second["refresh_token"]).json()
    assert agent.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert agent.refresh(third["refresh_token"]).json()["error"] == "invalid_grant"
