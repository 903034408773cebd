"""Clients that nobody here wrote, against the real issuer and gateway: SDKs of vendors, OAuth and JOSE libraries."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import anthropic
import httpx
import jwt as pyjwt
import openai
import portcullis
import pytest
import requests
from authlib.integrations.httpx_client import OAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from forge import Key
from house import Demo, data, run, wait_until
from jose import jwt as python_jose
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import ECKey, KeySet
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jwt as jwcrypto_jwt
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session as RequestsOAuthlibSession

MODEL = "portcullis-ngram-basic"


@pytest.fixture(autouse=True)
def no_proxies_and_no_keys_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def token(demo: Demo) -> str:
    return demo.token(demo.free)


@pytest.fixture(scope="module")
def weak_token(demo: Demo) -> str:
    return demo.token(demo.free, scope="model:list")


@pytest.fixture(scope="module")
def metadata(demo: Demo) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{demo.issuer}/.well-known/oauth-authorization-server", trust_env=False).json()
    return found


@pytest.fixture(scope="module")
def jwks(metadata: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(metadata["jwks_uri"], trust_env=False).json()
    return found


# The OpenAI SDK


def openai_sdk(demo: Demo, token: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{demo.gateway}/v1", api_key=token, max_retries=0)


def test_openai_lists_models_and_finds_one(demo: Demo, token: str) -> None:
    client = openai_sdk(demo, token)
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


def test_openai_chats_and_counts(demo: Demo, token: str) -> None:
    answer = openai_sdk(demo, token).chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "What is a token?"}], seed=1
    )
    assert answer.choices[0].message.content
    assert answer.usage and answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_openai_streams_the_same_words(demo: Demo, token: str) -> None:
    client = openai_sdk(demo, token)
    asked: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "What is a scope?"}], "seed": 7}
    whole = client.chat.completions.create(**asked).choices[0].message.content
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole
    assert len(chunks) > 3 and chunks[-1].usage


def test_openai_completes_text(demo: Demo, token: str) -> None:
    assert openai_sdk(demo, token).completions.create(model=MODEL, prompt="The gateway", seed=1).choices[0].text


async def stream_and_leave(client: openai.AsyncOpenAI) -> str:
    messages: Any = [{"role": "user", "content": "Tell me a long story"}]
    async with client:
        stream = await client.chat.completions.create(model=MODEL, messages=messages, stream=True)
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                await stream.close()
                return chunk.choices[0].delta.content
    raise AssertionError("nothing came")


def test_a_stream_may_be_left_and_the_gateway_goes_on(demo: Demo, token: str) -> None:
    client = openai.AsyncOpenAI(base_url=f"{demo.gateway}/v1", api_key=token, max_retries=0)
    assert asyncio.run(stream_and_leave(client))
    assert MODEL in [model.id for model in openai_sdk(demo, token).models.list()]


def test_openai_learns_why_its_key_is_no_token(demo: Demo) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        openai_sdk(demo, "sk-proj-0123456789").models.list()
    error = caught.value
    assert (error.status_code, error.code, error.type) == (401, "invalid_api_key", "authentication_error")
    assert "not an access token" in error.message


def test_openai_learns_which_scope_is_missing_and_the_operator_learns_more(demo: Demo, weak_token: str) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        openai_sdk(demo, weak_token).chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}])
    error = caught.value
    assert (error.status_code, error.code, error.type) == (403, "missing_scope", "permission_error")
    assert "scope=generate:basic" in error.message
    assert 'scope="generate:basic"' in error.response.headers["www-authenticate"]
    decision = error.response.headers["x-decision-id"]
    assert decision in error.message

    # The gateway's decisions reach the disk within milliseconds, not before the answer.
    wait_until(lambda: run("explain", decision, config=demo.config).returncode == 0, "the decision is on the disk")
    explanation = data("explain", decision, config=demo.config)
    assert explanation["outcome"]["code"] == "missing_scope"
    assert [row["check"] for row in explanation["rows"] if row["mark"] == "failed"] == ["scope"]
    assert any("never asked" in line or "asked for" in line for line in explanation["story"]), explanation["story"]


# The Anthropic SDK


@pytest.mark.parametrize("header", ["api_key", "auth_token"])
def test_anthropic_talks_with_the_token_in_either_header(demo: Demo, token: str, header: str) -> None:
    client = anthropic.Anthropic(base_url=demo.gateway, max_retries=0, **{header: token})  # type: ignore[arg-type]
    answer = client.messages.create(model=MODEL, max_tokens=64, messages=[{"role": "user", "content": "Hello"}])
    assert answer.content[0].type == "text" and answer.content[0].text
    assert answer.usage.output_tokens > 0


def test_anthropic_streams(demo: Demo, token: str) -> None:
    client = anthropic.Anthropic(base_url=demo.gateway, api_key=token, max_retries=0)
    with client.messages.stream(model=MODEL, max_tokens=64, messages=[{"role": "user", "content": "Hello"}]) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and final.content[0].type == "text" and final.content[0].text == text


def test_anthropic_learns_why_it_is_refused(demo: Demo, weak_token: str) -> None:
    def ask(key: str) -> anthropic.types.Message:
        client = anthropic.Anthropic(base_url=demo.gateway, api_key=key, max_retries=0)
        return client.messages.create(model=MODEL, max_tokens=8, messages=[{"role": "user", "content": "Hi"}])

    with pytest.raises(anthropic.AuthenticationError) as unknown:
        ask("sk-ant-api03-0123456789")
    assert unknown.value.body["error"]["reason"] == "not_a_token"  # type: ignore[index]
    with pytest.raises(anthropic.PermissionDeniedError) as weak:
        ask(weak_token)
    assert weak.value.body["error"]["type"] == "permission_error"  # type: ignore[index]
    assert "scope=generate:basic" in str(weak.value)


# OAuth libraries


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_gets_a_token_that_opens_the_gateway(demo: Demo, metadata: dict[str, Any], method: str) -> None:
    client_id, secret = demo.free
    if method not in metadata["token_endpoint_auth_methods_supported"]:
        pytest.fail(f"{method} is not supported")
    with OAuth2Session(client_id, secret, token_endpoint_auth_method=method, scope="model:list") as session:
        token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
        assert (token["token_type"], token["scope"]) == ("Bearer", "model:list")
        assert session.get(f"{demo.gateway}/v1/models").status_code == 200
        refused = session.post(f"{demo.gateway}/generate", json={})
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")


def test_authlib_over_httpx_asks_for_the_resource(demo: Demo, metadata: dict[str, Any]) -> None:
    client_id, secret = demo.free
    with OAuth2Client(client_id, secret, trust_env=False) as session:
        form = {"grant_type": "client_credentials", "resource": demo.gateway}
        session.fetch_token(metadata["token_endpoint"], **form)
        assert session.get(f"{demo.gateway}/v1/models").status_code == 200


def test_requests_oauthlib_gets_a_token(demo: Demo, metadata: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    client_id, secret = demo.free
    session = RequestsOAuthlibSession(client=BackendApplicationClient(client_id, scope=["generate:basic"]))
    token = session.fetch_token(metadata["token_endpoint"], client_id=client_id, client_secret=secret)
    assert token["scope"] == ["generate:basic"]
    assert session.post(f"{demo.gateway}/generate", json={"prompt": "The"}).status_code == 200


def test_a_wrong_secret_is_refused_as_oauth_says(demo: Demo, metadata: dict[str, Any]) -> None:
    with OAuth2Session(demo.premium[0], "wrong", scope="generate:basic") as session:
        with pytest.raises(Exception, match="invalid_client"):
            session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    form = {"grant_type": "client_credentials"}
    answer = requests.post(metadata["token_endpoint"], data=form, auth=(demo.premium[0], "wrong"))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert answer.headers["cache-control"] == "no-store"


@pytest.fixture(scope="module")
def partner(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Key]:
    """A client with a key of its own, registered while everything runs."""
    key = Key.make("partner-1", "ES256")
    file: Path = tmp_path_factory.mktemp("partner") / "partner.jwks.json"
    file.write_text(json.dumps({"keys": [key.public()]}))
    terms: list[str | Path] = ["--auth", "private-key-jwt", "--jwks", file, "--scope", "generate:basic"]
    data("client", "add", "Partner", "--id", "partner", *terms, config=demo.config)
    return "partner", key


def assertion_session(partner: tuple[str, Key], aud: str) -> OAuth2Session:
    """authlib's assertions are for the token endpoint and live for an hour, unless it is told otherwise."""
    client_id, key = partner
    claims = {"aud": aud, "exp": int(time.time()) + 60}
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    private = ECKey.import_key(pem)
    session = OAuth2Session(client_id, private, token_endpoint_auth_method="private_key_jwt", scope="generate:basic")
    session.register_client_auth_method(PrivateKeyJWT(claims=claims, headers={"kid": key.kid}, alg="ES256"))
    return session


def test_authlib_authenticates_with_its_own_key(demo: Demo, metadata: dict[str, Any], partner: tuple[str, Key]) -> None:
    assert "private_key_jwt" in metadata["token_endpoint_auth_methods_supported"]

    token: dict[str, Any] = {}

    def granted() -> bool:
        with assertion_session(partner, aud=demo.issuer) as session:
            try:
                token.update(session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials"))
            except Exception as error:
                # A running server takes over what a command changed within a second.
                assert "invalid_client" in str(error)
                return False
        return True

    wait_until(granted, "the new client is known", pause=0.5)
    bearer = {"authorization": f"Bearer {token['access_token']}"}
    answer = httpx.post(f"{demo.gateway}/generate", headers=bearer, json={}, trust_env=False)
    assert answer.status_code == 200


def test_an_assertion_for_the_token_endpoint_instead_of_the_issuer_is_refused(
    demo: Demo, metadata: dict[str, Any], partner: tuple[str, Key]
) -> None:
    # rfc7523bis: the issuer alone, or an assertion could be taken to another server.
    with assertion_session(partner, aud=metadata["token_endpoint"]) as session:
        with pytest.raises(Exception, match="invalid_client"):
            session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")


# JOSE libraries


def test_pyjwt_verifies_our_token(demo: Demo, metadata: dict[str, Any], token: str) -> None:
    key = pyjwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token)
    required = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]
    claims = pyjwt.decode(
        token, key, algorithms=["ES256"], audience=demo.gateway, issuer=demo.issuer, options={"require": required}
    )
    assert claims["client_id"] == "free-app"
    assert pyjwt.get_unverified_header(token)["typ"] == "at+jwt"


def test_python_jose_verifies_our_token(demo: Demo, jwks: dict[str, Any], token: str) -> None:
    # It fails at the first key of another kind, so its users pick the key that the token names.
    kid = python_jose.get_unverified_header(token)["kid"]
    key = next(key for key in jwks["keys"] if key["kid"] == kid)
    claims = python_jose.decode(token, key, algorithms=["ES256"], audience=demo.gateway, issuer=demo.issuer)
    assert claims["sub"] == "free-app"


def test_jwcrypto_verifies_our_token(jwks: dict[str, Any], token: str) -> None:
    keys = jwcrypto_jwk.JWKSet.from_json(json.dumps(jwks))
    found = jwcrypto_jwt.JWT(jwt=token, key=keys, algs=["ES256"])
    assert json.loads(found.claims)["scope"] == "generate:basic model:list"


def test_joserfc_verifies_our_token(jwks: dict[str, Any], token: str) -> None:
    found = joserfc_jwt.decode(token, KeySet.import_key_set({"keys": jwks["keys"]}), algorithms=["ES256"])
    assert found.header["typ"] == "at+jwt"


def test_our_own_package_verifies_our_token_by_discovery(demo: Demo, token: str) -> None:
    verifier = portcullis.Verifier(audience=demo.gateway, issuer=demo.issuer)
    claims = verifier.verify(token, ["generate:basic"])
    assert claims.client_id == "free-app"
    with pytest.raises(portcullis.Denied, match="missing_scope"):
        verifier.verify(token, ["generate:advanced"])


def test_the_published_keys_are_public_and_named_by_their_thumbprint(jwks: dict[str, Any]) -> None:
    assert jwks["keys"]
    for key in jwks["keys"]:
        assert key["use"] == "sig" and key["alg"] and "d" not in key
        assert jwcrypto_jwk.JWK(**key).thumbprint() == key["kid"]
