"""Partners' tokens for ours: what the tenant's contract, its trust, the client and the API allow, and nothing else."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import PORTCULLIS, data, free_port, recorder, run, running, wait_until
from joserfc.jwk import RSAKey
from partner import Partner, claims_of, partner

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TYPE = "urn:ietf:params:oauth:token-type:"

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
name = "analytics"
resource = "{gateway}"
scopes = ["analytics:read", "dataset:read", "model:list"]
[[upstream]]
name = "analytics"
url = "{upstream}"
[[route]]
path = "/report"
api = "analytics"
methods = ["GET"]
scopes = ["analytics:read"]
upstream = "analytics"
[tiers.standard]
scopes = ["analytics:read", "dataset:read"]
[tiers.free]
scopes = ["model:list"]
"""

TENANT = """
name = "{name}"
tier = "standard"
datasets = ["{dataset}"]
[[trust]]
name = "sso"
preset = "custom"
issuer = "{issuer}"
keys = "discovery"
kinds = ["id_token", "access_token", "jwt"]
conditions = [{{ claim = "sub", in = ["alice", "bob"] }}]
audiences = ["{audience}"]
typ = ["JWT"]
mapping = {{ roles = ["roles"] }}
ceiling = {{ scopes = ["analytics:read", "dataset:read", "model:list"] }}
[[trust.grants]]
to = {{ role = "analyst" }}
scopes = ["analytics:read", "model:list"]
"""


@dataclass
class House:
    issuer: str
    gateway: str
    config: Path
    secrets: dict[str, str]
    first: Partner
    second: Partner

    def ask(self, client: str = "a-app", **form: Any) -> httpx.Response:
        auth = (client, self.secrets[client])
        return httpx.post(f"{self.issuer}/token", data=form, auth=auth, trust_env=False, timeout=20)

    def trade(self, token: str, kind: str = "access_token", **form: Any) -> httpx.Response:
        return self.ask(grant_type=EXCHANGE, subject_token=token, subject_token_type=TYPE + kind, **form)

    def token(self, partner: Partner | None = None, **claims: Any) -> str:
        usual = {"aud": self.issuer, "roles": ["analyst"], "client_id": "spa"}
        return (partner or self.first).token(**(usual | claims))

    def opens(self, token: str) -> int:
        bearer = {"authorization": f"Bearer {token}"}
        return httpx.get(f"{self.gateway}/report", headers=bearer, trust_env=False).status_code


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("exchange")
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
        for name, dataset, provider in (("t123", "ds_first", first), ("t456", "ds_second", second)):
            file = folder / f"{name}.toml"
            file.write_text(TENANT.format(name=name.upper(), dataset=dataset, issuer=provider.url, audience=issuer))
            applied = run("tenant", "apply", file, config=config)
            assert applied.returncode == 0, applied.stderr
        secrets = {}
        for name, tenant in (("a-app", "t123"), ("b-app", "t456"), ("service", "t123")):
            added = data(
                *("client", "add", name, "--id", name, "--tenant", tenant, "--api", "analytics"),
                *("--grant-type", EXCHANGE, "--grant-type", BEARER),
                *("--scope", "analytics:read", "--scope", "model:list"),
                config=config,
            )
            secrets[name] = added["client_secret"]
        command: list[str | Path] = [PORTCULLIS, "serve", "--config", config]
        stack.enter_context(running(command, f"{issuer}/jwks", folder / "serve.log"))
        yield House(issuer, gateway, config, secrets, first, second)


def test_a_partner_gets_what_all_sides_allow(house: House) -> None:
    answer = house.trade(house.token())
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["issued_token_type"] == TYPE + "access_token"
    assert (body["scope"], body["token_type"]) == ("analytics:read", "Bearer")
    assert "refresh_token" not in body
    claims = claims_of(body["access_token"])
    assert claims["tenant"] == "t123"
    assert claims["act"] == {"sub": "a-app", "client_id": "a-app"}
    assert claims["sub"].startswith("usr_")
    assert claims["authorization_details"] == [{"type": "ai_dataset", "identifier": "ds_first"}]
    assert claims["aud"] == house.gateway
    assert house.opens(body["access_token"]) == 200


def test_the_same_name_at_two_providers_is_two_people(house: House) -> None:
    one = house.trade(house.token()).json()["access_token"]
    form = {
        "grant_type": EXCHANGE,
        "subject_token": house.token(house.second),
        "subject_token_type": TYPE + "access_token",
    }
    other = house.ask("b-app", **form).json()["access_token"]
    assert claims_of(one)["sub"] != claims_of(other)["sub"]
    assert claims_of(other)["tenant"] == "t456"


@pytest.mark.parametrize("scope", ["analytics:read:t456", "analytics:read:t999"])
def test_another_tenants_scope_is_refused_in_the_same_words(house: House, scope: str) -> None:
    refused = house.trade(house.token(), scope=scope)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    told = refused.json()
    told.pop("decision_id")
    assert scope in told.pop("detail")
    assert not any("t456" in str(value) or "t999" in str(value) for value in told.values())


def test_ones_own_tenant_may_be_named(house: House) -> None:
    body = house.trade(house.token(), scope="analytics:read:t123").json()
    assert body["scope"] == "analytics:read"


def test_a_provider_speaks_for_no_other_tenant(house: House) -> None:
    refused = house.trade(house.token(house.second))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert "t456" not in refused.text
    claims_it = house.trade(house.token(tenant="t456"))
    assert claims_of(claims_it.json()["access_token"])["tenant"] == "t123"


def now() -> int:
    return int(time.time())


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": 1_700_000_000, "iat": 1_699_999_000}, "invalid_request"),
    "not yet": ({"nbf": 4_000_000_000}, "invalid_request"),
    "for somebody else": ({"aud": "https://other.example"}, "invalid_request"),
    "without audience": ({"aud": None}, "invalid_request"),
    "without exp": ({"exp": None}, "invalid_request"),
    "without role": ({"roles": []}, "invalid_scope"),
    "of somebody else": ({"sub": "mallory"}, "invalid_request"),
    "roles are no list": ({"roles": {"a": 1}}, "invalid_request"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_token_yields_nothing(house: House, case: str) -> None:
    claims, error = BAD[case]
    refused = house.trade(house.token(**claims))
    assert (refused.status_code, refused.json()["error"]) == (400, error), refused.text
    assert "access_token" not in refused.text
    decision = refused.json()["decision_id"]
    explained = run("explain", decision, config=house.config)
    assert explained.returncode == 0, explained.stderr


def test_explain_says_which_trust_which_condition_which_mapping(house: House) -> None:
    refused = house.trade(house.token(sub="mallory")).json()["decision_id"]
    told = run("explain", refused, config=house.config).stdout
    assert "came furthest by the trust sso of the tenant t123" in told
    assert "The condition sub" in told
    assert 'does not hold: "mallory"' in told
    assert "t456" not in told

    granted = house.trade(house.token()).headers["x-decision-id"]
    told = run("explain", granted, config=house.config).stdout
    assert "was let in by the trust sso of the tenant t123" in told
    assert 'holds: "alice"' in told
    assert "analytics:read comes from role analyst." in told
    assert "model:list was dropped: the tenant's contract does not have it." in told
    assert "a-app acts" in told


def test_a_forged_signature_yields_nothing(house: House) -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "first", "alg": "RS256"})
    refused = house.trade(house.token(key=stranger))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


def test_an_unsigned_token_yields_nothing(house: House) -> None:
    head, body, _ = house.token().split(".")
    none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    for forged in (f"{none}.{body}.", f"{head}.{body}."):
        refused = house.trade(forged)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


def test_an_id_token_is_good_once(house: House) -> None:
    token = house.token(aud=house.issuer)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: house.trade(token, "id_token").status_code, range(8)))
    assert sorted(answers) == [200] + [400] * 7


def test_an_access_token_may_come_again(house: House) -> None:
    token = house.token()
    assert [house.trade(token).status_code for _ in range(3)] == [200] * 3


def test_our_token_never_outlives_theirs(house: House) -> None:
    answer = house.trade(house.token(exp=now() + 90)).json()
    assert answer["expires_in"] <= 90


def test_ours_can_be_made_smaller_and_not_greater(house: House) -> None:
    ours = house.trade(house.token()).json()["access_token"]
    smaller = house.trade(ours, "access_token", scope="analytics:read")
    assert smaller.status_code == 200, smaller.text
    claims = claims_of(smaller.json()["access_token"])
    assert claims["act"] == {"sub": "a-app", "client_id": "a-app", "act": {"sub": "a-app", "client_id": "a-app"}}
    assert claims["exp"] <= claims_of(ours)["exp"]
    wider = house.trade(ours, "access_token", scope="model:list")
    assert (wider.status_code, wider.json()["error"]) == (400, "invalid_scope")


def test_ours_is_not_for_a_stranger_to_exchange(house: House) -> None:
    ours = house.trade(house.token()).json()["access_token"]
    form = {"grant_type": EXCHANGE, "subject_token": ours, "subject_token_type": TYPE + "access_token"}
    refused = house.ask("service", **form)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


def test_a_chain_of_actors_ends_after_four(house: House) -> None:
    token = house.trade(house.token()).json()["access_token"]
    for _ in range(3):
        token = house.trade(token, "access_token").json()["access_token"]
    refused = house.trade(token, "access_token")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


def test_jwt_bearer_says_invalid_grant(house: House) -> None:
    answer = house.ask(grant_type=BEARER, assertion=house.token())
    assert answer.status_code == 200, answer.text
    assert "issued_token_type" not in answer.json()
    refused = house.ask(grant_type=BEARER, assertion=house.token(exp=1_700_000_000))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_json_is_read_as_a_form_is(house: House) -> None:
    body = {
        "grant_type": EXCHANGE,
        "subject_token": house.token(),
        "subject_token_type": TYPE + "access_token",
        "authorization_details": [{"type": "ai_dataset", "identifier": "ds_first", "actions": ["read"]}],
        "audience": ["analytics"],
    }
    auth = ("a-app", house.secrets["a-app"])
    answer = httpx.post(f"{house.issuer}/token", json=body, auth=auth, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert answer.json()["authorization_details"] == body["authorization_details"]


def test_anothers_dataset_is_refused(house: House) -> None:
    wanted = '[{"type":"ai_dataset","identifier":"ds_second"}]'
    refused = house.trade(house.token(), authorization_details=wanted)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_authorization_details")


def test_a_flood_of_unknown_keys_asks_the_provider_once(house: House) -> None:
    house.trade(house.token())
    before = len(house.first.asked)
    for number in range(40):
        assert house.trade(house.token(header={"kid": f"k{number}"})).status_code == 400
    assert len(house.first.asked) - before <= 2


def test_a_new_key_costs_no_exchange(house: House) -> None:
    house.second.rotate("second", "ES256")
    form = {"grant_type": EXCHANGE, "subject_token_type": TYPE + "access_token"}
    with ThreadPoolExecutor(8) as pool:
        ask = lambda _: house.ask("b-app", subject_token=house.token(house.second), **form).status_code  # noqa: E731
        assert set(pool.map(ask, range(24))) == {200}


def test_a_suspended_tenant_gets_nothing_and_opens_nothing(house: House) -> None:
    token = house.trade(house.token()).json()["access_token"]
    assert house.opens(token) == 200
    assert run("tenant", "suspend", "t123", config=house.config).returncode == 0
    began = time.monotonic()
    wait_until(lambda: house.opens(token) == 401, "the gateway refuses it")
    assert time.monotonic() - began < 5
    wait_until(lambda: house.trade(house.token()).status_code == 400, "nothing is issued", pause=0.2)
    assert "suspended" in run("tenant", "list", config=house.config).stdout
    assert run("tenant", "resume", "t123", config=house.config).returncode == 0
    wait_until(lambda: house.opens(token) == 200, "it works again")
    wait_until(lambda: house.trade(house.token()).status_code == 200, "it is issued again", pause=0.2)


def test_a_check_shows_what_an_exchange_would_yield(house: House, tmp_path: Path) -> None:
    file = tmp_path / "token.jwt"
    file.write_text(house.token())
    checked = run("tenant", "check", "t123", "--token", file, config=house.config)
    assert checked.returncode == 0, checked.stderr
    assert "An exchange would yield" in checked.stdout
    assert "model:list (" in checked.stdout
    file.write_text(house.token(sub="mallory", aud="https://other.example"))
    refused = run("tenant", "check", "t123", "--token", file, config=house.config)
    assert refused.returncode == 1
    assert "https://other.example" in refused.stdout
    unused = house.token()
    file.write_text(unused)
    assert run("tenant", "check", "t123", "--kind", "id-token", "--token", file, config=house.config).returncode == 0
    assert house.trade(unused, "id_token").status_code == 200


def test_what_can_be_reached_is_what_is_granted(house: House) -> None:
    reach = data("can-i", "--tenant", "t123", "--list", config=house.config)["reach"]
    assert {one["scope"] for one in reach} == {"analytics:read"}
    assert run("can-i", "--tenant", "t123", "analytics:read", config=house.config).returncode == 0
    assert run("can-i", "--tenant", "t123", "model:list", config=house.config).returncode == 1


def test_a_subject_that_comes_too_often_waits(house: House) -> None:
    answers = [house.trade(house.token(sub="bob")) for _ in range(90)]
    assert answers[0].status_code == 200
    waits = next(answer for answer in answers if answer.status_code != 200)
    assert waits.status_code == 429
    assert int(waits.headers["retry-after"]) >= 1
    assert house.trade(house.token()).status_code == 200


def test_nobody_is_impersonated_without_the_right(house: House) -> None:
    refused = house.trade(house.token(), scope="analytics:read exchange:impersonate")
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    "form",
    [
        {"subject_token_type": ""},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"},
        {"actor_token": "x"},
        {"actor_token_type": TYPE + "jwt"},
        {"requested_token_type": TYPE + "refresh_token"},
        {"scope": "analytics:re\u0430d"},
        {"scope": " ".join(f"analytics:read/{n}" for n in range(4000))},
        {"authorization_details": "["},
        {"authorization_details": '[{"type":"nuclear_codes"}]'},
        {"subject_token": "x" * 60_000},
        {"audience": "https://nowhere.example"},
        {"resource": "http://127.0.0.1:1"},
    ],
)
def test_a_bad_request_is_told_and_yields_nothing(house: House, form: dict[str, str]) -> None:
    whole = {
        "grant_type": EXCHANGE,
        "subject_token": house.token(),
        "subject_token_type": TYPE + "access_token",
    } | form
    refused = house.ask(**whole)
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"] in {
        "invalid_request",
        "invalid_scope",
        "invalid_target",
        "invalid_authorization_details",
    }
    assert "access_token" not in refused.json()
