"""What somebody who guesses learns: nothing from an answer, nothing from how long it takes, and that they must wait."""

import time
from statistics import median

from browser import NewVisitor
from company import Company

SAMPLES = 18
"""Of each kind. One login bears ten failures from one address, and one address a hundred."""


def test_nobody_answers_as_somebody_with_a_wrong_password(estate: Company) -> None:
    known = [estate.joins(f"guessed-{n}", "rather long and unlikely 10")[0] for n in range(2)]
    browser = estate.visitor()
    page = browser.get(f"{estate.ours.issuer}/sign-in")
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    said: dict[str, set[str]] = {"known": set(), "unknown": set()}
    for n in range(SAMPLES):
        # Turn by turn: what else the machine does slows both alike.
        for kind, login in (("known", known[n % 2]), ("unknown", f"nobody-{n}")):
            start = time.perf_counter()
            answer = browser.sign_in(page, login, "not the password")
            took[kind].append(time.perf_counter() - start)
            assert answer.status != 429, "too many at once for this test"
            said[kind].add(f"{answer.status} {answer.html.replace(login, 'LOGIN')}")
    assert said["known"] == said["unknown"] and len(said["known"]) == 1
    # Each hashes one password, which is nearly all of it: so it is no measure of speed, but of what is left out.
    slow, fast = sorted((median(took["known"]), median(took["unknown"])), reverse=True)
    assert slow < 1.5 * fast, took


def test_who_guesses_on_must_wait(estate: Company, visitor: NewVisitor) -> None:
    estate.joins("guessed-on", "rather long and unlikely 11")
    browser = estate.visitor()
    page = browser.get(f"{estate.ours.issuer}/sign-in")
    answers = [browser.sign_in(page, "guessed-on", f"not the password {n}").status for n in range(11)]
    assert answers[-1] == 429 and 429 not in answers[:9], answers
    it = visitor(estate.ours)
    it.go("/sign-in")
    # Not even the right one is looked at now.
    it.type_password(("guessed-on", "rather long and unlikely 11"))
    it.page.wait_for_selector("[role=alert]")
    assert it.page.url.startswith(f"{it.issuer}/sign-in")
    it.inspect()
