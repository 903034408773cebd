"""Everything that was secret in a run of the tests, wherever it was said, and every house that heard it.

It listens where httpx sends, so that no test must remember to tell. test_zz_secrets.py looks for all of it in the end.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

SHORTEST = 12
"""Shorter ones, such as codes of six digits, are somewhere by chance."""
LONGEST = 20_000
FORM = ("application/x-www-form-urlencoded", "application/json")
FIELDS = {
    # What people type; RFC 6749, RFC 7636, RFC 7009, RFC 7523, RFC 8628, RFC 7591, RFC 7592, OpenID Connect Core
    *("password", "current", "client_secret", "code", "code_verifier", "refresh_token", "access_token", "id_token"),
    *("token", "device_code", "client_assertion", "registration_access_token", "response", "id_token_hint"),
    # Of our own commands.
    *("secret", "link"),
}
COOKIES = {"session", "known", "browser"}


@dataclass
class Notebook:
    """What was secret, by kind; what people were shown; and the houses."""

    kinds: dict[str, set[str]] = field(default_factory=dict, repr=False)
    shown_once: dict[str, str] = field(default_factory=dict, repr=False)
    """Secrets that one page shows on purpose, and the path of that page."""
    pages: list[tuple[str, str]] = field(default_factory=list, repr=False)
    houses: dict[Path, dict[str, str]] = field(default_factory=dict, repr=False)
    """Configurations, and the environment that their commands need."""
    folders: set[Path] = field(default_factory=set)
    """Where houses keep what they write: databases, logs, dumps."""
    admins: list[str] = field(default_factory=list)

    @property
    def values(self) -> set[str]:
        return set().union(*self.kinds.values(), self.shown_once)

    def note(self, *values: str, kind: str = "told") -> None:
        for value in values:
            if SHORTEST <= len(value) <= LONGEST:
                self.kinds.setdefault(kind, set()).add(value)
                signature = value.rpartition(".")[2]
                if value.count(".") == 2 and len(signature) > SHORTEST:
                    self.kinds[kind].add(signature)  # A database may break a long token in two.

    def fields(self, pairs: Iterator[tuple[str, Any]]) -> None:
        for name, value in pairs:
            if name in FIELDS and isinstance(value, str):
                kind = "link" if value.startswith("http") else name
                self.note(value.rpartition("token=")[2] if kind == "link" else value, kind=kind)

    def body(self, media: str, content: str) -> None:
        if media.startswith(FORM[0]):
            self.fields(iter(parse_qsl(content)))
        elif media.startswith(FORM[1]):
            try:
                read = json.loads(content)
            except ValueError:
                return
            if isinstance(read, dict):
                # In an answer that is no secret: the name of a refusal.
                self.fields((name, value) for name, value in read.items() if name != "code")

    def headers(self, found: list[tuple[str, str]]) -> None:
        for name, value in found:
            name = name.lower()
            if name == "authorization":
                scheme, _, word = value.partition(" ")
                self.note(word, kind=scheme.lower())
                if scheme == "Basic":
                    self.note(base64.b64decode(word).decode().partition(":")[2], kind="client_secret")
            elif name in ("cookie", "set-cookie"):
                for part in value.split(";"):
                    cookie, _, word = part.strip().partition("=")
                    if cookie.removeprefix("__Host-") in COOKIES:
                        self.note(word, kind=cookie.removeprefix("__Host-"))
            elif name == "location":
                self.address(value)

    def address(self, url: str) -> None:
        self.fields(iter(parse_qsl(urlsplit(url).query)))

    def page(self, url: str, content: str) -> None:
        self.pages.append((urlsplit(url).path, content))

    def request(self, request: httpx.Request) -> None:
        self.headers(request.headers.multi_items())
        self.address(str(request.url))
        try:
            self.body(request.headers.get("content-type", ""), request.content.decode())
        except (httpx.RequestNotRead, UnicodeDecodeError):
            return

    def response(self, response: httpx.Response) -> None:
        self.headers(response.headers.multi_items())
        media = response.headers.get("content-type", "")
        self.body(media, response.text)
        # Others have pages, too.
        if media.startswith("text/html") and "content-security-policy" in response.headers:
            self.page(str(response.url), response.text)


NOTES = Notebook()


def listen() -> None:
    """From now on, to everything that httpx sends."""
    send = httpx.Client.send

    def heard(client: httpx.Client, request: httpx.Request, **how: Any) -> httpx.Response:
        NOTES.request(request)
        response = send(client, request, **how)
        if not how.get("stream"):
            NOTES.response(response)
        return response

    httpx.Client.send = heard  # type: ignore[method-assign]


listen()
