"""`portcullis jose` and jwcrypto read what the other wrote, in every algorithm that both know, both ways."""

import json
import subprocess
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from house import PORTCULLIS, environment
from jwcrypto import jwe as jwcrypto_jwe
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jws as jwcrypto_jws

SIGNATURES = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "ES256K",
    "EdDSA",
    "HS256",
    "HS384",
    "HS512",
]
AGREEMENTS = [
    (alg, crv)
    for alg in ("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW")
    for crv in ("P-256", "P-384", "P-521", "X25519")
]
WRAPPINGS = ["RSA-OAEP", "RSA-OAEP-256", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW"]
CONTENTS = ["A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"]
PAYLOAD = '{"text": "Größe, 大きさ", "bytes": "\u0001\u001f", "n": [1, null, true]}\r\n'.encode()


def jose(*arguments: str | Path, stdin: bytes | str = b"") -> subprocess.CompletedProcess[bytes]:
    given = stdin.encode() if isinstance(stdin, str) else stdin
    return subprocess.run([PORTCULLIS, "jose", *arguments], input=given, capture_output=True, env=environment())


def output(*arguments: str | Path, stdin: bytes | str = b"") -> bytes:
    done = jose(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def generated(folder: Path, *options: str) -> tuple[Path, dict[str, Any]]:
    file = folder / "key.json"
    file.write_bytes(output("generate", *options))
    key: dict[str, Any] = json.loads(file.read_text())
    return file, key


def theirs(key: dict[str, Any]) -> Any:
    # jwcrypto knows Ed25519 only by its older name.
    return jwcrypto_jwk.JWK(**(key | {"alg": "EdDSA"} if key.get("alg") == "Ed25519" else key))


@pytest.mark.parametrize("alg", SIGNATURES)
def test_what_one_signs_the_other_verifies(tmp_path: Path, alg: str) -> None:
    file, key = generated(tmp_path, "--alg", alg)
    token = output("sign", "--key", file, stdin=PAYLOAD).decode().strip()
    jws = jwcrypto_jws.JWS()
    jws.allowed_algs = [alg]
    jws.deserialize(token, theirs(key))
    assert jws.payload == PAYLOAD

    for compact in (True, False):
        made = jwcrypto_jws.JWS(PAYLOAD)
        made.allowed_algs = [alg]
        made.add_signature(theirs(key), alg, json.dumps({"alg": alg, "kid": key["kid"]}))
        assert output("verify", "--key", file, stdin=made.serialize(compact)) == PAYLOAD

    other = tmp_path / "other"
    other.mkdir()
    refused = jose("verify", "--key", generated(other, "--alg", alg)[0], stdin=token)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert refused.stderr


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_pyjwt_verifies_what_we_sign_by_the_public_half(tmp_path: Path, alg: str) -> None:
    public = tmp_path / "public.json"
    file, key = generated(tmp_path, "--alg", alg, "--public", str(public))
    token = output("sign", "--key", file, "--typ", "JWT", stdin=b'{"sub":"me"}').decode().strip()
    published = json.loads(public.read_text())
    assert "d" not in published
    found = pyjwt.decode(token, pyjwt.PyJWK(published, algorithm=alg), algorithms=[alg])
    assert found == {"sub": "me"}
    assert pyjwt.get_unverified_header(token) == {"alg": key["alg"], "typ": "JWT", "kid": key["kid"]}


def both_ways(file: Path, key: dict[str, Any], alg: str, enc: str) -> None:
    token = output("encrypt", "--key", file, "--alg", alg, "--enc", enc, stdin=PAYLOAD).decode().strip()
    jwe = jwcrypto_jwe.JWE(algs=[alg, enc])
    jwe.deserialize(token, theirs(key))
    assert jwe.payload == PAYLOAD

    for compact in (True, False):
        made = jwcrypto_jwe.JWE(PAYLOAD, json.dumps({"alg": alg, "enc": enc}), algs=[alg, enc])
        made.add_recipient(theirs(key))
        text = made.serialize(compact)
        assert output("decrypt", "--key", file, stdin=text) == PAYLOAD
    tag = text.rindex('"tag":"') + 7
    changed = text[:tag] + ("B" if text[tag] == "A" else "A") + text[tag + 1 :]
    refused = jose("decrypt", "--key", file, stdin=changed)
    assert (refused.returncode, refused.stdout) == (1, b"")


@pytest.mark.parametrize("alg", WRAPPINGS)
def test_what_one_encrypts_the_other_decrypts(tmp_path: Path, alg: str) -> None:
    both_ways(*generated(tmp_path, "--alg", alg), alg, "A256GCM")


@pytest.mark.parametrize(("alg", "crv"), AGREEMENTS)
def test_keys_are_agreed_on_the_same_way(tmp_path: Path, alg: str, crv: str) -> None:
    both_ways(*generated(tmp_path, "--alg", alg, "--crv", crv), alg, "A128CBC-HS256")


@pytest.mark.parametrize("enc", CONTENTS)
def test_content_is_encrypted_the_same_way(tmp_path: Path, enc: str) -> None:
    both_ways(*generated(tmp_path, "--alg", enc), "dir", enc)


@pytest.mark.parametrize("alg", ["RS256", "ES512", "Ed25519", "HS256"])
def test_thumbprints_are_the_same(tmp_path: Path, alg: str) -> None:
    file, key = generated(tmp_path, "--alg", alg)
    assert output("thumbprint", file).decode().split()[0] == theirs(key).thumbprint() == key["kid"]


def test_a_signature_over_unencoded_bytes_travels_without_them(tmp_path: Path) -> None:
    file, key = generated(tmp_path, "--alg", "ES256")
    body = tmp_path / "body.bin"
    body.write_bytes(PAYLOAD)
    unencoded = ["--header", '{"b64":false}', "--detached", "--serialization", "flattened"]
    signed = output("sign", "--key", file, *unencoded, body)
    assert "payload" not in json.loads(signed)
    assert output("verify", "--key", file, "--detached", body, stdin=signed) == PAYLOAD
    jws = jwcrypto_jws.JWS()
    jws.deserialize(signed.decode())
    jws.verify(theirs(key), detached_payload=PAYLOAD)


def test_a_token_for_nobody_is_refused_with_a_reason_and_nothing_on_stdout(tmp_path: Path) -> None:
    file, _ = generated(tmp_path, "--alg", "ES256")
    for token in ("", "a.b", "eyJhbGciOiJub25lIn0.e30.", "{}", '{"payload":"","signatures":[]}', "[" * 100_000):
        refused = jose("verify", "--key", file, stdin=token)
        assert (refused.returncode, refused.stdout) == (1, b""), token[:40]
        assert refused.stderr
