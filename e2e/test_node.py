"""Node's openid-client, oauth4webapi and jose, and the MCP TypeScript SDK, where Node is installed."""

import subprocess
from pathlib import Path

from house import PORTCULLIS, environment
from provider import Provider


def passes(command: list[str | Path], folder: Path, **env: str) -> None:
    env = environment(**env)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_node_clients_work(node_modules: Path) -> None:
    passes([PORTCULLIS, "demo", "--", "node", "--test", "clients.test.js", "people.test.js"], node_modules)


def test_the_mcp_sdk_gets_in(node_modules: Path, provider: Provider) -> None:
    document = f"{provider.site.url}/mcp-sdk.json"
    about = {"client_id": document, "client_name": "The agent", "redirect_uris": ["http://127.0.0.1/callback"]}
    about |= {"grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]}
    provider.site.publish("/mcp-sdk.json", about | {"token_endpoint_auth_method": "none"})
    login, password = provider.person
    passes(
        ["node", "--test", "mcp.test.js"],
        node_modules,
        GATEWAY=provider.gateway,
        DOCUMENT=document,
        LOGIN=login,
        PASSWORD=password,
        NODE_EXTRA_CA_CERTS=str(provider.authority.ca),
    )
