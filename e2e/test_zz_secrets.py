"""When all is over: nothing that was secret lies where it does not belong. The last file, by its name."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest
from house import Demo, run
from notebook import NOTES, Notebook

WHOLE = 15
"""So many files of tests are a whole run."""
HEARD = {
    *("password", "session", "known", "browser", "code", "code_verifier", "access_token", "refresh_token", "id_token"),
    *("client_secret", "device_code", "link", "token", "registration_access_token", "client_assertion", "bearer"),
    "environment",
}
LINKS = ("/invitation", "/password-reset/choose")


@pytest.fixture(scope="module")
def notes(demo: Demo, request: pytest.FixtureRequest) -> Notebook:
    NOTES.houses[demo.config] = {}
    NOTES.folders |= {demo.config.parent, demo.log.parent}
    if len({item.path for item in request.session.items}) >= WHOLE:
        assert NOTES.kinds.keys() >= HEARD, HEARD - NOTES.kinds.keys()
        found = (len(NOTES.values), len(NOTES.shown_once), len(NOTES.pages), len(NOTES.houses))
        assert all(have >= least for have, least in zip(found, (1000, 15, 300, 6), strict=True)), found
    return NOTES


def found_in(files: Iterable[Path], secrets: Iterable[str], folder: Path) -> dict[str, set[str]]:
    """Which secrets are in which files: by grep, which is made for many words at once."""
    words = folder / "words"
    words.write_text("".join(f"{secret}\n" for secret in secrets))
    command = ["grep", "--text", "--only-matching", "--fixed-strings", "--with-filename", "--null", "--file", words]
    done = subprocess.run([*command, "--", *files], capture_output=True, timeout=120)
    words.unlink()
    assert done.returncode < 2, done.stderr
    found: dict[str, set[str]] = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        name, _, secret = line.partition("\0")
        found.setdefault(name, set()).add(secret)
    return found


def told(found: dict[str, set[str]], notes: Notebook) -> str:
    """Where, of which kind, and how they begin."""
    lines = []
    for name, secrets in found.items():
        for secret in secrets:
            kinds = [kind for kind, values in notes.kinds.items() if secret in values]
            lines.append(f"{name}: {kinds} {secret[:6]}…")
    return "\n".join(sorted(lines)[:40])


def test_it_would_be_found(notes: Notebook, tmp_path: Path) -> None:
    notes.note("a secret that was written down")
    (tmp_path / "log").write_bytes(b"\0\xff in between: a secret that was written down, and more")
    assert found_in([tmp_path / "log"], notes.values, tmp_path)
    notes.kinds["told"].remove("a secret that was written down")


def test_no_secret_is_in_a_log_or_a_database(notes: Notebook, tmp_path: Path) -> None:
    # A letter holds a link on purpose, and a proof is an argument of the command line, written by its test.
    found_there = (file for folder in notes.folders for file in folder.rglob("*") if file.is_file())
    files = [file for file in found_there if file.suffix not in (".eml", ".proof")]
    assert any(file.read_bytes()[:15] == b"SQLite format 3" for file in files), f"no database below {notes.folders}"
    found = found_in(files, notes.values, tmp_path)
    assert not found, told(found, notes)


def test_no_secret_is_in_an_export_of_the_audit_log_or_in_metrics(notes: Notebook, tmp_path: Path) -> None:
    files = []
    for place, (config, env) in enumerate(notes.houses.items()):
        if (config.parent / "dump.sql").exists():
            continue  # Its database is gone; it was exported before.
        files.append(tmp_path / f"audit-{place}.jsonl")
        done = run("audit", "export", "--out", files[-1], config=config, **env)
        assert done.returncode == 0, done.stderr
    for place, admin in enumerate(notes.admins):
        files.append(tmp_path / f"metrics-{place}")
        files[-1].write_text(httpx.get(f"{admin}/metrics", trust_env=False).text)
    found = found_in(files, notes.values, tmp_path)
    assert not found, told(found, notes)


def test_no_secret_is_on_a_page_but_the_one_that_shows_it(notes: Notebook, tmp_path: Path) -> None:
    pages = {}
    for place, (path, page) in enumerate(notes.pages):
        (file := tmp_path / f"page-{place}").write_text(page)
        pages[str(file)] = (path, page)
    found = {}
    for file, secrets in found_in(map(Path, pages), notes.values, tmp_path).items():
        path, page = pages[file]
        if "form-post-submit" in page:
            secrets -= notes.kinds.get("code", set()) | notes.kinds.get("response", set())
        if path.endswith(LINKS):
            secrets -= notes.kinds.get("token", set()) | notes.kinds.get("link", set())
        secrets = {secret for secret in secrets if notes.shown_once.get(secret, "nowhere") not in path}
        if secrets:
            found[path] = secrets
    assert not found, told(found, notes)
