"""Keys change while everything runs, and no token fails because of it."""

from typing import Any

import httpx
import portcullis
from house import Demo, data, wait_until


def kids(demo: Demo) -> set[str]:
    jwks: dict[str, Any] = httpx.get(f"{demo.issuer}/jwks", trust_env=False).json()
    return {key["kid"] for key in jwks["keys"]}


def opens(demo: Demo, token: str) -> bool:
    bearer = {"authorization": f"Bearer {token}"}
    return httpx.get(f"{demo.gateway}/v1/models", headers=bearer, trust_env=False).status_code == 200


def test_old_and_new_tokens_pass_before_and_after_rotations(demo: Demo) -> None:
    verifier = portcullis.Verifier(audience=demo.gateway, issuer=demo.issuer, cache=0)
    need = verifier.need(["model:list"])
    tokens = [demo.token(demo.free)]
    signers = {verifier.verify(tokens[0], need).kid}
    for turn in range(2):
        before = kids(demo)
        data("key", "rotate", "--now", config=demo.config)
        wait_until(lambda before=before: kids(demo) > before, "the new key is published")  # type: ignore[misc]

        def signed_by_the_next(turn: int = turn) -> bool:
            # Each of these passes, whichever key it was signed with.
            tokens.append(demo.token(demo.free))
            assert opens(demo, tokens[-1])
            signers.add(verifier.verify(tokens[-1], need).kid)
            return len(signers) == turn + 2

        wait_until(signed_by_the_next, "the next key signs")
        assert all(opens(demo, token) for token in tokens)
        assert all(verifier.verify(token, need) for token in tokens)
    assert signers <= kids(demo)


def test_tokens_of_a_disabled_client_end_at_the_gateway_within_a_moment(demo: Demo) -> None:
    added = data("client", "add", "Short-lived", "--id", "short-lived", "--scope", "model:list", config=demo.config)
    client = ("short-lived", added["client_secret"])
    form = {"grant_type": "client_credentials"}

    def known() -> bool:
        return httpx.post(f"{demo.issuer}/token", data=form, auth=client, trust_env=False).status_code == 200

    wait_until(known, "the new client is known", pause=0.5)
    token = demo.token(client)
    assert opens(demo, token)
    data("client", "disable", "short-lived", config=demo.config)
    wait_until(lambda: not opens(demo, token), "its token is refused")
    refused = httpx.get(f"{demo.gateway}/v1/models", headers={"authorization": f"Bearer {token}"}, trust_env=False)
    assert (refused.status_code, refused.json()["error"]["reason"]) == (401, "revoked")
    assert httpx.post(f"{demo.issuer}/token", data=form, auth=client, trust_env=False).status_code == 401
