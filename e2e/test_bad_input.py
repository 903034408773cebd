"""Every parameter of every endpoint, badly: the error of its standard, never a fault of ours, nothing written."""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes, urlsplit

import pytest
from endpoints import ENDPOINTS, FORM, GRANTS, NAMED, WELLS, Answer, Endpoint, World, routed
from house import free_port, running
from provider import BACK, PERSON, App, Key, serving

MORE = """
[mail]
folder = "mail"

[[identity_provider]]
name = "company"
preset = "oidc"
issuer = "{upstream}"
client_id = "portcullis"
client_secret = {{ env = "KEY" }}

[[api]]
name = "management"
resource = "@issuer/admin/v1"
scopes = ["tenant:admin", "client:read", "client:write", "audit:read"]
access_token_ttl = "1d"

[tiers.standard]
scopes = ["model:list"]
"""
TENANT = 'name = "Umbra"\ntier = "standard"\n'
LONG = b"x" * 100_000
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
        record = at.config.parent / "umbra.toml"
        record.write_text(TENANT)
        at.cli("tenant", "apply", record)
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
    if endpoint.says == "problem":
        return media == "application/problem+json" and "status" in json.loads(answer.body)
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
