"""Gets a token that may do one thing, does that, and is refused the other.

Needs PORTCULLIS_ISSUER, FREE_CLIENT_ID and FREE_CLIENT_SECRET, and the address of the API:

    python client.py http://127.0.0.1:9000
"""

import os
import sys

import httpx


def main(api: str) -> None:
    issuer = os.environ["PORTCULLIS_ISSUER"]
    client = (os.environ["FREE_CLIENT_ID"], os.environ["FREE_CLIENT_SECRET"])
    metadata = httpx.get(f"{issuer}/.well-known/oauth-authorization-server").raise_for_status().json()
    form = {"grant_type": "client_credentials", "scope": "generate:basic"}
    granted = httpx.post(metadata["token_endpoint"], data=form, auth=client).raise_for_status().json()
    print(f"A token for {granted['expires_in']} seconds with scope: {granted['scope']}\n")

    with httpx.Client(base_url=api, headers={"Authorization": f"Bearer {granted['access_token']}"}) as http:
        answer = http.post("/generate", json={"prompt": "The"}).raise_for_status()
        print(f"POST /generate: {answer.status_code}\n  {answer.json()['text']}\n")

        refused = http.post("/generate/premium", json={"prompt": "The"})
        problem = refused.json()
        print(f"POST /generate/premium: {refused.status_code}")
        print(f"  why      {problem['title']} ({problem['code']})")
        print(f"  remedy   {problem['detail']}")
        print(f"  decision {problem['decision_id']}")
        print(f"  WWW-Authenticate: {refused.headers['www-authenticate']}")
    if refused.status_code != 403:
        sys.exit("premium should have been refused")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
