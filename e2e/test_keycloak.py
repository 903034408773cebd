"""A real Keycloak as a tenant's provider, with all that its tokens make easy to get wrong; and beside us, as one that
exchanges tokens itself. It runs where KEYCLOAK_HOME says that one is unpacked."""

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import httpx
import pytest
from desk import EXCHANGE, TYPE, Desk, desk
from house import PATIENCE, run, wait_until
from keycloak import PASSWORD, SECRET, Keycloak, Realm, keycloak, told_of_logouts
from partner import claims_of

__all__ = ["keycloak"]
TENANT = """
name = "Acme"
tier = "standard"
datasets = ["ds_first"]
[[trust]]
name = "sso"
preset = "keycloak"
issuer = "{issuer}"
keys = "discovery"
kinds = ["access_token", "id_token"]
audiences = ["{ours}", "portal"]
conditions = [{{ claim = "azp", in = ["portal", "bare", "light", "requester"] }}]
ceiling = {{ scopes = ["analytics:read", "dataset:read"] }}
rate = 100000
[[trust.grants]]
to = {{ role = "analyst" }}
scopes = ["analytics:read", "dataset:read"]
[[trust.grants]]
to = {{ role = "clerk" }}
scopes = ["dataset:read"]
"""


@dataclass
class Acme:
    desk: Desk
    realm: Realm
    other: Realm
    ada: str
    """Keycloak's id for her."""


@pytest.fixture(scope="module")
def acme(keycloak: Keycloak, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    realm, other = (keycloak.realm(name, ["analyst", "clerk"]) for name in ("acme", "other"))

    def tenants(ours: str) -> dict[str, str]:
        return {"t123": TENANT.format(issuer=realm.issuer, ours=ours)}

    with desk(tmp_path_factory.mktemp("keycloak"), tenants) as ours:
        for one in (realm, other):
            one.client("portal", ours.issuer)
        ada = realm.person("ada", "analyst")
        realm.person("tom", "clerk")
        realm.person("eve")
        realm.person("gone", "analyst")
        other.person("ada", "analyst")
        realm.client("bare")
        realm.client("stranger", ours.issuer)
        realm.client("light", ours.issuer, **{"client.use.lightweight.access.token.enabled": "true"})
        realm.client("requester", ours.issuer, **{"standard.token.exchange.enabled": "true"})
        realm.client("app", "requester")
        yield Acme(ours, realm, other, ada)


def test_realm_roles_become_scopes(acme: Acme) -> None:
    scopes = {}
    for login in ("ada", "tom"):
        body = acme.desk.trade(acme.realm.sign_in("portal", login)["access_token"]).json()
        scopes[login] = body["scope"]
        claims = claims_of(body["access_token"])
        assert claims["tenant"] == "t123" and claims["sub"].startswith("usr_")
        assert claims["act"] == {"sub": "t123-app", "client_id": "t123-app"}
        assert acme.desk.opens(body["access_token"]) == (200 if login == "ada" else 403)
    assert scopes == {"ada": "analytics:read dataset:read", "tom": "dataset:read"}


def test_who_has_no_role_gets_nothing(acme: Acme) -> None:
    before = acme.desk.issued()
    refused = acme.desk.trade(acme.realm.sign_in("portal", "eve")["access_token"])
    acme.desk.refuses(refused, 400, "invalid_scope", "nothing_left")
    assert acme.desk.issued() == before


def test_a_service_account_is_a_service(acme: Acme) -> None:
    found = acme.realm.call("GET", "/clients?clientId=portal").json()[0]["id"]
    account = acme.realm.call("GET", f"/clients/{found}/service-account-user").json()["id"]
    role = acme.realm.call("GET", "/roles/clerk").json()
    acme.realm.call("POST", f"/users/{account}/role-mappings/realm", json=[role])
    body = acme.desk.trade(acme.realm.service("portal")).json()
    assert body["scope"] == "dataset:read"
    assert claims_of(body["access_token"])["sub"].startswith("svc_")


def test_an_id_token_has_no_roles(acme: Acme) -> None:
    """Keycloak puts them into access tokens alone, unless a mapper says otherwise."""
    token = acme.realm.sign_in("portal", "ada")["id_token"]
    refused = acme.desk.trade(token, kind="id_token")
    acme.desk.refuses(refused, 400, "invalid_scope", "nothing_left")


TRAPS: dict[str, tuple[str, str, str, str, str, str]] = {
    # client, whose, which token, sent as, our code, what the operator sees of it
    "made for account alone": ("bare", "ada", "access_token", "access_token", "inbound_wrong_audience", "account"),
    "given to another client": ("stranger", "ada", "access_token", "access_token", "condition_not_met", "stranger"),
    "an ID token": ("portal", "ada", "id_token", "access_token", "inbound_wrong_type", "ID"),
    "an access token": ("portal", "ada", "access_token", "id_token", "inbound_wrong_type", "Bearer"),
    "a refresh token": ("portal", "ada", "refresh_token", "access_token", "inbound_malformed", "HS512"),
    "a light token, which names nobody": ("light", "ada", "access_token", "access_token", "inbound_bad_claims", "sub"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_token_that_is_easy_to_take_for_a_good_one_yields_nothing(acme: Acme, trap: str) -> None:
    client, who, which, kind, code, seen = TRAPS[trap]
    token = acme.realm.sign_in(client, who)[which]
    before = acme.desk.issued()
    refused = acme.desk.trade(token, kind=kind)
    failed = acme.desk.refuses(refused, 400, "invalid_request", code)
    assert seen in json.dumps(failed)
    assert acme.desk.issued() == before


def test_another_realm_is_another_issuer(acme: Acme) -> None:
    refused = acme.desk.trade(acme.other.sign_in("portal", "ada")["access_token"])
    acme.desk.refuses(refused, 400, "invalid_request", "inbound_untrusted")


def test_account_is_no_audience_of_anybodys(acme: Acme, tmp_path: Path) -> None:
    file = tmp_path / "t123.toml"
    text = TENANT.format(issuer=acme.realm.issuer, ours=acme.desk.issuer)
    file.write_text(text.replace('"portal"]\nconditions', '"account"]\nconditions'))
    refused = run("tenant", "apply", "--dry-run", file, config=acme.desk.config)
    assert refused.returncode == 1 and "account" in refused.stderr, refused.stderr


def test_a_logout_token_is_no_subject(acme: Acme) -> None:
    with told_of_logouts() as (address, came):
        found = acme.realm.call("GET", "/clients?clientId=portal").json()[0]
        found["attributes"] |= {"backchannel.logout.url": address}
        acme.realm.call("PUT", f"/clients/{found['id']}", json=found | {"frontchannelLogout": False})
        form = {"refresh_token": acme.realm.sign_in("portal", "tom")["refresh_token"]}
        out = f"{acme.realm.issuer}/protocol/openid-connect/logout"
        assert acme.realm.keycloak.http.post(out, data=form, auth=("portal", SECRET)).status_code == 204
        token = came.get(timeout=PATIENCE)
    for kind in ("access_token", "id_token"):
        refused = acme.desk.trade(token, kind=kind)
        failed = acme.desk.refuses(refused, 400, "invalid_request", "inbound_wrong_type")
        assert "logout+jwt" in failed["found"]


def test_who_is_disabled_there_is_out_when_the_token_ends(acme: Acme) -> None:
    """Nobody is asked at an exchange, as for any token that speaks for itself: ours ends with theirs, at the latest."""
    token = acme.realm.sign_in("portal", "gone")["access_token"]
    user = acme.realm.call("GET", "/users?username=gone").json()[0]
    acme.realm.call("PUT", f"/users/{user['id']}", json=user | {"enabled": False})
    body = acme.desk.trade(token).json()
    assert claims_of(body["access_token"])["exp"] <= claims_of(token)["exp"]
    again = acme.realm.ask("portal", grant_type="password", username="gone", password=PASSWORD)
    assert again.status_code == 400


def test_its_keys_change_under_load_and_no_exchange_fails(acme: Acme) -> None:
    """Keycloak signs with a new key from the moment in which it publishes it."""
    over = Event()
    answers: list[tuple[str, int]] = []

    def work(_: int) -> None:
        while not over.is_set():
            token = acme.realm.service("portal")
            kid = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]
            answers.append((kid, acme.desk.trade(token).status_code))

    def enough(keys: int) -> bool:
        return len({kid for kid, _ in answers}) >= keys and len(answers) >= 40 * keys

    with ThreadPoolExecutor(6) as pool:
        workers = [pool.submit(work, number) for number in range(6)]
        try:
            wait_until(lambda: enough(1), "exchanges go on")
            acme.realm.rotate("the-next")
            wait_until(lambda: enough(2), "the new key signs")
        finally:
            over.set()
        for worker in workers:
            worker.result()
    assert {status for _, status in answers} == {200}, answers


def test_its_key_for_encryption_signs_nothing(acme: Acme) -> None:
    keys = {key["use"]: key for key in acme.realm.jwks()}
    assert set(keys) == {"sig", "enc"}, "Keycloak publishes both"
    head, body, signature = acme.realm.sign_in("portal", "ada")["access_token"].split(".")
    told = json.loads(base64.urlsafe_b64decode(head + "==")) | {"kid": keys["enc"]["kid"]}
    forged = base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()
    refused = acme.desk.trade(f"{forged}.{body}.{signature}")
    acme.desk.refuses(refused, 400, "invalid_request", "inbound_unknown_key")


def test_a_check_shows_what_its_token_is_worth(acme: Acme, tmp_path: Path) -> None:
    file = tmp_path / "token.jwt"
    file.write_text(acme.realm.sign_in("portal", "tom")["access_token"])
    checked = run("tenant", "check", "t123", "--token", file, config=acme.desk.config)
    assert checked.returncode == 0, checked.stderr
    assert "role clerk" in checked.stdout and "An exchange would yield" in checked.stdout
    file.write_text(acme.realm.sign_in("bare", "tom")["access_token"])
    checked = run("tenant", "check", "t123", "--token", file, config=acme.desk.config)
    assert checked.returncode == 1 and "account" in checked.stdout


SAME = {"subject_token_type": TYPE + "access_token"}
BOTH: dict[str, tuple[dict[str, str], tuple[int, str], tuple[int, str]]] = {
    # What is asked; what Keycloak answers, and what we do. An answer of 200 is shown by its scope.
    "nothing but the exchange": ({}, (200, "email profile"), (200, "analytics:read dataset:read")),
    "fewer scopes": ({"scope": "email"}, (200, "email profile"), (400, "invalid_scope")),
    "fewer scopes of ours": ({"scope": "dataset:read"}, (400, "invalid_scope"), (200, "dataset:read")),
    "a scope of nobody's": ({"scope": "nonsense"}, (400, "invalid_scope"), (400, "invalid_scope")),
    "an audience of nobody's": ({"audience": "nobody"}, (400, "invalid_client"), (400, "invalid_target")),
    "a resource of nobody's": ({"resource": "https://nobody.example"}, (200, ""), (400, "invalid_target")),
    "no token": ({"subject_token": "x.y.z"}, (400, "invalid_request"), (400, "invalid_request")),
    "as an ID token": ({"subject_token_type": TYPE + "id_token"}, (400, "invalid_request"), (400, "invalid_request")),
    "as SAML": ({"subject_token_type": TYPE + "saml2"}, (400, "invalid_request"), (400, "invalid_request")),
    "for a refresh token": (
        {"requested_token_type": TYPE + "refresh_token"},
        (400, "invalid_request"),
        (400, "invalid_request"),
    ),
    "an actor_token that is none": (
        {"actor_token": "x.y.z", "actor_token_type": TYPE + "jwt"},
        (200, ""),
        (400, "invalid_request"),
    ),
    "an actor_token without type": ({"actor_token": "x.y.z"}, (200, ""), (400, "invalid_request")),
}


def shown(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body.get("error") or " ".join(sorted(body["scope"].split()))


@pytest.mark.parametrize("case", BOTH)
def test_both_answer_the_same_request(acme: Acme, case: str) -> None:
    """RFC 8693 at Keycloak, which exchanges tokens of its own realm, and at ours, with the same form."""
    more, theirs, ours = BOTH[case]
    token = acme.realm.sign_in("app", "ada")["access_token"]
    there = acme.realm.ask("requester", **{"grant_type": EXCHANGE, "subject_token": token} | SAME | more)
    here = acme.desk.trade(acme.realm.sign_in("portal", "ada")["access_token"], **more)
    print(f"{case:32} Keycloak {shown(there)}, Portcullis {shown(here)}")
    assert shown(here) == ours, here.text
    assert there.status_code == theirs[0] and theirs[1] in {"", shown(there)[1]}, there.text
    if here.status_code == 200:
        claims = claims_of(here.json()["access_token"])
        assert claims["act"] == {"sub": "t123-app", "client_id": "t123-app"}
        assert claims["aud"] == acme.desk.gateway and "refresh_token" not in here.json()
    if there.status_code == 200:
        assert "act" not in claims_of(there.json()["access_token"]), "Keycloak names no actor"


def test_what_keycloak_exchanged_is_a_token_of_its_realm(acme: Acme) -> None:
    """And becomes one of ours as any other: for whom it was made before says nothing."""
    token = acme.realm.sign_in("app", "ada")["access_token"]
    form = {"grant_type": EXCHANGE, "subject_token": token} | SAME
    narrowed = acme.realm.ask("requester", **form).json()["access_token"]
    body = acme.desk.trade(narrowed).json()
    assert body["scope"] == "analytics:read dataset:read", body
    assert body["expires_in"] <= claims_of(narrowed)["exp"] - int(time.time()) + 1
