"""`portcullis login`: a person at a terminal, whose tokens end when the person says so."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from house import PATIENCE, PORTCULLIS, Demo, environment, run
from visitor import Visitor

WITHIN = 5.0
"""Seconds until every gateway refuses what was ended."""


@contextmanager
def login(demo: Demo, kept: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    env = environment(PORTCULLIS_LOGINS=str(kept), PORTCULLIS_ISSUER=demo.issuer)
    command = [PORTCULLIS, "login", *flags]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
    try:
        yield process
        assert process.wait(PATIENCE) == 0, process.stderr.read() if process.stderr else ""
    finally:
        process.kill()
        process.wait()


def said(process: subprocess.Popen[str], pattern: str) -> str:
    assert process.stderr
    for line in process.stderr:
        found = re.search(pattern, line)
        if found:
            return found.group(1)
    raise AssertionError(f"it never said {pattern}")


def token(demo: Demo, kept: Path) -> str:
    done = run("token", "get", PORTCULLIS_LOGINS=str(kept), PORTCULLIS_ISSUER=demo.issuer)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def generate(demo: Demo, token: str, path: str = "/generate") -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.post(f"{demo.gateway}{path}", json={"prompt": "Hello"}, headers=headers, trust_env=False)


def refused_soon(demo: Demo, token: str) -> str:
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        answer = generate(demo, token)
        if answer.status_code == 401:
            return str(answer.json().get("code"))
        time.sleep(0.05)
    raise AssertionError("the gateway still lets the token through")


def test_the_browser_of_this_machine_signs_the_terminal_in(demo: Demo, tmp_path: Path) -> None:
    kept = tmp_path / "logins.json"
    with login(demo, kept, "--no-open") as process:
        address = said(process, r"(http://\S+/authorize\S*)")
        visitor = Visitor()
        page = visitor.through(visitor.get(address), *demo.people["viewer"])
        assert "go back to the terminal" in page.html
    assert kept.stat().st_mode & 0o077 == 0
    mine = token(demo, kept)
    assert generate(demo, mine).status_code == 200
    assert generate(demo, mine, "/generate/premium").status_code == 403, "a viewer has the basic model"
    who, _ = demo.people["viewer"]
    ended = run("session", "end", who, "--all", config=demo.config)
    assert re.search(r"grants? with offline_access lives? on", ended.stderr), ended.stderr
    assert f"portcullis person disable {who}" in ended.stderr
    assert generate(demo, mine).status_code == 200, "it is for when the person is away"
    again = run("token", "get", PORTCULLIS_LOGINS=str(kept))
    assert again.stdout.strip() == mine, f"without a configuration, the only sign-in is meant: {again.stderr}"
    out = run("logout", PORTCULLIS_LOGINS=str(kept))
    assert out.returncode == 0, out.stderr
    assert refused_soon(demo, mine) == "revoked"
    gone = run("token", "get", PORTCULLIS_LOGINS=str(kept), PORTCULLIS_ISSUER=demo.issuer)
    assert gone.returncode == 1 and "portcullis login" in gone.stderr


def test_another_device_signs_the_terminal_in(demo: Demo, tmp_path: Path) -> None:
    kept = tmp_path / "logins.json"
    with login(demo, kept, "--device") as process:
        address = said(process, r"(http://\S+user_code=\S+)")
        drain = threading.Thread(target=lambda: process.stderr.read() if process.stderr else "")
        drain.start()
        visitor = Visitor()
        page = visitor.get(address)
        for _ in range(4):
            if page.has("login-submit"):
                page = visitor.sign_in(page, *demo.people["scientist"])
            elif page.has("consent-approve"):
                page = visitor.press(page, "consent-approve")
                break
            elif page.has("device-submit"):
                page = visitor.press(page, "device-submit")
    assert generate(demo, token(demo, kept), "/generate/premium").status_code == 200


def test_many_terminals_share_one_refresh_token(demo: Demo, tmp_path: Path) -> None:
    kept = tmp_path / "logins.json"
    with login(demo, kept, "--no-open") as process:
        address = said(process, r"(http://\S+/authorize\S*)")
        visitor = Visitor()
        visitor.through(visitor.get(address), *demo.people["viewer"])
    text = kept.read_text()
    kept.write_text(re.sub(r'"expires": ?\d+', '"expires":0', text))
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(token(demo, kept))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4 and all(generate(demo, answer).status_code == 200 for answer in answers)
