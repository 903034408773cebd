"""Tokens and providers that mean harm, or are only broken: each with the exact answer, and nothing issued.

Where each of them is tried; without a file, here:

| What comes | Where |
|---|---|
| expired, future, wrongly typed, for another audience, replayed | `BAD`, `test_an_id_token_is_replayed_in_vain` |
| unsigned | `test_exchange`: `test_an_unsigned_token_yields_nothing` |
| a provider that claims another tenant's users | `test_one_tenants_provider_speaks_for_no_user_of_anothers` |
| two tenants on one shared issuer | `test_two_tenants_share_an_issuer_and_no_token` |
| a key rotated during load | `test_exchange`, and at a real Keycloak, `test_keycloak` |
| a flood of random `kid`s | `test_exchange` |
| a provider that is down, slow, too large, or leads elsewhere | `PROVIDERS` |
| `act` bombs | `ACTORS`, `test_a_bomb_of_actors_is_no_token` |
| lists of 10,000 scopes, look-alike letters | `SCOPES`; in the token: `test_words_of_a_token_…` |
| a tenant suspended between exchange and use | `test_a_tenant_suspended_between_exchange_and_use_opens_nothing` |
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import Any

import pytest
from desk import Desk, desk
from house import run, serving_here, wait_until
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from partner import Partner, partner

TENANT = """
name = "{name}"
tier = "standard"
datasets = ["ds_{name}"]
[[trust]]
name = "sso"
preset = "custom"
issuer = "{issuer}"
keys = {keys}
kinds = ["access_token", "id_token", "jwt"]
conditions = [{{ claim = "sub", in = ["alice", "bob"] }}{conditions}]
audiences = ["{ours}"]
mapping = {{ roles = ["roles"] }}
ceiling = {{ scopes = ["analytics:read", "dataset:read"] }}
rate = 10000
[[trust.grants]]
to = {{ role = "analyst" }}
scopes = ["analytics:read"]
"""
METADATA = "http://169.254.169.254/latest/meta-data"
"""Where clouds keep what must not get out."""
DEEP = 20_000


@dataclass
class Hostile:
    """One server; each first part of a path is a provider that answers in a way of its own."""

    url: str
    asked: list[str]
    over: Event


@contextmanager
def hostile() -> Iterator[Hostile]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            it.asked.append(self.path)
            match self.path.split("/")[1]:
                case "slow":
                    it.over.wait(60)
                case "dripping":
                    self.head(200, ("content-type", "application/json"), ("content-length", "100000"))
                    while not it.over.wait(0.2):
                        self.wfile.write(b" ")
                case "large":
                    self.body(b'{"keys":[' + b'{"kty":"oct"},' * 800_000 + b'{"kty":"oct"}]}')
                case "redirects":
                    self.head(302, ("location", METADATA), ("content-length", "0"))
                case "another":
                    self.body(json.dumps({"issuer": f"{it.url}/somebody", "jwks_uri": f"{it.url}/keys"}).encode())
                case "leads-away":
                    self.body(json.dumps({"issuer": f"{it.url}/leads-away", "jwks_uri": METADATA}).encode())
                case "broken":
                    self.body(b"<html>sign in first</html>")
                case _:
                    self.send_error(500)

        def head(self, status: int, *headers: tuple[str, str]) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()

        def body(self, body: bytes) -> None:
            self.head(200, ("content-type", "application/json"), ("content-length", str(len(body))))
            self.wfile.write(body)

        def handle(self) -> None:
            with suppress(OSError):  # Whoever asked has heard enough.
                super().handle()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it = Hostile(f"http://127.0.0.1:{server.server_port}", [], Event())
    with serving_here(server):
        yield it
        it.over.set()


@dataclass
class Place:
    """The desk, an honest provider, one that two tenants share, and one that is none of these."""

    desk: Desk
    honest: Partner
    shared: Partner
    hostile: Hostile

    def token(self, **more: Any) -> str:
        usual = {"aud": self.desk.issuer, "roles": ["analyst"], "client_id": "spa"}
        return self.honest.token(**(usual | more))


PROVIDERS: dict[str, tuple[str, str]] = {
    # How it answers: what the operator reads of it.
    "down": ("", "refused"),
    "slow": ("slow", "3 s"),
    "dripping": ("dripping", "3 s"),
    "large": ("large", "150000"),
    "redirects": ("redirects", "a redirect (302"),
    "leads-away": ("leads-away", "the URL uses http;"),
    "another": ("another", "somebody"),
    "broken": ("broken", "not JSON"),
    "fails": ("fails", "500"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with ExitStack() as stack:
        honest, shared = stack.enter_context(partner("ES256")), stack.enter_context(partner("ES256"))
        bad = stack.enter_context(hostile())

        def tenants(ours: str) -> dict[str, str]:
            def tenant(name: str, issuer: str, conditions: str = "", keys: str = '"discovery"') -> str:
                told = {"name": name, "issuer": issuer, "ours": ours, "keys": keys}
                return TENANT.format(conditions=conditions, **told)

            of = ', {{ claim = "org", equals = "{}" }}'
            all_of_them = {"t123": tenant("t123", honest.url)}
            all_of_them |= {name: tenant(name, shared.url, of.format(name)) for name in ("t456", "t789")}
            for name, (path, _) in PROVIDERS.items():
                # Port 9 is nobody's.
                issuer = f"{bad.url}/{path}" if path else "http://127.0.0.1:9"
                keys = f'{{ jwks_uri = "{issuer}/keys" }}' if name in {"large", "dripping"} else '"discovery"'
                all_of_them[name] = tenant(name, issuer, keys=keys)
            return all_of_them

        ours = stack.enter_context(desk(tmp_path_factory.mktemp("attacks"), tenants))
        yield Place(ours, honest, shared, bad)


def now() -> int:
    return int(time.time())


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "expired": ({"exp": 1_700_000_000, "iat": 1_699_999_000}, "invalid_request", "inbound_expired"),
    "from the future": ({"iat": 4_000_000_000, "exp": 4_000_000_600}, "invalid_request", "inbound_not_yet_valid"),
    "not yet valid": ({"nbf": 4_000_000_000}, "invalid_request", "inbound_not_yet_valid"),
    "for a year": ({"exp": now() + 31_536_000}, "invalid_request", "inbound_lives_too_long"),
    "for another": ({"aud": "https://other.example"}, "invalid_request", "inbound_wrong_audience"),
    "for one that begins like us": ({"aud": "http://127.0.0.1"}, "invalid_request", "inbound_wrong_audience"),
    "a logout token": ({"header": {"typ": "logout+jwt"}}, "invalid_request", "inbound_wrong_type"),
    "a proof": ({"header": {"typ": "dpop+jwt"}}, "invalid_request", "inbound_wrong_type"),
    "with events": ({"events": {"x": {}}}, "invalid_request", "inbound_wrong_type"),
    "dates as text": ({"exp": "4000000000"}, "invalid_request", "inbound_bad_claims"),
    "nobody's": ({"sub": None}, "invalid_request", "inbound_bad_claims"),
    "somebody who is a list": ({"sub": ["alice"]}, "invalid_request", "condition_not_met"),
    "no role": ({"roles": ["Analyst"]}, "invalid_scope", "nothing_left"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_token_is_told_exactly_and_yields_nothing(place: Place, case: str) -> None:
    claims, error, code = BAD[case]
    before = place.desk.issued()
    place.desk.refuses(place.desk.trade(place.token(**claims)), 400, error, code)
    assert place.desk.issued() == before


def test_a_signature_by_another_key_of_the_same_name_yields_nothing(place: Place) -> None:
    kid = place.honest.keys[0].kid
    for forger, code in (
        (ECKey.generate_key("P-256", {"kid": kid, "alg": "ES256"}), "inbound_bad_signature"),
        (RSAKey.generate_key(2048, {"kid": kid, "alg": "RS256"}), "inbound_unknown_key"),
    ):
        place.desk.refuses(place.desk.trade(place.token(key=forger)), 400, "invalid_request", code)


def test_an_id_token_is_replayed_in_vain(place: Place) -> None:
    token = place.token()
    assert place.desk.trade(token, kind="id_token").status_code == 200
    before = place.desk.issued()
    place.desk.refuses(place.desk.trade(token, kind="id_token"), 400, "invalid_request", "inbound_replayed")
    assert place.desk.issued() == before


def test_one_tenants_provider_speaks_for_no_user_of_anothers(place: Place) -> None:
    """Whoever signs may write any claim: whose issuer it is stands in our record, and nowhere else."""
    wild = {"org": "t456", "tenant": "t456", "iss_tenant": "t456", "sub": "alice", "aud": place.desk.issuer}
    for claims in (wild, wild | {"iss": place.shared.url}):
        refused = place.desk.trade(place.token(**claims), client="t456-app")
        failed = refused.json()["code"]
        assert failed in {"inbound_untrusted", "inbound_unknown_key", "inbound_bad_signature"}, refused.text
        place.desk.refuses(refused, 400, "invalid_request", failed)
    own = place.desk.trade(place.token(**wild))
    assert own.status_code == 200 and own.json()["scope"] == "analytics:read", own.text


def test_two_tenants_share_an_issuer_and_no_token(place: Place) -> None:
    tokens = {
        org: place.shared.token(aud=place.desk.issuer, roles=["analyst"], client_id="spa", org=org)
        for org in ("t456", "t789", "T456", "t456 ")
    }
    subjects = set()
    for org, token in tokens.items():
        for client in ("t456", "t789"):
            answer = place.desk.trade(token, client=f"{client}-app")
            if org == client:
                assert answer.status_code == 200, answer.text
                subjects.add(answer.json()["access_token"])
            else:
                place.desk.refuses(answer, 400, "invalid_request", "condition_not_met")
                assert org.strip() not in answer.text.replace(place.desk.issuer, "")
    assert len(subjects) == 2


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_that_does_not_serve_costs_an_answer_and_no_more(place: Place, name: str) -> None:
    path, reason = PROVIDERS[name]
    issuer = f"{place.hostile.url}/{path}" if path else "http://127.0.0.1:9"
    before, began = place.desk.issued(), time.monotonic()
    answer = place.desk.trade(place.token(iss=issuer), client=f"{name}-app")
    assert time.monotonic() - began < 10
    failed = place.desk.refuses(answer, 503, "temporarily_unavailable", "inbound_no_keys")
    assert int(answer.headers["retry-after"]) >= 1
    assert reason in failed["found"], failed
    assert "169.254" not in answer.text and "127.0.0.1:9" not in answer.text
    assert place.desk.issued() == before
    asked = len(place.hostile.asked)
    for _ in range(5):
        assert place.desk.trade(place.token(iss=issuer), client=f"{name}-app").status_code == 503
    assert len(place.hostile.asked) - asked <= 4, "it is asked again after a while, and not each time"
    # Nobody else waits for it.
    began = time.monotonic()
    assert place.desk.trade(place.token()).status_code == 200
    assert time.monotonic() - began < 2


def test_a_provider_that_goes_down_is_missed_by_nobody(place: Place) -> None:
    assert place.desk.trade(place.token()).status_code == 200
    asked = len(place.honest.asked)
    assert all(place.desk.trade(place.token()).status_code == 200 for _ in range(5))
    assert len(place.honest.asked) == asked, "its keys are at hand"


def nested(depth: int, wrap: Callable[[Any], dict[str, Any]]) -> Any:
    act: Any = {"sub": "a0"}
    for _ in range(depth - 1):
        act = wrap(act)
    return act


ACTORS: dict[str, tuple[dict[str, Any], str]] = {
    "four in a row already": ({"act": nested(4, lambda act: {"sub": "a", "act": act})}, "too_many_actors"),
    "forty in a row": ({"act": nested(40, lambda act: {"sub": "a", "act": act})}, "inbound_malformed"),
    "a list": ({"act": [{"sub": "a"}]}, "bad_actor"),
    "nobody": ({"act": {"act": {"sub": "a"}}}, "bad_actor"),
    "with dates": ({"act": {"sub": "a", "exp": 4_000_000_000}}, "bad_actor"),
    "may_act of another": ({"may_act": {"sub": "somebody-else"}}, "actor_not_named"),
    "may_act of nobody": ({"may_act": {}}, "bad_actor"),
    "may_act as a list": ({"may_act": [{"sub": "t123-app"}]}, "bad_actor"),
}


@pytest.mark.parametrize("case", ACTORS)
def test_actors_that_are_too_many_or_none_yield_nothing(place: Place, case: str) -> None:
    claims, code = ACTORS[case]
    before = place.desk.issued()
    place.desk.refuses(place.desk.trade(place.token(**claims)), 400, "invalid_request", code)
    assert place.desk.issued() == before


def test_a_bomb_of_actors_is_no_token(place: Place) -> None:
    """Deeper than any parser wants to go, and signed by the tenant's own provider."""
    deep = '{"sub":"a","act":' * DEEP + '{"sub":"a"}' + "}" * DEEP
    head = {"alg": "ES256", "kid": place.honest.keys[0].kid, "typ": "JWT"}
    claims = json.dumps({"iss": place.honest.url, "sub": "alice", "aud": place.desk.issuer, "iat": now()})
    payload = f'{claims[:-1]},"exp":{now() + 600},"client_id":"spa","roles":["analyst"],"act":{deep}}}'
    for depth in (payload, payload.replace(deep, '{"sub":"a","act":' * 300 + '{"sub":"a"}' + "}" * 300)):
        signed = signed_by(place.honest.keys[0], head, depth.encode())
        before = place.desk.issued()
        refused = place.desk.trade(signed)
        assert refused.json()["code"] in {"inbound_malformed", "bad_request"}, refused.text
        place.desk.refuses(refused, 400, "invalid_request", refused.json()["code"])
        assert place.desk.issued() == before
    assert place.desk.trade(place.token()).status_code == 200, "and it is still there"


def signed_by(key: Any, head: dict[str, Any], payload: bytes) -> str:
    return jws.serialize_compact(head, payload, key)


SCOPES: dict[str, tuple[str, str, str]] = {
    "10,000 of them": (" ".join(["a:b"] * 10_000), "invalid_scope", "bad_scope"),
    "10,000 that are long": (
        " ".join(f"analytics:read/n{n}" for n in range(10_000)),
        "invalid_request",
        "bad_request",
    ),
    "a Cyrillic a": ("\u0430nalytics:read", "invalid_scope", "bad_scope"),
    "full width": ("\uff41nalytics:read", "invalid_scope", "bad_scope"),
    "nothing between": ("analytics:\u200bread", "invalid_scope", "bad_scope"),
    "a long s": ("analytic\u017f:read", "invalid_scope", "bad_scope"),
    "capitals": ("ANALYTICS:READ", "invalid_scope", "bad_scope"),
    "a star": ("analytics:*", "invalid_scope", "bad_scope"),
    "another tenant's": ("analytics:read:t456", "invalid_scope", "foreign_scope"),
    "both": ("analytics:read analytics:read:t456", "invalid_scope", "foreign_scope"),
    "another tenant's in look-alike letters": ("analytics:read:t\u0661\u0662\u0663", "invalid_scope", "bad_scope"),
}


@pytest.mark.parametrize("case", SCOPES)
def test_scopes_that_are_none_yield_nothing(place: Place, case: str) -> None:
    scope, error, code = SCOPES[case]
    before = place.desk.issued()
    place.desk.refuses(place.desk.trade(place.token(), scope=scope), 400, error, code)
    assert place.desk.issued() == before


def test_words_of_a_token_that_only_look_like_scopes_are_none(place: Place) -> None:
    looks = "\u0430nalytics:read dataset:re\u0430d analytics:read:t456 analytics:\u200bread analytics:*"
    before = place.desk.issued()
    refused = place.desk.trade(place.token(roles=[], scope=looks))
    place.desk.refuses(refused, 400, "invalid_scope", "nothing_left")
    refused = place.desk.trade(place.token(roles=[], scope=" ".join(f"dataset:read/n{n}" for n in range(300))))
    place.desk.refuses(refused, 400, "invalid_request", "inbound_bad_claims")
    assert place.desk.issued() == before
    honest = place.desk.trade(place.token(roles=[], scope=f"{looks} dataset:read")).json()
    assert honest["scope"] == "dataset:read"


def test_a_tenant_suspended_between_exchange_and_use_opens_nothing(place: Place) -> None:
    token = place.desk.trade(place.token()).json()["access_token"]
    assert place.desk.opens(token) == 200
    assert run("tenant", "suspend", "t123", config=place.desk.config).returncode == 0
    began = time.monotonic()
    wait_until(lambda: place.desk.opens(token) == 401, "the gateway refuses it")
    assert time.monotonic() - began < 5
    wait_until(lambda: place.desk.trade(place.token()).status_code == 400, "nothing is issued", pause=0.2)
    before = place.desk.issued()
    place.desk.refuses(place.desk.trade(place.token()), 400, "invalid_request", "tenant_halted")
    assert place.desk.issued() == before
    assert run("tenant", "resume", "t123", config=place.desk.config).returncode == 0
    wait_until(lambda: place.desk.opens(token) == 200, "it opens again")
