"""Node's openid-client, oauth4webapi and jose, where Node is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest
from house import PORTCULLIS, environment

HERE = Path(__file__).parent / "node"
FILES = ["package.json", "package-lock.json", "visitor.js", "clients.test.js", "people.test.js"]


@pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="Node is not installed")
def test_node_clients_work(tmp_path: Path) -> None:
    for file in FILES:
        shutil.copy(HERE / file, tmp_path)
    install = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    installed = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert installed.returncode == 0, installed.stderr
    command: list[str | Path] = [PORTCULLIS, "demo", "--", "node", "--test"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
