"""Node's openid-client, oauth4webapi and jose, where Node is installed."""

import subprocess
from pathlib import Path

from house import PORTCULLIS, environment


def test_node_clients_work(node_modules: Path) -> None:
    command: list[str | Path] = [PORTCULLIS, "demo", "--", "node", "--test", "clients.test.js", "people.test.js"]
    done = subprocess.run(command, cwd=node_modules, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
