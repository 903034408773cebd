"""Requests under a security engineer's rules: the free tier and the large model, many prompts, an export at night."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import PORTCULLIS, Recorder, data, free_port, recorder, run, running, wait_until
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

SHIPPED = Path(__file__).parent.parent / "policies"

CONFIG = """
data_dir = "data"
key_encryption_key = {{ file = "kek" }}
[issuer]
url = "{issuer}"
listen = "127.0.0.1:{issuer_port}"
[gateway]
url = "{gateway}"
listen = "127.0.0.1:{gateway_port}"
trusted_proxies = ["127.0.0.1/32"]
body_limit = 65536
[admin]
listen = "127.0.0.1:{admin_port}"
[policy]
directory = "policies"
points = ["request"]
geoip = "countries.mmdb"
networks = {{ office = ["198.51.100.0/24"] }}
[[api]]
name = "text"
resource = "{gateway}"
scopes = ["generate:basic", "generate:advanced", "model:export", "dataset:read", "mcp:call"]
dialect = "openai"
[[upstream]]
name = "model"
url = "{upstream}"
[models."tiny*"]
class = "small"
[models.grand]
class = "large"
[[route]]
methods = ["POST"]
path = "/v1/chat/completions"
api = "text"
scopes = ["generate:basic"]
upstream = "model"
[[route]]
methods = ["POST"]
path = "/v1/responses"
api = "text"
scopes = ["generate:advanced"]
upstream = "model"
[[route]]
methods = ["GET"]
path = "/models/{{model}}/weights"
api = "text"
scopes = ["model:export"]
upstream = "model"
[[route]]
methods = ["GET"]
path = "/datasets/{{dataset}}"
api = "text"
scopes = ["dataset:read"]
upstream = "model"
[[route]]
methods = ["POST"]
path = "/mcp/github"
api = "text"
scopes = ["mcp:call"]
upstream = "model"
reads = "mcp"
server = "github"
[tiers.free]
scopes = ["generate:basic"]
[tiers.enterprise]
scopes = ["generate:*", "model:export", "dataset:read", "mcp:call"]
"""

EXPORT = """
night if {
\tinput.behaviour.new_country
\t"model:export" in input.resource.scopes
\tnot data.portcullis.hours.working
}
"""
"""No export outside of working hours from a new country."""

CHAT = {"model": "tiny-1", "messages": [{"role": "user", "content": "hi"}]}


@dataclass
class House:
    issuer: str
    gateway: str
    admin: str
    config: Path
    policies: Path
    secrets: dict[str, str]
    upstream: Recorder

    def token(self, client: str, **more: str) -> str:
        form = {"grant_type": "client_credentials"} | more
        auth = (client, self.secrets[client])
        answer = httpx.post(f"{self.issuer}/token", data=form, auth=auth, trust_env=False, timeout=20)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def ask(self, client: str, path: str, body: Any = None, token: str = "", **headers: str) -> httpx.Response:
        said = {"authorization": f"Bearer {token or self.token(client)}", "x-forwarded-for": "198.51.100.1"} | headers
        url = self.gateway + path
        if body is None:
            return httpx.get(url, headers=said, trust_env=False, timeout=20)
        said = {"content-type": "application/json"} | said
        content = body if isinstance(body, str) else json.dumps(body)
        return httpx.post(url, headers=said, content=content, trust_env=False, timeout=20)

    def chat(self, client: str, **more: Any) -> httpx.Response:
        return self.ask(client, "/v1/chat/completions", CHAT | more)

    def told(self, answer: httpx.Response) -> str:
        return " ".join(run("explain", answer.headers["x-decision-id"], config=self.config).stdout.split())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("gateway-policy")
    policies = folder / "policies"
    shutil.copytree(SHIPPED, policies)
    night(policies)
    countries(folder / "countries.mmdb")
    with ExitStack() as stack:
        upstream = stack.enter_context(recorder())
        ports = {f"{name}_port": free_port() for name in ("issuer", "gateway", "admin")}
        issuer, gateway = (f"http://127.0.0.1:{ports[f'{name}_port']}" for name in ("issuer", "gateway"))
        config = folder / "portcullis.toml"
        assert run("init", "--config", config).returncode == 0
        (folder / "kek").write_bytes(next(folder.glob("*.key")).read_bytes())
        (folder / "kek").chmod(0o600)
        config.write_text(CONFIG.format(issuer=issuer, gateway=gateway, upstream=upstream.url, **ports))
        for tenant, tier in (("thrifty", "free"), ("grand-co", "enterprise"), ("late", "enterprise")):
            file = folder / f"{tenant}.toml"
            file.write_text(f'name = "{tenant}"\ntier = "{tier}"\ndatasets = ["ds_{tenant}"]\n')
            applied = run("tenant", "apply", file, config=config)
            assert applied.returncode == 0, applied.stderr
        secrets = {}
        every = ("generate:advanced", "model:export", "dataset:read", "mcp:call")
        clients = {"thrifty": ("generate:basic",), "grand-co": every, "late": every, "many": every, "far": every}
        for name, scopes in clients.items():
            tenant = name if name in ("thrifty", "grand-co", "late") else "grand-co"
            more = [word for scope in scopes for word in ("--scope", scope)]
            added = data(
                *("client", "add", name, "--id", name, "--tenant", tenant, "--api", "text"),
                *("--grant-type", "client_credentials", *more),
                config=config,
            )
            secrets[name] = added["client_secret"]
        command: list[str | Path] = [PORTCULLIS, "serve", "--config", config]
        stack.enter_context(running(command, f"{issuer}/jwks", folder / "serve.log"))
        admin = f"http://127.0.0.1:{ports['admin_port']}"
        yield House(issuer, gateway, admin, config, policies, secrets, upstream)


def night(policies: Path) -> None:
    """Always: no day is a working day. The rule stands beside the shipped ones."""
    numbers = json.loads((policies / "data.json").read_text())
    numbers["hours"]["weekdays"] = ["never"]
    (policies / "data.json").write_text(json.dumps(numbers))
    rules = policies / "request.rego"
    text = rules.read_text()
    assert text.count("\nallow if {\n") == 1
    text = text.replace("\nallow if {\n", "\nallow if {\n\tnot night\n")
    rules.write_text(text.replace("reasons := ", "usual := ") + EXPORT + NIGHT.strip() + "\n")


NIGHT = """
reasons contains reason if some reason in usual

reasons contains {"code": "night.export", "text": "no export at night from a new country"} if night
"""


def countries(file: Path) -> None:
    writer = MMDBWriter(ip_version=4, database_type="GeoLite2-Country")
    for network, country in (("198.51.100.0/24", "DE"), ("203.0.113.0/24", "KP")):
        writer.insert_network(IPSet([network]), {"country": {"iso_code": country}})
    writer.to_db_file(str(file))


def test_the_free_tier_never_reaches_the_large_model(house: House) -> None:
    assert house.chat("thrifty").status_code == 200
    assert house.chat("grand-co", model="grand").status_code == 200
    seen = len(house.upstream.requests)
    refused = house.chat("thrifty", model="grand")
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "access_denied"
    assert "tier" not in refused.text
    told = house.told(refused)
    assert "A policy refused the request." in told
    assert "the tenant's tier does not reach this model (tier.model)" in told
    assert "was asked at the point request and denied" in told
    assert len(house.upstream.requests) == seen


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"model":"tiny-1","model":"grand","messages":[]}', 400),
        ('{"model":"tiny-1","MODEL":"grand","messages":[]}', 400),
        ('{"model":"tiny-1","models":["grand"],"messages":[]}', 400),
        ('{"messages":[]}', 400),
        ("model=grand", 400),
        ('[{"model":"grand"}]', 400),
        ('{"\\u006dodel":"gr\\u0061nd","messages":[]}', 403),
        ('{"model":"never-heard-of","messages":[]}', 403),
        ('{"model":"tiny-1","messages":["' + "x" * 70_000 + '"]}', 413),
    ],
)
def test_no_way_of_writing_it_gets_around_that(house: House, body: str, status: int) -> None:
    seen = len(house.upstream.requests)
    assert house.ask("thrifty", "/v1/chat/completions", body).status_code == status
    assert len(house.upstream.requests) == seen


def test_what_is_only_said_to_be_json_is_read(house: House) -> None:
    body = '{"model":"tiny-1","x":"&model=grand&y="}'
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert house.ask("thrifty", "/v1/chat/completions", body, **form).status_code == 415
    packed = {"content-encoding": "gzip"}
    assert house.ask("thrifty", "/v1/chat/completions", CHAT, **packed).status_code == 415


def test_answers_are_no_longer_than_paid_for(house: House) -> None:
    assert house.chat("thrifty", max_tokens=1_000_000).status_code == 200
    length = int(house.upstream.requests[-1][2]["content-length"])
    assert length == len(json.dumps(CHAT | {"max_tokens": 1024}))


def test_many_prompts_leave_the_basics(house: House) -> None:
    token = house.token("many")
    more = {"model": "tiny-1", "input": "hi"}
    assert house.ask("many", "/v1/responses", more, token).status_code == 200
    with httpx.Client(trust_env=False, timeout=20) as client:
        client.headers = httpx.Headers({"authorization": f"Bearer {token}", "x-forwarded-for": "198.51.100.1"})
        for number in range(301):
            body = CHAT | {"messages": [{"role": "user", "content": str(number)}]}
            assert client.post(f"{house.gateway}/v1/chat/completions", json=body).status_code == 200
    refused = house.ask("many", "/v1/responses", more, token)
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert refused.json()["error"]["reason"] == "scope_withheld"
    assert "brake.steady" in house.told(refused)
    basic = house.ask("many", "/v1/chat/completions", CHAT, token)
    assert basic.status_code == 200


def test_no_export_at_night_from_a_new_country(house: House) -> None:
    weights = "/models/grand/weights"
    token = house.token("far", scope="model:export")
    assert house.ask("far", weights, token=token).status_code == 200, "the first country is new to nobody"
    away = {"x-forwarded-for": "203.0.113.7"}
    refused = house.ask("far", weights, token=token, **away)
    assert refused.status_code == 403
    assert "no export at night from a new country (night.export)" in house.told(refused)
    forged = {"x-forwarded-for": "198.51.100.1, 203.0.113.7"}
    assert house.ask("far", weights, token=token, **forged).status_code == 403
    assert house.ask("far", weights, token=token).status_code == 200


def test_a_dataset_is_its_owners(house: House) -> None:
    assert house.ask("grand-co", "/datasets/ds_grand-co").status_code == 200
    refused = house.ask("grand-co", "/datasets/ds_thrifty")
    assert refused.status_code == 403
    assert "this belongs to another tenant (tenant.foreign)" in house.told(refused)


def test_one_call_at_a_time(house: House) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "create_issue", "arguments": {}}}
    assert house.ask("grand-co", "/mcp/github", call).status_code == 200
    assert house.ask("grand-co", "/mcp/github", [call]).status_code == 400


def test_a_tenant_that_is_suspended_is_out_at_once(house: House) -> None:
    token = house.token("late")
    assert house.ask("late", "/v1/chat/completions", CHAT, token).status_code == 200
    assert run("tenant", "suspend", "late", config=house.config).returncode == 0
    wait_until(lambda: house.ask("late", "/v1/chat/completions", CHAT, token).status_code != 200, "the halt")
    assert house.ask("late", "/v1/chat/completions", CHAT, token).status_code == 401


def test_a_tier_that_changes_counts_for_tokens_that_are_out(house: House) -> None:
    token = house.token("grand-co")
    assert house.ask("grand-co", "/v1/chat/completions", CHAT | {"model": "grand"}, token).status_code == 200
    file = house.config.parent / "grand-co.toml"
    before = file.read_text()
    file.write_text(before.replace("enterprise", "free"))
    assert run("tenant", "apply", file, config=house.config).returncode == 0
    large = CHAT | {"model": "grand"}
    wait_until(lambda: house.ask("grand-co", "/v1/chat/completions", large, token).status_code == 403, "the tier")
    file.write_text(before)
    assert run("tenant", "apply", file, config=house.config).returncode == 0
    wait_until(lambda: house.ask("grand-co", "/v1/chat/completions", large, token).status_code == 200, "the old one")


def test_shadow_is_only_written_down(house: House) -> None:
    strict = house.config.parent / "strict"
    shutil.copytree(house.policies, strict)
    text = (strict / "request.rego").read_text()
    (strict / "request.rego").write_text(text.replace("\tnot night\n", "\tnot night\n\tinput.context.hour > 24\n"))
    done = run("policy", "shadow", strict, config=house.config)
    assert done.returncode == 0, done.stderr

    def shadowed() -> bool:
        answer = house.chat("thrifty")
        assert answer.status_code == 200
        return "In shadow, the policy" in house.told(answer)

    wait_until(shadowed, "the policies in shadow", pause=0.3)


def test_a_broken_policy_keeps_the_old_one(house: House) -> None:
    rules = house.policies / "request.rego"
    before = rules.read_text()
    rules.write_text(before + "\nallow if input.nonsense.here\n")
    health = f"{house.admin}/healthz"
    wait_until(lambda: "nonsense" in httpx.get(health, trust_env=False).text, "word of the broken rule")
    assert house.chat("thrifty").status_code == 200
    assert house.chat("thrifty", model="grand").status_code == 403
    rules.write_text(before)
    wait_until(lambda: "nonsense" not in httpx.get(health, trust_env=False).text, "the end of it")
