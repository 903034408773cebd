"""A person without a browser: follows redirects, fills in forms, keeps cookies. No script runs here."""

import base64
import hashlib
import hmac
import re
import ssl
import struct
import time
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx


@dataclass
class Form:
    """A form of a page, with what its fields hold, and its buttons by class."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


class Forms(HTMLParser):
    """The forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get").lower()))
        elif self.forms and tag == "input" and found.get("name") and found.get("type") != "submit":
            if found.get("type") not in {"checkbox", "radio"} or "checked" in found:
                self.forms[-1].fields[found["name"]] = found.get("value", "")
        elif self.forms and tag == "button":
            pair = (found.get("name", ""), found.get("value", ""))
            for name in found.get("class", "").split():
                self.forms[-1].buttons[name] = pair


@dataclass
class Page:
    """What is on the screen: or where an app was sent, if that is nowhere to be had."""

    url: str
    status: int = 0
    html: str = ""

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()}

    def form(self, button: str) -> Form:
        parser = Forms()
        parser.feed(self.html)
        for form in parser.forms:
            if button in form.buttons:
                return form
        raise AssertionError(f"no button .{button} at {self.url} ({self.status}):\n{self.html}")

    def link(self, part: str) -> str:
        """The address of the first link that has this in it."""
        found = re.search(f'href="([^"]*{re.escape(part)}[^"]*)"', self.html)
        assert found, f"no link to {part} at {self.url} ({self.status}):\n{self.html}"
        return unescape(found[1])

    def any_form(self) -> Form:
        """The first form, whatever its buttons are called: one that sends itself."""
        parser = Forms()
        parser.feed(self.html)
        assert parser.forms, f"no form at {self.url} ({self.status}):\n{self.html}"
        return parser.forms[0]

    def has(self, button: str) -> bool:
        return f'class="{button}"' in self.html or f"{button} " in self.html or f' {button}"' in self.html


class Visitor:
    """One browser. `stops_at` are addresses that are not fetched: the redirect URIs of apps that are not there."""

    def __init__(self, *stops_at: str, verify: ssl.SSLContext | bool = True) -> None:
        self.http = httpx.Client(trust_env=False, timeout=30, verify=verify)
        self.stops_at = stops_at

    def get(self, url: str) -> Page:
        return self._go(self.http.build_request("GET", url))

    def post(self, url: str, form: dict[str, str]) -> Page:
        return self._go(self.http.build_request("POST", url, data=form))

    def press(self, page: Page, button: str, **filled: str) -> Page:
        form = page.form(button)
        name, value = form.buttons[button]
        data = form.fields | filled | ({name: value} if name else {})
        url = urljoin(page.url, form.action)
        if form.method == "get":
            return self._go(self.http.build_request("GET", url, params=data))
        return self._go(self.http.build_request("POST", url, data=data))

    def sign_in(self, page: Page, login: str, password: str) -> Page:
        return self.press(page, "login-submit", login=login, password=password)

    def through(self, page: Page, login: str, password: str) -> Page:
        """Signs in and agrees, as far as either is asked for."""
        if page.has("login-submit"):
            page = self.sign_in(page, login, password)
        if page.has("consent-approve"):
            page = self.press(page, "consent-approve")
        return page

    def _go(self, request: httpx.Request) -> Page:
        for _ in range(20):
            if str(request.url).startswith(self.stops_at) and self.stops_at:
                return Page(str(request.url))
            answer = self.http.send(request)
            if not answer.has_redirect_location:
                return Page(str(answer.url), answer.status_code, answer.text)
            assert answer.status_code in {302, 303}, answer.status_code
            target = urljoin(str(answer.url), answer.headers["location"])
            request = self.http.build_request("GET", target)
        raise AssertionError("too many redirects")


def totp(key: str, ahead: int = 0) -> str:
    """RFC 6238, as an app has it; `ahead` steps of half a minute from now."""
    text = key.replace(" ", "")
    secret = base64.b32decode(text + "=" * (-len(text) % 8))
    mac = hmac.new(secret, struct.pack(">Q", int(time.time()) // 30 + ahead), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at : at + 4])[0] & 0x7FFFFFFF) % 10**6:06}"
