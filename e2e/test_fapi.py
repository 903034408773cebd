"""What the OpenID Foundation's suites for the FAPI 2.0 security profile and message signing ask, with DPoP and mTLS."""

import json
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from house import wait_until
from provider import ASSERTION, BACK, App, Key, Provider, answered, digest, seconds
from visitor import Page, Visitor

KINDS = ["dpop", "mtls"]
STRONG = {"PS256", "ES256", "EdDSA", "Ed25519"}


@dataclass
class Fapi(App):
    """A client that pushes its requests, signs them where it must, and binds its tokens."""

    kind: str = "dpop"
    signs: bool = False
    holder: Key | None = None
    verifier: str = "v" * 43
    nonce: str | None = None

    def request(self, **parameters: str | None) -> dict[str, str]:
        usual: dict[str, str | None] = {
            "code_challenge": digest(self.verifier),
            "code_challenge_method": "S256",
            "scope": "openid model:list",
            "resource": self.at.gateway,
        }
        usual |= {"response_mode": "jwt"} if self.signs else {}
        return self.asks(**(usual | parameters))

    def request_object(self, parameters: dict[str, str] | None = None, **claims: Any) -> str:
        assert self.key
        now = seconds()
        usual = {"iss": self.id, "aud": self.at.issuer, "nbf": now, "iat": now, "exp": now + 300}
        usual |= parameters or self.request()
        signed = {name: value for name, value in (usual | claims).items() if value is not None}
        return self.key.sign(signed, typ="oauth-authz-req+jwt")

    def push(self, **parameters: str | None) -> httpx.Response:
        request = self.request(**parameters)
        if self.signs:
            request = {"client_id": self.id, "request": self.request_object(request)}
        return self.send(request)

    def send(self, form: dict[str, str]) -> httpx.Response:
        return self.post("pushed_authorization_request_endpoint", **form)

    def pushed(self, **parameters: str | None) -> str:
        answer = self.push(**parameters)
        assert answer.status_code == 201, answer.text
        said = answer.json()
        assert 5 < said["expires_in"] < 600 and said["request_uri"].startswith("urn:")
        return str(said["request_uri"])

    def visit(self, who: Visitor, request_uri: str, **more: str) -> Page:
        query = urlencode({"client_id": self.id, "request_uri": request_uri} | more)
        page = who.get(f"{self.at.metadata['authorization_endpoint']}?{query}")
        return who.through(page, *self.at.person)

    def answer(self, page: Page) -> dict[str, Any]:
        """What came back, out of its JWT where it is one."""
        return self.at.verified(page.query["response"], self.id) if self.signs else page.query

    def fapi_code(self, who: Visitor, **parameters: str | None) -> str:
        return str(self.answer(self.visit(who, self.pushed(**parameters)))["code"])

    def headers(self, method: str, url: str, token: str | None = None) -> dict[str, str]:
        if self.kind != "dpop":
            return {}
        assert self.holder
        return {"dpop": self.holder.proof(method, url, token, self.nonce)}

    def token_request(self, **form: str) -> httpx.Response:
        """With the nonce dance (RFC 9449 §8)."""
        url = self.at.metadata["token_endpoint"]
        answer = self.post("token_endpoint", self.headers("POST", url), **form)
        if answer.status_code == 400 and answer.json()["error"] == "use_dpop_nonce":
            self.nonce = answer.headers["dpop-nonce"]
            answer = self.post("token_endpoint", self.headers("POST", url), **form)
        return answer

    def redeem(self, code: str, **form: str) -> httpx.Response:
        form = {"code": code, "redirect_uri": BACK, "code_verifier": self.verifier} | form
        return self.token_request(grant_type="authorization_code", **form)

    def granted(self, who: Visitor, **parameters: str | None) -> dict[str, Any]:
        answer = self.redeem(self.fapi_code(who, **parameters))
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    def use(self, token: str, url: str | None = None) -> httpx.Response:
        """Calls the gateway, or another resource."""
        url = url or f"{self.at.gateway}/v1/models"
        scheme = "DPoP" if self.kind == "dpop" else "Bearer"
        headers = {"authorization": f"{scheme} {token}"} | self.headers("GET", url, token)
        return (self.http or self.at.http).get(url, headers=headers)


NewFapi = Callable[..., Fapi]


@pytest.fixture(scope="module")
def certificates(provider: Provider) -> dict[str, ssl.SSLContext]:
    authority = provider.authority
    return {name: authority.trust(authority.pair(name)) for name in ("client-one", "client-two")}


@pytest.fixture(scope="module")
def fapi(provider: Provider, certificates: dict[str, ssl.SSLContext], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("fapi")
    apps: dict[tuple[str, str], Fapi] = {}
    open_clients: list[httpx.Client] = []

    def client(kind: str, profile: str = "security") -> Fapi:
        if (kind, profile) not in apps:
            key = Key()
            jwks: Path = folder / f"{kind}-{profile}.json"
            jwks.write_text(json.dumps(key.jwks))
            terms: list[str | Path] = [
                "--jwks",
                jwks,
                "--redirect-uri",
                BACK,
                "--identity",
                "openid offline_access",
                "--api",
                "text",
            ]
            terms += ["--scope", "model:list", "--fapi2", profile, "--mtls-bound" if kind == "mtls" else "--dpop"]
            added = provider.cli("client", "add", f"{kind}-{profile}", *terms)
            http = None
            if kind == "mtls":
                http = httpx.Client(trust_env=False, verify=certificates["client-one"], timeout=30)
                open_clients.append(http)
            registered = added | {"token_endpoint_auth_method": "private_key_jwt"}
            app = Fapi(provider, registered, key, http, kind, profile == "message-signing", Key())
            wait_until(lambda: app.push().status_code != 401, "the issuer does not know the client", pause=0.3)
            apps[kind, profile] = app
        return replace(apps[kind, profile])

    yield client
    for http in open_clients:
        http.close()


@pytest.fixture(scope="module")
def someone(provider: Provider) -> Visitor:
    return provider.browser()


@pytest.fixture(params=[(kind, profile) for kind in KINDS for profile in ("security", "message-signing")], ids="-".join)
def app(request: pytest.FixtureRequest, fapi: NewFapi) -> Fapi:
    return fapi(*request.param)


@pytest.fixture(params=KINDS)
def plain(request: pytest.FixtureRequest, fapi: NewFapi) -> Fapi:
    """Of the security profile."""
    return fapi(request.param)


@pytest.fixture(params=KINDS)
def signing(request: pytest.FixtureRequest, fapi: NewFapi) -> Fapi:
    """Of the message signing profile."""
    return fapi(request.param, "message-signing")


def test_the_whole_way_is_gone(app: Fapi, someone: Visitor, provider: Provider) -> None:
    page = app.visit(someone, app.pushed(state="a state"))
    answer = app.answer(page)
    assert answer["state"] == "a state" and answer["iss"] == provider.issuer
    if app.signs:
        assert set(page.query) == {"response"} and answer["aud"] == app.id and answer["exp"] > seconds()
    tokens = app.redeem(answer["code"]).json()
    assert tokens["token_type"] == ("DPoP" if app.kind == "dpop" else "Bearer")
    cnf = jwt.decode(tokens["access_token"], options={"verify_signature": False})["cnf"]
    assert set(cnf) == ({"jkt"} if app.kind == "dpop" else {"x5t#S256"})
    assert app.id_token(tokens)["sub"].startswith("usr_")
    for signed in [tokens["id_token"], tokens["access_token"], *page.query.get("response", "").split()]:
        assert jwt.get_unverified_header(signed)["alg"] in STRONG
    assert app.use(tokens["access_token"]).status_code == 200


def test_the_scheme_is_read_in_any_case(plain: Fapi, someone: Visitor) -> None:
    token = plain.granted(someone)["access_token"]
    url = f"{plain.at.gateway}/v1/models"
    for scheme in {"dpop": ["dpop", "DPOP"], "mtls": ["bearer", "BEARER"]}[plain.kind]:
        headers = {"authorization": f"{scheme} {token}"} | plain.headers("GET", url, token)
        assert (plain.http or plain.at.http).get(url, headers=headers).status_code == 200


def test_userinfo_asks_for_the_key_too(app: Fapi, someone: Visitor, provider: Provider) -> None:
    tokens = app.granted(someone, scope="openid", resource=None)
    url = provider.metadata["userinfo_endpoint"]
    assert app.use(tokens["access_token"], url).status_code == 200
    assert app.at.http.get(url, headers={"authorization": f"Bearer {tokens['access_token']}"}).status_code == 401


def test_a_request_must_be_pushed(app: Fapi, someone: Visitor) -> None:
    page = someone.get(f"{app.at.metadata['authorization_endpoint']}?{urlencode(app.request(response_mode=None))}")
    assert "code" not in page.query and (page.status == 400 or "error" in page.query or "response" in page.query)


def test_a_pushed_request_is_good_once_for_one_app(app: Fapi, someone: Visitor, fapi: NewFapi) -> None:
    uri = app.pushed()
    other = fapi("mtls" if app.kind == "dpop" else "dpop")
    assert "code" not in other.visit(someone, uri).query
    assert app.answer(app.visit(someone, uri))["code"]
    again = app.visit(someone, uri)
    assert again.status == 400 and again.url.startswith(app.at.issuer)


def test_what_stands_beside_a_pushed_request_does_not_count(app: Fapi, someone: Visitor) -> None:
    page = app.visit(someone, app.pushed(state="pushed"), state="beside", redirect_uri="https://evil.example/")
    assert app.answer(page)["state"] == "pushed" and page.url.startswith(BACK)


def test_pkce_is_demanded_when_it_is_pushed(app: Fapi) -> None:
    for parameters in [{"code_challenge": None, "code_challenge_method": None}, {"code_challenge_method": "plain"}]:
        answer = app.push(**parameters)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_request_uri_cannot_be_pushed(plain: Fapi) -> None:
    answer = plain.send(plain.request() | {"request_uri": "urn:ietf:params:oauth:request_uri:x"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("uri", ["https://app.example.com/other", None])
def test_only_registered_ways_back_are_pushed(plain: Fapi, uri: str | None) -> None:
    answer = plain.push(redirect_uri=uri)
    if uri is None and answer.status_code == 201:
        return  # It has one only.
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_other_response_types_are_not_pushed(plain: Fapi) -> None:
    for response_type in ["code id_token", "token", None]:
        answer = plain.push(response_type=response_type)
        assert answer.status_code == 400
        assert answer.json()["error"] in {"invalid_request", "unsupported_response_type"}


def test_the_audience_of_an_assertion_is_the_issuer(plain: Fapi, provider: Provider) -> None:
    for audience, expected in [
        (provider.issuer, 201),
        (provider.metadata["token_endpoint"], 401),
        (provider.metadata["pushed_authorization_request_endpoint"], 401),
        ([provider.issuer, "https://other.example"], 401),
        ("https://other.example", 401),
    ]:
        form, _ = plain.authenticated(plain.request(), aud=audience)
        answer = provider.http.post(provider.metadata["pushed_authorization_request_endpoint"], data=form)
        assert answer.status_code == expected, (audience, answer.text)
        assert expected == 201 or answer.json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "claims",
    [{"exp": seconds() - 3600, "iat": seconds() - 7200}, {"iss": "other"}, {"sub": "other"}, {"nbf": seconds() + 3600}],
    ids=["expired", "iss", "sub", "nbf"],
)
def test_a_wrong_assertion_is_refused(plain: Fapi, provider: Provider, claims: dict[str, Any]) -> None:
    form, _ = plain.authenticated(plain.request(), **claims)
    answer = provider.http.post(provider.metadata["pushed_authorization_request_endpoint"], data=form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_an_assertion_is_good_once(plain: Fapi, provider: Provider) -> None:
    form, _ = plain.authenticated(plain.request())
    url = provider.metadata["pushed_authorization_request_endpoint"]
    assert [provider.http.post(url, data=form).status_code for _ in range(2)] == [201, 401]


def test_rs256_is_no_algorithm_of_fapi(provider: Provider, tmp_path: Path) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(weak.public_key()))
    file = tmp_path / "rsa.jwks"
    keys = [{"kty": "RSA", "n": jwk["n"], "e": jwk["e"], "kid": alg, "alg": alg} for alg in ("PS256", "RS256")]
    file.write_text(json.dumps({"keys": keys}))
    terms: list[str | Path] = ["--jwks", file, "--redirect-uri", BACK, "--identity", "openid", "--fapi2", "security"]
    app = Fapi(provider, provider.cli("client", "add", "fapi-rsa", *terms))
    url = provider.metadata["pushed_authorization_request_endpoint"]

    def pushed(alg: str) -> httpx.Response:
        claims: dict[str, Any] = {
            "iss": app.id,
            "sub": app.id,
            "aud": provider.issuer,
            "jti": secrets.token_urlsafe(16),
        }
        claims |= {"iat": seconds(), "exp": seconds() + 60}
        assertion = jwt.encode(claims, weak, alg, {"kid": alg})
        request = app.request(scope="openid", resource=None)
        return provider.http.post(
            url, data=request | {"client_assertion_type": ASSERTION, "client_assertion": assertion}
        )

    wait_until(lambda: pushed("PS256").status_code == 201, "the issuer does not know the client", pause=0.3)
    assert pushed("RS256").json()["error"] == "invalid_client"


def test_clocks_may_differ_by_seconds(plain: Fapi, provider: Provider) -> None:
    url = provider.metadata["pushed_authorization_request_endpoint"]
    for ahead, expected in [(8, 201), (300, 401)]:
        form, _ = plain.authenticated(
            plain.request(), iat=seconds() + ahead, nbf=seconds() + ahead, exp=seconds() + 400
        )
        assert provider.http.post(url, data=form).status_code == expected, ahead


def test_a_code_is_good_once(plain: Fapi, someone: Visitor) -> None:
    code = plain.fapi_code(someone)
    tokens = plain.redeem(code).json()
    assert plain.redeem(code).json()["error"] == "invalid_grant"
    # The gateway hears of it within seconds.
    wait_until(lambda: plain.use(tokens["access_token"]).status_code == 401, "the token of a stolen code is good")


def test_a_code_wants_its_verifier_and_its_app(plain: Fapi, someone: Visitor, fapi: NewFapi) -> None:
    assert plain.redeem(plain.fapi_code(someone), code_verifier="w" * 43).json()["error"] == "invalid_grant"
    other = fapi("mtls" if plain.kind == "dpop" else "dpop")
    assert other.redeem(plain.fapi_code(someone)).json()["error"] == "invalid_grant"


def test_without_a_key_there_is_no_token(plain: Fapi, someone: Visitor, provider: Provider) -> None:
    code = plain.fapi_code(someone)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": plain.verifier}
    data, _ = plain.authenticated(form)
    answer = provider.http.post(provider.metadata["token_endpoint"], data=data)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] in {"invalid_dpop_proof", "invalid_request", "invalid_grant", "invalid_client"}


def test_refresh_tokens_do_not_change(app: Fapi, someone: Visitor) -> None:
    tokens = app.granted(someone, scope="openid offline_access model:list", prompt="consent")
    for _ in range(2):
        answer = app.token_request(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        assert answer.status_code == 200, answer.text
        assert answer.json().get("refresh_token", tokens["refresh_token"]) == tokens["refresh_token"]
        assert app.use(answer.json()["access_token"]).status_code == 200


def test_a_refresh_token_is_of_one_app(plain: Fapi, someone: Visitor, fapi: NewFapi) -> None:
    token = plain.granted(someone)["refresh_token"]
    other = fapi("mtls" if plain.kind == "dpop" else "dpop")
    answer = other.token_request(grant_type="refresh_token", refresh_token=token)
    assert answer.json()["error"] == "invalid_grant"


def test_a_token_is_of_no_use_without_its_certificate(
    fapi: NewFapi, someone: Visitor, certificates: dict[str, ssl.SSLContext], provider: Provider
) -> None:
    app = fapi("mtls")
    token = app.granted(someone)["access_token"]
    assert app.use(token).status_code == 200
    assert provider.call(token).status_code == 401
    with httpx.Client(trust_env=False, verify=certificates["client-two"]) as thief:
        assert replace(app, http=thief).use(token).status_code == 401


def test_a_token_is_of_no_use_without_its_proof(fapi: NewFapi, someone: Visitor, provider: Provider) -> None:
    app = fapi("dpop")
    assert app.holder
    token = app.granted(someone)["access_token"]
    url = f"{provider.gateway}/v1/models"
    good = app.holder.proof("GET", url, token)
    assert provider.call(token, "DPoP", dpop=good).status_code == 200
    wrong = {
        "none": None,
        "used before": good,
        "another method": app.holder.proof("POST", url, token),
        "another address": app.holder.proof("GET", f"{provider.gateway}/other", token),
        "another token": app.holder.proof("GET", url, "other"),
        "no token": app.holder.proof("GET", url),
        "another key": Key().proof("GET", url, token),
        "old": app.holder.proof("GET", url, token, iat=seconds() - 3600),
        "to come": app.holder.proof("GET", url, token, iat=seconds() + 3600),
    }
    for what, proof in wrong.items():
        refused = provider.call(token, "DPoP", **({"dpop": proof} if proof else {}))
        assert refused.status_code == 401 and "DPoP" in refused.headers["www-authenticate"], what
    assert provider.call(token).status_code == 401


def test_a_proof_at_the_token_endpoint_is_looked_at(fapi: NewFapi, someone: Visitor, provider: Provider) -> None:
    app = fapi("dpop")
    assert app.holder
    url = provider.metadata["token_endpoint"]
    form = {"grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": app.verifier}
    for proof in [
        app.holder.proof("GET", url),
        app.holder.proof("POST", f"{url}/x"),
        app.holder.proof("POST", url, iat=seconds() - 3600),
        "no proof",
    ]:
        answer = app.post("token_endpoint", {"dpop": proof}, **form, code=app.fapi_code(someone))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


def test_a_code_may_be_bound_to_a_key(fapi: NewFapi, someone: Visitor) -> None:
    app = fapi("dpop")
    assert app.holder
    assert app.redeem(app.fapi_code(someone, dpop_jkt=app.holder.thumbprint)).status_code == 200
    stolen = replace(app, holder=Key())
    answer = stolen.redeem(app.fapi_code(someone, dpop_jkt=app.holder.thumbprint))
    assert answer.status_code == 400 and answer.json()["error"] in {"invalid_grant", "invalid_dpop_proof"}


def test_a_proof_with_the_push_binds_the_code(fapi: NewFapi, someone: Visitor, provider: Provider) -> None:
    app = fapi("dpop")
    assert app.holder
    url = provider.metadata["pushed_authorization_request_endpoint"]

    def code() -> str:
        assert app.holder
        pushed = app.post(
            "pushed_authorization_request_endpoint", {"dpop": app.holder.proof("POST", url)}, **app.request()
        )
        assert pushed.status_code == 201, pushed.text
        return app.visit(someone, pushed.json()["request_uri"]).query["code"]

    assert app.redeem(code()).status_code == 200
    assert replace(app, holder=Key()).redeem(code()).status_code == 400
    other = app.post(
        "pushed_authorization_request_endpoint",
        {"dpop": app.holder.proof("POST", url)},
        **app.request(dpop_jkt=Key().thumbprint),
    )
    assert other.status_code == 400


def test_a_message_signing_app_must_sign(signing: Fapi) -> None:
    answer = signing.send(signing.request())
    assert answer.status_code == 400 and answer.json()["error"] in {"invalid_request", "invalid_request_object"}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": seconds() - 600, "nbf": seconds() - 900},
        {"exp": None},
        {"nbf": None},
        {"nbf": seconds() - 4000},
        {"nbf": seconds() + 600},
        {"exp": seconds() + 4500},
        {"aud": "https://other.example"},
        {"aud": None},
        {"iss": "other"},
        {"iss": None},
        {"client_id": "other"},
    ],
    ids=str,
)
def test_a_wrong_request_object_is_refused(signing: Fapi, claims: dict[str, Any]) -> None:
    answer = signing.send({"client_id": signing.id, "request": signing.request_object(**claims)})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] in {"invalid_request_object", "invalid_request"}


def test_a_request_object_needs_the_key_of_its_app(signing: Fapi) -> None:
    foreign = replace(signing, key=Key())
    head = jwt.utils.base64url_encode(b'{"alg":"none"}').decode()
    body = signing.request_object().split(".")[1]
    for request in [foreign.request_object(), f"{head}.{body}."]:
        answer = signing.send({"client_id": signing.id, "request": request})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request_object")


def test_the_audience_of_a_request_object_may_be_a_list(signing: Fapi, provider: Provider) -> None:
    request = signing.request_object(aud=[provider.issuer, "https://other.example"])
    assert signing.send({"client_id": signing.id, "request": request}).status_code == 201


def test_what_stands_beside_a_request_object_does_not_count(signing: Fapi, someone: Visitor) -> None:
    request = signing.request_object(signing.request(state="signed"))
    pushed = signing.send({"client_id": signing.id, "request": request, "state": "beside", "scope": "email"})
    assert pushed.status_code == 201, pushed.text
    assert signing.answer(signing.visit(someone, pushed.json()["request_uri"]))["state"] == "signed"


def test_a_refusal_is_signed_too(signing: Fapi, provider: Provider) -> None:
    page = provider.browser().get(
        f"{provider.metadata['authorization_endpoint']}?"
        + urlencode({"client_id": signing.id, "request_uri": signing.pushed(prompt="none")})
    )
    answer = signing.answer(page)
    assert answer["error"] == "login_required" and answer["iss"] == provider.issuer


def test_signed_introspection_tells_a_resource_server(fapi: NewFapi, someone: Visitor) -> None:
    app = fapi("dpop")
    token = app.granted(someone)["access_token"]
    accept = {"accept": "application/token-introspection+jwt"}
    answer = app.post("introspection_endpoint", accept, token=token)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/token-introspection+jwt"
    told = app.at.verified(answer.text, app.id)
    assert told["token_introspection"]["active"] is True and "sub" not in told
    assert told["token_introspection"]["cnf"] == {"jkt": app.holder.thumbprint if app.holder else None}


def test_state_is_kept_as_it_is(app: Fapi, someone: Visitor) -> None:
    state = secrets.token_urlsafe(200)[:250]
    assert app.answer(app.visit(someone, app.pushed(state=state)))["state"] == state
    bare = app.visit(someone, app.pushed(state=None, nonce="n" * 60))
    assert "state" not in app.answer(bare) and answered(bare.url)
