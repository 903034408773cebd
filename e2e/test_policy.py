"""Policies put into force, taken back, tried on the past, and delivered by servers: the real program each time."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import PORTCULLIS, ROOT, data, free_port, run, running, serving_here, wait_until

CONFIG = """
data_dir = "data"
key_encryption_key = {{ file = "kek" }}
[issuer]
url = "{issuer}"
listen = "127.0.0.1:{issuer_port}"
[admin]
listen = "127.0.0.1:{admin_port}"
[[api]]
name = "text"
resource = "http://127.0.0.1:2/v1"
scopes = ["generate:basic"]
[policy]
points = {points}
{policy}
"""


@dataclass
class Place:
    """A folder with a configuration, and where its admin listener is."""

    folder: Path
    admin: str
    issuer: str

    @property
    def config(self) -> Path:
        return self.folder / "portcullis.toml"

    @property
    def policies(self) -> Path:
        return self.folder / "policies"

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return run("policy", *arguments, config=self.config)

    def data(self, *arguments: str | Path) -> Any:
        return data("policy", *arguments, config=self.config)

    def apply(self, source: Path | None = None) -> str:
        return str(self.data("apply", source or self.policies)["revision"])

    @contextmanager
    def serving(self) -> Iterator[None]:
        command: list[str | Path] = [PORTCULLIS, "serve", "--config", self.config]
        with running(command, f"{self.issuer}/jwks", self.folder / "log"):
            yield

    def health(self) -> Any:
        return httpx.get(f"{self.admin}/healthz", trust_env=False).json()

    def revision(self) -> Any:
        return self.health()["policy"]["revision"]

    def change(self, number: int) -> None:
        """One more rule, which matters to nobody."""
        with (self.policies / "tiers.rego").open("a") as file:
            file.write(f"\nmore_{number} := {number}\n")


def place(folder: Path, policy: str = "", points: str = '["request"]') -> Place:
    folder.mkdir(exist_ok=True)
    issuer_port, admin_port = free_port(), free_port()
    issuer, admin = f"http://127.0.0.1:{issuer_port}", f"http://127.0.0.1:{admin_port}"
    ports = {"issuer_port": issuer_port, "admin_port": admin_port}
    text = CONFIG.format(issuer=issuer, **ports, policy=policy, points=points)
    (folder / "portcullis.toml").write_text(text)
    (folder / "kek").write_text("dGhpcy1pcy1ub3QtYS1zZWNyZXQtYnV0LTMyLWJ5dGU\n")
    (folder / "kek").chmod(0o600)
    shutil.copytree(ROOT / "policies", folder / "policies")
    return Place(folder, admin, issuer)


@pytest.fixture
def house(tmp_path: Path) -> Place:
    return place(tmp_path / "house")


def becomes(house: Place, revision: str) -> None:
    wait_until(lambda: house.revision() == revision, f"{revision} is not in force: {house.health()}")


# By hand


def test_policies_are_put_into_force_and_taken_back_while_a_server_runs(house: Place) -> None:
    with house.serving():
        assert house.health()["status"] == "degraded", "nothing is in force, so all is denied"
        first = house.apply()
        becomes(house, first)
        assert house.health()["status"] == "ok"
        house.change(1)
        second = house.apply()
        becomes(house, second)
        assert house.run("rollback").returncode == 0
        becomes(house, first)
        metrics = httpx.get(f"{house.admin}/metrics", trust_env=False).text
        assert f'portcullis_policy_revision{{place="force",revision="{first}"}} 1' in metrics
        assert second not in metrics
    with house.serving():
        assert house.revision() == first, "a restart keeps them"
    acts = [(row["act"], row["revision"]) for row in house.data("history")]
    assert acts == [("rollback", first), ("apply", second), ("apply", first)]
    status = house.data("status")
    assert (status["force"]["revision"], status["usable"]) == (first, True)
    assert status["asked_at"] == ["request"]
    assert house.run("rollback").returncode == 1, "there was nothing before"
    assert house.run("rollback", "--to", second[:20]).returncode == 0
    assert house.data("status")["force"]["revision"] == second
    actions = [
        record["action"]
        for record in map(json.loads, run("audit", "tail", "--json", config=house.config).stdout.splitlines())
        if record["event"] == "admin" and record["action"].startswith("policy.")
    ]
    assert actions == ["policy.apply", "policy.apply", "policy.rollback", "policy.rollback"]


def test_a_dry_run_tells_and_changes_nothing(house: Place) -> None:
    first = house.apply()
    house.change(1)
    told = house.data("apply", "--dry-run", house.policies)
    assert (told["before"], told["changed"], told["dry_run"]) == (first, True, True)
    assert told["differences"] == [{"name": "portcullis.tiers.more_1", "change": "added"}]
    assert told["tests"]["passed"] > 20
    assert house.data("status")["force"]["revision"] == first
    again = house.run("apply", house.policies)
    assert "added   portcullis.tiers.more_1" in again.stdout
    assert "are in force" in again.stderr


def test_what_is_wrong_or_fails_its_tests_is_not_put_into_force(house: Place) -> None:
    first = house.apply()
    (house.policies / "more_test.rego").write_text("package portcullis.more_test\n\ntest_no if 1 == 2\n")
    failed = house.run("apply", house.policies)
    assert failed.returncode == 1
    assert "more_test.rego:3: portcullis.more_test.test_no failed" in failed.stderr
    (house.policies / "more_test.rego").write_text("this is no Rego")
    broken = house.run("apply", "--no-test", house.policies)
    assert (broken.returncode, "more_test.rego:1" in broken.stderr) == (1, True), broken.stderr
    assert house.data("status")["force"]["revision"] == first
    assert len(house.data("history")) == 1


def test_policies_decide_in_shadow_until_they_are_taken_away(house: Place) -> None:
    with house.serving():
        first = house.apply()
        house.change(1)
        assert house.run("shadow", house.policies).returncode == 0
        wait_until(lambda: house.health()["policy"]["shadow"] is not None, "nothing is in shadow")
        becomes(house, first)
        assert house.health()["policy"]["shadow"] != first
        assert house.run("shadow", "--off").returncode == 0
        wait_until(lambda: house.health()["policy"]["shadow"] is None, "something is in shadow")
    assert house.run("shadow", "--off").returncode == 1


def test_a_bundle_of_ours_is_the_same_policies_in_one_file(house: Place) -> None:
    bundle = house.folder / "bundle.tar.gz"
    built = house.data("build", house.policies, "-o", bundle, "--revision", "v7")
    assert (built["signed"], built["bytes"]) == (False, bundle.stat().st_size)
    commands: list[list[str | Path]] = [["check", bundle], ["test", bundle], ["diff", house.policies, bundle]]
    for command in commands:
        done = house.run(*command)
        assert done.returncode == 0, done.stderr
    assert house.apply(bundle) == built["revision"]
    assert house.data("status")["force"]["label"] == "v7"
    assert house.data("apply", house.policies)["changed"] is False


# On the past

ONLY_MODELS = """package portcullis.client

default decision := {"allow": false, "reasons": [{"code": "client.night", "text": "nothing is granted at night"}]}

decision := {"allow": true} if "model:list" in input.requested
"""


def test_decisions_of_the_past_are_taken_again_by_new_policies(tmp_path: Path) -> None:
    house = place(tmp_path / "house", points='["client"]')
    first = house.apply()
    added = data(
        *("client", "add", "App", "--id", "app", "--api", "text", "--grant-type", "client_credentials"),
        *("--scope", "generate:basic"),
        config=house.config,
    )

    def token() -> httpx.Response:
        form = {"grant_type": "client_credentials", "scope": "generate:basic"}
        secret = ("app", added["client_secret"])
        return httpx.post(f"{house.issuer}/token", data=form, auth=secret, trust_env=False)

    with house.serving():
        assert [token().status_code for _ in range(30)] == [200] * 30
        same = house.data("replay", "--since", "1h", house.policies)
        assert (same["decisions"], same["flips"], same["revision"]) == (30, [], first)

        new = house.folder / "new"
        new.mkdir()
        (new / "client.rego").write_text(ONLY_MODELS)
        done = house.run("replay", "--since", "1h", "--json", new)
        assert done.returncode == 1, "some decisions would come out otherwise"
        told = json.loads(done.stdout)
        assert (told["decisions"], told["denied"], told["allowed"], told["unread"]) == (30, 30, 0, 0)
        assert len({flip["id"] for flip in told["flips"]}) == 30
        flip = told["flips"][0]
        assert (flip["point"], flip["who"], flip["what"]) == ("client", "app", "generate:basic")
        assert (flip["was"]["allow"], flip["was"]["revision"]) == (True, first)
        assert flip["becomes"]["reasons"][0]["code"] == "client.night"
        shown = house.run("replay", "--since", "1h", "--limit", "3", new)
        assert shown.stdout.count("client.night") == 3
        assert "30 decisions taken again: 30 would differ; 0 now allowed, 30 now denied" in shown.stdout
        assert "27 more are not shown" in shown.stderr
        assert house.data("replay", "--since", "1h", "--point", "request", new)["decisions"] == 0
        assert token().status_code == 200, "nothing was changed"

        # What was tried is what happens.
        done = house.run("apply", "--no-test", new)
        assert done.returncode == 0, done.stderr
        wait_until(lambda: token().status_code == 400, "the new policies do not decide")
        assert house.run("rollback").returncode == 0
        wait_until(lambda: token().status_code == 200, "those before do not decide")


# From a directory


def test_a_directory_is_followed_and_what_is_broken_there_changes_nothing(tmp_path: Path) -> None:
    house = place(tmp_path / "house", 'directory = "policies"')
    with house.serving():
        first = house.revision()
        assert first.startswith("sha256:")
        tiers = house.policies / "tiers.rego"
        good = tiers.read_text()
        tiers.write_text(good + "\nallow if {\n")
        wait_until(lambda: house.health()["status"] == "degraded", "nobody says that it is broken")
        assert "tiers.rego" in house.health()["policy"]["source"]["problem"]
        assert house.revision() == first
        assert "tiers.rego" in house.data("status")["sources"][0]["problem"]
        tiers.write_text(good + "\nmore := 1\n")
        wait_until(lambda: house.health()["status"] == "ok", "it is mended")
        second = house.revision()
        assert second != first
        assert house.run("rollback").returncode == 0
        becomes(house, first)
    with house.serving():
        assert house.revision() == first, "the directory says nothing new, so what a person did stands"
    check = run("check", config=house.config)
    assert check.returncode == 0, check.stdout
    tiers.write_text(good + "\nallow if {\n")
    check = run("check", config=house.config)
    assert (check.returncode, "tiers.rego" in check.stdout) == (1, True), check.stdout


# From a server


@dataclass
class Server:
    """A server of files, which knows what it was asked."""

    port: int
    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    wants: str | None = None
    asked: list[tuple[str, int]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, path: str, content: bytes, **headers: str) -> None:
        tag = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        self.headers[path], self.files[path] = tag | headers, content

    def statuses(self, path: str) -> list[int]:
        return [status for asked, status in self.asked if asked == path]


@contextmanager
def file_server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            content, headers = it.files.get(path, b""), dict(it.headers.get(path, {}))
            status = 200 if path in it.files else 404
            if path in it.moved:
                status, headers = 307, {"Location": it.moved[path]}
            elif it.wants and path != "/token" and self.headers.get("authorization") != it.wants:
                status, challenge = 401, f'Bearer realm="{it.url}/token",service="here",scope="pull"'
                content, headers = b"", {"WWW-Authenticate": challenge}
            elif headers.get("ETag") == self.headers.get("if-none-match") and status == 200:
                status, content = 304, b""
            it.asked.append((path, status))
            it.tokens.append(self.headers.get("authorization"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it = Server(server.server_address[1])
    with serving_here(server):
        yield it


def built(house: Place, *arguments: str | Path) -> bytes:
    bundle = house.folder / "built.tar.gz"
    house.data("build", house.policies, "-o", bundle, *arguments)
    return bundle.read_bytes()


def test_a_server_is_polled_and_asked_for_nothing_twice(tmp_path: Path) -> None:
    with file_server() as server:
        policy = f'url = "{server.url}/bundle.tar.gz"\npoll = "1s"'
        house = place(tmp_path / "house", policy)
        server.put("/bundle.tar.gz", built(house))
        with house.serving():
            first = house.revision()
            assert house.health()["status"] == "ok"
            wait_until(lambda: 304 in server.statuses("/bundle.tar.gz"), "it is not asked with its ETag")
            house.change(1)
            server.put("/bundle.tar.gz", built(house))
            wait_until(lambda: house.revision() != first, "the new one is not taken")
            second = house.revision()
            for what in (b"<html>", built(house)[:200], b""):
                server.put("/bundle.tar.gz", what)
                wait_until(lambda: house.health()["status"] == "degraded", "nobody says that it is broken")
                assert house.revision() == second
                server.put("/bundle.tar.gz", built(house))
                wait_until(lambda: house.health()["status"] == "ok", "it is mended")
            del server.files["/bundle.tar.gz"]
            wait_until(lambda: house.health()["status"] == "degraded", "nobody says that it is gone")
            assert "404" in house.health()["policy"]["source"]["problem"]
            metrics = httpx.get(f"{house.admin}/metrics", trust_env=False).text
            assert "portcullis_policy_source_failures_total 0" not in metrics
            server.moved["/bundle.tar.gz"] = f"{server.url}/other.tar.gz"
            wait_until(lambda: "redirect" in str(house.health()), "a redirect is not told")
        with house.serving():
            assert house.revision() == second, "a server that is away keeps nobody from starting"


def test_a_server_that_wants_a_token_gets_it(tmp_path: Path) -> None:
    with file_server() as server:
        policy = f'url = "{server.url}/b.tar.gz"\nbearer_token = {{ file = "token" }}'
        house = place(tmp_path / "house", policy)
        (house.folder / "token").write_text("a-secret-for-the-server\n")
        server.put("/b.tar.gz", built(house))
        server.wants = "Bearer a-secret-for-the-server"
        with house.serving():
            assert house.health()["status"] == "ok"
        assert "a-secret-for-the-server" not in (house.folder / "log").read_text()


def test_a_bundle_must_be_signed_by_a_key_that_is_trusted(tmp_path: Path) -> None:
    with file_server() as server:
        policy = f'url = "{server.url}/b.tar.gz"\npoll = "1s"\nverification_keys = ["ours.pub.pem"]'
        house = place(tmp_path / "house", policy)
        for name in ("ours", "theirs"):
            key, public = house.folder / f"{name}.pem", house.folder / f"{name}.pub.pem"
            generate: list[str | Path] = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", key]
            subprocess.run(generate, check=True, capture_output=True)
            subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
        ours, theirs = house.folder / "ours.pem", house.folder / "theirs.pem"
        server.put("/b.tar.gz", built(house, "--signing-key", ours))
        with house.serving():
            first = house.revision()
            assert house.health()["status"] == "ok", house.health()
            house.change(1)
            for bad, why in (((), "not signed"), (("--signing-key", theirs), "no key")):
                server.put("/b.tar.gz", built(house, *bad))
                wait_until(lambda why=why: why in str(house.health()), f"nobody says: {why}")  # type: ignore[misc]
                assert house.revision() == first
            server.put("/b.tar.gz", built(house, "--signing-key", ours))
            wait_until(lambda: house.revision() != first, "the new one is not taken")
        unsigned = house.run("apply", house.policies)
        assert (unsigned.returncode, "nobody can sign" in unsigned.stderr) == (1, True)
        (house.folder / "b.tar.gz").write_bytes(built(house, "--signing-key", theirs))
        assert house.run("apply", house.folder / "b.tar.gz").returncode == 1


def test_a_gateway_elsewhere_follows_the_policies_of_the_issuer(tmp_path: Path) -> None:
    issuer = place(tmp_path / "issuer")
    elsewhere = place(tmp_path / "elsewhere", f'url = "{issuer.admin}/policy/bundle.tar.gz"\npoll = "1s"')
    first = issuer.apply()
    with ExitStack() as open_:
        with issuer.serving():
            open_.enter_context(elsewhere.serving())
            assert elsewhere.revision() == first
            issuer.change(1)
            second = issuer.apply()
            becomes(elsewhere, second)
            url = f"{issuer.admin}/policy/bundle.tar.gz"
            known = httpx.get(url, headers={"If-None-Match": f'"{second}"'}, trust_env=False)
            assert (known.status_code, known.content) == (304, b"")
        wait_until(lambda: elsewhere.health()["status"] == "degraded", "nobody says that the issuer is away")
        assert elsewhere.revision() == second


def registry(server: Server, bundle: bytes, tag: str = "latest") -> str:
    digest = f"sha256:{hashlib.sha256(bundle).hexdigest()}"
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": len(bundle)}
    manifest = json.dumps({"schemaVersion": 2, "layers": [layer]}).encode()
    server.put(f"/v2/acme/policies/manifests/{tag}", manifest)
    server.put(f"/v2/acme/policies/blobs/{digest}", bundle)
    return digest


def test_a_registry_is_polled_and_its_digests_are_checked(tmp_path: Path) -> None:
    with file_server() as server, file_server() as blobs:
        policy = f'url = "oci://127.0.0.1:{server.port}/acme/policies:latest"\npoll = "1s"'
        house = place(tmp_path / "house", policy)
        digest = registry(server, built(house))
        server.wants = "Bearer for-everybody"
        server.put("/token", b'{"token": "for-everybody"}')
        with house.serving():
            first = house.revision()
            assert house.health()["status"] == "ok", house.health()
            wait_until(lambda: len(server.statuses("/v2/acme/policies/manifests/latest")) > 6, "no polling")
            assert server.statuses(f"/v2/acme/policies/blobs/{digest}") == [200], "fetched once"
            house.change(1)
            digest = registry(server, built(house))
            path = f"/v2/acme/policies/blobs/{digest}"
            blobs.put("/elsewhere", server.files[path])
            server.moved[path] = f"{blobs.url}/elsewhere"
            wait_until(lambda: house.revision() != first, "the new one is not taken")
            second = house.revision()
            assert blobs.tokens == [None], "a stranger is told nothing that the registry was told"
            house.change(2)
            right = built(house)
            digest = registry(server, right)
            server.put(f"/v2/acme/policies/blobs/{digest}", right + b"x")
            wait_until(lambda: "digest" in str(house.health()), "another layer is taken for it")
            assert house.revision() == second


# As OPA has it

opa = pytest.mark.skipif(shutil.which("opa") is None, reason="there is no opa on the PATH")


def rsa(folder: Path) -> tuple[Path, Path]:
    key, public = folder / "key.pem", folder / "key.pub.pem"
    generate: list[str | Path] = [
        "openssl",
        "genpkey",
        "-algorithm",
        "rsa",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
        "-out",
        key,
    ]
    subprocess.run(generate, check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    return key, public


@opa
def test_what_opa_builds_and_signs_is_taken(tmp_path: Path) -> None:
    key, _ = rsa(tmp_path)
    house = place(tmp_path / "house", 'verification_keys = ["../key.pub.pem"]')
    (house.policies / "README.md").unlink()
    bundle = tmp_path / "opa.tar.gz"
    build: list[str | Path] = ["opa", "build", "-b", "policies", "--revision", "v1", "--signing-key", key, "-o", bundle]
    subprocess.run(build, check=True, cwd=house.folder)
    applied = house.data("apply", bundle)
    assert applied["tests"]["passed"] > 20
    assert house.data("status")["force"]["label"] == "v1"
    with tarfile.open(bundle) as tar:
        members = [(member, tar.extractfile(member)) for member in tar.getmembers()]
        entries = [(member.name, file.read() if file else b"") for member, file in members]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            content += b"\n" if name.endswith("tiers.rego") else b""
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    bundle.write_bytes(out.getvalue())
    altered = house.run("apply", bundle)
    assert (altered.returncode, "was altered after it was signed" in altered.stderr) == (1, True), altered.stderr


@opa
def test_what_we_build_and_sign_opa_takes(tmp_path: Path) -> None:
    key, public = rsa(tmp_path)
    house = place(tmp_path / "house")
    bundle = tmp_path / "ours.tar.gz"
    house.data("build", house.policies, "-o", bundle, "--signing-key", key, "--key-id", "ours", "--scope", "all")
    port = free_port()
    command: list[str | Path] = ["opa", "run", "--server", "--addr", f"127.0.0.1:{port}"]
    command += ["--verification-key", public, "--verification-key-id", "ours", "--scope", "all", "--bundle", bundle]
    with running(command, f"http://127.0.0.1:{port}/health", tmp_path / "opa.log"):
        answer = httpx.get(f"http://127.0.0.1:{port}/v1/data/portcullis/request/decision", trust_env=False)
        assert answer.json()["result"]["allow"] is False
