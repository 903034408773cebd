"""Where partners' tokens are traded: an issuer and a gateway on loopback, with tenants as a test writes them."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from house import PORTCULLIS, data, free_port, recorder, run, running
from notebook import NOTES

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"
CONFIG = """
data_dir = "data"
key_encryption_key = {{ file = "portcullis.key" }}
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
scopes = ["analytics:read", "dataset:read"]
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
"""


@dataclass
class Desk:
    issuer: str
    gateway: str
    admin: str
    config: Path
    secrets: dict[str, str]

    def trade(self, token: str, client: str = "t123-app", kind: str = "access_token", **form: Any) -> httpx.Response:
        form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": TYPE + kind} | form
        auth = (client, self.secrets[client])
        return httpx.post(f"{self.issuer}/token", data=form, auth=auth, trust_env=False, timeout=30)

    def opens(self, token: str) -> int:
        bearer = {"authorization": f"Bearer {token}"}
        return httpx.get(f"{self.gateway}/report", headers=bearer, trust_env=False).status_code

    def issued(self) -> int:
        """How many tokens were issued, by the audit log."""
        lines = map(json.loads, run("audit", "export", config=self.config).stdout.splitlines())
        return sum("jti" in line.get("record", {}) for line in lines)

    def refuses(self, answer: httpx.Response, status: int, error: str, code: str) -> dict[str, Any]:
        """Exactly so, and with nothing issued; gives the step that failed, as the operator sees it."""
        body = answer.json()
        assert (answer.status_code, body.get("error")) == (status, error), answer.text
        assert "access_token" not in body and "issued_token_type" not in body
        assert body["code"] == code, answer.text
        told = data("explain", body["decision_id"], config=self.config)
        assert told["outcome"]["code"] == code, told
        rows: list[dict[str, Any]] = [row for row in told["rows"] if row["mark"] == "failed"]
        assert len(rows) == 1, told
        return rows[0]


@contextmanager
def desk(folder: Path, tenants: Callable[[str], dict[str, str]]) -> Iterator[Desk]:
    """`tenants` gives the tenants' files, by their names, for our issuer. Each tenant has a client, `NAME-app`."""
    with ExitStack() as stack:
        upstream = stack.enter_context(recorder())
        ports = {f"{name}_port": free_port() for name in ("issuer", "gateway", "admin")}
        urls = {name: f"http://127.0.0.1:{ports[f'{name}_port']}" for name in ("issuer", "gateway", "admin")}
        config = folder / "portcullis.toml"
        assert run("init", "--config", config).returncode == 0
        config.write_text(CONFIG.format(upstream=upstream.url, **urls, **ports))
        secrets = {}
        for name, text in tenants(urls["issuer"]).items():
            file = folder / f"{name}.toml"
            file.write_text(text)
            applied = run("tenant", "apply", file, config=config)
            assert applied.returncode == 0, applied.stderr
            client = ("client", "add", f"{name}-app", "--id", f"{name}-app", "--tenant", name, "--api", "analytics")
            terms = ("--grant-type", EXCHANGE, "--scope", "analytics:read", "--scope", "dataset:read")
            secrets[f"{name}-app"] = data(*client, *terms, config=config)["client_secret"]
            NOTES.note(secrets[f"{name}-app"], kind="client secret")
        command: list[str | Path] = [PORTCULLIS, "serve", "--config", config]
        stack.enter_context(running(command, f"{urls['issuer']}/jwks", folder / "serve.log"))
        yield Desk(urls["issuer"], urls["gateway"], urls["admin"], config, secrets)
