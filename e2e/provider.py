"""An issuer and a gateway as on the open network, with TLS and with apps that register themselves."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt
import pytest
from authority import Authority, Site, site
from cryptography.hazmat.primitives.asymmetric import ec
from house import PORTCULLIS, free_port, recorder, run, running
from visitor import Page, Visitor

BACK = "https://app.example.com/back"
"""Where the browser leaves for an app that is not there."""
PERSON = ("ada@example.com", "correct horse battery staple 9")
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CONFIG = """
data_dir = "data"
key_encryption_key = {{ env = "KEY" }}

[issuer]
url = "{issuer}"
listen = "127.0.0.1:{issuer_port}"
tls = {{ cert = "server.pem", key = "server.key", client_certificates = "ask" }}
client_ca = "ca.pem"

[issuer.registration]
mode = "open"
pkce = "or-nonce"
per_hour = 1000
auth_methods = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none", "tls_client_auth"]
identity = "openid profile email phone address roles groups offline_access"
scopes = ["model:list", "generate:basic"]
apis = ["text"]

[issuer.client_documents]
mode = "open"
scopes = ["model:list"]
apis = ["text"]

[issuer.outgoing]
ca_file = "ca.pem"
private_networks = ["127.0.0.1", "::1"]

[gateway]
url = "{gateway}"
listen = "127.0.0.1:{gateway_port}"
workers = 1
tls = {{ cert = "server.pem", key = "server.key", client_certificates = "ask" }}

[[api]]
name = "text"
resource = "{gateway}"
scopes = ["model:list", "generate:basic"]

[[upstream]]
name = "models"
url = "{upstream}"

[[route]]
methods = ["GET"]
path = "/v1/models"
api = "text"
scopes = ["model:list"]
upstream = "models"

[roles.scientist]
title = "Scientist"
scopes = ["model:list", "generate:*"]
"""


@dataclass
class Key:
    """A key pair of a client."""

    kid: str = "one"
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def public(self) -> dict[str, Any]:
        jwk: dict[str, Any] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key()))
        return {"kty": "EC", "crv": jwk["crv"], "x": jwk["x"], "y": jwk["y"]}

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.public | {"kid": self.kid, "use": "sig", "alg": "ES256"}]}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode(claims, self.private, "ES256", {"kid": self.kid} | header)

    @property
    def thumbprint(self) -> str:
        return digest(json.dumps(dict(sorted(self.public.items())), separators=(",", ":")))

    def proof(self, method: str, url: str, token: str | None = None, nonce: str | None = None, **more: Any) -> str:
        """RFC 9449 §4.2."""
        claims = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url, "iat": int(time.time())}
        claims |= {"ath": digest(token)} if token else {}
        claims |= {"nonce": nonce} if nonce else {}
        return jwt.encode(claims | more, self.private, "ES256", {"typ": "dpop+jwt", "jwk": self.public})


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def seconds() -> int:
    return int(time.time())


@dataclass
class Provider:
    """What a client knows of it: its address. The rest is found by discovery."""

    issuer: str
    gateway: str
    config: Path
    authority: Authority
    site: Site
    http: httpx.Client
    person: tuple[str, str] = PERSON

    def __post_init__(self) -> None:
        self.metadata: dict[str, Any] = self.http.get(f"{self.issuer}/.well-known/openid-configuration").json()

    @property
    def people(self) -> dict[str, tuple[str, str]]:
        return {"ada": self.person}

    def cli(self, *arguments: str | Path, stdin: str = "") -> Any:
        done = run(*arguments, "--json", config=self.config, stdin=stdin, KEY=KEY)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def browser(self) -> Visitor:
        return Visitor(BACK, verify=self.authority.trust())

    def register(self, **metadata: Any) -> "App":
        """OpenID Connect Dynamic Client Registration §3."""
        body = {"redirect_uris": [BACK], "grant_types": ["authorization_code", "refresh_token"]} | metadata
        answer = self.http.post(self.metadata["registration_endpoint"], json=body)
        assert answer.status_code == 201, answer.text
        return App(self, answer.json())

    def call(self, token: str, scheme: str = "Bearer", **headers: str) -> httpx.Response:
        """What the token is for."""
        headers = {"authorization": f"{scheme} {token}"} | headers
        return self.http.get(f"{self.gateway}/v1/models", headers=headers)

    def keys(self) -> jwt.PyJWKSet:
        return jwt.PyJWKSet.from_dict(self.http.get(self.metadata["jwks_uri"]).json())

    def verified(self, token: str, audience: str) -> dict[str, Any]:
        """A JWT of the issuer's, for somebody."""
        header = jwt.get_unverified_header(token)
        key = self.keys()[header["kid"]]
        claims: dict[str, Any] = jwt.decode(token, key, [header["alg"]], audience=audience, issuer=self.issuer)
        return claims


@dataclass
class App:
    """A relying party, as it was registered."""

    at: Provider
    registered: dict[str, Any]
    key: Key | None = None
    http: httpx.Client | None = None

    @property
    def id(self) -> str:
        return str(self.registered["client_id"])

    def asks(self, **parameters: str | None) -> dict[str, str]:
        """An authorization request; None leaves a parameter out."""
        usual: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": BACK,
            "scope": "openid",
            "state": secrets.token_urlsafe(12),
            "nonce": secrets.token_urlsafe(12),
        }
        return {name: value for name, value in (usual | parameters).items() if value is not None}

    def address(self, **parameters: str | None) -> str:
        return f"{self.at.metadata['authorization_endpoint']}?{urlencode(self.asks(**parameters))}"

    def authorize(self, who: Visitor | None = None, **parameters: str | None) -> Page:
        """To the app's answer, or to the page at which a person stands for good."""
        who = who or self.at.browser()
        return who.through(who.get(self.address(**parameters)), *self.at.person)

    def code(self, who: Visitor | None = None, **parameters: str | None) -> str:
        page = self.authorize(who, **parameters)
        assert "code" in page.query, (page.url, page.html)
        return page.query["code"]

    def authenticated(self, form: dict[str, str], **assertion: Any) -> tuple[dict[str, str], tuple[str, str] | None]:
        """With what proves who it is, in the way that it registered."""
        method = self.registered["token_endpoint_auth_method"]
        secret = self.registered.get("client_secret", "")
        if method == "client_secret_basic":
            return form, (self.id, secret)
        form = {"client_id": self.id} | form
        if method == "client_secret_post":
            return form | {"client_secret": secret}, None
        if method == "private_key_jwt":
            return form | {"client_assertion_type": ASSERTION, "client_assertion": self.assertion(**assertion)}, None
        return form, None

    def assertion(self, **more: Any) -> str:
        assert self.key
        claims: dict[str, Any] = {
            "iss": self.id,
            "sub": self.id,
            "aud": self.at.issuer,
            "jti": secrets.token_urlsafe(16),
        }
        claims |= {"iat": seconds(), "exp": seconds() + 60}
        return self.key.sign(claims | more, typ="client-authentication+jwt")

    def post(self, endpoint: str, headers: dict[str, str] | None = None, **form: str) -> httpx.Response:
        data, auth = self.authenticated(form)
        url = self.at.metadata[endpoint]
        http = self.http or self.at.http
        if auth:
            return http.post(url, data=data, auth=auth, headers=headers)
        return http.post(url, data=data, headers=headers)

    def redeem(self, code: str, **form: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK} | form
        return self.post("token_endpoint", None, **form)

    def tokens(self, who: Visitor | None = None, **parameters: str | None) -> dict[str, Any]:
        answer = self.redeem(self.code(who, **parameters))
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    def refresh(self, token: str) -> httpx.Response:
        return self.post("token_endpoint", grant_type="refresh_token", refresh_token=token)

    def id_token(self, tokens: dict[str, Any]) -> dict[str, Any]:
        return self.at.verified(tokens["id_token"], self.id)

    def userinfo(self, access_token: str) -> httpx.Response:
        url = self.at.metadata["userinfo_endpoint"]
        return self.at.http.get(url, headers={"authorization": f"Bearer {access_token}"})


def answered(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


KEY = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


@contextmanager
def serving(folder: Path, more: str = "", **env: str) -> Iterator[Provider]:
    """A provider with one person, from a configuration with `more` at its end."""
    authority = Authority(folder)
    env = env | {"KEY": KEY}
    authority.pair("server")
    issuer_port, gateway_port = free_port(), free_port()
    issuer, gateway = f"https://localhost:{issuer_port}", f"https://localhost:{gateway_port}"
    with (
        recorder() as upstream,
        site(authority) as there,
        httpx.Client(trust_env=False, verify=authority.trust(), timeout=30) as http,
    ):
        config = folder / "portcullis.toml"
        config.write_text(
            CONFIG.format(
                issuer=issuer,
                issuer_port=issuer_port,
                gateway=gateway,
                gateway_port=gateway_port,
                upstream=upstream.url,
            )
            + more.replace("@issuer", issuer)
        )
        password = f"{PERSON[1]}\n"
        who = ["person", "add", PERSON[0], "--name", "Ada Example", "--email-verified", "--role", "scientist"]
        added = run(*who, "--password-stdin", config=config, stdin=password, **env)
        assert added.returncode == 0, added.stderr
        command: list[str | Path] = [PORTCULLIS, "serve", "--config", config]
        ready = f"{issuer}/.well-known/openid-configuration"
        with running(command, ready, folder / "log", verify=authority.trust(), **env):
            yield Provider(issuer, gateway, config, authority, there, http)


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with serving(tmp_path_factory.mktemp("provider")) as it:
        yield it
