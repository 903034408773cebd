"""Makes tokens, good and bad, with keys that are made at every run."""

import base64
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwcrypto import jwk

Json = dict[str, Any] | bytes
CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm, int]] = {
    "ES256": (ec.SECP256R1(), hashes.SHA256(), 32),
    "ES384": (ec.SECP384R1(), hashes.SHA384(), 48),
}
ORDER = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encoded(part: Json) -> str:
    return b64(part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode())


@dataclass(frozen=True)
class Key:
    """A key pair with its name and the one algorithm it is for."""

    kid: str
    alg: str
    private: Any

    @classmethod
    def make(cls, kid: str, alg: str) -> "Key":
        match alg:
            case "RS256" | "PS256":
                return cls(kid, alg, rsa.generate_private_key(65537, 2048))
            case "EdDSA" | "Ed25519":
                return cls(kid, alg, ed25519.Ed25519PrivateKey.generate())
            case _:
                return cls(kid, alg, ec.generate_private_key(CURVES[alg][0]))

    def public(self) -> dict[str, Any]:
        key: dict[str, Any] = json.loads(jwk.JWK.from_pyca(self.private.public_key()).export_public())
        return key | {"kid": self.kid, "alg": self.alg, "use": "sig"}

    def der(self, message: bytes) -> bytes:
        """An ECDSA signature in DER, as JOSE does not write it."""
        return bytes(self.private.sign(message, ec.ECDSA(CURVES[self.alg][1])))

    def sign(self, message: bytes) -> bytes:
        match self.alg:
            case "RS256":
                return bytes(self.private.sign(message, padding.PKCS1v15(), hashes.SHA256()))
            case "PS256":
                pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256().digest_size)
                return bytes(self.private.sign(message, pss, hashes.SHA256()))
            case "EdDSA" | "Ed25519":
                return bytes(self.private.sign(message))
            case _:
                return self.raw(*decode_dss_signature(self.der(message)))

    def raw(self, r: int, s: int) -> bytes:
        size = CURVES[self.alg][2]
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def other_s(self, signature: bytes) -> bytes:
        """The other signature that the same key and message have: (r, n - s)."""
        half = len(signature) // 2
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        return self.raw(r, ORDER[self.alg] - s)

    def header(self, **more: Any) -> dict[str, Any]:
        """The header of an access token; a member given as None is left out."""
        members = {"alg": self.alg, "typ": "at+jwt", "kid": self.kid} | more
        return {name: value for name, value in members.items() if value is not None}

    def token(self, header: Json, claims: Json) -> str:
        message = f"{encoded(header)}.{encoded(claims)}"
        return f"{message}.{b64(self.sign(message.encode()))}"
