"""One corpus of tokens, four doors: gateway, library, command line and Python package must say the same."""

import base64
import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import corpus
import httpx
import portcullis
import pytest
from corpus import Case, Keys
from forge import b64
from house import PORTCULLIS, ROOT, Recorder, environment, free_port, recorder, run, running


@dataclass
class World:
    """A gateway that trusts two issuers, and everything else that trusts them on the same terms."""

    cases: list[Case]
    keys: Keys
    gateway: str
    config: Path
    folder: Path
    upstream: Recorder

    def terms(self) -> list[dict[str, Any]]:
        common = {"algs": corpus.ALGS, "max_lifetime_seconds": corpus.MAX_LIFETIME, "leeway_seconds": corpus.LEEWAY}
        return [
            {"issuer": corpus.ISSUER, "jwks": self.keys.main_set(), "tenant": "any"} | common,
            {"issuer": corpus.ACME, "jwks": self.keys.acme_set(), "tenant": "acme"} | common,
        ]


@dataclass(frozen=True)
class Verdict:
    """What a door said. None for what this door does not say."""

    code: str | None
    check: str | None
    expected: str | None = None
    found: str | None = None
    remedy: str | None = None
    challenge: str | None = None


ADMITTED = Verdict(None, None)


def demands(door: corpus.Door) -> str:
    """In the words of the configuration file."""

    def value(name: str, value: Any) -> str:
        return f'"{value}s"' if name == "max_age" else json.dumps(value)

    return "\n".join(f"{name} = {value(name, wanted)}" for name, wanted in door.demand.items())


def configuration(folder: Path, gateway: str, admin: str, upstream: str) -> str:
    trust = "".join(
        f"""
[[trust]]
issuer = "{issuer}"
jwks_file = "{folder / file}"
algs = {json.dumps(corpus.ALGS)}
max_lifetime = "{corpus.MAX_LIFETIME}s"
leeway = "{corpus.LEEWAY}s"
{tenant}
"""
        for issuer, file, tenant in (
            (corpus.ISSUER, "main.json", 'tenant = "any"'),
            (corpus.ACME, "acme.json", 'tenant = "acme"'),
        )
    )
    apis = "".join(
        f"""
[[api]]
name = "{api["name"]}"
resource = "{api["audience"]}"
scopes = ["generate:basic", "generate:advanced", "batch:create", "usage:read"]
{f'tenant = "{api["tenant"]}"' if api["tenant"] else ""}
"""
        for api in corpus.APIS
    )
    routes = "".join(
        f"""
[[route]]
methods = ["{door.method}"]
path = "{door.path.replace("/acme/usage", "/{tenant}/usage")}"
api = "{door.api}"
scopes = {json.dumps(door.scopes)}
upstream = "echo"
{demands(door)}
"""
        for door in corpus.DOORS
    )
    return f"""
data_dir = "{folder / "data"}"
key_encryption_key = {{ file = "{folder / "key"}" }}

[gateway]
url = "{gateway}"
listen = "{gateway.removeprefix("http://")}"
workers = 1
audit_flush = "0ms"
trusted_proxies = ["127.0.0.0/8"]
client_certificate_header = "client-cert"

[admin]
listen = "{admin.removeprefix("http://")}"

[[upstream]]
name = "echo"
url = "{upstream}"
{trust}{apis}{routes}"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, canary: Recorder) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("corpus")
    keys = Keys.make()
    (folder / "main.json").write_text(json.dumps(keys.main_set()))
    (folder / "acme.json").write_text(json.dumps(keys.acme_set()))
    (folder / "key").write_text(os.urandom(32).hex())
    (folder / "key").chmod(0o600)
    gateway, admin = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    config = folder / "portcullis.toml"
    with recorder() as upstream:
        config.write_text(configuration(folder, gateway, admin, upstream.url))
        with running([PORTCULLIS, "serve", "--config", config], f"{admin}/readyz", folder / "serve.log"):
            yield World(corpus.make(keys, canary.url), keys, gateway, config, folder, upstream)


@pytest.fixture(scope="module")
def at_gateway(world: World) -> dict[str, Verdict]:
    """By HTTP. Which check failed stands in the audit log."""
    answers = {}
    with httpx.Client(base_url=world.gateway, trust_env=False) as client:
        for case in world.cases:
            shown = case.shown
            header = [(b"authorization", f"{shown.scheme} {case.token}".encode())]
            header += [(b"dpop", proof.encode()) for proof in shown.proofs()]
            if shown.certificate is not None:
                header.append((b"client-cert", b":%b:" % base64.b64encode(shown.certificate)))
            answers[case.name] = client.request(case.door.method, case.door.path, headers=header)
    exported = run("audit", "export", config=world.config)
    assert exported.returncode == 0, exported.stderr
    records = [json.loads(line) for line in exported.stdout.splitlines()]
    checks = {
        record["id"]: record["trace"]["failed"]
        for record in (line.get("record", line) for line in records)
        if "trace" in record
    }
    verdicts = {}
    for case in world.cases:
        answer = answers[case.name]
        if case.too_large_for_http:
            assert answer.status_code == 431
            continue
        check = checks[answer.headers["x-decision-id"]]
        if answer.status_code == 200:
            assert check is None
            verdicts[case.name] = ADMITTED
            continue
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["decision_id"] == answer.headers["x-decision-id"]
        challenge = answer.headers.get("www-authenticate")
        verdicts[case.name] = Verdict(problem["code"], check, remedy=problem["detail"], challenge=challenge)
    return verdicts


@pytest.fixture(scope="module")
def at_library(world: World) -> dict[str, Verdict]:
    """By the crate alone, without any server."""
    program = PORTCULLIS.parent / "examples/verdict"
    if "PORTCULLIS_BIN" not in os.environ:
        build = ["cargo", "build", "--quiet", "-p", "portcullis-verify", "--example", "verdict"]
        subprocess.run(build, cwd=ROOT, check=True)
    questions = [
        {
            "token": case.token,
            "api": case.door.api,
            "scopes": " ".join(case.door.scopes),
            "object_tenant": case.door.object_tenant,
            "demand": in_library(case.door.demand),
            "holder": {
                "scheme": case.shown.scheme,
                "method": case.door.method,
                "url": case.door.url,
                "proofs": case.shown.proofs(),
                "certificate": None if case.shown.hash is None else b64(case.shown.hash),
            },
        }
        for case in world.cases
    ]
    asked = {"now_seconds": int(time.time()), "issuers": world.terms(), "apis": corpus.APIS, "questions": questions}
    done = subprocess.run(
        [program], input=json.dumps(asked), capture_output=True, text=True, check=True, env=environment()
    )
    return {case.name: verdict(said) for case, said in zip(world.cases, json.loads(done.stdout), strict=True)}


def in_library(demand: dict[str, Any]) -> dict[str, Any]:
    """In the words of examples/verdict.rs."""
    words = {name: True if value == "required" else value for name, value in demand.items()}
    if "max_age" in words:
        words["max_age_seconds"] = words.pop("max_age")
    return words


def verdict(said: dict[str, Any]) -> Verdict:
    if said["admitted"]:
        return ADMITTED
    return Verdict(said["code"], said["check"], said["expected"], said["found"], said["remedy"])


@pytest.fixture(scope="module")
def at_python(world: World) -> dict[str, Verdict]:
    """By the Python package."""
    issuers = [portcullis.Issuer(**terms) for terms in world.terms()]
    host = "https://api.test/.well-known/oauth-protected-resource"
    verifiers = {
        api["name"]: portcullis.Verifier(
            audience=api["audience"],
            api=api["name"],
            tenant=api["tenant"],
            issuers=issuers,
            resource_metadata=host + api["audience"].removeprefix("https://api.test"),
        )
        for api in corpus.APIS
    }
    verdicts = {}
    for case in world.cases:
        try:
            verifier, shown = verifiers[case.door.api], case.shown
            holder = portcullis.Holder(
                method=case.door.method,
                url=case.door.path,
                dpop=shown.proofs(),
                client_certificate=shown.hash,
            )
            claims = verifier.verify(
                case.token,
                verifier.need(case.door.scopes, **case.door.demand),
                object_tenant=case.door.object_tenant,
                scheme=shown.scheme,
                holder=holder,
            )
        except portcullis.Denied as denied:
            failed = [row.check for row in denied.trace if row.mark == "failed"]
            assert failed == [denied.check]
            verdicts[case.name] = Verdict(
                denied.code, denied.check, denied.expected, denied.found, denied.remedy, denied.www_authenticate
            )
        else:
            assert claims.raw["sub"] == claims.sub
            verdicts[case.name] = ADMITTED
    return verdicts


def explained(done: subprocess.CompletedProcess[str]) -> Verdict:
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    if said["outcome"]["verdict"] == "allowed":
        return ADMITTED
    (failed,) = [row for row in said["rows"] if row["mark"] == "failed"]
    return Verdict(said["outcome"]["code"], failed["check"])


@pytest.fixture(scope="module")
def at_command_line(world: World) -> dict[str, Verdict]:
    """By `portcullis explain`, offline, with the gateway's own configuration."""

    def ask(case: Case) -> Verdict:
        request = f"{case.door.method} {case.door.path}"
        question: list[str | Path] = ["explain", "--token", "-", "--request", request, "--json"]
        shown = case.shown
        stdin = case.token if shown is corpus.BARE else f"{shown.scheme} {case.token}"
        if shown.hash is not None:
            question += [f"--client-certificate={b64(shown.hash)}"]
        for proof in shown.proofs():
            file = world.folder / f"{abs(hash(case.name))}.proof"
            file.write_text(proof)
            question += ["--dpop-proof", file]
        return explained(run(*question, config=world.config, stdin=stdin))

    # One proof at most can be given by hand.
    cases = [case for case in world.cases if len(case.shown.proofs()) < 2]
    with ThreadPoolExecutor(4) as pool:
        return dict(zip((case.name for case in cases), pool.map(ask, cases), strict=True))


@pytest.fixture(scope="module")
def at_token_verify(world: World) -> dict[str, Verdict]:
    """By `portcullis token verify`, whose terms are on the command line: no tenants, no longest life, no leeway."""

    def ask(case: Case) -> Verdict:
        algs = [word for alg in corpus.ALGS for word in ("--alg", alg)]
        terms: list[str | Path] = [
            "--issuer",
            corpus.ISSUER,
            "--jwks",
            world.folder / "main.json",
            "--audience",
            corpus.TEXT,
            *algs,
        ]
        done = run("token", "verify", *terms, "--scope", " ".join(case.door.scopes), "--json", stdin=case.token)
        found = explained(done)
        assert done.returncode == (0 if found == ADMITTED else 1)
        return found

    cases = [case for case in world.cases if on_these_terms(case)]
    with ThreadPoolExecutor(4) as pool:
        return dict(zip((case.name for case in cases), pool.map(ask, cases), strict=True))


def on_these_terms(case: Case) -> bool:
    apart = any(words in case.name for words in ("another trusted issuer", "a tenant's issuer", "within the leeway"))
    if case.shown is not corpus.BARE or case.door.demand:
        return False
    return case.door.api == "text" and case.door.object_tenant is None and case.code != "lives_too_long" and not apart


def agree(cases: list[Case], said: dict[str, Verdict]) -> None:
    """Fails with every case that was not decided as it should be."""
    wrong = []
    for case in cases:
        found = said.get(case.name)
        if found and (found.code, found.check) != (case.code, case.check):
            wrong.append(f"{case.name}: {found.code} at {found.check}, not {case.code} at {case.check}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def test_the_corpus_is_large_and_has_an_attack_on_every_check_of_a_token(world: World) -> None:
    assert len(world.cases) >= 200
    checks = {case.check for case in world.cases}
    signed = "credential credential_kind format header type issuer key signature"
    said = "claims time audience purpose tenant binding authentication scope object"
    assert checks == {None, *signed.split(), *said.split()}


def test_the_library_decides_as_the_standards_say(world: World, at_library: dict[str, Verdict]) -> None:
    agree(world.cases, at_library)


def test_the_gateway_decides_as_the_standards_say(world: World, at_gateway: dict[str, Verdict]) -> None:
    agree(world.cases, at_gateway)


def test_the_command_line_decides_as_the_standards_say(world: World, at_command_line: dict[str, Verdict]) -> None:
    agree(world.cases, at_command_line)


def test_token_verify_decides_as_the_standards_say(world: World, at_token_verify: dict[str, Verdict]) -> None:
    assert len(at_token_verify) > 150
    agree(world.cases, at_token_verify)


def test_the_python_package_decides_as_the_standards_say(world: World, at_python: dict[str, Verdict]) -> None:
    agree(world.cases, at_python)


def test_the_python_package_gives_the_same_reasons_as_the_library(
    world: World, at_python: dict[str, Verdict], at_library: dict[str, Verdict]
) -> None:
    for case in world.cases:
        ours, theirs = asdict(at_python[case.name]), asdict(at_library[case.name])
        if case.check in ("time", "authentication", "binding"):
            # They were asked at different seconds, and say at which.
            ours["expected"] = theirs["expected"] = None
        if "made " in case.name:
            # Each was shown a proof of its own.
            ours["found"] = theirs["found"] = None
        assert ours | {"challenge": None} == theirs, case.name


def test_the_python_package_answers_a_caller_as_the_gateway_does(
    world: World, at_python: dict[str, Verdict], at_gateway: dict[str, Verdict]
) -> None:
    for name, theirs in at_gateway.items():
        ours = at_python[name]
        assert (ours.remedy, ours.challenge) == (theirs.remedy, theirs.challenge), name


def test_no_token_made_anyone_send_a_request_elsewhere(
    world: World,
    canary: Recorder,
    at_gateway: dict[str, Verdict],
    at_python: dict[str, Verdict],
    at_command_line: dict[str, Verdict],
) -> None:
    assert canary.requests == []


def test_what_was_let_through_and_nothing_else_reached_the_upstream(
    world: World, at_gateway: dict[str, Verdict]
) -> None:
    admitted = [said for said in at_gateway.values() if said == ADMITTED]
    assert len(world.upstream.requests) == len(admitted)
    for _, _, headers in world.upstream.requests:
        assert not {"authorization", "dpop", "client-cert"} & headers.keys()


def test_the_gateway_is_well_after_all_of_it(world: World, at_gateway: dict[str, Verdict]) -> None:
    case = world.cases[0]
    header = {"authorization": f"Bearer {case.token}"}
    answer = httpx.request(case.door.method, world.gateway + case.door.path, headers=header, trust_env=False)
    assert answer.status_code == 200
    assert run("audit", "verify", config=world.config).returncode == 0


def test_a_token_with_any_one_character_changed_is_refused(world: World) -> None:
    verifier = portcullis.Verifier(
        audience=corpus.TEXT, issuer=corpus.ISSUER, jwks=world.keys.main_set(), algs=corpus.ALGS, leeway=corpus.LEEWAY
    )
    need = verifier.need(["generate:basic"])
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    by_alg = {f"good, {alg}" for alg in corpus.ALGS}
    for case in (case for case in world.cases if case.name in by_alg):
        verifier.verify(case.token, need)
        for at, old in enumerate(case.token):
            new = alphabet[(alphabet.index(old) + 1 + at) % len(alphabet)]
            if new == old:
                continue
            changed = case.token[:at] + new + case.token[at + 1 :]
            with pytest.raises(portcullis.Denied):
                verifier.verify(changed, need)


def test_tokens_torn_and_glued_together_are_refused_and_nothing_breaks(world: World) -> None:
    verifier = portcullis.Verifier(audience=corpus.TEXT, issuer=corpus.ISSUER, jwks=world.keys.main_set())
    need = verifier.need(["generate:basic"])
    good = {case.token for case in world.cases if case.code is None}
    pieces = [piece for case in world.cases[:80] for piece in case.token[:4000].split(".")]
    chance = random.Random(1)
    for _ in range(5000):
        torn = ".".join(chance.choices(pieces, k=3))
        start, end = sorted(chance.sample(range(len(torn) + 1), 2))
        for token in (torn, torn[start:end], torn[:start] + torn[end:]):
            if token in good:
                continue
            with pytest.raises(portcullis.Denied):
                verifier.verify(token, need)
