"""A refusal as an exception. Every field comes from the one value that the checks returned."""

import json
from typing import Any, Literal, NamedTuple

Dialect = Literal["problem", "openai", "anthropic"]


class TraceRow(NamedTuple):
    """One line of the checklist."""

    check: str
    mark: Literal["passed", "failed", "not_reached"]
    title: str
    source: str


class Denied(Exception):
    """The token may not do this. `str()` is one line for a log; it holds no part of the token."""

    code: str
    """Our name for the reason, stable for programs: `missing_scope`, `wrong_audience`."""
    status: int
    """The HTTP status."""
    error: str | None
    """The error code of RFC 6750."""
    description: str
    """The reason as a sentence that may be shown to the caller."""
    check: str
    """The check that failed."""
    expected: str
    """What would have passed it. For the operator."""
    found: str
    """What was there instead. For the operator."""
    remedy: str
    """The smallest change that would allow it, as the caller may read it."""
    remedy_by: str
    """Who can make that change."""
    decision_id: str
    """The name of this decision, in the answer and in the log."""
    at: int
    """When it was made, in seconds since 1970."""
    trace: list[TraceRow]
    """All checks in order: passed, failed, not reached."""
    www_authenticate: str | None
    """The challenge of RFC 6750, for the header of that name."""
    dpop_nonce: str | None
    """The nonce for the next DPoP proof, where one is wanted (RFC 9449 §9)."""
    retry_after: int | None
    """Seconds until it is worth while to try again, where that is known."""

    def __init__(
        self, *, trace: list[tuple[str, str, str, str]], bodies: dict[str, tuple[str, str]], **fields: Any
    ) -> None:
        super().__init__()
        self.__dict__.update(fields)
        self.trace = [TraceRow(*row) for row in trace]  # type: ignore[arg-type]
        self._bodies = bodies

    def __str__(self) -> str:
        return f"{self.code}: expected {self.expected}; found {self.found}. {self.remedy} ({self.decision_id})"

    def body(self, dialect: Dialect = "problem") -> dict[str, Any]:
        """The body of the answer, in the language of the API."""
        parsed: dict[str, Any] = json.loads(self._bodies[dialect][1])
        return parsed

    def media_type(self, dialect: Dialect = "problem") -> str:
        """The `Content-Type` of that body."""
        return self._bodies[dialect][0]

    def headers(self) -> dict[str, str]:
        """The headers of the answer, besides `Content-Type`."""
        headers = {"Cache-Control": "no-store", "X-Decision-Id": self.decision_id}
        if self.www_authenticate is not None:
            headers["WWW-Authenticate"] = self.www_authenticate
        if self.dpop_nonce is not None:
            headers["DPoP-Nonce"] = self.dpop_nonce
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return headers

    def explain(self) -> str:
        """The checklist, for a terminal."""
        marks = {"passed": "✓", "failed": "✗", "not_reached": "·"}
        lines = []
        for row in self.trace:
            lines.append(f"  {marks[row.mark]} {row.title}  ({row.source})")
            if row.mark == "failed":
                lines += [f"      expected  {self.expected}", f"      found     {self.found}"]
        return "\n".join([f"{self.description}.", *lines, f"  → {self.remedy} This is for {self.remedy_by}."])
