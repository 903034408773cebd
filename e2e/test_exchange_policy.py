"""Exchanges under the shipped policies, and a security engineer who changes them while everything runs."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import PORTCULLIS, data, free_port, run, running, wait_until
from partner import Partner, partner
from test_exchange import BEARER, CONFIG, EXCHANGE, TENANT, TYPE

SHIPPED = Path(__file__).parent.parent / "policies"
TIER = {"scopes": ["analytics:read"], "classes": [], "max_output_tokens": 100, "max_ttl": 300}


@dataclass
class House:
    issuer: str
    config: Path
    policies: Path
    secrets: dict[str, str]
    partner: Partner
    admin: str

    def trade(self, client: str, **claims: Any) -> httpx.Response:
        usual = {"aud": self.issuer, "roles": ["analyst"], "client_id": "spa"}
        form = {
            "grant_type": EXCHANGE,
            "subject_token": self.partner.token(**(usual | claims)),
            "subject_token_type": TYPE + "access_token",
        }
        auth = (client, self.secrets[client])
        return httpx.post(f"{self.issuer}/token", data=form, auth=auth, trust_env=False, timeout=20)

    def told(self, answer: httpx.Response) -> str:
        return " ".join(run("explain", answer.headers["x-decision-id"], config=self.config).stdout.split())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("policies")
    policies = folder / "policies"
    shutil.copytree(SHIPPED, policies)
    numbers = json.loads((policies / "data.json").read_text())
    numbers["tiers"]["standard"] = TIER
    (policies / "data.json").write_text(json.dumps(numbers))
    with ExitStack() as stack:
        provider = stack.enter_context(partner())
        ports = {f"{name}_port": free_port() for name in ("issuer", "gateway", "admin")}
        issuer, gateway = (f"http://127.0.0.1:{ports[f'{name}_port']}" for name in ("issuer", "gateway"))
        config = folder / "portcullis.toml"
        assert run("init", "--config", config).returncode == 0
        (folder / "kek").write_bytes(next(folder.glob("*.key")).read_bytes())
        (folder / "kek").chmod(0o600)
        text = CONFIG.format(issuer=issuer, gateway=gateway, upstream=issuer, **ports)
        config.write_text(text + '[policy]\ndirectory = "policies"\npoints = ["exchange"]\n')
        tenant = folder / "t123.toml"
        tenant.write_text(TENANT.format(name="T123", dataset="ds_first", issuer=provider.url, audience=issuer))
        applied = run("tenant", "apply", tenant, config=config)
        assert applied.returncode == 0, applied.stderr
        secrets = {}
        for name, more in (("a-app", []), ("an-agent", ["--agent"]), ("late", ["--label", "closed"])):
            added = data(
                *("client", "add", name, "--id", name, "--tenant", "t123", "--api", "analytics"),
                *("--grant-type", EXCHANGE, "--grant-type", BEARER, "--scope", "analytics:read", *more),
                config=config,
            )
            secrets[name] = added["client_secret"]
        command: list[str | Path] = [PORTCULLIS, "serve", "--config", config]
        stack.enter_context(running(command, f"{issuer}/jwks", folder / "serve.log"))
        yield House(issuer, config, policies, secrets, provider, f"http://127.0.0.1:{ports['admin_port']}")


def test_the_shipped_policy_leaves_what_tier_and_trust_have(house: House) -> None:
    for client in ("a-app", "an-agent"):
        answer = house.trade(client)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["scope"] == "analytics:read"
        assert 0 < body["expires_in"] <= 300
        told = house.told(answer)
        assert "was asked at the point exchange and allowed it, with at most the scopes analytics:read" in told
        assert "with at most the datasets ds_first" in told


def test_a_rule_that_is_written_while_all_runs_decides(house: House) -> None:
    assert house.trade("late").status_code == 200
    rules = house.policies / "exchange.rego"
    before = rules.read_text()
    rules.write_text(before.replace("\n\tallow\n}", "\n\tallow\n\tnot closed\n}", 1) + CLOSED)
    wait_until(lambda: house.trade("late").status_code == 400, "the new rule")
    refused = house.trade("late")
    assert refused.json()["error"] == "invalid_request"
    assert refused.json()["code"] == "policy_refused"
    assert "closed" not in refused.text
    assert "the house is closed (house.closed)" in house.told(refused)
    assert house.trade("a-app").status_code == 200
    rules.write_text(before)
    wait_until(lambda: house.trade("late").status_code == 200, "the old rule")


CLOSED = """
closed if "closed" in input.client.labels

decision := {"allow": false, "reasons": [{"code": "house.closed", "text": "the house is closed"}]} if {
\tallow
\tclosed
}
"""


def test_a_broken_rule_changes_nothing_and_health_says_so(house: House) -> None:
    rules = house.policies / "exchange.rego"
    before = rules.read_text()
    rules.write_text(before + "\nallow if input.nonsense.here\n")

    def health() -> str:
        return httpx.get(f"{house.admin}/healthz", trust_env=False).text

    wait_until(lambda: "nonsense" in health(), "word of the broken rule")
    assert house.trade("a-app").status_code == 200
    rules.write_text(before)
    wait_until(lambda: "nonsense" not in health(), "the end of it")
