"""The Python package by itself, with real keys and, where keys are fetched, a real issuer's documents over HTTP."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import portcullis
import pytest
from forge import Key
from portcullis import Claims, Denied, Issuer, Verifier

AUDIENCE = "https://api.example/v1"
ISSUER = "https://id.example"


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {"iss": ISSUER, "sub": "s", "aud": AUDIENCE, "client_id": "c", "jti": "j", "iat": now, "exp": now + 600}
    return usual | {"scope": "generate:advanced model:list"} | more


@pytest.fixture(scope="module")
def key() -> Key:
    return Key.make("one", "ES256")


@pytest.fixture(scope="module")
def verifier(key: Key) -> Verifier:
    return Verifier(audience=AUDIENCE, issuer=ISSUER, jwks={"keys": [key.public()]})


@dataclass
class Issuing:
    """An issuer's public documents; `before` is called before its keys are handed out."""

    url: str = ""
    keys: list[Key] = field(default_factory=list)
    before: Callable[[], object] = lambda: None
    asked: list[str] = field(default_factory=list)


@contextmanager
def issuing(*keys: Key) -> Iterator[Issuing]:
    it = Issuing(keys=list(keys))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            it.asked.append(self.path)
            if self.path == "/jwks.json":
                it.before()
                document: dict[str, Any] = {"keys": [key.public() for key in it.keys]}
            else:
                document = {"issuer": it.url, "jwks_uri": f"{it.url}/jwks.json"}
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        it.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield it
        server.shutdown()
        thread.join()


def test_claims_are_typed_and_tell_what_their_scopes_cover(verifier: Verifier, key: Key) -> None:
    token = key.token(key.header(), claims(tenant="acme", nbf=5, roles=["x"]))
    found = verifier.verify(token, ["generate:basic"])
    assert found.scopes == frozenset({"generate:advanced", "model:list"})
    assert "generate:basic" not in found.scopes and found.covers("generate:basic")
    assert not found.covers("generate:premium")
    assert (found.iss, found.sub, found.client_id, found.aud) == (ISSUER, "s", "c", (AUDIENCE,))
    assert (found.tenant, found.jti, found.kid, found.alg, found.nbf) == ("acme", "j", "one", "ES256", 5)
    assert found.iat is not None and found.exp == found.iat + 600
    assert found.raw["roles"] == ["x"]
    assert token.split(".")[2] not in repr(found)


def test_claims_cannot_be_made_or_changed_by_anyone_else(verifier: Verifier, key: Key) -> None:
    found = verifier.verify(key.token(key.header(), claims()), ["model:list"])
    with pytest.raises(TypeError):
        Claims()
    with pytest.raises(AttributeError):
        found.sub = "root"  # type: ignore[misc]
    found.raw["sub"] = "root"
    assert found.raw["sub"] == "s"


def test_a_denial_says_everything_and_holds_no_token(verifier: Verifier, key: Key) -> None:
    token = key.token(key.header(), claims())
    with pytest.raises(Denied) as caught:
        verifier.verify(token, ["generate:premium", "model:list"])
    denied = caught.value
    assert (denied.code, denied.status, denied.error, denied.check) == (
        "missing_scope",
        403,
        "insufficient_scope",
        "scope",
    )
    assert denied.expected == "scope generate:premium model:list"
    assert denied.remedy == "Ask for a token with scope=generate:premium as well."
    assert denied.decision_id.startswith("dec_")
    assert [row.check for row in denied.trace if row.mark == "failed"] == ["scope"]
    assert [row.check for row in denied.trace if row.mark == "not_reached"] == ["object"]
    assert denied.body()["code"] == "missing_scope"
    assert denied.body("openai")["error"]["type"] == "permission_error"
    assert denied.body("anthropic")["error"]["type"] == "permission_error"
    said = [str(denied), denied.explain(), json.dumps(denied.body()), json.dumps(denied.headers())]
    assert not any(part in text for text in said for part in token.split("."))


def test_time_is_a_parameter(verifier: Verifier, key: Key) -> None:
    token = key.token(key.header(), claims(iat=1_000_000, exp=1_000_600))
    assert verifier.verify(token, ["model:list"], now=1_000_300.5).exp == 1_000_600
    with pytest.raises(Denied, match="expired"):
        verifier.verify(token, ["model:list"], now=1_000_630)


def test_a_remembered_token_expires_all_the_same(verifier: Verifier, key: Key) -> None:
    token = key.token(key.header(), claims(iat=1_000_000, exp=1_000_600))
    for _ in range(2):
        verifier.verify(token, ["model:list"], now=1_000_001)
    with pytest.raises(Denied, match="expired"):
        verifier.verify(token, ["model:list"], now=1_000_700)


@pytest.mark.parametrize("token", ["", "x", "\ud800", "\0", "é.é.é", ".." * 5000, "Bearer a.b.c"])
def test_whatever_is_no_token_is_denied_and_never_crashes(verifier: Verifier, token: str) -> None:
    with pytest.raises(Denied):
        verifier.verify(token, ["model:list"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"audience": "text"}, "absolute URI"),
        ({"issuer": "http://id.example"}, "https"),
        ({"algs": ["HS256"]}, "never accepted"),
        ({"algs": ["none"]}, "not a supported"),
        ({"algs": []}, "at least one"),
        ({"jwks": "{}"}, "no JWK Set"),
        ({"jwks": {"keys": []}}, "no key"),
        ({"jwks_uri": "https://id.example/jwks"}, "not both"),
        ({"leeway": 3600}, "too much"),
        ({"issuers": [ISSUER]}, "twice"),
        ({"issuer": None}, "belong to issuer"),
        ({"issuer": None, "jwks": None}, "at least one issuer"),
        ({"extra_scopes": {"weather:read": ["wether:look"]}}, "wether:look"),
    ],
)
def test_mistakes_in_the_settings_are_said_at_once(key: Key, changes: dict[str, Any], words: str) -> None:
    settings = {"audience": AUDIENCE, "issuer": ISSUER, "jwks": {"keys": [key.public()]}} | changes
    with pytest.raises(ValueError, match=words):
        Verifier(**settings)


def test_a_scope_that_does_not_exist_is_a_mistake_of_the_service(verifier: Verifier) -> None:
    with pytest.raises(ValueError, match="did you mean 'generate:basic'"):
        verifier.need(["generate:basc"])
    with pytest.raises(ValueError, match="at least one scope"):
        verifier.verify("a.b.c", [])
    with pytest.raises(TypeError, match="is a list"):
        verifier.verify("a.b.c", "generate:basic")


def test_a_service_may_have_scopes_of_its_own(key: Key) -> None:
    own = {"weather:read": [], "weather:write": ["weather:read"]}
    verifier = Verifier(audience=AUDIENCE, issuer=ISSUER, jwks={"keys": [key.public()]}, extra_scopes=own)
    token = key.token(key.header(), claims(scope="weather:write"))
    assert verifier.verify(token, ["weather:read"]).covers("weather:read")


def test_each_issuer_has_its_own_terms(key: Key) -> None:
    old = Key.make("old", "RS256")
    verifier = Verifier(
        audience=AUDIENCE,
        issuers=[
            Issuer(issuer=ISSUER, jwks={"keys": [key.public()]}),
            Issuer(
                issuer="https://old.example",
                jwks=json.dumps({"keys": [old.public()]}),
                algs=["RS256"],
                typ=["JWT"],
                profile="legacy",
                tenant="acme",
            ),
        ],
    )
    legacy = {"iss": "https://old.example", "azp": "a", "tenant": "acme", "scp": ["model:list"]}
    said = {name: value for name, value in (claims() | legacy).items() if name not in ("client_id", "jti", "scope")}
    assert verifier.verify(old.token(old.header(typ="JWT"), said), ["model:list"]).client_id == "a"
    with pytest.raises(Denied, match="wrong_token_type"):
        verifier.verify(key.token(key.header(typ="JWT"), claims()), ["model:list"])


def test_an_issuer_speaks_for_a_tenant_only_where_that_is_said(key: Key) -> None:
    token = key.token(key.header(), claims(tenant="acme"))
    own = {"issuer": ISSUER, "jwks": {"keys": [key.public()]}}

    def verified(tenant: str | None) -> str | None:
        verifier = Verifier(audience=AUDIENCE, issuers=[Issuer(**own, tenant=tenant)])
        return verifier.verify(token, ["model:list"]).tenant

    assert [verified("acme"), verified("any")] == ["acme", "acme"]
    for other in (None, "globex"):
        with pytest.raises(Denied, match="wrong_tenant"):
            verified(other)
    assert Verifier(audience=AUDIENCE, **own).verify(token, ["model:list"]).tenant == "acme"


def test_keys_are_found_by_discovery_and_fetched_once(key: Key) -> None:
    with issuing(key) as issuer:
        verifier = Verifier(audience=AUDIENCE, issuer=issuer.url)
        assert issuer.asked == []
        tokens = [key.token(key.header(), claims(iss=issuer.url, jti=f"j{n}")) for n in range(32)]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda token: verifier.verify(token, ["model:list"]), tokens))
        assert len(found) == 32
        assert issuer.asked == ["/.well-known/openid-configuration", "/jwks.json"]


def test_a_rotated_key_is_found_and_a_flood_of_unknown_ones_is_not_passed_on(key: Key) -> None:
    new = Key.make("two", "ES256")
    with issuing(key) as issuer:
        verifier = Verifier(audience=AUDIENCE, issuer=issuer.url, jwks_uri=f"{issuer.url}/jwks.json")
        verifier.verify(key.token(key.header(), claims(iss=issuer.url)), ["model:list"])
        issuer.keys.append(new)
        assert verifier.verify(new.token(new.header(), claims(iss=issuer.url)), ["model:list"]).kid == "two"
        for n in range(20):
            with pytest.raises(Denied, match="unknown_key"):
                verifier.verify(new.token(new.header(kid=f"guess-{n}"), claims(iss=issuer.url)), ["model:list"])
        assert issuer.asked == ["/jwks.json"] * 2


def test_while_one_thread_waits_for_keys_python_goes_on(key: Key) -> None:
    reached, go = threading.Event(), threading.Event()
    with issuing(key) as issuer, ThreadPoolExecutor(1) as pool:

        def hold() -> None:
            reached.set()
            go.wait(2)

        issuer.before = hold
        verifier = Verifier(audience=AUDIENCE, issuer=issuer.url)
        waiting = pool.submit(verifier.verify, key.token(key.header(), claims(iss=issuer.url)), ["model:list"])
        # If the interpreter were held, this thread and the server's could not run, and the fetch would time out.
        assert reached.wait(2)
        go.set()
        assert waiting.result(5).sub == "s"


def test_an_issuer_that_is_down_is_no_fault_of_the_caller(key: Key) -> None:
    with issuing(key) as issuer:
        gone = issuer.url
    verifier = Verifier(audience=AUDIENCE, issuer=gone)
    with pytest.raises(Denied) as caught:
        verifier.verify(key.token(key.header(), claims(iss=gone)), ["model:list"])
    denied = caught.value
    assert (denied.status, denied.code, denied.check) == (503, "keys_unavailable", "key")
    assert denied.retry_after and denied.headers()["Retry-After"] == str(denied.retry_after)
    assert denied.www_authenticate is None


def test_this_machine_is_called_only_by_those_who_were_told_so(key: Key) -> None:
    with issuing(key) as issuer:
        elsewhere = issuer.url.replace("http:", "https:")
        refused: list[dict[str, Any]] = [{"issuer": issuer.url}, {"issuer": ISSUER, "jwks_uri": elsewhere}]
        for told in refused:
            verifier = Verifier(audience=AUDIENCE, allow_loopback=False, **told)
            with pytest.raises(Denied, match="keys_unavailable"):
                verifier.verify(key.token(key.header(), claims(iss=told["issuer"])), ["model:list"])
        assert issuer.asked == []


def test_the_environment_can_say_everything(key: Key) -> None:
    with issuing(key) as first, issuing(key) as second:
        verifier = Verifier.from_env({
            "PORTCULLIS_AUDIENCE": AUDIENCE,
            "PORTCULLIS_ISSUER": first.url,
            "PORTCULLIS_TRUST": f"https://unused.example {second.url}={second.url}/jwks.json",
            "PORTCULLIS_API": "text",
            "PORTCULLIS_RESOURCE_METADATA": "https://api.example/.well-known/oauth-protected-resource/v1",
        })  # fmt: skip
        for issuer in (first, second):
            verifier.verify(key.token(key.header(), claims(iss=issuer.url)), ["model:list"])
        assert second.asked == ["/jwks.json"]
    with pytest.raises(Denied) as caught:
        verifier.verify("x", ["model:list"])
    assert caught.value.www_authenticate == (
        'Bearer realm="text", error="invalid_token", error_description="The credential is not an access token", '
        'scope="model:list", resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1"'
    )
    with pytest.raises(RuntimeError, match="PORTCULLIS_ISSUER"):
        Verifier.from_env({"PORTCULLIS_AUDIENCE": AUDIENCE})


def test_the_package_works_without_fastapi() -> None:
    program = "import sys; sys.modules['fastapi'] = None; import portcullis; portcullis.Verifier; portcullis.Denied"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_guard_that_needs_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one scope"):
        portcullis.Guard()
