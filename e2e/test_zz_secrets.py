"""When all is over: nothing that was secret lies where it does not belong. The last file, by its name."""

from pathlib import Path

import pytest
from browser import Secrets
from house import Demo, run


def test_no_secret_is_in_a_log_an_export_or_a_page(demo: Demo, secrets: Secrets, tmp_path: Path) -> None:
    everything = secrets.values | set(secrets.shown_once)
    if len(everything) < 10 or not secrets.pages:
        pytest.skip("nobody was at the pages before")
    export = tmp_path / "audit.jsonl"
    done = run("audit", "export", "--out", export, config=demo.config)
    assert done.returncode == 0, done.stderr
    data = {"the log": demo.log.read_bytes(), "the audit log": export.read_bytes()}
    # Also the database itself, with what waits to be written into it.
    folder = demo.config.parent
    data |= {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert any(content.startswith(b"SQLite format 3") for content in data.values()), f"no database below {folder}"
    for name, content in data.items():
        found = [secret[:4] for secret in everything if secret.encode() in content]
        assert not found, f"{len(found)} secrets in {name}: those that begin with {found}"
    for path, page in secrets.pages:
        found = [
            secret[:4]
            for secret in everything
            if secret in page and not path.startswith(secrets.shown_once.get(secret, "nowhere"))
        ]
        assert not found, f"{len(found)} secrets on {path}: those that begin with {found}"
