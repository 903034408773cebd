"""People at the pages of the issuer: signing in, and looking after themselves."""

from contextlib import suppress

from browser import NewVisitor, Secrets, Visitor
from house import Demo
from playwright.sync_api import Error
from visitor import totp

PARTS = [
    "",
    "/profile",
    "/passkeys",
    "/authenticator",
    "/recovery-codes",
    "/password",
    "/sessions",
    "/apps",
    "/activity",
]
KIB = 1024


def test_the_keyboard_alone_signs_in(demo: Demo, visitor: NewVisitor) -> None:
    it = visitor()
    it.go("/sign-in")
    login, password = demo.people["viewer"]
    it.page.keyboard.type(login)
    it.page.keyboard.press("Tab")
    it.page.keyboard.type(password)
    it.page.keyboard.press("Enter")
    it.page.wait_for_url(f"{it.issuer}/account")
    assert login in it.text()


def test_a_wrong_password_is_said_at_the_top_and_beside_the_field(visitor: NewVisitor) -> None:
    it = visitor()
    said = []
    for login in ("viewer", "nobody"):
        it.go("/sign-in")
        it.page.fill("#login", login)
        it.page.fill("#password", "not the password")
        it.click(".login-submit")
        assert it.page.input_value("#login") == login and it.page.input_value("#password") == ""
        assert it.page.get_attribute("#login", "aria-invalid") == "true"
        said.append((it.page.inner_text("[role=alert]"), it.page.inner_text("#login-wrong")))
        it.click("[role=alert] a")
        assert it.page.evaluate("document.activeElement.id") == "login"
    assert said[0] == said[1]
    it.inspect()


def enrol(it: Visitor, secrets: Secrets) -> tuple[str, list[str]]:
    """Sets an authenticator app up; gives its key and the recovery codes."""
    it.go("/account/authenticator")
    it.click(".totp-begin")
    key = it.page.inner_text(".totp-key")
    secrets.shown_once[key] = secrets.shown_once[key.replace(" ", "")] = "/account/authenticator"
    it.page.fill("#otp", "000000")
    it.click(".otp-submit")
    assert "not right" in it.page.inner_text("#otp-wrong") and it.page.inner_text(".totp-key") == key
    it.page.fill("#otp", totp(key))
    it.click(".otp-submit")
    codes = it.page.inner_text(".codes").split()
    secrets.shown_once.update(dict.fromkeys(codes, "/account/authenticator"))
    return key, codes


def test_an_authenticator_app_is_set_up_and_asked_for(visitor: NewVisitor, secrets: Secrets) -> None:
    here = visitor()
    here.sign_in("scientist")
    key, codes = enrol(here, secrets)
    here.inspect()
    assert len(codes) == 10
    here.go("/account/recovery-codes")
    assert "10 codes left" in here.text() and codes[0] not in here.page.content()

    there = visitor()
    there.go("/sign-in")
    there.type_password("scientist")
    there.page.wait_for_selector("#otp")
    there.inspect()
    there.page.fill("#otp", "123456")
    there.click(".login-submit")
    assert there.page.inner_text("#otp-wrong")
    # That of now was used to set it up.
    there.page.fill("#otp", totp(key, ahead=1))
    there.click(".otp-submit")
    there.page.wait_for_url(f"{there.issuer}/account")

    here.go("/account/authenticator")
    here.click("summary")
    here.click(".totp-remove")
    here.page.wait_for_selector(".totp-begin")


def test_a_recovery_code_is_good_once(visitor: NewVisitor, secrets: Secrets) -> None:
    here = visitor()
    here.sign_in("scientist")
    _, codes = enrol(here, secrets)

    def recover(code: str) -> Visitor:
        it = visitor()
        it.go("/sign-in")
        it.type_password("scientist")
        it.page.fill("#otp", code)
        it.click(".otp-submit")
        return it

    recover(codes[0]).page.wait_for_url(f"{here.issuer}/account")
    assert recover(codes[0]).page.inner_text("#otp-wrong")
    here.go("/account/recovery-codes")
    assert "9 codes left" in here.text()
    here.click(".codes-submit")
    new = here.page.inner_text(".codes").split()
    secrets.shown_once.update(dict.fromkeys(new, "/account/recovery-codes"))
    assert recover(codes[1]).page.inner_text("#otp-wrong"), "old codes stop working"
    here.go("/account/authenticator")
    here.click("summary")
    here.click(".totp-remove")
    here.page.wait_for_selector(".totp-begin")


def test_a_passkey_is_added_named_used_and_removed(visitor: NewVisitor) -> None:
    it = visitor()
    it.authenticator()
    it.sign_in("admin")
    it.go("/account/passkeys")
    it.inspect()
    it.page.fill("#name", "Work laptop")
    it.click(".passkey-submit")
    it.page.wait_for_url("**/account/passkeys?done=saved")
    it.inspect()
    it.click("summary:has-text('Rename')")
    it.page.fill("[id^=name-]", "Home laptop")
    it.click(".passkey-rename")
    it.page.wait_for_selector("text=Home laptop")

    it.keep()
    it.context.clear_cookies()
    it.go("/sign-in")
    # A browser may offer it by itself, and this authenticator takes every offer.
    ready = "() => location.pathname.endsWith('/account') || !document.querySelector('.passkey-submit')?.disabled"
    it.page.wait_for_function(ready)
    # It may be taken at this very moment: then the page is gone, and nobody needs to press.
    with suppress(Error):
        it.page.evaluate("document.querySelector('.passkey-submit')?.click()")
    it.page.wait_for_url(f"{it.issuer}/account")
    it.go("/account/sessions")
    assert "passkey" in it.text()

    it.go("/account/passkeys")
    it.click("summary:has-text('Remove')")
    assert "Home laptop" in it.page.inner_text("details[open]")
    it.click(".passkey-remove")
    it.page.wait_for_selector("text=no passkey yet")


def test_a_session_is_ended_from_another_browser(visitor: NewVisitor) -> None:
    here, there = visitor(), visitor()
    here.sign_in("viewer")
    there.sign_in("viewer")
    here.go("/account/sessions")
    here.inspect()
    here.click("summary >> nth=0")
    here.inspect()
    here.click("details[open] .session-end")
    here.page.wait_for_url("**/account/sessions?done=session")
    if here.page.locator(".sessions-others").count():
        here.click(".sessions-others")
        here.click(".sessions-end-others")
        here.page.wait_for_url("**/account/sessions?done=sessions")
    assert "only session" in here.text()
    there.go("/account")
    assert "/sign-in" in there.page.url
    here.go("/account")
    assert here.page.url.endswith("/account")


def test_every_part_of_the_account_is_for_everybody(visitor: NewVisitor) -> None:
    it = visitor()
    it.sign_in("viewer")
    weights: list[int] = []
    it.page.on("response", lambda answer: weights.append(len(answer.body())))
    for part in PARTS:
        weights.clear()
        assert it.go(f"/account{part}").status == 200
        it.page.wait_for_load_state("networkidle")
        assert sum(weights) <= 60 * KIB, f"{part}: {sum(weights)} bytes"
        it.inspect()


def test_the_sign_in_page_is_light_and_asks_for_one_style_sheet(visitor: NewVisitor) -> None:
    it = visitor()
    answers: list[tuple[str, int]] = []
    it.page.on("response", lambda answer: answers.append((answer.request.resource_type, len(answer.body()))))
    it.go("/sign-in")
    it.page.wait_for_load_state("networkidle")
    kinds = [kind for kind, _ in answers]
    assert kinds.count("stylesheet") == 1 and "font" not in kinds
    assert sum(size for _, size in answers) <= 30 * KIB
    it.inspect()


def test_everything_but_passkeys_works_without_javascript(visitor: NewVisitor, secrets: Secrets) -> None:
    it = visitor(java_script_enabled=False)
    it.sign_in("scientist")
    assert it.go("/account/passkeys").status == 200
    assert it.page.locator(".passkey-submit").is_hidden()
    _, codes = enrol(it, secrets)
    assert it.page.get_attribute(".codes-download", "href") == "data:text/plain;charset=utf-8," + "".join(
        f"{code}%0A" for code in codes
    )
    it.go("/account/authenticator")
    it.click("summary")
    it.click(".totp-remove")
    it.page.wait_for_selector(".totp-begin")
    it.click(".logout-submit")


def test_errors_say_what_happened_and_what_to_do(visitor: NewVisitor) -> None:
    it = visitor()
    for path, status, words in [
        ("/sign-in?flow=made.up", 410, "begin again"),
        ("/invitation?token=made.up", 410, "Ask whoever invited you"),
        ("/password-reset/choose?token=made.up", 410, "Ask for a new one"),
    ]:
        assert it.go(path).status == status
        assert words in it.text()
        it.inspect()
    # A form that is older than the browser's cookies.
    it.go("/sign-in")
    it.context.clear_cookies()
    it.type_password("viewer")
    assert "did not come from here" in it.text()
    it.inspect()
