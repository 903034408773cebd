"""The real program, started on free ports with a real configuration file and stopped by whoever started it."""

import json
import os
import selectors
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from notebook import NOTES

ROOT = Path(__file__).resolve().parent.parent
PORTCULLIS = Path(os.environ.get("PORTCULLIS_BIN") or ROOT / "target/debug/portcullis")
PATIENCE = 30.0
"""Seconds after which something that should have happened has not."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until(ready: Callable[[], bool], what: str, pause: float = 0.02) -> None:
    """Asks again and again. A longer pause is for questions that a server counts as failed attempts."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(pause)


def answers(url: str, verify: ssl.SSLContext | bool = True) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2, verify=verify).status_code == 200
    except httpx.HTTPError:
        return False


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would tell a program about another Portcullis."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PORTCULLIS_")}
    return clean | more


@contextmanager
def running(
    command: list[str | Path], ready_url: str, log: Path, verify: ssl.SSLContext | bool = True, **env: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A server, from the moment it answers until the block ends; then it must stop when it is asked to."""
    if command[0] == PORTCULLIS and "--config" in command:
        config = Path(command[command.index("--config") + 1])
        NOTES.houses[config] = env
        NOTES.folders |= {config.parent, log.parent}
        NOTES.note(*env.values(), kind="environment")
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment(**env))
    try:

        def ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n{log.read_text()}")
            return answers(ready_url, verify)

        wait_until(ready, f"{ready_url} does not answer:\n{log.read_text()}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def run(
    *arguments: str | Path, config: Path | None = None, stdin: str = "", **env: str
) -> subprocess.CompletedProcess[str]:
    """One command of the program."""
    if config is not None:
        env["PORTCULLIS_CONFIG"] = str(config)
    command = [PORTCULLIS, *arguments]
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=PATIENCE, env=environment(**env)
    )
    if "--password-stdin" in command:
        NOTES.note(stdin.strip(), kind="password")
    NOTES.body("application/json", done.stdout)
    return done


def data(*arguments: str | Path, config: Path | None = None, **env: str) -> Any:
    """One command's data; it must succeed."""
    done = run(*arguments, "--json", config=config, **env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@dataclass
class Recorder:
    """A small HTTP server that remembers what it was asked, and answers each request with its headers."""

    url: str
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def serving_here(server: ThreadingHTTPServer) -> Iterator[None]:
    """A server of the tests' own, in a thread, for as long as it is needed."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def recorder() -> Iterator[Recorder]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            it.requests.append((self.command, self.path, headers))
            body = json.dumps({"path": self.path, "headers": headers}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it = Recorder(f"http://127.0.0.1:{server.server_port}")
    with serving_here(server):
        yield it


@pytest.fixture(scope="session")
def canary() -> Iterator[Recorder]:
    """A server that nobody should ever ask anything."""
    with recorder() as it:
        yield it


@dataclass(frozen=True)
class Demo:
    """What `portcullis demo` tells a command."""

    issuer: str
    gateway: str
    free: tuple[str, str] = field(repr=False)
    premium: tuple[str, str] = field(repr=False)
    people: dict[str, tuple[str, str]] = field(repr=False)
    """Login and password of the admin, the scientist and the viewer."""
    app: str
    """The app that they sign in to."""
    config: Path
    log: Path

    def token(self, client: tuple[str, str], **form: str) -> str:
        form = {"grant_type": "client_credentials"} | form
        answer = httpx.post(f"{self.issuer}/token", data=form, auth=client, trust_env=False)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


TELL = """
import json, os, sys
words = ("PORTCULLIS_", "FREE_", "PREMIUM_", "DEMO_")
print(json.dumps({name: value for name, value in os.environ.items() if name.startswith(words)}), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo that runs while a command waits, which ends when it is told to; the demo ends with its code."""
    command: list[str | Path] = [PORTCULLIS, "demo", "--", sys.executable, "-c", TELL]
    log = tmp_path_factory.mktemp("demo") / "log"
    pipe = subprocess.PIPE
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=sink, env=environment())
    assert process.stdin and process.stdout
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            assert selector.select(PATIENCE), "the demo did not become ready"
        line = process.stdout.readline()
        assert line, f"the demo ended with {process.wait(PATIENCE)}:\n{log.read_text()}"
        env = json.loads(line)
        yield Demo(
            issuer=env["PORTCULLIS_ISSUER"],
            gateway=env["PORTCULLIS_GATEWAY"],
            free=(env["FREE_CLIENT_ID"], env["FREE_CLIENT_SECRET"]),
            premium=(env["PREMIUM_CLIENT_ID"], env["PREMIUM_CLIENT_SECRET"]),
            people={
                "admin": (env["DEMO_ADMIN_USER"], env["DEMO_ADMIN_PASSWORD"]),
                "scientist": (env["DEMO_USER"], env["DEMO_PASSWORD"]),
                "viewer": (env["DEMO_VIEWER_USER"], env["DEMO_VIEWER_PASSWORD"]),
            },
            app=env["DEMO_APP"],
            config=Path(env["PORTCULLIS_CONFIG"]),
            log=log,
        )
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)
        process.stdout.close()
