"""Every endpoint, asked about another tenant with everything that a tenant has: nothing of it is told or changed, and
it answers as a tenant that does not exist. A new route must be in here: the list is compared with the program's."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from endpoints import ROOMS, routed
from house import PORTCULLIS, ROOT, data, free_port, recorder, run, running
from partner import Partner, claims_of, partner
from provider import Key

DECISIONS = ("authzen.rs", "/access/v1")
HAS = routed(DECISIONS)
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TYPE = "urn:ietf:params:oauth:token-type:"
MANAGEMENT = "tenant:admin client:read client:write audit:read"
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
scopes = ["analytics:read", "dataset:read"]
[[api]]
name = "second"
resource = "{gateway}/second"
scopes = ["analytics:read"]
tenant = "t456"
[[api]]
name = "management"
resource = "{issuer}/admin/v1"
scopes = ["tenant:admin", "client:read", "client:write", "audit:read"]
[[api]]
name = "decisions"
resource = "{issuer}/access/v1"
scopes = ["policy:evaluate"]
[policy]
directory = "policies"
points = ["manage"]
[[upstream]]
name = "analytics"
url = "{upstream}"
[[route]]
path = "/tenants/{{tenant}}/report"
api = "analytics"
methods = ["GET"]
scopes = ["analytics:read"]
upstream = "analytics"
[[route]]
path = "/second/report"
api = "second"
methods = ["GET"]
scopes = ["analytics:read"]
upstream = "analytics"
[tiers.standard]
scopes = ["analytics:read", "dataset:read", "tenant:read", "tenant:write", "client:read", "client:write", "audit:read"]
"""
TENANT = """
name = "{name}"
tier = "standard"
contacts = ["{contact}"]
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
ceiling = {{ scopes = ["analytics:read", "tenant:read", "tenant:write", "client:read", "client:write", "audit:read"] }}
[[trust.grants]]
to = "everyone"
scopes = ["analytics:read", "tenant:read", "tenant:write", "client:read", "client:write", "audit:read"]
"""
POLICY = """
package portcullis.{point}
import rego.v1
default decision := {{"allow": false}}
decision := {{"allow": true}} if {rule}
"""
RULES = {
    "manage": 'input.caller.sub != ""',
    # What a tenant may read is its own.
    "request": "input.resource.dataset.tenant == input.caller.tenant",
}
EXISTING, ABSENT = "t456", "t999"
NAMES = {
    "existing": (EXISTING, ABSENT),
    "in capitals": ("T456", "T999"),
    "encoded": ("%74456", "%74999"),
    "with a look-alike": (quote("\u0442456"), quote("\u0442999")),
    "with more behind": ("t456%00", "t999%00"),
    "from its own": ("t123%2F..%2Ft456", "t123%2F..%2Ft999"),
    "through another": ("t456%2Fclients", "t999%2Fclients"),
}


@dataclass(frozen=True)
class About:
    """What there is of a tenant, or would be."""

    tenant: str
    client: str
    person: str
    decision: str
    dataset: str


@dataclass
class Credential:
    """Something that t123 has."""

    headers: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    key: Key | None = None
    token: str = ""

    def shown(self, method: str, url: str) -> dict[str, str]:
        if self.key is None:
            return self.headers
        return {"authorization": f"DPoP {self.token}", "dpop": self.key.proof(method, url, self.token)}


@dataclass
class House:
    issuer: str
    gateway: str
    admin: str
    config: Path
    first: Partner
    second: Partner
    http: httpx.Client
    secrets: dict[str, str] = field(repr=False)
    credentials: dict[str, Credential] = field(default_factory=dict, repr=False)
    theirs: dict[str, str] = field(default_factory=dict, repr=False)
    """Tokens of t456."""
    before: Any = None
    """How t456 was, before anybody reached for it."""
    known: About = About("", "", "", "", "")
    unknown: About = About(ABSENT, "z-app", "nobody@z.example", "dec_01K0000000000000000000000A", "ds_nowhere")

    def ask(self, client: str, **form: str) -> httpx.Response:
        return self.http.post(f"{self.issuer}/token", data=form, auth=(client, self.secrets[client]))

    def own(self, client: str, resource: str, **form: str) -> str:
        answer = self.ask(client, grant_type="client_credentials", resource=resource, **form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def trade(self, client: str, token: str, **form: str) -> httpx.Response:
        whole = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": TYPE + "access_token"}
        return self.ask(client, **(whole | form))

    def state(self) -> Any:
        """Everything that there is of t456."""
        clients = [one for one in data("client", "list", config=self.config) if one["tenant"] == EXISTING]
        exported = run("audit", "export", config=self.config).stdout.splitlines()
        records = [json.loads(line).get("record", {}) for line in exported]
        mine = {EXISTING, self.known.client, self.known.person}
        acts = [record for record in records if record.get("event") == "admin" and record.get("target") in mine]
        issued = [record for record in records if record.get("client_id") in mine and "denial" not in record]
        people = [one for one in data("person", "list", config=self.config) if one.get("tenant") == EXISTING]
        return data("tenant", "show", EXISTING, config=self.config), clients, people, acts, issued


def applied(folder: Path, config: Path, tenant: str, **words: str) -> None:
    file = folder / f"{tenant}.toml"
    file.write_text(TENANT.format(**words))
    done = run("tenant", "apply", file, config=config)
    assert done.returncode == 0, done.stderr


def added(config: Path, name: str, tenant: str | None, scope: str, *apis: str) -> str:
    words = ["client", "add", name, "--id", name, "--scope", scope]
    words += [word for api in apis for word in ("--api", api)]
    words += [word for grant in ("client_credentials", EXCHANGE, BEARER) for word in ("--grant-type", grant)]
    words += ["--tenant", tenant] if tenant else []
    return str(data(*words, config=config)["client_secret"])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("matrix")
    with ExitStack() as stack:
        first, second = stack.enter_context(partner()), stack.enter_context(partner("ES256"))
        upstream = stack.enter_context(recorder())
        ports = {f"{name}_port": free_port() for name in ("issuer", "gateway", "admin")}
        issuer, gateway, admin = (f"http://127.0.0.1:{port}" for port in ports.values())
        config = folder / "portcullis.toml"
        assert run("init", "--config", config).returncode == 0
        (folder / "kek").write_bytes(next(folder.glob("*.key")).read_bytes())
        (folder / "kek").chmod(0o600)
        config.write_text(CONFIG.format(issuer=issuer, gateway=gateway, upstream=upstream.url, **ports))
        (folder / "policies").mkdir()
        for point, rule in RULES.items():
            (folder / f"policies/{point}.rego").write_text(POLICY.format(point=point, rule=rule).lstrip())
        for tenant, name, provider in (("t123", "First", first), ("t456", "Zweite Firma", second)):
            words = {"dataset": f"ds_of_{tenant}", "contact": f"boss@{tenant}.example", "audience": issuer}
            applied(folder, config, tenant, name=name, issuer=provider.url, **words)
        reading = f"analytics:read {MANAGEMENT} tenant:read tenant:write policy:evaluate"
        secrets = {
            "a-app": added(config, "a-app", "t123", reading, "analytics", "management", "decisions"),
            "b-app": added(config, "b-app", "t456", reading, "analytics", "second", "management", "decisions"),
            "operator": added(config, "operator", None, MANAGEMENT, "management"),
        }
        person = ("person", "add", "bob@second.example", "--name", "Bob", "--tenant", EXISTING)
        assert run(*person, "--password-stdin", config=config, stdin="long and unlikely 8\n").returncode == 0
        command: list[str | Path] = [PORTCULLIS, "serve", "--config", config]
        stack.enter_context(running(command, f"{issuer}/jwks", folder / "serve.log"))
        http = stack.enter_context(
            httpx.Client(trust_env=False, timeout=20, limits=httpx.Limits(max_keepalive_connections=0))
        )
        it = House(issuer, gateway, admin, config, first, second, http, secrets)
        furnish(it)
        it.before = it.state()
        yield it


def furnish(house: House) -> None:
    """What each of the two has."""
    management = f"{house.issuer}/admin/v1"
    theirs = house.second.token(aud=house.issuer, client_id="spa")
    traded = house.trade("b-app", theirs, resource=house.gateway)
    assert traded.status_code == 200, traded.text
    decision = traded.headers["x-decision-id"]
    house.known = About(EXISTING, "b-app", "bob@second.example", decision, "ds_of_t456")
    house.theirs = {
        "provider's": theirs,
        "exchanged": str(traded.json()["access_token"]),
        "of a client": house.own("b-app", house.gateway, scope="analytics:read"),
        "of an admin": house.own("b-app", management, scope=MANAGEMENT),
    }
    basic = base64.b64encode(f"a-app:{house.secrets['a-app']}".encode()).decode()
    mine = house.first.token(aud=house.issuer, client_id="spa")
    exchanged = house.trade("a-app", mine, resource=house.gateway).json()["access_token"]
    admin = house.trade("a-app", mine, resource=management)
    assert "tenant:read" in admin.json()["scope"], admin.text
    tokens = {
        "a client's token": house.own("a-app", house.gateway, scope="analytics:read"),
        "an exchanged token": exchanged,
        "its provider's token": mine,
        "a token for decisions": house.own("a-app", f"{house.issuer}/access/v1", scope="policy:evaluate"),
        "an admin's token": house.own("a-app", management, scope=MANAGEMENT),
        "a person's token for management": admin.json()["access_token"],
    }
    for token in (exchanged, admin.json()["access_token"]):
        assert claims_of(token)["tenant"] == "t123"
    key = Key()
    proof = {"dpop": key.proof("POST", f"{house.issuer}/token")}
    form = {"grant_type": "client_credentials", "resource": management, "scope": MANAGEMENT}
    auth = ("a-app", house.secrets["a-app"])
    bound = house.http.post(f"{house.issuer}/token", data=form, auth=auth, headers=proof).json()
    assert bound["token_type"] == "DPoP"
    house.credentials = {
        "nothing": Credential(),
        "a secret in the header": Credential({"authorization": f"Basic {basic}"}),
        "a secret in the form": Credential(form={"client_id": "a-app", "client_secret": house.secrets["a-app"]}),
        **{name: Credential({"authorization": f"Bearer {token}"}, token=token) for name, token in tokens.items()},
        "a bound token": Credential(key=key, token=bound["access_token"]),
    }


# What each route is asked with, as a form or as JSON. All that names somebody is another tenant's.
FORM, JSON, QUERY = "form", "json", "query"
Request = tuple[str, dict[str, Any]]


def requests(house: House, method: str, path: str, about: About) -> list[Request]:
    """Every way in which that route can be asked about a tenant."""
    who = {"client_id": about.client, "resource": house.gateway, "login_hint": about.person, "scope": "openid"}
    code = {"response_type": "code", "redirect_uri": "https://app.example.com/back", "state": "s"}
    person = {"login": about.person, "password": "long and unlikely 8", "csrf": "x", "return": "sessions"}
    record = {"name": "Mine now", "tier": "standard", "contacts": ["mallory@t123.example"]}
    foreign = f"analytics:read:{about.tenant}"
    scim = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": about.person, "active": False}
    question = {
        "subject": {"type": "user", "id": about.person, "properties": {"tenant": about.tenant}},
        "action": {"name": "dataset:read"},
        "resource": {"type": "dataset", "id": about.dataset, "properties": {"tenant": about.tenant}},
        "context": {"tenant": about.tenant},
    }
    openai = {"grant_type": EXCHANGE, "subject_token_type": f"{TYPE}jwt", "service_account_id": about.client}
    anthropic = {"grant_type": BEARER, "federation_rule_id": "sso", "service_account_id": about.client}
    searched = {"subject": {"type": "user"}, "resource": {"type": "dataset"}}
    table: dict[str, list[Request]] = {
        "POST /access/v1/evaluation": [(JSON, question)],
        "POST /access/v1/evaluations": [(JSON, question | {"evaluations": [question, {}]})],
        **{
            f"POST /access/v1/search/{kind}": [(JSON, question | {kind: searched[kind]})]
            for kind in ("subject", "resource")
        },
        "POST /access/v1/search/action": [(JSON, {name: question[name] for name in ("subject", "resource")})],
        "GET /logo": [(QUERY, {"client_id": about.client})],
        "GET /authorize": [(QUERY, who | code)],
        "POST /authorize": [(FORM, who | code)],
        "POST /par": [(FORM, who | code)],
        "POST /token": [
            (FORM, {"grant_type": "client_credentials", "scope": foreign}),
            (FORM, {"grant_type": "client_credentials", "resource": f"{house.gateway}/second"}),
            (FORM, {"grant_type": "client_credentials", "client_id": about.client}),
            (FORM, {"grant_type": "client_credentials", "client_id": about.client, "client_secret": "pcs_x"}),
            (FORM, {"grant_type": "refresh_token", "refresh_token": "prt_x", "client_id": about.client}),
            *(
                (
                    FORM,
                    {
                        "grant_type": EXCHANGE,
                        "subject_token": house.first.token(aud=house.issuer, client_id="spa"),
                        "subject_token_type": TYPE + kind,
                        "resource": house.gateway,
                    }
                    | more,
                )
                for kind in ("access_token", "id_token", "jwt")
                for more in (
                    {"scope": foreign},
                    {
                        "authorization_details": json.dumps([{"type": "ai_dataset", "identifier": about.dataset}]),
                    },
                )
            ),
        ],
        "POST /oauth/token": [
            (JSON, openai | {"identity_provider_id": provider, "subject_token": token})
            for provider in (f"{about.tenant}/sso", "sso", "t123/sso")
            for token in (house.first.token(aud=house.issuer, client_id="spa"), house.theirs["provider's"])
        ],
        "POST /v1/oauth/token": [
            (JSON, anthropic | {"organization_id": organization, "assertion": token})
            for organization in (about.tenant, "t123")
            for token in (house.first.token(aud=house.issuer, client_id="spa"), house.theirs["provider's"])
        ],
        "POST /device_authorization": [(FORM, {"client_id": about.client, "scope": foreign})],
        "POST /introspect": [(FORM, {"token": "x.y.z", "client_id": about.client})],
        "POST /revoke": [(FORM, {"token": "x.y.z", "client_id": about.client})],
        "POST /register": [(JSON, {"redirect_uris": ["https://a.example/b"], "client_id": about.client})],
        "PUT /register/{client_id}": [(JSON, {"client_id": about.client, "redirect_uris": ["https://a.example/b"]})],
        "POST /sign-in": [(FORM, person)],
        "GET /sign-in": [(QUERY, {"return": about.tenant})],
        "GET /logout": [(QUERY, {"client_id": about.client, "logout_hint": about.person})],
        "POST /logout": [(FORM, {"client_id": about.client, "logout_hint": about.person})],
        "POST /password-reset": [(FORM, person)],
        "POST /account/apps/revoke": [(FORM, {"csrf": "x", "grant": about.decision})],
        "GET /scim/v2/Users": [(QUERY, {"filter": f'userName eq "{about.person}"'})],
        "POST /scim/v2/Users": [(JSON, scim)],
        "PUT /scim/v2/Users/{id}": [(JSON, scim)],
        "PATCH /scim/v2/Users/{id}": [(JSON, {"Operations": [{"op": "replace", "path": "active", "value": False}]})],
        "PUT /admin/v1/tenants/{tenant}": [(JSON, record), (JSON, {}), (FORM, {"name": "x"})],
        "POST /admin/v1/tenants/{tenant}/check": [(JSON, {"token": house.theirs["provider's"]}), (JSON, {})],
        "POST /admin/v1/tenants/{tenant}/clients": [
            (JSON, {"name": "x", "scopes": ["analytics:read"], "resources": ["analytics"]}),
            (JSON, {"name": "x", "client_id": about.client, "scopes": [], "resources": []}),
        ],
        "POST /admin/v1/tenants/{tenant}/clients/{client}/secret": [(JSON, {"overlap": 0})],
    }
    return table.get(f"{method} {path}", [(QUERY if method in ("GET", "DELETE") else JSON, {})])


# Those that say nothing about anybody: what they are asked is in their path or their cookie, if anywhere.
PLAIN = {
    *("GET /jwks", "GET /assets/{name}", "GET /userinfo", "POST /userinfo", "GET /authorize/continue"),
    *("GET /consent", "POST /consent", "GET /device", "POST /device", "POST /device/decide"),
    *("POST /sign-in/otp", "POST /sign-in/passkey/start", "POST /sign-in/passkey/finish"),
    *("GET /sign-in/with/{provider}", "GET /sign-in/with/{provider}/callback"),
    *("POST /sign-in/with/{provider}/logout", "GET /invitation", "POST /invitation", "GET /password-reset"),
    *("GET /password-reset/choose", "POST /password-reset/choose", "GET /account", "POST /account/link"),
    *("POST /account/unlink", "POST /account/profile", "POST /account/passkeys/start"),
    *("POST /account/passkeys/finish", "POST /account/passkeys/rename", "POST /account/passkeys/remove"),
    *("POST /account/authenticator", "POST /account/authenticator/confirm", "POST /account/authenticator/remove"),
    *("POST /account/recovery-codes", "POST /account/password", "POST /account/sessions/end"),
    *("POST /account/sessions/end-others",),
    *(f"GET /account/{part}" for part in ("profile", "passkeys", "authenticator", "recovery-codes", "password")),
    *(f"GET /account/{part}" for part in ("sessions", "apps", "activity")),
    *("GET /register/{client_id}", "DELETE /register/{client_id}"),
    *("GET /scim/v2/Users/{id}", "DELETE /scim/v2/Users/{id}", "GET /scim/v2/Groups", "POST /scim/v2/Groups"),
    *(f"{method} /scim/v2/Groups/{{id}}" for method in ("GET", "PUT", "PATCH", "DELETE")),
    *("GET /scim/v2/ServiceProviderConfig", "GET /scim/v2/ResourceTypes", "GET /scim/v2/ResourceTypes/{name}"),
    *("GET /scim/v2/Schemas", "GET /scim/v2/Schemas/{name}"),
    *("GET /admin/v1/openapi.json", "GET /admin/v1/tenants", "GET /admin/v1/tenants/{tenant}"),
    *("GET /admin/v1/tenants/{tenant}/limits", "GET /admin/v1/tenants/{tenant}/clients"),
    *(f"POST /admin/v1/tenants/{{tenant}}/{act}" for act in ("suspend", "resume", "end")),
    "GET /admin/v1/tenants/{tenant}/clients/{client}",
    *(f"POST /admin/v1/tenants/{{tenant}}/clients/{{client}}/{act}" for act in ("disable", "enable")),
    "GET /admin/v1/decisions/{decision}",
}


def has_a_table_entry(method: str, path: str, house: House) -> bool:
    return requests(house, method, path, house.known) != [(QUERY if method in ("GET", "DELETE") else JSON, {})]


def test_no_route_is_missing_here(house: House) -> None:
    for method, path in sorted(HAS):
        line = f"{method} {path}"
        assert (line in PLAIN) != has_a_table_entry(method, path, house), f"{line}: ask it about another tenant here"
    assert {f"{method} {path}" for method, path in HAS} >= PLAIN, "gone"
    source = ROOT / "crates/issuer/src"
    files = [file for file in source.rglob("*.rs") if file.name != "tests.rs"]
    routing = {str(file.relative_to(source)) for file in files if ".route(" in file.read_text()}
    assert routing == {file for file, _ in (*ROOMS, DECISIONS)} | {"scim/resource.rs"}, "a file that routes is new"


def test_the_program_has_the_routes_that_are_asked(house: House) -> None:
    has: dict[str, set[str]] = {}
    for method, path in HAS:
        has.setdefault(path, set()).add(method)
    for path, methods in has.items():
        refused = house.http.request("TRACE", house.issuer + re.sub(r"\{\w+\}", "x", path))
        allowed = set(refused.headers["allow"].replace(" ", "").split(",")) - {"HEAD", "OPTIONS"}
        assert (refused.status_code, allowed) == (405, methods), path


def filled(path: str, about: About, name: str) -> str:
    fills = {
        "tenant": name,
        "client": about.client,
        "client_id": about.client,
        "decision": about.decision,
        "id": about.person,
        "name": about.tenant,
        "provider": about.tenant,
    }
    return path.format(**{key: value if key == "tenant" else quote(value, safe="") for key, value in fills.items()})


def sent(house: House, credential: Credential, line: tuple[str, str], how: Request) -> httpx.Response:
    method, url = line
    kind, words = how
    headers = credential.shown(method, url)
    if kind == QUERY:
        return house.http.request(method, url, params=words, headers=headers)
    if kind == JSON:
        return house.http.request(method, url, json=words | credential.form, headers=headers)
    return house.http.request(method, url, data=credential.form | words, headers=headers)


VARIES = re.compile(
    r'dec_\w{26}|"jti":"[^"]*"|name="csrf" value="[^"]*"|nonce-[\w+/=-]+|nonce="[^"]*"|eyJ[\w.-]+|flow=\w+|'
    r"\d{4}-\d\d-\d\dT[\d:.]+Z|\bin \d+\w+"
)


def told(answer: httpx.Response, about: About, name: str) -> tuple[int, str, str, str]:
    """What the caller learns, without what it said itself and without ids and times."""
    text = answer.text
    for word in (about.dataset, about.person, about.decision, about.client, name, quote(name), about.tenant):
        text = text.replace(word, "WORD")
    headers = answer.headers
    location = VARIES.sub("V", headers.get("location", "").replace(about.client, "WORD"))
    return answer.status_code, headers.get("content-type", ""), VARIES.sub("V", text), location


def leaks(house: House, answer: httpx.Response) -> list[str]:
    """What only t456 and the operator know."""
    facts = ["Zweite Firma", "boss@t456.example", "ds_of_t456", house.second.url]
    return [fact for fact in facts if fact in answer.text and fact not in str(answer.request.url) + sent_body(answer)]


def sent_body(answer: httpx.Response) -> str:
    return answer.request.content.decode().replace("%40", "@")


TELL_APPS = {"GET /authorize", "POST /authorize"}
"""An app that is known and one that is not are two mistakes (RFC 6749 §4.1.2.1). This list only shrinks."""
ROUTES = sorted(HAS)


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[f"{method} {path}" for method, path in ROUTES])
def test_another_tenant_is_as_none(house: House, method: str, path: str) -> None:
    wrong = []
    spellings = NAMES if "{tenant}" in path else {"existing": NAMES["existing"]}
    for who, credential in house.credentials.items():
        for spelling, names in spellings.items():
            asked = zip(
                requests(house, method, path, house.known), requests(house, method, path, house.unknown), strict=True
            )
            for one, other in asked:
                answers = []
                for how, about, name in ((one, house.known, names[0]), (other, house.unknown, names[1])):
                    url = house.issuer + filled(path, about, name)
                    answer = sent(house, credential, (method, url), how)
                    answers.append(told(answer, about, name))
                    if found := leaks(house, answer):
                        wrong.append(f"{who}, {spelling}: {found} in {answer.text[:200]}")
                    if answer.status_code >= 500:
                        wrong.append(f"{who}, {spelling}: {answer.status_code} {answer.text[:200]}")
                    if path == "/token" and answer.status_code == 200:
                        tenant = claims_of(answer.json()["access_token"]).get("tenant")
                        if tenant != "t123":
                            wrong.append(f"{who}, {spelling}: a token of {tenant}")
                    if path.startswith("/admin/v1/tenants/") and answer.status_code not in (401, 403, 404):
                        wrong.append(f"{who}, {spelling}: {answer.status_code} {answer.text[:200]}")
                if answers[0] != answers[1] and f"{method} {path}" not in TELL_APPS:
                    wrong.append(f"{who}, {spelling}: {answers[0]} is not {answers[1]}")
    assert not wrong, "\n".join(wrong)


def test_what_one_sees_is_ones_own(house: House) -> None:
    for who in ("an admin's token", "a person's token for management", "a bound token"):
        credential, url = house.credentials[who], f"{house.issuer}/admin/v1/tenants"
        seen = house.http.get(url, headers=credential.shown("GET", url))
        assert [tenant["id"] for tenant in seen.json()["tenants"]] == ["t123"], who
        url += "/t123/limits"
        limits = house.http.get(url, headers=credential.shown("GET", url))
        assert limits.status_code == 200, limits.text
        assert {one["client"] for one in limits.json()["reach"]} == {"a-app", "(of the operator)"}


@pytest.mark.parametrize("kind", ["access_token", "id_token", "jwt"])
@pytest.mark.parametrize("token", ["provider's", "exchanged", "of a client", "of an admin"])
def test_another_tenants_token_is_of_no_use(house: House, kind: str, token: str) -> None:
    theirs = house.theirs[token]
    exchanged = house.trade("a-app", theirs, subject_token_type=TYPE + kind, resource=house.gateway)
    assert exchanged.status_code == 400, exchanged.text
    mine = house.first.token(aud=house.issuer, client_id="spa")
    more = {"actor_token": theirs, "actor_token_type": TYPE + kind}
    acting = house.trade("a-app", mine, resource=house.gateway, **more)
    assert acting.status_code == 400, acting.text
    bearer = house.ask("a-app", grant_type=BEARER, assertion=theirs)
    assert bearer.status_code == 400, bearer.text
    auth = ("a-app", house.secrets["a-app"])
    looked = house.http.post(f"{house.issuer}/introspect", data={"token": theirs}, auth=auth)
    assert looked.json() == {"active": False} or looked.status_code == 403, looked.text
    ended = house.http.post(f"{house.issuer}/revoke", data={"token": theirs}, auth=auth)
    assert ended.status_code in (200, 400), ended.text
    shown = {"authorization": f"Bearer {house.theirs['exchanged']}"}
    assert house.http.get(f"{house.gateway}/tenants/t456/report", headers=shown).status_code == 200
    shown = {"authorization": f"Bearer {house.theirs['of an admin']}"}
    assert house.http.get(f"{house.issuer}/admin/v1/tenants/t456", headers=shown).status_code == 200
    for answer in (exchanged, acting, bearer, looked, ended):
        assert not [fact for fact in ("Zweite Firma", "boss@t456.example", "ds_of_t456") if fact in answer.text]


def test_nothing_of_another_tenant_passes_the_gateway(house: House) -> None:
    for who, credential in house.credentials.items():
        for existing, absent in NAMES.values():
            answers = []
            for name, about in ((existing, house.known), (absent, house.unknown)):
                url = f"{house.gateway}/tenants/{name}/report"
                answer = house.http.get(url, headers=credential.shown("GET", url))
                assert answer.status_code in (400, 401, 404), (who, name, answer.text)
                answers.append(told(answer, about, name))
            assert answers[0] == answers[1], (who, existing)
        url = f"{house.gateway}/second/report"
        assert house.http.get(url, headers=credential.shown("GET", url)).status_code == 401, who
    own = house.credentials["an exchanged token"]
    assert house.http.get(f"{house.gateway}/tenants/t123/report", headers=own.headers).status_code == 200


def test_the_operators_listener_names_no_tenant(house: House) -> None:
    source = (ROOT / "crates/portcullis/src/serve/admin.rs").read_text()
    paths = set(re.findall(r'\.route\("(/[^"]+)"', source))
    known = {"/healthz", "/readyz", "/metrics", "/revocations", "/policy/bundle.tar.gz"}
    assert paths == known, "ask the new one here"
    for path in paths:
        answer = house.http.get(f"{house.admin}{path}")
        assert answer.status_code == 200
        for fact in ("Zweite Firma", "boss@t456.example", "ds_of_t456", house.second.url, "b-app"):
            assert fact not in answer.text, path


def test_the_other_tenant_is_as_it_was(house: House) -> None:
    after = house.state()
    names = ("tenant", "clients", "people", "acts", "issued")
    for name, was, is_now in zip(names, house.before, after, strict=True):
        assert json.dumps(was, sort_keys=True) == json.dumps(is_now, sort_keys=True), name
