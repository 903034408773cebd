"""Every endpoint of the issuer, with what it is asked when all is well. test_bad_input.py compares the list with what
the program routes, so that nobody forgets a new one."""

import http.client
import json
import re
import sqlite3
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from house import ROOT, wait_until
from provider import BACK, PERSON, App, Provider, digest
from visitor import Visitor

VERIFIER = "0123456789-0123456789-0123456789-0123456789"
FORM = "application/x-www-form-urlencoded"
GRANTS = ["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"]
NAMED = {
    # RFC 6749 §4.1.2.1, §5.2; OpenID Connect Core §3.1.2.6; RFC 9101 §10; RFC 8707 §2; RFC 9470 §5
    *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"),
    *("invalid_scope", "unsupported_response_type", "access_denied", "login_required", "consent_required"),
    *("interaction_required", "invalid_request_object", "invalid_request_uri", "request_not_supported"),
    *("request_uri_not_supported", "invalid_target", "unmet_authentication_requirements"),
    # RFC 8628 §3.5; RFC 9449 §5; RFC 6750 §3.1; RFC 7591 §3.2.2; RFC 7009 §2.2.1
    *("authorization_pending", "slow_down", "expired_token", "invalid_dpop_proof", "use_dpop_nonce"),
    *("invalid_token", "insufficient_scope", "invalid_redirect_uri", "invalid_client_metadata"),
    "unsupported_token_type",
}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @cached_property
    def error(self) -> str | None:
        """What was wrong, in the words of the standard: in the answer, or on the way back to the app."""
        query = parse_qs(urlsplit(self.headers.get("location", "")).query)
        if "error" in query:
            return query["error"][0]
        if "json" not in self.headers.get("content-type", "") or self.status < 400:
            return None
        return str(json.loads(self.body).get("error"))

    @property
    def refuses(self) -> bool:
        return self.status >= 400 or self.error is not None


@dataclass
class World:
    """A provider, somebody who is signed in, and an app of theirs with everything that it can have."""

    at: Provider
    context: ssl.SSLContext
    app: App
    browser: Visitor
    connection: http.client.HTTPSConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPSConnection(urlsplit(self.at.issuer).netloc, timeout=30, context=self.context)
        self.database = sqlite3.connect(f"file:{self.at.config.parent}/data/portcullis.db?mode=ro", uri=True)
        tables = self.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        # Refusals are recorded; keys change and notices go out by themselves.
        kept = [name for (name,) in tables if not name.startswith(("audit", "sqlite_", "signing_key", "logout_notice"))]
        self.count = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in kept)

    def rows(self) -> dict[str, int]:
        return dict(self.database.execute(self.count).fetchall())

    def ask(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """As raw as http.client can. The status is 0 if it hung up on us: on who sends too much it may."""
        for _ in ("on the connection of before", "on a new one"):
            try:
                return self.send(method, target, headers, body)
            except (http.client.HTTPException, OSError):
                self.connection.close()
        return Answer(0, {}, b"")

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        wire = self.connection
        wire.putrequest(method, target, skip_host="host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            wire.putheader(name, value.encode("latin-1"))
        if body:
            wire.putheader("content-length", str(len(body)))
        wire.endheaders(body or None)
        answer = wire.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())

    @cached_property
    def csrf(self) -> str:
        return self.browser.get(f"{self.at.issuer}/account/password").any_form().fields["csrf"]

    @cached_property
    def cookie(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.browser.http.cookies.jar)

    @cached_property
    def tokens(self) -> dict[str, Any]:
        code = self.app.code(self.browser, scope="openid offline_access", prompt="consent", **CHALLENGE)
        tokens: dict[str, Any] = self.app.redeem(code, code_verifier=VERIFIER).json()
        return tokens

    @property
    def client(self) -> dict[str, str]:
        return {"client_id": self.app.id, "client_secret": self.app.registered["client_secret"]}

    def flow(self, **more: str) -> str:
        page = self.browser.get(self.app.address(**(CHALLENGE | more)))
        return page.query["flow"]

    @cached_property
    def scim(self) -> str:
        return str(self.at.cli("scim", "add", "directory")["token"])

    @cached_property
    def user(self) -> str:
        body = {"schemas": [USER], "userName": "scim@example.com"}
        headers = {"authorization": f"Bearer {self.scim}"}
        made = self.at.http.post(f"{self.at.issuer}/scim/v2/Users", json=body, headers=headers)
        return str(made.json()["id"])

    @cached_property
    def group(self) -> str:
        body = {"schemas": [GROUP], "displayName": "engineers"}
        headers = {"authorization": f"Bearer {self.scim}"}
        made = self.at.http.post(f"{self.at.issuer}/scim/v2/Groups", json=body, headers=headers)
        return str(made.json()["id"])

    @cached_property
    def manager(self) -> str:
        """A token of the operator's for the management API."""
        terms = ["--api", "management", "--scope", "tenant:admin client:read client:write audit:read"]
        added = self.at.cli("client", "add", "manager", *terms)
        form = {"grant_type": "client_credentials", "scope": "tenant:admin client:read client:write audit:read"}
        auth = (added["client_id"], added["client_secret"])
        answers: list[httpx.Response] = []

        def knows() -> bool:
            answers.append(self.at.http.post(f"{self.at.issuer}/token", data=form, auth=auth))
            return answers[-1].status_code == 200

        wait_until(knows, "the server knows the client", pause=0.2)
        return str(answers[-1].json()["access_token"])

    @cached_property
    def tenants_client(self) -> str:
        added = self.at.cli("client", "add", "One of Umbra", "--tenant", "umbra", "--api", "text", *SCOPE)
        url = f"{self.at.issuer}/admin/v1/tenants/umbra/clients/{added['client_id']}"
        headers = {"authorization": f"Bearer {self.manager}"}
        wait_until(lambda: self.at.http.get(url, headers=headers).is_success, "the server knows the client", 0.2)
        return str(added["client_id"])

    @cached_property
    def registered(self) -> dict[str, Any]:
        return self.at.register(client_name="Registered").registered


SCOPE = ["--scope", "model:list"]
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
CHALLENGE = {"code_challenge": digest(VERIFIER), "code_challenge_method": "S256"}
Values = Callable[[World], dict[str, Any]]


def nothing(_: World) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    good: Values = nothing
    """What it is asked when all is well."""
    needs: tuple[str, ...] = ()
    """What it cannot do without."""
    says: str = "page"
    """How it says no."""
    fills: Values = nothing
    """The placeholders of the path."""
    bearer: Callable[[World], str] | None = None
    media: str = FORM
    """Of the body, if it has one."""
    name: str = ""

    @property
    def id(self) -> str:
        return f"{self.method} {self.path} {self.name}".strip()

    @property
    def json(self) -> bool:
        return "json" in self.media


def asked(world: World) -> dict[str, str]:
    return {
        "response_type": "code",
        "client_id": world.app.id,
        "redirect_uri": BACK,
        "scope": "openid",
        "state": "a-state",
        "nonce": "a-nonce",
        "response_mode": "query",
        "prompt": "none",
        "max_age": "1000",
        "login_hint": PERSON[0],
        "ui_locales": "en",
        "acr_values": "pwd",
        "claims": "{}",
        "display": "page",
        "resource": world.at.gateway,
        "id_token_hint": world.tokens["id_token"],
        **CHALLENGE,
    }


def page(*names: str, **more: str) -> Values:
    return lambda world: {"csrf": world.csrf} | dict.fromkeys(names, "x") | more


def token(**form: str) -> Values:
    return lambda world: world.client | form


def federated(vendor: str) -> Values:
    """As the vendor's SDK asks; of a trust that is not open, so the best answer is a refusal."""
    kinds = "urn:ietf:params:oauth:"
    openai = {"grant_type": f"{kinds}grant-type:token-exchange", "subject_token_type": f"{kinds}token-type:jwt"} | {
        "subject_token": "x",
        "identity_provider_id": "t/ci",
        "service_account_id": "x",
    }
    anthropic = {"grant_type": f"{kinds}grant-type:jwt-bearer", "assertion": "x"} | {
        "organization_id": "t",
        "federation_rule_id": "ci",
    }
    return lambda _: openai if vendor == "openai" else anthropic


def refreshing(world: World) -> dict[str, str]:
    return world.client | {"grant_type": "refresh_token", "refresh_token": "prt_x", "scope": "openid"}


def described(world: World) -> dict[str, Any]:
    return {"redirect_uris": [BACK], "client_name": "An app", "grant_types": ["authorization_code"]} | {
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "openid",
        "contacts": ["a@example.com"],
        "logo_uri": "https://app.example.com/logo",
        "client_uri": "https://app.example.com/",
        "jwks_uri": "https://app.example.com/jwks",
        "default_max_age": 600,
        "require_auth_time": True,
        "application_type": "web",
        "subject_type": "public",
        "id_token_signed_response_alg": "RS256",
        "post_logout_redirect_uris": [BACK],
        "backchannel_logout_uri": "https://app.example.com/out",
        "initiate_login_uri": "https://app.example.com/begin",
    }


def patched(path: str, value: Any) -> Values:
    return lambda _: {"schemas": [PATCH], "Operations": [{"op": "replace", "path": path, "value": value}]}


def scim(method: str, path: str, good: Values = nothing, **more: Any) -> Endpoint:
    fills: Values = nothing
    if "{id}" in path:
        fills = (lambda world: {"id": world.user}) if "Users" in path else (lambda world: {"id": world.group})
    more = {"says": "scim", "media": "application/scim+json", "fills": fills} | more
    return Endpoint(method, f"/scim/v2{path}", good, bearer=lambda world: world.scim, **more)


def managed(method: str, good: Values = nothing, **more: Any) -> Endpoint:
    return Endpoint(
        method,
        "/register/{client_id}",
        good,
        says="oauth",
        media="application/json",
        fills=lambda world: {"client_id": world.registered["client_id"]},
        bearer=lambda world: str(world.registered["registration_access_token"]),
        **more,
    )


def tenants(method: str, path: str, good: Values = nothing, **more: Any) -> Endpoint:
    def fills(world: World) -> dict[str, Any]:
        known = {"tenant": "umbra", "client": "", "decision": "dec_01K0000000000000000000000A"}
        if "{client}" in path:
            known["client"] = world.tenants_client
        return {name: value for name, value in known.items() if f"{{{name}}}" in path}

    more = {"says": "problem", "media": "application/json", "fills": fills} | more
    return Endpoint(method, f"/admin/v1{path}", good, bearer=lambda world: world.manager, **more)


WELLS = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
ASKED = ("response_type", "client_id", "redirect_uri", "code_challenge")
LISTED = {"filter": 'userName eq "x"', "startIndex": "1", "count": "1", "attributes": "userName"}
DEVICE = GRANTS[3]
ENDPOINTS = [
    *(Endpoint("GET", path, says="problem") for path in [*WELLS, "/jwks"]),
    Endpoint("GET", "/logo", lambda w: {"client_id": w.app.id}, says="nothing"),
    Endpoint("GET", "/assets/{name}", says="nothing", fills=lambda _: {"name": "page.css"}),
    Endpoint("GET", "/authorize", asked, ASKED, "authorize"),
    Endpoint("POST", "/authorize", asked, ASKED, "authorize"),
    Endpoint("POST", "/par", lambda w: asked(w) | w.client, (*ASKED, "client_secret"), "oauth"),
    Endpoint(
        "POST",
        "/token",
        token(grant_type="authorization_code", code="pac_x", redirect_uri=BACK, code_verifier=VERIFIER),
        ("grant_type", "code", "client_id", "client_secret"),
        "oauth",
        name="code",
    ),
    Endpoint(
        "POST",
        "/token",
        refreshing,
        ("grant_type", "refresh_token", "client_id", "client_secret"),
        "oauth",
        name="refresh",
    ),
    Endpoint(
        "POST",
        "/token",
        token(grant_type=DEVICE, device_code="pdc_x"),
        ("grant_type", "device_code", "client_id", "client_secret"),
        "oauth",
        name="device",
    ),
    Endpoint(
        "POST",
        "/token",
        token(grant_type="client_credentials", scope="model:list"),
        ("grant_type", "client_id", "client_secret"),
        "oauth",
        name="client",
    ),
    *(
        Endpoint("POST", path, federated(vendor), needs, "oauth", media="application/json")
        for path, vendor, needs in [
            ("/oauth/token", "openai", ("subject_token", "identity_provider_id")),
            ("/v1/oauth/token", "anthropic", ("assertion", "organization_id")),
        ]
    ),
    Endpoint("POST", "/device_authorization", token(scope="openid"), ("client_id", "client_secret"), "oauth"),
    Endpoint(
        "POST", "/introspect", token(token="x", token_type_hint="access_token"), ("token", "client_secret"), "oauth"
    ),
    Endpoint("POST", "/revoke", token(token="x", token_type_hint="access_token"), ("token", "client_secret"), "oauth"),
    Endpoint("GET", "/userinfo", says="oauth", bearer=lambda world: str(world.tokens["access_token"])),
    Endpoint(
        "POST", "/userinfo", lambda world: {"access_token": world.tokens["access_token"]}, ("access_token",), "oauth"
    ),
    Endpoint("POST", "/register", described, ("redirect_uris",), "oauth", media="application/json"),
    managed("GET"),
    managed("PUT", lambda world: described(world) | {"client_id": world.registered["client_id"]}, needs=("client_id",)),
    managed("DELETE"),
    Endpoint("GET", "/authorize/continue", lambda w: {"flow": w.flow(prompt="consent")}, ("flow",)),
    Endpoint("GET", "/consent", lambda w: {"flow": w.flow(prompt="consent")}, ("flow",)),
    Endpoint(
        "POST",
        "/consent",
        lambda w: {"csrf": w.csrf, "flow": w.flow(prompt="consent"), "decision": "approve"},
        ("csrf", "flow", "decision"),
    ),
    Endpoint("GET", "/device", lambda _: {"user_code": "BCDF-BCDF"}),
    Endpoint("POST", "/device", page(user_code="BCDF-BCDF"), ("csrf", "user_code")),
    Endpoint(
        "POST", "/device/decide", page(user_code="BCDF-BCDF", decision="approve"), ("csrf", "user_code", "decision")
    ),
    Endpoint("GET", "/sign-in", lambda _: {"return": "sessions"}),
    Endpoint("GET", "/sign-in", lambda w: {"flow": w.flow(prompt="login")}, name="flow"),
    Endpoint("POST", "/sign-in", page("login", "password", **{"return": "sessions"}), ("csrf", "login", "password")),
    Endpoint("POST", "/sign-in/otp", page("login", "ceremony", otp="123456"), ("csrf", "ceremony", "otp")),
    Endpoint("POST", "/sign-in/passkey/start", page(), ("csrf",), "passkey", media="application/json"),
    Endpoint(
        "POST",
        "/sign-in/passkey/finish",
        page("ceremony", "credential"),
        ("csrf", "ceremony", "credential"),
        "passkey",
        media="application/json",
    ),
    Endpoint(
        "GET",
        "/sign-in/with/{provider}",
        lambda w: {"flow": w.flow(prompt="login")},
        fills=lambda _: {"provider": "company"},
    ),
    Endpoint(
        "GET",
        "/sign-in/with/{provider}/callback",
        lambda _: {"code": "x", "state": "x", "iss": "x"},
        ("state",),
        fills=lambda _: {"provider": "company"},
    ),
    Endpoint(
        "POST",
        "/sign-in/with/{provider}/logout",
        lambda _: {"logout_token": "x.y.z"},
        ("logout_token",),
        "oauth",
        fills=lambda _: {"provider": "company"},
    ),
    Endpoint("GET", "/invitation", lambda _: {"token": "x"}, ("token",)),
    Endpoint("POST", "/invitation", page("token", password="long and unlikely 8"), ("csrf", "token", "password")),
    Endpoint("GET", "/password-reset"),
    Endpoint("POST", "/password-reset", page("login"), ("csrf", "login")),
    Endpoint("GET", "/password-reset/choose", lambda _: {"token": "x"}, ("token",)),
    Endpoint(
        "POST", "/password-reset/choose", page("token", password="long and unlikely 8"), ("csrf", "token", "password")
    ),
    Endpoint("GET", "/account", lambda _: {"done": "saved"}),
    *(
        Endpoint("GET", f"/account/{part}", lambda _: {"done": "saved"})
        for part in (
            "profile",
            "passkeys",
            "authenticator",
            "recovery-codes",
            "password",
            "sessions",
            "apps",
            "activity",
        )
    ),
    Endpoint("POST", "/account/profile", page("given_name", "family_name", "birthdate", "zoneinfo"), ("csrf",)),
    Endpoint("POST", "/account/link", page(provider="nobody"), ("csrf", "provider")),
    Endpoint("POST", "/account/unlink", page(provider="nobody"), ("csrf",)),
    Endpoint("POST", "/account/passkeys/start", page(name="x"), ("csrf",), "passkey", media="application/json"),
    Endpoint(
        "POST",
        "/account/passkeys/finish",
        page("name", "ceremony", "credential"),
        ("csrf", "ceremony", "credential"),
        "passkey",
        media="application/json",
    ),
    Endpoint("POST", "/account/passkeys/rename", page("passkey", "name"), ("csrf", "name")),
    Endpoint("POST", "/account/passkeys/remove", page("passkey"), ("csrf",)),
    Endpoint("POST", "/account/authenticator", page(), ("csrf",)),
    Endpoint("POST", "/account/authenticator/confirm", page("ceremony", otp="123456"), ("csrf",)),
    Endpoint("POST", "/account/authenticator/remove", page(), ("csrf",)),
    Endpoint("POST", "/account/recovery-codes", page(), ("csrf",)),
    Endpoint("POST", "/account/password", page("current", password="x"), ("csrf", "current", "password")),
    Endpoint("POST", "/account/sessions/end", page("session"), ("csrf",)),
    Endpoint("POST", "/account/sessions/end-others", page(), ("csrf",)),
    Endpoint("POST", "/account/apps/revoke", page("grant"), ("csrf",)),
    *(
        Endpoint(
            method,
            "/logout",
            lambda w: {
                "id_token_hint": w.tokens["id_token"],
                "client_id": w.app.id,
                "post_logout_redirect_uri": BACK,
                "state": "s",
                "logout_hint": "x",
                "ui_locales": "en",
            },
        )
        for method in ("GET", "POST")
    ),
    *(scim("GET", f"/{kind}", lambda _: LISTED) for kind in ("Users", "Groups")),
    scim(
        "POST",
        "/Users",
        lambda _: {
            "schemas": [USER],
            "userName": "u",
            "active": True,
            "name": {"givenName": "U"},
            "emails": [{"value": "u@example.com", "primary": True}],
            "externalId": "7",
        },
        needs=("userName",),
    ),
    scim(
        "POST",
        "/Groups",
        lambda w: {"schemas": [GROUP], "displayName": "g", "members": [{"value": w.user}]},
        needs=("displayName",),
    ),
    *(scim("GET", f"/{kind}/{{id}}", lambda _: {"attributes": "id"}) for kind in ("Users", "Groups")),
    scim("PUT", "/Users/{id}", lambda _: {"schemas": [USER], "userName": "u", "active": True}, needs=("userName",)),
    scim(
        "PUT", "/Groups/{id}", lambda _: {"schemas": [GROUP], "displayName": "g", "members": []}, needs=("displayName",)
    ),
    scim("PATCH", "/Users/{id}", patched("active", True), needs=("Operations",)),
    scim("PATCH", "/Groups/{id}", patched("displayName", "g"), needs=("Operations",)),
    *(scim("GET", f"/{name}") for name in ("ServiceProviderConfig", "ResourceTypes", "Schemas")),
    *(scim("GET", f"/{name}/{{name}}", fills=lambda _: {"name": "User"}) for name in ("ResourceTypes", "Schemas")),
    *(
        tenants("GET", path)
        for path in (
            "/openapi.json",
            "/tenants",
            "/tenants/{tenant}",
            "/tenants/{tenant}/limits",
            "/tenants/{tenant}/clients",
            "/tenants/{tenant}/clients/{client}",
            "/decisions/{decision}",
        )
    ),
    tenants("PUT", "/tenants/{tenant}", lambda _: {"name": "Umbra", "tier": "standard"}, needs=("name", "tier")),
    tenants(
        "POST",
        "/tenants/{tenant}/check",
        lambda _: {"token": "x.y.z", "kind": "id_token", "scope": "model:list"},
        needs=("token",),
    ),
    tenants(
        "POST",
        "/tenants/{tenant}/clients",
        lambda _: {
            "name": "An app",
            "scopes": ["model:list"],
            "resources": ["text"],
            "grant_types": ["client_credentials"],
        },
        needs=("name", "scopes", "resources"),
    ),
    tenants("POST", "/tenants/{tenant}/clients/{client}/secret", lambda _: {"overlap": 60}),
    *(tenants("POST", f"/tenants/{{tenant}}/clients/{{client}}/{act}") for act in ("disable", "enable")),
    *(tenants("POST", f"/tenants/{{tenant}}/{act}") for act in ("suspend", "resume", "end")),
    # These last: what they end is what others are asked with.
    *(scim("DELETE", f"/{kind}/{{id}}") for kind in ("Users", "Groups")),
]


ROUTED = re.compile(
    r'\.route\(\s*&(?:at\("(/[^"]*)"\)|format!\("\{path\}(/[^"]*)"\)),\s*((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)'
)

ROUTED_EACH = re.compile(
    r"\.route\(\s*(?:at|&format!\(\"([^\"]*)\"\)),"
    r"\s*((?:get|post)\((?:[^()]|\([^()]*\))*\)(?:\.\w+\([^()]*\))*)"
)
METHOD = re.compile(r"\b(get|post|put|patch|delete)\(")


ROOMS = (("server.rs", ""), ("register.rs", ""), ("scim.rs", "/scim/v2"), ("manage.rs", "/admin/v1"))
"""The files that route, and below what."""


def routed(*more: tuple[str, str]) -> set[tuple[str, str]]:
    """What the program has, by its own words: method and path below the issuer."""
    source = ROOT / "crates/issuer/src"
    found = set()
    for file, below in (*ROOMS, *more):
        # All that the decision point does is asked with POST.
        text = (source / file).read_text().replace(", on(", ", post(")
        # A handler may have a name of its own.
        named = dict(re.findall(r"let (\w+) = (get\([^;]*);", text))
        # Kinds of resources have the same routes, each below its own.
        each = ROUTED_EACH.findall((source / "scim/resource.rs").read_text())
        for kind in re.findall(r'resource::routes::<\w+>\(&at\("(/\w+)"\)\)', text):
            for within, handler in each:
                path = f"{below}{kind}{within.removeprefix('{at}').replace('{{', '{').replace('}}', '}')}"
                found |= {(method.upper(), path) for method in METHOD.findall(handler)}
        for one, other, handler in ROUTED.findall(text):
            path = f"{below}{one or other}".replace("{{", "{").replace("}}", "}")
            handler = named.get(handler.partition(".")[0], handler)
            found |= {(method.upper(), path) for method in METHOD.findall(handler)}
    return found
