"""Relying parties that nobody here wrote: Apache's module, which is certified, and Authlib."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest
from authlib.integrations.httpx_client import OAuth2Client
from house import free_port, running, wait_until
from provider import BACK, Provider

MODULES = Path("/usr/lib/apache2/modules")
APACHE = shutil.which("apache2", path="/usr/sbin:/usr/bin")
LOADED = ["mpm_event", "authn_core", "authz_core", "authz_user", "dir", "headers", "auth_openidc"]
CONFIG = """
ServerName localhost
ServerRoot "{folder}"
DefaultRuntimeDir "{folder}"
PidFile "{folder}/pid"
ErrorLog "{folder}/errors"
Listen 127.0.0.1:{port}
User www-data
Group www-data
ThreadsPerChild 4
StartServers 1
ServerLimit 1
MaxRequestWorkers 4
DocumentRoot "{folder}/site"

OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCCABundlePath "{folder}/ca.pem"
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCRedirectURI http://localhost:{port}/private/back
OIDCDefaultLoggedOutURL http://localhost:{port}/left.html
OIDCCryptoPassphrase "only for tests"
OIDCScope "openid profile email roles"
OIDCPKCEMethod S256
OIDCResponseMode {response_mode}
OIDCRemoteUserClaim email

<Location /private>
  AuthType openid-connect
  Require valid-user
  Header set seen-user "expr=%{{REMOTE_USER}}"
  Header set seen-name "expr=%{{reqenv:OIDC_CLAIM_name}}"
  Header set seen-roles "expr=%{{reqenv:OIDC_CLAIM_roles}}"
</Location>
<Location /private/admins>
  Require claim roles:admin
</Location>
"""


@pytest.fixture(params=["query", "form_post"])
def apache(provider: Provider, request: pytest.FixtureRequest) -> Iterator[str]:
    """A site of Apache's, behind a sign-in."""
    port = free_port()
    site = f"http://localhost:{port}"
    # Its processes give up root, and read this still.
    folder = Path(tempfile.mkdtemp(prefix="portcullis-apache-"))
    folder.chmod(0o755)
    shutil.copy(provider.authority.ca, folder / "ca.pem")
    for page in ("private/index.html", "private/admins/index.html", "left.html"):
        file = folder / "site" / page
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page)
    added = provider.cli(
        *["client", "add", "Apache", "--id", f"apache-{port}", "--redirect-uri", f"{site}/private/back"],
        *["--post-logout-redirect-uri", f"{site}/left.html", "--identity", "openid profile email roles"],
        *["--backchannel-logout-uri", f"{site}/private/back?logout=backchannel"],
        "--first-party",
    )
    loads = [f'LoadModule {name}_module "{MODULES}/mod_{name}.so"' for name in LOADED]
    config = folder / "apache.conf"
    said = CONFIG.format(folder=folder, port=port, issuer=provider.issuer, response_mode=request.param, **added)
    config.write_text("\n".join(loads) + said)
    command: list[str | Path] = [APACHE or "", "-f", config, "-DFOREGROUND"]
    try:
        with running(command, f"{site}/left.html", folder / "log"):
            yield site
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.skipif(not (APACHE and (MODULES / "mod_auth_openidc.so").exists()), reason="Apache is not installed")
def test_apache_signs_people_in_and_out(provider: Provider, apache: str) -> None:
    browser = provider.browser()

    def known() -> bool:
        return browser.get(f"{apache}/private/index.html").has("login-submit")

    wait_until(known, "the issuer does not know the client", pause=0.3)
    page = browser.get(f"{apache}/private/index.html")
    page = browser.through(page, *provider.person)
    if page.has("form-post-submit"):  # No script runs here that would send it.
        form = page.any_form()
        page = browser.post(form.action, form.fields)
    assert page.url == f"{apache}/private/index.html" and page.html == "private/index.html"
    seen = browser.http.get(page.url).headers
    assert (seen["seen-user"], seen["seen-name"]) == (provider.person[0], "Ada Example")
    assert "scientist" in seen["seen-roles"]
    assert browser.http.get(f"{apache}/private/admins/index.html").status_code == 401
    left = browser.get(f"{apache}/private/back?logout={apache}/left.html")
    assert left.url == f"{apache}/left.html"
    assert browser.get(f"{apache}/private/index.html").has("login-submit")


def test_authlib_goes_the_whole_way(provider: Provider) -> None:
    app = provider.register(client_name="Authlib", token_endpoint_auth_method="client_secret_basic")
    credentials = {"client_id": app.id, "client_secret": app.registered["client_secret"]}
    said = provider.metadata
    verifier = "authlib-" * 8
    with OAuth2Client(
        **credentials,
        scope="openid profile offline_access",
        redirect_uri=BACK,
        code_challenge_method="S256",
        token_endpoint=said["token_endpoint"],
        verify=provider.authority.trust(),
        trust_env=False,
    ) as client:
        url, state = client.create_authorization_url(
            said["authorization_endpoint"], code_verifier=verifier, nonce="authlib"
        )
        browser = provider.browser()
        page = browser.through(browser.get(url), *provider.person)
        token = client.fetch_token(authorization_response=page.url, code_verifier=verifier, state=state)
        assert jwt.decode(token["id_token"], options={"verify_signature": False})["nonce"] == "authlib"
        told: httpx.Response = client.get(said["userinfo_endpoint"])
        assert told.json()["name"] == "Ada Example"
        renewed = client.refresh_token(said["token_endpoint"], token["refresh_token"])
        assert renewed["access_token"] != token["access_token"]
        seen = client.introspect_token(said["introspection_endpoint"], renewed["access_token"])
        assert seen.json()["active"] is True
        assert client.revoke_token(said["revocation_endpoint"], renewed["refresh_token"]).status_code == 200
        assert client.introspect_token(said["introspection_endpoint"], renewed["access_token"]).json() == {
            "active": False
        }
