"""Services that have no tokens of ours: with an API key, or with the SDKs of AI vendors and a token of their own
platform. Each gets a short token, and none gets more than an operator opened."""

import asyncio
import hashlib
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from anthropic import WorkloadIdentityCredentials
from anthropic.lib.credentials import IdentityTokenFile
from house import PORTCULLIS, Recorder, data, environment, free_port, recorder, run, running, wait_until
from notebook import NOTES
from openai.auth import SubjectTokenProvider, WorkloadIdentity, WorkloadIdentityAuth
from partner import Partner, claims_of, partner

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TYPE = "urn:ietf:params:oauth:token-type:"
API_KEY = "urn:portcullis:params:oauth:token-type:api_key"
LEGACY = "sk-live-8dK2mVq0ZtR5xWc7LhN3yBf1"

CONFIG = """
data_dir = "data"
key_encryption_key = {{ file = "kek" }}
[issuer]
url = "{issuer}"
listen = "127.0.0.1:{issuer_port}"
[gateway]
url = "{gateway}"
listen = "127.0.0.1:{gateway_port}"
[admin]
listen = "127.0.0.1:{admin_port}"
[[api]]
name = "text"
resource = "{gateway}"
scopes = ["generate:basic", "model:list"]
[[api]]
name = "tools"
resource = "{gateway}/mcp"
scopes = ["mcp:list/github", "mcp:call/github"]
[[upstream]]
name = "text"
url = "{upstream}"
[[upstream]]
name = "issuer"
url = "{issuer}"
[[route]]
path = "/v1/models"
api = "text"
methods = ["GET"]
scopes = ["model:list"]
upstream = "text"
[[route]]
path = "/v1/messages"
api = "text"
methods = ["POST"]
scopes = ["generate:basic"]
upstream = "text"
dialect = "anthropic"
[[route]]
path = "/oauth/token"
api = "text"
methods = ["POST"]
public = true
upstream = "issuer"
[[route]]
path = "/v1/oauth/token"
api = "text"
methods = ["POST"]
public = true
upstream = "issuer"
[tiers.standard]
scopes = ["generate:basic", "model:list", "mcp:list/github", "mcp:call/github"]
"""

TENANT = """
name = "{name}"
tier = "standard"
[[trust]]
name = "ci"
preset = "custom"
issuer = "{issuer}"
keys = "discovery"
kinds = ["jwt", "id_token", "id_jag"]
conditions = [{{ claim = "sub", in = ["build", "alice"] }}]
audiences = ["{audience}"]
typ = ["JWT"]
rate = 10000
max_uses = 3
ceiling = {{ scopes = ["generate:basic", "model:list", "mcp:list/github"] }}
{more}
[[trust.grants]]
to = "everyone"
scopes = ["generate:basic", "model:list", "mcp:list/github"]
"""


@dataclass
class House:
    issuer: str
    gateway: str
    config: Path
    secrets: dict[str, str]
    first: Partner
    second: Partner
    upstream: Recorder

    def ask(self, client: str, **form: Any) -> httpx.Response:
        auth = (client, self.secrets[client])
        return httpx.post(f"{self.issuer}/token", data=form, auth=auth, trust_env=False, timeout=20)

    def trade_key(self, key: str, client: str = "a-app", **form: Any) -> httpx.Response:
        return self.ask(client, grant_type=EXCHANGE, subject_token=key, subject_token_type=API_KEY, **form)

    def opens(self, token: str) -> int:
        bearer = {"authorization": f"Bearer {token}"}
        return httpx.get(f"{self.gateway}/v1/models", headers=bearer, trust_env=False).status_code

    def token(self, partner: Partner | None = None, **claims: Any) -> str:
        return (partner or self.first).token(**({"aud": self.issuer, "sub": "build"} | claims))

    def openai(self, **change: Any) -> httpx.Response:
        body = {
            "grant_type": EXCHANGE,
            "subject_token_type": TYPE + "jwt",
            "identity_provider_id": "t123/ci",
            "service_account_id": "a-runner",
        }
        if "subject_token" not in change:
            body["subject_token"] = self.token()
        return httpx.post(f"{self.issuer}/oauth/token", json=body | change, trust_env=False, timeout=20)

    def anthropic(self, **change: Any) -> httpx.Response:
        body = {"grant_type": BEARER, "organization_id": "t123", "federation_rule_id": "ci"}
        if "assertion" not in change:
            body["assertion"] = self.token()
        headers = {"anthropic-beta": "oauth-2025-04-20,oidc-federation-2026-04-01"}
        url = f"{self.issuer}/v1/oauth/token"
        return httpx.post(url, json=body | change, headers=headers, trust_env=False, timeout=20)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("federation")
    with ExitStack() as stack:
        first, second = stack.enter_context(partner()), stack.enter_context(partner("ES256"))
        upstream = stack.enter_context(recorder())
        ports = {f"{name}_port": free_port() for name in ("issuer", "gateway", "admin")}
        issuer, gateway = (f"http://127.0.0.1:{ports[f'{name}_port']}" for name in ("issuer", "gateway"))
        config = folder / "portcullis.toml"
        assert run("init", "--config", config).returncode == 0
        key = next(folder.glob("*.key"))
        (folder / "kek").write_bytes(key.read_bytes())
        (folder / "kek").chmod(0o600)
        config.write_text(CONFIG.format(issuer=issuer, gateway=gateway, upstream=upstream.url, **ports))
        opened = 'federation = { client = "a-runner" }\nauthentication = { max_age = "1h", acr_values = ["phr"] }'
        for name, provider, more in (("t123", first, opened), ("t456", second, "")):
            file = folder / f"{name}.toml"
            text = TENANT.format(name=name.upper(), issuer=provider.url, audience=issuer, more=more)
            file.write_text(text)
            applied = run("tenant", "apply", file, config=config)
            assert applied.returncode == 0, applied.stderr
        secrets = {}
        for name, tenant, scope in (
            ("a-app", "t123", "generate:basic model:list mcp:list/github"),
            ("a-runner", "t123", "generate:basic model:list"),
            ("a-other", "t123", "generate:basic model:list"),
            ("b-app", "t456", "generate:basic model:list"),
        ):
            apis = ("--api", "text", "--api", "tools", "--default-resource", gateway) if name == "a-app" else None
            added = data(
                *("client", "add", name, "--id", name, "--tenant", tenant, *(apis or ("--api", "text"))),
                *("--grant-type", EXCHANGE, "--grant-type", BEARER, "--scope", scope),
                config=config,
            )
            secrets[name] = added["client_secret"]
        command: list[str | Path] = [PORTCULLIS, "serve", "--config", config]
        stack.enter_context(running(command, f"{issuer}/jwks", folder / "serve.log"))
        yield House(issuer, gateway, config, secrets, first, second, upstream)


@pytest.fixture(autouse=True)
def no_proxies_and_no_keys_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


# API keys


def add_key(house: House, *more: str, tenant: str | None = "t123", scope: str = "model:list") -> dict[str, Any]:
    whose = ("--tenant", tenant) if tenant else ()
    added: dict[str, Any] = data("api-key", "add", "Batch", *whose, "--scope", scope, *more, config=house.config)
    NOTES.note(added["key"], kind="API key")
    return added


def import_key(house: House, key: str, *more: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [
        PORTCULLIS,
        "--config",
        house.config,
        "api-key",
        "import",
        "Old portal",
        "--tenant",
        "t123",
    ]
    return subprocess.run(
        [*command, "--scope", "model:list", *more],
        input=f"{key}\n",
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )


def test_an_api_key_becomes_a_short_token(house: House) -> None:
    key = add_key(house)
    assert key["key"].startswith(f"{key['id']}.")
    answer = house.trade_key(key["key"])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["scope"], body["issued_token_type"]) == ("model:list", TYPE + "access_token")
    assert 0 < body["expires_in"] <= 900 and "refresh_token" not in body
    claims = claims_of(body["access_token"])
    assert (claims["sub"], claims["tenant"]) == (key["sub"], "t123")
    assert claims["act"] == {"sub": "a-app", "client_id": "a-app"}
    assert house.opens(body["access_token"]) == 200
    listed = {row["id"]: row for row in data("api-key", "list", config=house.config)}
    assert listed[key["id"]]["last_used"] is not None
    explained = run("explain", answer.headers["x-decision-id"], config=house.config)
    assert key["id"] in explained.stdout and key["key"] not in explained.stdout, explained.stdout


def test_a_key_never_yields_more_than_it_was_made_for(house: House) -> None:
    key = add_key(house)["key"]
    for scope in ("generate:basic", "model:list:t456"):
        refused = house.trade_key(key, scope=scope)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope"), refused.text


def test_what_can_be_reached_says_which_key_does(house: House) -> None:
    def keys() -> set[str]:
        reach = data("can-i", "--tenant", "t123", "--list", config=house.config)["reach"]
        assert all("trust" in one or one["scope"] == "model:list" for one in reach)
        return {one["api_key"] for one in reach if "api_key" in one}

    key = add_key(house)["id"]
    assert key in keys()
    assert run("api-key", "disable", key, config=house.config).returncode == 0
    assert key not in keys()


def test_a_token_of_a_key_does_not_outlive_it(house: House) -> None:
    key = add_key(house, "--ttl", "40s")["key"]
    assert house.trade_key(key).json()["expires_in"] <= 40


def test_no_key_but_ones_own_opens_anything_and_all_are_told_the_same(house: House) -> None:
    own, operators = add_key(house), add_key(house, tenant=None)
    disabled = add_key(house)
    assert run("api-key", "disable", disabled["id"], config=house.config).returncode == 0
    told = []
    for key, client in (
        (own["key"], "b-app"),
        (operators["key"], "a-app"),
        (disabled["key"], "a-app"),
        (own["key"][:-1], "a-app"),
        (own["id"], "a-app"),
        (hashlib.sha256(own["key"].encode()).hexdigest(), "a-app"),
    ):
        refused = house.trade_key(key, client)
        body = refused.json()
        body.pop("decision_id")
        told.append((refused.status_code, body))
    assert told[0][0] == 400 and told[0][1]["error"] == "invalid_request"
    assert all(one == told[0] for one in told), told
    assert "t123" not in str(told)


def test_a_customers_key_is_taken_over_by_its_digest(house: House) -> None:
    NOTES.note(LEGACY, kind="API key")
    digest = hashlib.sha256(LEGACY.encode()).hexdigest()
    done = import_key(house, "", "--sha256", digest)
    assert done.returncode == 0, done.stderr
    assert claims_of(house.trade_key(LEGACY).json()["access_token"])["tenant"] == "t123"
    again = import_key(house, LEGACY)
    assert again.returncode != 0 and "registered already" in again.stderr


@pytest.mark.parametrize("key", ["short", "passwordpasswordpassword", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"])
def test_a_key_that_could_be_guessed_is_not_taken_over(house: House, key: str) -> None:
    refused = import_key(house, key)
    assert refused.returncode != 0
    assert "guessed" in refused.stderr or "characters long" in refused.stderr
    assert key not in refused.stdout


def test_what_was_made_of_a_key_ends_with_it(house: House) -> None:
    key = add_key(house)
    token = house.trade_key(key["key"]).json()["access_token"]
    passed_on = house.ask(
        "a-app", grant_type=EXCHANGE, subject_token=token, subject_token_type=TYPE + "access_token"
    ).json()["access_token"]
    assert (house.opens(token), house.opens(passed_on)) == (200, 200)
    assert run("api-key", "disable", key["id"], config=house.config).returncode == 0
    wait_until(lambda: house.opens(token) == 401 and house.opens(passed_on) == 401, "the tokens to be dead")
    assert house.trade_key(key["key"]).status_code == 400


def test_guessing_keys_is_ended(house: House) -> None:
    statuses = {house.trade_key(f"pck_guess.{number:043}", "a-other").status_code for number in range(14)}
    assert statuses == {400, 429}
    assert house.trade_key(add_key(house)["key"]).status_code == 200, "who else asks is not concerned"


# The SDKs


def provider(house: House, **claims: Any) -> SubjectTokenProvider:
    return {"token_type": "jwt", "get_token": lambda: house.token(**claims)}


def identity(house: House, provider_id: str = "t123/ci", account: str = "a-runner") -> WorkloadIdentity:
    return {
        "identity_provider_id": provider_id,
        "service_account_id": account,
        "provider": provider(house),
    }


def openai_sdk(house: House, workload: WorkloadIdentity, base: str) -> openai.OpenAI:
    # The client's own option workload_identity has none for where tokens are exchanged; the class behind it has.
    auth = WorkloadIdentityAuth(workload_identity=workload, token_exchange_url=f"{base}/oauth/token")
    return openai.OpenAI(base_url=f"{house.gateway}/v1", api_key=auth.get_token, max_retries=0)


@pytest.mark.parametrize("through", ["issuer", "gateway"])
@pytest.mark.parametrize("provider_id", ["t123/ci", "ci"])
def test_the_openai_sdk_comes_with_its_platforms_token(house: House, through: str, provider_id: str) -> None:
    client = openai_sdk(house, identity(house, provider_id), getattr(house, through))
    before = len(house.upstream.requests)
    client.models.list()
    client.models.list()
    assert len(house.upstream.requests) == before + 2
    exchanged = {headers["authorization"] for _, _, headers in house.upstream.requests if "authorization" in headers}
    assert not exchanged, "what the gateway checks, it keeps"
    claims = claims_of(client.api_key)
    assert (claims["tenant"], claims["client_id"]) == ("t123", "a-runner")
    assert claims["sub"].startswith("svc_") and claims["act"]["client_id"] == "a-runner"


def test_the_openai_sdk_reads_why_not(house: House) -> None:
    client = openai_sdk(house, identity(house, account="a-other"), house.issuer)
    with pytest.raises(openai.OAuthError) as refused:
        client.models.list()
    assert refused.value.status_code == 401
    assert "not accepted here" in str(refused.value)


def anthropic_sdk(house: House, rule: str = "ci", **more: Any) -> anthropic.Anthropic:
    credentials = WorkloadIdentityCredentials(
        identity_token_provider=house.token, federation_rule_id=rule, organization_id="t123", **more
    )
    return anthropic.Anthropic(base_url=house.gateway, credentials=credentials, max_retries=0)


@pytest.mark.parametrize("more", [{}, {"service_account_id": "a-runner"}, {"workspace_id": "text"}])
def test_the_anthropic_sdk_comes_with_its_platforms_token(house: House, more: dict[str, str]) -> None:
    """Its base URL is the gateway's, for the exchange as for the API."""
    client = anthropic_sdk(house, **more)
    before = len(house.upstream.requests)
    for _ in range(2):
        client.messages.create(model="m", max_tokens=8, messages=[{"role": "user", "content": "Hello"}])
    assert [path for _, path, _ in house.upstream.requests[before:]] == ["/v1/messages"] * 2


def test_the_anthropic_sdk_finds_all_of_it_in_the_environment(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(house.token())
    for name, value in {
        "ANTHROPIC_BASE_URL": house.gateway,
        "ANTHROPIC_IDENTITY_TOKEN_FILE": str(file),
        "ANTHROPIC_FEDERATION_RULE_ID": "ci",
        "ANTHROPIC_ORGANIZATION_ID": "t123",
        "ANTHROPIC_CONFIG_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)

    async def ask() -> None:
        async with anthropic.AsyncAnthropic(max_retries=0) as client:
            await client.messages.create(model="m", max_tokens=8, messages=[{"role": "user", "content": "Hello"}])

    asyncio.run(ask())
    assert IdentityTokenFile()() == file.read_text()


def test_the_anthropic_sdk_reads_why_not(house: House) -> None:
    with pytest.raises(anthropic.WorkloadIdentityError) as refused:
        anthropic_sdk(house, "sso").messages.create(
            model="m", max_tokens=8, messages=[{"role": "user", "content": "Hello"}]
        )
    assert refused.value.status_code == 401
    assert (refused.value.request_id or "").startswith("dec_"), refused.value.request_id
    assert refused.value.body["error"] == "invalid_grant"


# What is not opened


def test_ids_that_do_not_fit_open_nothing_and_all_are_told_the_same(house: House) -> None:
    told = []
    for change in (
        {"identity_provider_id": "t123/other"},
        {"identity_provider_id": "t999/ci"},
        {"identity_provider_id": "t456/ci", "service_account_id": "b-app", "subject_token": house.token(house.second)},
        {"identity_provider_id": "t456/ci", "service_account_id": "a-runner"},
        {"service_account_id": "a-other"},
        {"service_account_id": "b-app"},
        {"service_account_id": "nobody", "identity_provider_id": "ci"},
    ):
        refused = house.openai(**change)
        assert refused.headers["request-id"] == refused.headers["x-decision-id"]
        body = refused.json()
        body.pop("decision_id")
        told.append((refused.status_code, body))
    assert told[0][0] == 401 and "access_token" not in str(told)
    assert all(one == told[0] for one in told), told
    elsewhere = house.anthropic(organization_id="t456", assertion=house.token(house.second))
    assert (elsewhere.status_code, elsewhere.json()["error"]) == (401, "invalid_grant")
    explained = run("explain", elsewhere.json()["decision_id"], config=house.config)
    assert "without federation" in " ".join(explained.stdout.split()), explained.stdout


def test_an_open_trust_lets_in_only_what_it_would_let_in_anyway(house: House) -> None:
    for claims in ({"sub": "deploy"}, {"aud": "https://other.example"}, {"exp": int(time.time()) - 900}):
        for refused in (
            house.openai(subject_token=house.token(**claims)),
            house.anthropic(assertion=house.token(**claims)),
        ):
            assert refused.status_code == 401, refused.text
    foreign = house.openai(subject_token=house.token(house.second))
    assert foreign.status_code == 401
    assert "t456" not in foreign.text


def test_a_token_of_ours_and_an_api_key_prove_nothing_here(house: House) -> None:
    ours = house.openai().json()["access_token"]
    key = add_key(house)["key"]
    for body in (
        {"subject_token": ours},
        {"subject_token": ours, "subject_token_type": TYPE + "access_token"},
        {"subject_token": key, "subject_token_type": API_KEY},
        {"subject_token": key},
    ):
        refused = house.openai(**body)
        assert refused.status_code in (400, 401), refused.text
        assert "access_token" not in refused.json()
    assert house.anthropic(assertion=ours).status_code == 401


def test_what_is_for_one_endpoint_is_not_for_the_other(house: House) -> None:
    assert house.openai(grant_type=BEARER).json()["error"] == "unsupported_grant_type"
    assert house.anthropic(grant_type=EXCHANGE).json()["error"] == "unsupported_grant_type"
    assert house.openai(subject_token=None, assertion=house.token()).status_code == 400
    assert house.anthropic(assertion=None, subject_token=house.token()).status_code == 400
    jag = house.first.token(
        header={"typ": "oauth-id-jag+jwt"}, aud=house.issuer, sub="build", client_id="a-runner", resource=house.gateway
    )
    assert house.anthropic(assertion=jag).status_code == 401, "an ID-JAG is for a client that proves itself"


def test_an_id_token_counts_once_here_too(house: House) -> None:
    now = int(time.time())
    token = house.token(sub="alice", auth_time=now, acr="phr")
    body = {"subject_token": token, "subject_token_type": TYPE + "id_token"}
    assert [house.openai(**body).status_code for _ in range(3)] == [200, 401, 401]


def test_no_actor_and_no_scope_of_the_callers_choice(house: House) -> None:
    answer = house.openai(actor_token=house.token(), actor_token_type=TYPE + "jwt", scope="mcp:list/github")
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"] == "generate:basic model:list"
    assert claims_of(answer.json()["access_token"])["act"]["sub"] == "a-runner"


def test_what_is_too_large_or_no_json_is_refused(house: House) -> None:
    for refused in (
        house.openai(subject_token="x" * (16 * 1024 + 1)),
        house.anthropic(assertion="x" * (16 * 1024 + 1)),
        house.openai(subject_token=["x"]),
        httpx.post(f"{house.issuer}/oauth/token", data={"grant_type": EXCHANGE}, trust_env=False),
        httpx.post(f"{house.issuer}/v1/oauth/token?x=1", json={}, trust_env=False),
    ):
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request"), refused.text
        assert "request-id" in refused.headers
    huge = httpx.post(f"{house.issuer}/oauth/token", json={"x": "y" * 100_000}, trust_env=False)
    assert huge.status_code in (400, 413)


def test_a_client_that_may_not_any_more_lets_nobody_in(house: House) -> None:
    assert house.openai().status_code == 200
    assert run("client", "disable", "a-runner", config=house.config).returncode == 0
    wait_until(lambda: house.openai().status_code == 401, "the client to be disabled")
    assert run("client", "enable", "a-runner", config=house.config).returncode == 0
    wait_until(lambda: house.openai().status_code == 200, "the client to be enabled")
    assert run("tenant", "suspend", "t123", config=house.config).returncode == 0
    wait_until(lambda: house.openai().status_code == 403, "the tenant to be suspended")
    assert run("tenant", "resume", "t123", config=house.config).returncode == 0
    wait_until(lambda: house.openai().status_code == 200, "the tenant to be resumed")


def test_a_public_client_is_registered_for_no_exchange(house: House) -> None:
    for grant in (EXCHANGE, BEARER):
        refused = run(
            *("client", "add", "Page", "--public", "--api", "text", "--scope", "model:list", "--grant-type", grant),
            config=house.config,
        )
        assert refused.returncode != 0 and "public client proves nothing" in refused.stderr, refused.stderr


# ID-JAG


def jag(house: House, **claims: Any) -> str:
    now = int(time.time())
    usual: dict[str, Any] = {"aud": house.issuer, "sub": "alice", "client_id": "a-app", "acr": "phr"}
    usual["auth_time"] = now - 60
    return house.first.token(header={"typ": "oauth-id-jag+jwt"}, **(usual | claims))


def test_an_id_jag_comes_again_and_not_for_ever(house: House) -> None:
    assertion = jag(house, resource=house.gateway)
    answers = [house.ask("a-app", grant_type=BEARER, assertion=assertion) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400]
    assert answers[3].json()["code"] == "inbound_used_up"


def test_an_id_jag_for_an_mcp_server_names_it(house: House) -> None:
    tools = f"{house.gateway}/mcp"
    nameless = house.ask("a-app", grant_type=BEARER, assertion=jag(house), resource=tools)
    assert (nameless.status_code, nameless.json()["error"]) == (400, "invalid_grant"), nameless.text
    assert "resource" in nameless.json()["detail"]
    other = house.ask("a-app", grant_type=BEARER, assertion=jag(house, resource=house.gateway), resource=tools)
    assert other.json()["error"] == "invalid_target"
    named = house.ask("a-app", grant_type=BEARER, assertion=jag(house, resource=tools))
    assert named.status_code == 200, named.text
    assert claims_of(named.json()["access_token"])["aud"] == tools


@pytest.mark.parametrize("claims", [{"auth_time": 1_700_000_000}, {"auth_time": None}, {"acr": "pwd"}, {"acr": None}])
def test_who_signed_in_long_ago_or_weakly_is_sent_there_again(house: House, claims: dict[str, Any]) -> None:
    refused = house.ask("a-app", grant_type=BEARER, assertion=jag(house, resource=house.gateway, **claims))
    body = refused.json()
    assert (refused.status_code, body["error"]) == (400, "insufficient_user_authentication")
    assert (body["max_age"], body["acr_values"]) == (3600, "phr")
