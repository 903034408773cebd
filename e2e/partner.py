"""A partner's identity provider: keys, discovery, and tokens with whatever claims a test wants."""

import base64
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from house import serving_here
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from notebook import NOTES


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it."""
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


@dataclass
class Partner:
    """It signs with its newest key and publishes all it has."""

    url: str = ""
    keys: list[Any] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def rotate(self, kid: str, kind: str = "RS256") -> None:
        parameters: Any = {"kid": kid, "alg": kind, "use": "sig"}
        key: RSAKey | ECKey = (
            RSAKey.generate_key(2048, parameters) if kind == "RS256" else ECKey.generate_key("P-256", parameters)
        )
        self.keys.insert(0, key)

    def token(self, key: RSAKey | ECKey | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(time.time())
        usual = {"iss": self.url, "sub": "alice", "iat": now, "exp": now + 600, "jti": str(uuid.uuid4())}
        chosen = {name: value for name, value in (usual | claims).items() if value is not None}
        key = key or self.keys[0]
        head = {"alg": key.alg, "kid": key.kid, "typ": "JWT"} | (header or {})
        token = jwt.encode(head, chosen, key)
        NOTES.note(token, kind="partner's token")
        return token


@contextmanager
def partner(kind: str = "RS256") -> Iterator[Partner]:
    here = Partner()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            here.asked.append(self.path)
            if self.path == "/.well-known/openid-configuration":
                self.answer({"issuer": here.url, "jwks_uri": f"{here.url}/keys"})
            elif self.path == "/keys":
                self.answer(KeySet(here.keys).as_dict(private=False))
            else:
                self.send_error(404)

        def answer(self, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.url = f"http://127.0.0.1:{server.server_port}"
    here.rotate("first", kind)
    with serving_here(server):
        yield here
