"""Every parameter of every endpoint, badly: the error that its standard names, never a fault of ours, nothing written.

`ENDPOINTS` is the one list. It is compared with what the program routes, so that nobody forgets a new one.
"""

import http.client
import json
import re
import sqlite3
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, quote_from_bytes, urlsplit

import pytest
from house import ROOT, free_port, running
from provider import BACK, PERSON, App, Key, Provider, digest, serving
from visitor import Visitor

LONG = b"x" * 100_000
VERIFIER = "0123456789-0123456789-0123456789-0123456789"
FORM = "application/x-www-form-urlencoded"
GRANTS = ["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"]
MORE = """
[mail]
folder = "mail"

[[identity_provider]]
name = "company"
preset = "oidc"
issuer = "{upstream}"
client_id = "portcullis"
client_secret = {{ env = "KEY" }}
"""
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
        return str(self.at.cli("scim", "token", "directory")["token"])

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
    def registered(self) -> dict[str, Any]:
        return self.at.register(client_name="Registered").registered


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


WELLS = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
ASKED = ("response_type", "client_id", "redirect_uri", "code_challenge")
LISTED = {"filter": 'userName eq "x"', "startIndex": "1", "count": "1", "attributes": "userName"}
DEVICE = GRANTS[3]
ENDPOINTS = [
    *(Endpoint("GET", path, says="problem") for path in [*WELLS, "/jwks"]),
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
        for part in ("passkeys", "authenticator", "recovery-codes", "password", "sessions", "apps", "activity")
    ),
    Endpoint("POST", "/account/link", page(provider="nobody"), ("csrf", "provider")),
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
    # These last: what they end is what others are asked with.
    *(scim("DELETE", f"/{kind}/{{id}}") for kind in ("Users", "Groups")),
]
Pairs = list[tuple[bytes, bytes]]


def escaped(pairs: Pairs) -> bytes:
    return "&".join(f"{quote_from_bytes(name, '')}={quote_from_bytes(value, '')}" for name, value in pairs).encode()


def spoilt(pairs: Pairs, name: bytes) -> Iterator[tuple[str, bytes]]:
    """One field of a form or a query, in each bad way."""
    place = next(place for place, (found, _) in enumerate(pairs) if found == name)
    value = pairs[place][1]

    def instead(*fields: tuple[bytes, bytes]) -> bytes:
        return escaped([*pairs[:place], *fields, *pairs[place + 1 :]])

    yield "missing", instead()
    yield "empty", instead((name, b""))
    yield "doubled", instead((name, value), (name, value))
    yield "over-long", instead((name, LONG))
    yield "with NUL", instead((name, value + b"\0"))
    yield "no UTF-8", instead((name, b"\xff\xfe"))
    yield "a list", instead((name, b"[]"))
    yield "as a list", instead((name + b"[]", value))
    yield "with a line break", instead((name, value + b"\r\nx: y"))
    yield "broken escape", instead() + b"&" + name + b"=%zz"


def spoilt_json(good: dict[str, Any], name: str) -> Iterator[tuple[str, bytes]]:
    """One member of a JSON object, in each bad way."""
    rest = {found: value for found, value in good.items() if found != name}
    yield "missing", json.dumps(rest).encode()
    for wrong in (None, 7, True, "", "x" * 100_000, "\0", [], [[]], [7], {}, {"x": {}}, -1, 1e300):
        yield f"{json.dumps(wrong)[:12]}", json.dumps(rest | {name: wrong}).encode()
    member = f"{json.dumps(name)}: {json.dumps(good[name])}"
    yield "doubled", json.dumps(good).encode()[:-1] + b", " + member.encode() + b"}"
    yield "no UTF-8", json.dumps(rest | {name: "@"}).encode().replace(b'"@"', b'"\xff\xfe"')


def wholly_wrong(endpoint: Endpoint, good: bytes) -> Iterator[tuple[str, dict[str, str], bytes]]:
    """The whole body."""
    media = {"content-type": endpoint.media}
    other = FORM if endpoint.json else "application/json"
    yield "empty body", media, b""
    yield "huge body", media, (b'{"x": "' if endpoint.json else b"x=") + b"x" * 3_000_000
    yield "another content type", {"content-type": other}, good
    yield "no content type", {}, good
    yield "a content type that is none", {"content-type": "\xff;;=,"}, good
    yield "multipart", {"content-type": "multipart/form-data; boundary=x"}, b"--x\r\n\r\n--x--"
    yield "a charset", {"content-type": f"{endpoint.media}; charset=utf-16"}, good
    yield "compressed", media | {"content-encoding": "gzip"}, b"\x1f\x8b\x08\0"
    yield "bytes", media, bytes(range(256))
    if endpoint.json:
        for text in (b"null", b"[]", b"7", b'"x"', b"{", b"[" * 50_000, b'{"a":' * 20_000):
            yield f"{text[:8].decode()}", media, text


STRANGE: list[dict[str, str]] = [
    {"authorization": "Basic"},
    {"authorization": "Basic !!!"},
    {"authorization": "Basic Zm9v"},
    {"authorization": "Basic /////w=="},
    {"authorization": f"Bearer {'x' * 9000}"},
    {"authorization": "Bearer \xff"},
    {"authorization": "DPoP x"},
    {"dpop": "x.y.z"},
    {"dpop": "\xff"},
    {"cookie": "__Host-session=\xff; __Host-browser=;;=; __Host-known"},
    {"cookie": f"__Host-session={'x' * 9000}"},
    {"accept-language": "\xff;q=,,;"},
    {"origin": "https://evil.example"},
    {"host": "evil.example"},
    {"host": ""},
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("upstream")
    upstream = f"http://localhost:{(port := free_port())}"
    (folder / ".well-known").mkdir()
    about = {"issuer": upstream, "jwks_uri": f"{upstream}/jwks", "authorization_endpoint": f"{upstream}/authorize"}
    about |= {"token_endpoint": f"{upstream}/token", "response_types_supported": ["code"]}
    about |= {"subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"]}
    (folder / ".well-known/openid-configuration").write_text(json.dumps(about))
    (folder / "jwks").write_text(json.dumps(Key().jwks))
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", folder]
    with (
        running(command, f"{upstream}/jwks", folder / "log"),
        serving(tmp_path_factory.mktemp("bad"), MORE.format(upstream=upstream)) as at,
    ):
        grants = [word for grant in GRANTS for word in ("--grant-type", grant)]
        terms = ["--redirect-uri", BACK, "--identity", "openid profile offline_access", "--api", "text"]
        terms += ["--scope", "model:list", "--post-logout-redirect-uri", BACK, "--auth", "secret-post", *grants]
        added = at.cli("client", "add", "everything", *terms)
        app = App(at, added | {"token_endpoint_auth_method": "client_secret_post"})
        browser = at.browser()
        page = browser.get(f"{at.issuer}/sign-in")
        browser.sign_in(page, *PERSON)
        yield World(at, at.authority.trust(), app, browser)


def requests(
    world: World, endpoint: Endpoint, headers: dict[str, str]
) -> Iterator[tuple[str, str, dict[str, str], bytes]]:
    """What is wrong, the target, the headers and the body."""
    path = urlsplit(world.at.issuer).path + endpoint.path.format(**endpoint.fills(world))
    good = endpoint.good(world)
    media = headers | {"content-type": endpoint.media}
    pairs = [] if endpoint.json else [(name.encode(), value.encode()) for name, value in good.items()]
    body = json.dumps(good).encode() if endpoint.json else escaped(pairs)
    if endpoint.method in ("GET", "DELETE"):
        for name, _ in pairs:
            for what, query in spoilt(pairs, name):
                yield f"{name.decode()} {what}", f"{path}?{query.decode()}", headers, b""
        yield "a body", path, media, b"x=1"
        target, body = (f"{path}?{body.decode()}" if pairs else path), b""
    elif endpoint.json:
        target = path
        for member in good:
            for what, text in spoilt_json(good, member):
                yield f"{member} {what}", path, media, text
    else:
        target = path
        for name, _ in pairs:
            for what, text in spoilt(pairs, name):
                yield f"{name.decode()} {what}", path, media, text
        yield "in the query", f"{path}?{body.decode()}", media, b""
    if endpoint.method not in ("GET", "DELETE"):
        for what, more, text in wholly_wrong(endpoint, body):
            yield what, path, headers | more, text
    for strange in STRANGE:
        yield f"{strange}", target, media | strange, body
    for name in endpoint.fills(world):
        for bad in ("%00", "%ff", "..%2f..", "x" * 9000, "%zz", " ".replace(" ", "%20")):
            yield f"{name} {bad[:8]}", path.replace(endpoint.fills(world)[name], bad), media, body


def headers_of(world: World, endpoint: Endpoint, who: str) -> dict[str, str]:
    if who == "anonymous":
        return {}
    return {"authorization": f"Bearer {endpoint.bearer(world)}"} if endpoint.bearer else {"cookie": world.cookie}


def said_well(endpoint: Endpoint, answer: Answer) -> bool:
    """Whether a refusal is what the readers of this endpoint understand."""
    media = answer.headers.get("content-type", "")
    if answer.status < 400:
        return answer.error in NAMED and answer.headers["location"].startswith(BACK)
    if answer.status in {414, 431} or b"Invalid UTF-8 in `" in answer.body:
        return True  # It did not come as far as the endpoint.
    if endpoint.says == "scim":
        said = json.loads(answer.body)
        return (
            said["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"] and said["status"] == f"{answer.status}"
        )
    if endpoint.says == "oauth":
        return answer.error in NAMED and bool(json.loads(answer.body)["error_description"])
    if endpoint.says == "nothing":
        return not answer.body
    if endpoint.says == "passkey":
        return bool(json.loads(answer.body)["problem"])
    return media == "text/html; charset=utf-8" and answer.headers["content-security-policy"].startswith("default-src")


def wrong_with(endpoint: Endpoint, what: str, answer: Answer, sent: int) -> str | None:
    """What a standard would not have."""
    if answer.status == 0:
        return None if sent > 30_000 else "hung up"
    if answer.status >= 500:
        return "a fault of ours"
    if answer.refuses:
        return None if said_well(endpoint, answer) else "not said well"
    name, _, how = what.partition(" ")
    if how in {"missing", "empty"} and name in endpoint.needs:
        return "done without what it needs"
    if how in {"doubled", "no UTF-8", "broken escape"} and (endpoint.method != "GET" or endpoint.says != "page"):
        return "read in one of two ways"
    return None


ROUTED = re.compile(
    r'\.route\(\s*&(?:at\("(/[^"]*)"\)|format!\("\{path\}(/[^"]*)"\)),\s*((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)'
)


def routed() -> set[tuple[str, str]]:
    """What the program has, by its own words: method and path below the issuer."""
    source = ROOT / "crates/issuer/src"
    found = set()
    for file, below in (("server.rs", ""), ("register.rs", ""), ("scim.rs", "/scim/v2")):
        text = (source / file).read_text()
        # A handler may have a name of its own.
        named = dict(re.findall(r"let (\w+) = (get\([^;]*);", text))
        for one, other, handler in ROUTED.findall(text):
            path = f"{below}{one or other}".replace("{{", "{").replace("}}", "}")
            handler = named.get(handler.partition(".")[0], handler)
            for method in re.findall(r"\b(get|post|put|patch|delete)\(", handler):
                found.add((method.upper(), path))
    return found


def test_no_endpoint_is_missing_here(world: World) -> None:
    tried = {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    known = routed()
    assert len(known) > 60 and known <= tried, f"not tried: {known - tried}"
    assert tried - known == {("GET", well) for well in WELLS}, "gone"
    told = {value for name, value in world.at.metadata.items() if name.endswith(("_endpoint", "_uri"))}
    paths = {path for _, path in tried}
    assert {address.removeprefix(world.at.issuer) for address in told} <= paths


def test_a_method_that_is_not_there_is_named(world: World) -> None:
    """RFC 9110 §15.5.6."""
    has: dict[str, set[str]] = {}
    for endpoint in ENDPOINTS:
        has.setdefault(endpoint.path, set()).add(endpoint.method)
    before = world.rows()
    for path, methods in has.items():
        target = re.sub(r"\{\w+\}", "x", path)
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "X", "get"} - methods:
            answer = world.ask(method, target, {"content-type": FORM}, b"")
            assert answer.status == 405, (method, path, answer)
            assert methods <= set(answer.headers["allow"].replace(" ", "").split(",")), (path, answer.headers["allow"])
            assert "json" in answer.headers["content-type"], (method, path, answer)
    assert world.rows() == before


@pytest.mark.parametrize("who", ["anonymous", "somebody"])
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.id)
def test_bad_input_is_refused_in_the_words_of_the_standard(world: World, endpoint: Endpoint, who: str) -> None:
    found = []
    headers = headers_of(world, endpoint, who)
    for what, target, more, body in requests(world, endpoint, headers):
        before = world.rows()
        answer = world.ask(endpoint.method, target, more, body)
        after = world.rows()
        wrong = wrong_with(endpoint, what, answer, len(target) + len(body))
        if wrong is None and answer.refuses and after != before:
            changed = {name: (before[name], count) for name, count in after.items() if before[name] != count}
            wrong = f"written all the same: {changed}"
        if wrong:
            found.append(f"{what[:60]}: {answer.status} {answer.error}: {wrong}: {answer.body[:120]!r}")
    assert not found, "\n".join(found)
