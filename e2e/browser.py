"""A real browser in front of the real program, with somebody who clicks, types and keeps what was secret."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
from axe_playwright_python.sync_playwright import Axe
from house import Demo
from notebook import COOKIES, NOTES, Notebook
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, sync_playwright

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""Of axe: all of WCAG 2.2 AA. By itself it leaves the size of targets out."""


Secrets = Notebook


@pytest.fixture(scope="session")
def secrets(demo: Demo) -> Notebook:
    NOTES.note(demo.free[1], demo.premium[1], kind="client_secret")
    NOTES.note(*(password for _, password in demo.people.values()), kind="password")
    return NOTES


# One for each module: while it runs, its event loop keeps other tests of the thread from having their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    program = os.environ.get("CHROMIUM_BIN") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "there is no chromium; apt-get install chromium"
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=sandbox)
        yield browser
        browser.close()


class House(Protocol):
    """What a visitor comes to."""

    @property
    def issuer(self) -> str: ...
    @property
    def people(self) -> dict[str, tuple[str, str]]: ...


@dataclass
class Visitor:
    """Somebody with a browser of their own."""

    house: House
    context: BrowserContext
    page: Page
    secrets: Secrets = field(repr=False)
    errors: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return self.house.issuer

    def go(self, path: str) -> Response:
        answer = self.page.goto(f"{self.issuer}{path}")
        assert answer
        return answer

    def type_password(self, who: str | tuple[str, str]) -> None:
        login, password = self.house.people[who] if isinstance(who, str) else who
        self.page.fill("#login", login)
        self.page.fill("#password", password)
        self.page.click(".login-submit")

    def sign_in(self, who: str | tuple[str, str], to: str = "/account") -> None:
        self.go("/sign-in")
        self.type_password(who)
        self.page.wait_for_url(f"{self.issuer}{to}")

    def click(self, selector: str) -> None:
        self.page.click(selector)

    def text(self) -> str:
        return self.page.inner_text("main")

    def keep(self) -> None:
        """Remembers the cookies, which are as good as passwords while they last."""
        for cookie in self.context.cookies():
            if (kind := cookie["name"].removeprefix("__Host-")) in COOKIES:
                self.secrets.note(cookie["value"], kind=kind)

    def authenticator(self) -> None:
        """Plugs in an authenticator that always agrees."""
        devtools = self.context.new_cdp_session(self.page)
        devtools.send("WebAuthn.enable")
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})

    def inspect(self) -> None:
        """The page as it is now, light and dark, wide and narrow: nothing for axe, nothing to scroll sideways."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            found = [
                f"{wrong['id']}: {node['html'][:160]}"
                for wrong in Axe().run(self.page, options={"runOnly": RULES}).response["violations"]
                for node in wrong["nodes"]
            ]
            assert not found, f"{self.page.url}, {scheme}: {found}"
        size = self.page.viewport_size
        self.page.set_viewport_size({"width": 320, "height": 640})
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320, f"{self.page.url} is {width} px wide"
        if folder := os.environ.get("SCREENSHOTS"):
            name = self.page.url.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
            self.page.screenshot(path=f"{folder}/{name}-320.png", full_page=True)
            self.page.set_viewport_size({"width": 1200, "height": 800})
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)
        if size:
            self.page.set_viewport_size(size)


NewVisitor = Callable[..., Visitor]


@pytest.fixture
def visitor(demo: Demo, chromium: Browser, secrets: Secrets) -> Iterator[NewVisitor]:
    """Makes visitors; each has a browser of their own."""
    all_: list[Visitor] = []

    def make(house: House | None = None, **options: Any) -> Visitor:
        # No browser knows the authority of the tests.
        options = {"viewport": {"width": 1200, "height": 800}, "ignore_https_errors": house is not None} | options
        context = chromium.new_context(**options)
        context.set_default_timeout(10_000)
        it = Visitor(house or demo, context, context.new_page(), secrets)
        it.page.on("pageerror", lambda error: it.errors.append(str(error)))

        def console(message: Any) -> None:
            # What a policy forbids shows here. That a form was refused does, too, and is no mistake of the page.
            # And what pages of others do is theirs.
            ours = message.location["url"].startswith(it.issuer)
            if ours and message.type == "error" and "status of 4" not in message.text:
                it.errors.append(message.text)

        def keep(answer: Response) -> None:
            url = answer.url
            if url.startswith(it.issuer) and "text/html" in answer.headers.get("content-type", ""):
                try:
                    secrets.page(url, answer.text())
                except Exception:
                    return  # a page that was left before it was read

        def heard(request: Request) -> None:
            secrets.address(request.url)
            secrets.body(request.headers.get("content-type", ""), request.post_data or "")

        it.page.on("request", heard)
        it.page.on("console", console)
        it.page.on("response", keep)
        all_.append(it)
        return it

    yield make
    errors = [error for it in all_ for error in it.errors]
    for it in all_:
        it.keep()
        it.context.close()
    assert not errors
