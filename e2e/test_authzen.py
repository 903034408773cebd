"""AuthZEN Authorization API 1.0: the policies answer those who ask from elsewhere, as the specification, its
certification and its interoperability events have it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import PORTCULLIS, data, free_port, run, running, wait_until

CONFIG = """
data_dir = "data"
key_encryption_key = {{ file = "kek" }}
[issuer]
url = "{issuer}"
listen = "127.0.0.1:{issuer_port}"
[admin]
listen = "127.0.0.1:{admin_port}"
[policy]
directory = "policies"
points = ["request"]
{more}
[[api]]
name = "pdp"
resource = "{issuer}/access/v1"
scopes = ["policy:evaluate", "usage:read"]
[[api]]
name = "analytics"
resource = "https://api.example/analytics"
scopes = ["analytics:read", "policy:evaluate"]
[tiers.standard]
scopes = ["analytics:read", "dataset:read", "policy:evaluate"]
"""

ALICE = {"type": "user", "id": "alice"}
BOB = {"type": "user", "id": "bob"}
ADMIN = BOB | {"properties": {"role": "admin"}}
FIRST = {"type": "record", "id": "record-1"}
SECOND = {"type": "record", "id": "record-2"}
ARCHIVED = SECOND | {"properties": {"status": "archived"}}
READ, WRITE = {"name": "read"}, {"name": "write"}


def asked(subject: Any, action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"subject": subject, "action": action, "resource": resource} | more


@dataclass
class Pdp:
    issuer: str
    admin: str
    config: Path
    secrets: dict[str, str]
    tokens: dict[str, str]

    def token(self, client: str, **form: str) -> str:
        form = {"grant_type": "client_credentials"} | form
        auth = (client, self.secrets[client])
        answer = httpx.post(f"{self.issuer}/token", data=form, auth=auth, trust_env=False)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def post(self, path: str, body: Any, token: str | None = None, **headers: str) -> httpx.Response:
        bearer = {"authorization": f"Bearer {token or self.tokens['pep']}", "content-type": "application/json"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{self.issuer}/access/v1/{path}"
        return httpx.post(url, content=content, headers=bearer | headers, trust_env=False, timeout=20)

    def ask(self, path: str, body: Any, client: str = "pep") -> Any:
        answer = self.post(path, body, self.tokens[client])
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    def decides(self, subject: Any, action: Any, resource: Any, **more: Any) -> bool:
        decision = self.ask("evaluation", asked(subject, action, resource, **more))["decision"]
        assert isinstance(decision, bool)
        return decision

    def each(self, body: Any) -> list[bool]:
        answer = self.ask("evaluations", body)
        assert "decision" not in answer
        return [one["decision"] for one in answer["evaluations"]]

    def names(self, path: str, body: Any, client: str = "pep") -> set[str]:
        found = self.ask(f"search/{path}", body, client)
        assert found["page"]["next_token"] == ""
        return {one.get("id") or one["name"] for one in found["results"]}


@pytest.fixture(scope="module")
def pdp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pdp]:
    with answering(tmp_path_factory.mktemp("authzen")) as it:
        yield it


@contextmanager
def answering(folder: Path, more: str = "") -> Iterator[Pdp]:
    ports = {f"{name}_port": free_port() for name in ("issuer", "admin")}
    issuer = f"http://127.0.0.1:{ports['issuer_port']}"
    config = folder / "portcullis.toml"
    assert run("init", "--config", config).returncode == 0
    (folder / "kek").write_bytes(next(folder.glob("*.key")).read_bytes())
    (folder / "kek").chmod(0o600)
    shutil.copytree(Path(__file__).parent / "authzen", folder / "policies")
    config.write_text(CONFIG.format(issuer=issuer, more=more, **ports))
    for name in ("t123", "t456"):
        file = folder / f"{name}.toml"
        file.write_text(f'name = "{name}"\ntier = "standard"\ndatasets = ["ds_{name}"]\n')
        applied = run("tenant", "apply", file, config=config)
        assert applied.returncode == 0, applied.stderr
    secrets = {}
    for name, rights in (
        ("pep", ("--api", "pdp", "--scope", "policy:evaluate", "--scope", "usage:read")),
        ("t-pep", ("--api", "pdp", "--scope", "policy:evaluate", "--tenant", "t123")),
        ("elsewhere", ("--api", "analytics", "--scope", "policy:evaluate", "--scope", "analytics:read")),
        ("theirs", ("--api", "analytics", "--scope", "analytics:read", "--tenant", "t456")),
    ):
        added = data("client", "add", name, "--id", name, *rights, config=config)
        secrets[name] = added["client_secret"]
    with running([PORTCULLIS, "serve", "--config", config], f"{issuer}/jwks", folder / "log"):
        it = Pdp(issuer, f"http://127.0.0.1:{ports['admin_port']}", config, secrets, {})
        for name in ("pep", "t-pep"):
            it.tokens[name] = it.token(name, scope="policy:evaluate")
        yield it


def test_metadata_tells_where_everything_is(pdp: Pdp) -> None:
    answer = httpx.get(f"{pdp.issuer}/.well-known/authzen-configuration", trust_env=False)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    at = f"{pdp.issuer}/access/v1"
    assert answer.json() == {
        "policy_decision_point": pdp.issuer,
        "access_evaluation_endpoint": f"{at}/evaluation",
        "access_evaluations_endpoint": f"{at}/evaluations",
        "search_subject_endpoint": f"{at}/search/subject",
        "search_resource_endpoint": f"{at}/search/resource",
        "search_action_endpoint": f"{at}/search/action",
    }


def test_one_evaluation_is_decided_by_identifiers_and_properties(pdp: Pdp) -> None:
    assert pdp.decides(ALICE, READ, FIRST)
    assert pdp.decides(ALICE, WRITE, FIRST)
    assert pdp.decides(BOB, READ, FIRST)
    assert not pdp.decides(BOB, WRITE, FIRST)
    assert not pdp.decides(ALICE, WRITE, ARCHIVED)
    assert pdp.decides(ADMIN, WRITE, ARCHIVED)
    for soft in (True, False):
        assert pdp.decides(ALICE, {"name": "delete", "properties": {"soft": soft}}, FIRST) is soft
    # What a question leaves out is as the policies' data has it, and what it says counts.
    assert not pdp.decides(ALICE, WRITE, SECOND)
    assert pdp.decides(BOB, WRITE, SECOND)
    assert not pdp.decides(BOB | {"properties": {"role": "guest"}}, WRITE, SECOND)
    context = {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}
    assert pdp.decides(ALICE, READ, FIRST, context=context)
    assert pdp.decides(ALICE, READ, FIRST, foo="bar", futureField={"nested": True})
    more = ALICE | {"properties": {"department": "Sales", "role": "manager", "nested": {"a": [1, None]}}}
    method = READ | {"properties": {"method": "GET"}}
    assert pdp.decides(more, method, FIRST | {"properties": {"status": "active", "owner": "bob"}})


def test_a_decision_says_why_and_what_must_be_seen_to(pdp: Pdp) -> None:
    allowed = pdp.ask("evaluation", asked(ALICE, READ, FIRST))
    assert allowed["context"]["obligations"] == [{"id": "max_output_tokens", "max_output_tokens": 77}]
    denied = pdp.ask("evaluation", asked(BOB, WRITE, FIRST))["context"]
    assert denied["reasons"] == [{"code": "nobody", "text": "no rule lets this subject do that"}]
    assert denied["reason_admin"] == {"403": "no rule lets this subject do that"}
    assert denied["revision"].startswith("sha256:") and "obligations" not in denied
    for context, allow in ((allowed["context"], True), (denied, False)):
        found = run("explain", context["decision_id"], "--json", config=pdp.config)
        assert context["decision_id"] in found.stdout, found.stderr
        export = run("audit", "export", config=pdp.config).stdout
        line = next(line for line in export.splitlines() if context["decision_id"] in line)
        assert context["revision"] in line
        assert json.loads(line)["record"]["ruled"]["ruling"]["allow"] is allow


def test_what_is_malformed_is_400_and_says_what(pdp: Pdp) -> None:
    whole = asked(ALICE, READ, FIRST)
    for name in whole:
        missing = {key: value for key, value in whole.items() if key != name}
        for path in ("evaluation", "evaluations"):
            answer = pdp.post(path, missing)
            assert answer.status_code == 400 and f"'{name}' is missing" in answer.text
    for body, said in (
        (asked({"id": "alice"}, READ, FIRST), "'subject.type' is missing"),
        (asked({"type": "user"}, READ, FIRST), "'subject.id' is missing"),
        (asked(ALICE, {}, FIRST), "'action.name' is missing"),
        (asked(ALICE, READ, {"id": "record-1"}), "'resource.type' is missing"),
        (asked(ALICE, READ, {"type": "record"}), "'resource.id' is missing"),
        (asked("alice", READ, FIRST), "'subject' is a string; it must be an object"),
        (asked(ALICE, {"name": 123}, FIRST), "'action.name' is a number; it must be a string"),
        (asked(ALICE, READ, FIRST, context=[]), "'context' is an array"),
        (asked(ALICE | {"properties": 1}, READ, FIRST), "'properties' is a number"),
        (asked(ALICE | {"properties": {"tenant": 1}}, READ, FIRST), "subject.properties.tenant"),
        (asked(ALICE, READ, FIRST, context={"time": "tomorrow"}), "'context.time'"),
        (asked(ALICE, READ, FIRST, context={"ip": "here"}), "'context.ip'"),
        (asked(ALICE, READ, FIRST, context={"point": "token"}), "'context.point'"),
        (asked(ALICE | {"id": "x" * 2000}, READ, FIRST), "longer than"),
        (asked(ALICE | {"properties": {str(n): n for n in range(99)}}, READ, FIRST), "more than"),
        ([], "must be a JSON object"),
        (b"", "empty"),
        (b"{", "not JSON"),
        (b"[" * 200, "not JSON"),
        (rb'{"a": "\ud800"}', "not JSON"),
    ):
        answer = pdp.post("evaluation", body)
        assert answer.status_code == 400, answer.text
        assert said in answer.text, answer.text
    answer = pdp.post("evaluation", whole, **{"content-type": "text/plain"})
    assert answer.status_code == 400 and "application/json" in answer.text
    answer = pdp.post("evaluation", b" " * (2 << 20))
    assert answer.status_code == 400, answer.text


def test_the_id_of_a_request_comes_back_with_every_answer(pdp: Pdp) -> None:
    name = "X-Request-ID"
    for body, status in ((asked(ALICE, READ, FIRST), 200), ({}, 400)):
        answer = pdp.post("evaluation", body, **{name: "bfe9eb29-ab87"})
        assert answer.status_code == status and answer.headers[name] == "bfe9eb29-ab87"
    answer = pdp.post("evaluation", {}, token="nonsense", **{name: "a b"})
    assert answer.status_code == 401 and answer.headers[name] == "a b"
    assert name not in pdp.post("evaluation", asked(ALICE, READ, FIRST)).headers


def test_several_are_answered_in_their_order(pdp: Pdp) -> None:
    assert pdp.each({"subject": BOB, "resource": FIRST, "evaluations": [{"action": READ}, {"action": WRITE}]}) == [
        True,
        False,
    ]
    assert pdp.each({"evaluations": [asked(ALICE, READ, FIRST), asked(BOB, WRITE, FIRST)]}) == [True, False]
    both = [{"subject": ALICE}, {"subject": ADMIN}]
    assert pdp.each({"action": WRITE, "resource": ARCHIVED, "evaluations": both}) == [False, True]
    # An entity replaces that of the top, but for its type and its name.
    items = [{"resource": {"id": "record-1", "properties": {"status": "active"}}}, {"resource": ARCHIVED}]
    top = {"subject": ALICE, "action": WRITE, "resource": {"type": "record", "properties": {"status": "archived"}}}
    assert pdp.each(top | {"evaluations": items}) == [True, False]
    times: list[dict[str, Any]] = [{}, {"context": {"time": "2025-06-27T19:00-07:00", "source": "override"}}]
    assert pdp.each(asked(ALICE, READ, FIRST, context={"time": "2025-06-27T18:03-07:00"}, evaluations=times)) == [
        True,
        True,
    ]
    single = asked(ALICE, READ, FIRST)
    empties: tuple[dict[str, Any], ...] = ({}, {"evaluations": []})
    for empty in empties:
        assert pdp.ask("evaluations", single | empty)["decision"] is True


def test_what_is_wrong_with_one_of_several_is_told_there(pdp: Pdp) -> None:
    items: list[Any] = [{"resource": FIRST}, {}, 7, {"resource": "x"}]
    answer = pdp.ask("evaluations", {"subject": ALICE, "action": READ, "evaluations": items})["evaluations"]
    assert [one["decision"] for one in answer] == [True, False, False, False]
    assert answer[1]["context"]["error"] == {"status": 400, "message": "'resource' is missing"}
    bad: tuple[dict[str, Any], ...] = (
        {"evaluations": 7},
        {"evaluations": [{}] * 257},
        {"evaluations": [{}], "options": []},
        {"evaluations": [{}], "options": {"evaluations_semantic": "some"}},
        {"evaluations": [{}], "subject": "alice"},
    )
    for body in bad:
        assert pdp.post("evaluations", body).status_code == 400


def test_the_caller_says_when_no_more_are_asked(pdp: Pdp) -> None:
    def by(semantic: str, *actions: Any) -> list[bool]:
        options = {"evaluations_semantic": semantic, "another_option": "value"}
        items = [{"action": action} for action in actions]
        return pdp.each({"subject": BOB, "resource": FIRST, "options": options, "evaluations": items})

    assert by("execute_all", READ, WRITE, READ) == [True, False, True]
    assert by("deny_on_first_deny", READ, WRITE, READ) == [True, False]
    assert by("deny_on_first_deny", READ, {}, READ) == [True, False]
    assert by("permit_on_first_permit", WRITE, READ, WRITE) == [False, True]


def test_searches_find_whom_the_policy_lets(pdp: Pdp) -> None:
    user, record = {"type": "user"}, {"type": "record"}
    assert pdp.names("subject", asked(user, READ, FIRST)) == {"alice", "bob"}
    assert pdp.names("subject", asked(user | {"id": "ignored"}, WRITE, ARCHIVED)) == {"bob", "rick"}
    assert pdp.names("subject", asked(user, READ, FIRST, context={"time": "2025-06-27T18:03-07:00"})) == {
        "alice",
        "bob",
    }
    assert pdp.names("resource", asked(ALICE, READ, record)) == {"record-1", "record-2"}
    assert pdp.names("resource", asked(ADMIN, WRITE, record | {"id": "ignored"})) == {"record-2"}
    assert pdp.names("action", {"subject": ALICE, "resource": FIRST}) == {"read", "write"}
    assert pdp.names("action", {"subject": ADMIN, "resource": ARCHIVED}) == {"read", "write"}
    nobody = {"type": "user", "id": "nonexistent-user"}
    assert pdp.names("action", {"subject": nobody, "resource": FIRST}) == set()
    assert pdp.names("subject", asked({"type": "spaceship"}, READ, FIRST)) == set()
    assert pdp.names("resource", asked(ALICE, READ, {"type": "spaceship"})) == set()
    for path, body in (
        ("subject", {"subject": user, "resource": FIRST}),
        ("subject", asked(user, READ, record)),
        ("resource", {"action": READ, "resource": record}),
        ("resource", asked(user, READ, record)),
        ("action", {"subject": ALICE}),
        ("subject", asked(user, READ, FIRST, page={"limit": "many"})),
        ("subject", asked(user, READ, FIRST, page={"token": "nonsense"})),
        ("subject", asked(user, READ, FIRST, page=7)),
    ):
        assert pdp.post(f"search/{path}", body).status_code == 400, body


def test_a_search_goes_on_from_page_to_page(pdp: Pdp) -> None:
    body = asked({"type": "user"}, READ, FIRST)
    first = pdp.ask("search/subject", body | {"page": {"limit": 1}})
    assert first["results"] == [ALICE] and first["page"]["count"] == 1
    token = first["page"]["next_token"]
    second = pdp.ask("search/subject", body | {"page": {"token": token}})
    assert second["results"] == [BOB]
    while second["page"]["next_token"]:
        second = pdp.ask("search/subject", body | {"page": {"token": second["page"]["next_token"]}})
    assert second["results"] == []
    for other in (
        body | {"action": WRITE, "page": {"token": token}},
        body | {"page": {"token": token, "limit": 2}},
    ):
        assert pdp.post("search/subject", other).status_code == 400
    assert pdp.post("search/action", {"subject": ALICE, "resource": FIRST, "page": {"token": token}}).status_code == 400


def test_the_things_to_do_of_the_interoperability_events(pdp: Pdp) -> None:
    def may(who: str, action: str, kind: str = "todo", **properties: str) -> bool:
        resource = {"type": kind, "id": "7240d0db", "properties": properties}
        return pdp.decides({"type": "user", "id": who}, {"name": action}, resource)

    for who in ("rick", "morty", "jerry"):
        assert may(who, "can_read_user", "user") and may(who, "can_read_todos")
        assert may(who, "can_create_todo") is (who != "jerry")
    own, other = "morty@the-citadel.com", "rick@the-citadel.com"
    for action in ("can_update_todo", "can_delete_todo"):
        assert may("morty", action, ownerID=own) and not may("morty", action, ownerID=other)
        assert may("rick", action, ownerID=own) and not may("jerry", action, ownerID=own)
    items = [
        {"resource": {"type": "todo", "id": str(n), "properties": {"ownerID": owner}}}
        for n, owner in enumerate((own, other))
    ]
    morty = {"type": "user", "id": "morty"}
    body = {"subject": morty, "action": {"name": "can_update_todo"}, "evaluations": items}
    assert pdp.each(body) == [True, False]


def test_models_and_datasets_scopes_and_time(pdp: Pdp) -> None:
    def may(scope: str, resource: Any, time: str = "2026-03-04T09:00:00Z", **properties: Any) -> Any:
        subject = ALICE | {"properties": properties}
        body = asked(subject, {"name": scope}, resource, context={"time": time})
        return pdp.ask("evaluation", body)

    small = {"type": "model", "id": "text-small", "properties": {"class": "small"}}
    assert may("generate:basic", small)["decision"]
    assert not may("generate:basic", small, time="2026-03-04T23:00:00Z")["decision"]
    assert may("generate:basic", small, scopes="generate:premium")["decision"]
    weak = may("generate:premium", small, scopes=["generate:basic"])
    assert not weak["decision"]
    assert weak["context"]["reasons"] == [
        {"code": "scope.missing", "text": "the subject does not hold generate:premium"}
    ]
    dataset = {"type": "dataset", "id": "ds_t123"}
    assert may("dataset:read", dataset, tenant="t123")["decision"]
    assert not may("dataset:read", dataset, tenant="t456")["decision"]
    assert not may("dataset:read", dataset)["decision"]
    # Management is another point, and no policy is there.
    manage = may("model:delete", small)
    assert not manage["decision"] and manage["context"]["error"]["status"] == 501


def test_only_a_token_for_this_api_may_ask(pdp: Pdp) -> None:
    body = asked(ALICE, READ, FIRST)
    at = f"{pdp.issuer}/access/v1/evaluation"
    answer = httpx.post(at, json=body, trust_env=False)
    assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer ")
    assert answer.headers["content-type"].startswith("text/plain") and answer.text
    assert pdp.post("evaluation", body, token="nonsense").status_code == 401
    assert pdp.post("evaluation", body, token=pdp.token("elsewhere", scope="policy:evaluate")).status_code == 401
    weak = pdp.post("evaluation", body, token=pdp.token("pep", scope="usage:read"))
    assert weak.status_code == 403 and "insufficient_scope" in weak.headers["www-authenticate"]
    for path in ("evaluation", "evaluations", "search/subject", "search/resource", "search/action"):
        assert pdp.post(path, b"{", token="nonsense").status_code == 401
        assert httpx.get(f"{pdp.issuer}/access/v1/{path}", trust_env=False).status_code == 405


def test_a_tenants_caller_learns_nothing_of_other_tenants(pdp: Pdp) -> None:
    def answer(client: str, dataset: str, **properties: str) -> Any:
        subject = ALICE | {"properties": properties}
        body = asked(subject, {"name": "dataset:read"}, {"type": "dataset", "id": dataset})
        said = pdp.ask("evaluation", body, client)
        del said["context"]["decision_id"]
        return said

    assert answer("t-pep", "ds_t123")["decision"], "its own tenant goes without saying"
    assert answer("t-pep", "ds_t123", tenant="t123")["decision"]
    assert answer("t-pep", "ds_t456", tenant="t123") == answer("t-pep", "ds_nowhere", tenant="t123")
    said = set()
    for dataset, tenant in (("ds_nowhere", "t999"), ("ds_t456", "t456"), ("ds_t123", "t456"), ("ds_t456", "T456")):
        subject = ALICE | {"properties": {"tenant": tenant}}
        body = asked(subject, {"name": "dataset:read"}, {"type": "dataset", "id": dataset})
        refused = pdp.post("evaluation", body, pdp.tokens["t-pep"])
        said.add((refused.status_code, refused.text))
    assert len(said) == 1 and said.pop()[0] == 400
    assert answer("pep", "ds_t456", tenant="t456")["decision"], "the operator asks about all"
    client = {"type": "client", "id": "theirs"}
    body = asked(client, {"name": "dataset:read"}, {"type": "dataset", "id": "ds_t456"})
    assert pdp.ask("evaluation", body, "t-pep")["decision"] is False

    body = asked(ALICE | {"properties": {"tenant": "t456"}}, {"name": "dataset:read"}, {"type": "dataset"})
    assert pdp.names("resource", body) == {"ds_t456"}
    assert pdp.post("search/resource", body, pdp.tokens["t-pep"]).status_code == 400
    read = asked({"type": "user"}, READ, FIRST)
    assert pdp.names("subject", read, "t-pep") == {"alice", "bob"}
    theirs = asked({"type": "user", "id": "theirs"}, {"name": "can_read_todos"}, FIRST)
    other = asked({"type": "user", "id": "nobody"}, {"name": "can_read_todos"}, FIRST)
    reasons = [pdp.ask("evaluation", body, "t-pep")["context"]["reasons"] for body in (theirs, other)]
    assert reasons[0] == reasons[1]


@contextmanager
def opa(folder: Path) -> Iterator[None]:
    """A real Open Policy Agent with the same policies, on a socket."""
    socket = folder / "opa.sock"
    command = ["opa", "run", "--server", "--disable-telemetry", "--addr", f"unix://{socket}"]
    command += ["--set", "decision_logs.console=true", "--bundle", str(folder / "policies")]
    with (folder / "opa.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(socket.exists, "opa does not listen")
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.skipif(shutil.which("opa") is None, reason="there is no 'opa' on the PATH to ask")
def test_an_open_policy_agent_decides_instead_and_denies_when_it_is_gone(tmp_path: Path) -> None:
    server = f'url = "unix://{tmp_path}/opa.sock"\ntime_out = "5s"\nfailures = 2\nrest = "200ms"'
    with answering(tmp_path, f"[policy.opa.request]\n{server}") as pdp:
        (tmp_path / "policies" / ".manifest").write_text('{"revision": "r7", "roots": [""]}')

        def health() -> Any:
            return httpx.get(f"{pdp.admin}/healthz", trust_env=False).json()["policy"]["opa"]["request"]

        with opa(tmp_path):
            assert pdp.decides(ALICE, READ, FIRST)
            assert pdp.decides(BOB, WRITE, SECOND)
            denied = pdp.ask("evaluation", asked(BOB, WRITE, FIRST))["context"]
            assert denied["revision"] == "opa:r7"
            assert denied["reasons"] == [{"code": "nobody", "text": "no rule lets this subject do that"}]
            assert pdp.names("subject", asked({"type": "user"}, READ, FIRST)) == {"alice", "bob"}
            export = run("audit", "export", config=pdp.config).stdout
            line = next(line for line in export.splitlines() if denied["decision_id"] in line)
            assert json.loads(line)["record"]["ruled"]["decision_log_id"] in (tmp_path / "opa.log").read_text()
            assert health() == {"address": f"unix://{tmp_path}/opa.sock", "problem": None}
        for _ in range(3):
            gone = pdp.ask("evaluation", asked(ALICE, READ, FIRST))
            assert gone["decision"] is False and gone["context"]["error"]["status"] == 503
        search = pdp.post("search/subject", asked({"type": "user"}, READ, FIRST))
        assert search.status_code == 503 and "retry-after" in search.headers
        assert health()["problem"]
        with opa(tmp_path):
            wait_until(lambda: pdp.decides(ALICE, READ, FIRST), "it is asked again")
            assert health()["problem"] is None
