"""`portcullis demo partners`: its story as printed, a person of the partner's, and a provider by somebody else."""

import base64
import hashlib
import json
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from house import PATIENCE, PORTCULLIS, data, environment, free_port, run, running, wait_until
from notebook import NOTES
from partner import claims_of
from visitor import Visitor

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"
OWN, FOREIGN = "/t/t123/datasets/ds_claims/rows", "/t/t456/datasets/ds_shipments/rows"
BACK = "https://app.example.com/back"


@dataclass
class Example:
    """What the demo tells programs."""

    facts: dict[str, Any] = field(repr=False)

    @property
    def config(self) -> Path:
        return Path(self.facts["config"])

    def trade(self, token: str, client: int = 1, kind: str = "access_token", **form: str) -> httpx.Response:
        app = self.facts["clients"][client]
        form |= {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": TYPE + kind}
        auth = (app["client_id"], app["client_secret"])
        return httpx.post(f"{app['issuer']}/token", data=form, auth=auth, trust_env=False)

    def nightly(self) -> str:
        app = self.facts["clients"][0]
        form = {"grant_type": "client_credentials"}
        auth = (app["client_id"], app["client_secret"])
        answer = httpx.post(f"{app['issuer']}/token", data=form, auth=auth, trust_env=False)
        return str(answer.json()["access_token"])

    def read(self, token: str, path: str, at: str = "gateway") -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"}
        return httpx.get(f"{self.facts[at]}{path}", headers=headers, trust_env=False)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    folder = tmp_path_factory.mktemp("example")
    ports = [word for name in ("issuer", "gateway", "admin", "partner") for word in (f"--{name}-port", "0")]
    command: list[str | Path] = [PORTCULLIS, "demo", "partners", "--json", "--data", folder / "data", *ports]
    with (folder / "log").open("wb") as sink:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sink, text=True, env=environment())
    assert process.stdout
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            assert selector.select(PATIENCE), "the demo did not become ready"
        text = ""
        while not text.endswith("\n}\n"):
            line = process.stdout.readline()
            assert line, (folder / "log").read_text()
            text += line
        NOTES.body("application/json", text)
        yield Example(json.loads(text))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)
        process.stdout.close()


def test_the_story_is_true_as_it_is_printed(example: Example) -> None:
    mark = "=====\n"
    commands = [step["command"] for step in example.facts["commands"]]
    script = f"\nprintf '{mark[:-1]}\\n'\n".join(commands)
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, env=environment())
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    theirs, worth, ours, rows, refused, why, foreign, globex, reach, audit = done.stdout.split(mark)
    NOTES.note(theirs.strip(), kind="partner's token")
    assert claims_of(theirs.strip())["iss"] == example.facts["acme"]
    assert "An exchange would yield" in worth and "analytics:read" in worth
    assert "t123" in ours and "acme-app" in ours
    assert json.loads(rows)["rows"][0]["claim"] == "C-20418"
    head, _, body = refused.replace("\r", "").partition("\n\n")
    assert head.startswith("HTTP/1.1 404")
    assert "t456" not in body and "Globex" not in body
    assert "DENIED" in why and "FAILED  object" in why and "an object of tenant t456" in why
    assert "FAILED  grant scope" in foreign and "analytics:read:t456" in foreign
    assert json.loads(globex)["rows"][0]["shipment"] == "S-7731"
    assert "ds_claims" in reach and "ds_shipments" in reach
    assert re.search(rf"not_found +acme-app GET {FOREIGN}", audit), audit
    assert "foreign_scope" in audit and re.search(rf"ok +globex-app GET {FOREIGN}", audit), audit


def test_a_person_of_the_partner_may_what_the_partner_says(example: Example, tmp_path: Path) -> None:
    expected = {"analyst": "analytics:read dataset:read", "trainee": "dataset:read"}
    for person in example.facts["people"]:
        kept = tmp_path / f"{person['login']}.json"
        env = environment(PORTCULLIS_LOGINS=str(kept), PORTCULLIS_ISSUER=example.facts["acme"])
        command: list[str | Path] = [PORTCULLIS, "login", "--no-open"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as login:
            assert login.stderr
            found = next(filter(None, (re.search(r"http://\S+/authorize\S*", line) for line in login.stderr)))
            visitor = Visitor()
            visitor.through(visitor.get(found[0]), person["login"], person["password"])
            assert login.wait(PATIENCE) == 0
        theirs = run("token", "get", PORTCULLIS_LOGINS=str(kept), PORTCULLIS_ISSUER=example.facts["acme"])
        answer = example.trade(theirs.stdout.strip())
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        assert answer.json()["scope"] == expected[person["role"]]
        assert claims_of(token)["sub"].startswith("usr_")
        allowed = 200 if person["role"] == "analyst" else 403
        assert example.read(token, OWN).status_code == allowed
        assert example.read(token, "/t/t123/datasets").status_code == 200
        assert example.read(token, FOREIGN).status_code in {403, 404}


def test_the_service_believes_the_gateway_alone(example: Example) -> None:
    ours = example.trade(example.nightly()).json()["access_token"]
    assert example.read(ours, OWN).status_code == 200
    for token in (ours, example.nightly(), "x.y.z"):
        refused = example.read(token, OWN, at="analytics")
        assert (refused.status_code, "rows" in refused.json()) == (401, False), refused.text
    bare = httpx.get(f"{example.facts['analytics']}{OWN}", trust_env=False)
    assert (bare.status_code, bare.json()["code"]) == (401, "no_credential")


def test_neither_tenant_reads_or_trades_by_the_other(example: Example) -> None:
    theirs = example.nightly()
    crossed = example.trade(theirs, client=2)
    assert (crossed.status_code, crossed.json()["error"]) == (400, "invalid_request")
    assert "access_token" not in crossed.json() and "t123" not in crossed.text
    token = example.trade(theirs).json()["access_token"]
    for path in (
        "/t/t456/datasets",
        FOREIGN,
        "/t/t999/datasets",
        "/t/T123/datasets",
        "/t/t123/datasets/ds_shipments/rows",
    ):
        refused = example.read(token, path)
        assert refused.status_code == 404, (path, refused.text)
        assert "rows" not in refused.json() and "datasets" not in refused.json()


def test_a_tenants_file_can_be_changed_while_it_runs(example: Example) -> None:
    token = example.trade(example.nightly()).json()["access_token"]
    assert run("tenant", "suspend", "t123", config=example.config).returncode == 0
    began = time.monotonic()
    wait_until(lambda: example.read(token, OWN).status_code == 401, "the gateway refuses it")
    assert time.monotonic() - began < 5
    refused = example.trade(example.nightly())
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert run("tenant", "resume", "t123", config=example.config).returncode == 0
    wait_until(lambda: example.read(token, OWN).status_code == 200, "it opens again")


@contextmanager
def oidc_provider(example: Example, node_modules: Path, log: Path) -> Iterator[tuple[str, str]]:
    """npm's oidc-provider as Acme's; its issuer and the secret of its clients."""
    port, secret = free_port(), "a secret between Acme and its own provider"
    told = json.dumps({"port": port, "secret": secret, "audience": example.facts["issuer"]})
    issuer = f"http://localhost:{port}"
    command: list[str | Path] = ["node", node_modules / "partner.js", told]
    with running(command, f"{issuer}/.well-known/openid-configuration", log):
        yield issuer, secret


def by_code(issuer: str, secret: str) -> dict[str, Any]:
    """A person signs in to Acme's portal."""
    verifier = "a-verifier-that-is-long-enough-for-everybody-who-reads-it"
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    asked = {"client_id": "portal", "response_type": "code", "redirect_uri": BACK, "scope": "openid analytics:read"}
    asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    visitor = Visitor(BACK)
    page = visitor.get(f"{issuer}/auth?{urlencode(asked)}")
    for _ in range(2):
        if page.has("login-submit"):
            page = visitor.press(page, "login-submit", login="grace", password="x")
    form = {"grant_type": "authorization_code", "code": page.query["code"], "redirect_uri": BACK}
    form |= {"code_verifier": verifier}
    answer = httpx.post(f"{issuer}/token", data=form, auth=("portal", secret), trust_env=False)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    NOTES.note(told["access_token"], told["id_token"], kind="partner's token")
    return told


def test_a_provider_by_somebody_else_takes_over(example: Example, node_modules: Path, tmp_path: Path) -> None:
    with oidc_provider(example, node_modules, tmp_path / "log") as (issuer, secret):
        file = example.config.parent / "tenants" / "t123.toml"
        before = file.read_text()
        text = before.replace(example.facts["acme"], issuer)
        text = text.replace('kinds = ["access_token"]', 'kinds = ["access_token", "id_token"]')
        # Its ID tokens have no typ, and are made for the app that they sign in to.
        more = f'typ = ["", "at+jwt"]\naudiences = ["{example.facts["issuer"]}", "portal"]'
        text = text.replace("max_ttl", f"{more}\nmax_ttl")
        people = 'conditions = [{ claim = "sub", in = ["nightly-report", "grace"] }]'
        file.write_text(re.sub("conditions = .*", people, text))
        applied = run("tenant", "apply", file, config=example.config)
        assert applied.returncode == 0, applied.stderr
        try:
            form = {"grant_type": "client_credentials", "scope": "analytics:read"}
            auth = ("nightly-report", secret)
            theirs = httpx.post(f"{issuer}/token", data=form, auth=auth, trust_env=False).json()["access_token"]
            NOTES.note(theirs, kind="partner's token")
            wait_until(lambda: example.trade(theirs).status_code == 200, "the new provider counts", pause=0.2)
            program = example.trade(theirs).json()
            person = by_code(issuer, secret)
            human = example.trade(person["access_token"]).json()
            for body in (program, human):
                assert body["scope"] == "analytics:read", body
                assert example.read(body["access_token"], OWN).status_code == 200
                assert example.read(body["access_token"], FOREIGN).status_code == 404
            assert claims_of(program["access_token"])["sub"].startswith("svc_")
            assert claims_of(human["access_token"])["sub"].startswith("usr_")
            bare = example.trade(person["id_token"], kind="id_token")
            assert (bare.status_code, bare.json()["error"]) == (400, "invalid_scope"), "it names nobody's scope"
            refused = example.trade(example.nightly())
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request"), refused.text
        finally:
            file.write_text(before)
            assert run("tenant", "apply", file, config=example.config).returncode == 0
        wait_until(lambda: example.trade(example.nightly()).status_code == 200, "the old one counts again", pause=0.2)


def test_both_are_in_the_audit_log(example: Example) -> None:
    one = example.trade(example.nightly())
    other = example.trade(example.nightly(), scope="analytics:read:t456")
    explained = data("explain", other.json()["decision_id"], config=example.config)
    assert "analytics:read:t456" in json.dumps(explained)
    assert example.read(one.json()["access_token"], OWN).status_code == 200
    checked = run("audit", "verify", config=example.config)
    assert checked.returncode == 0, checked.stdout + checked.stderr
