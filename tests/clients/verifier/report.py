"""What the checks of one request came to."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OK, INVALID, MISSING, NOTE = "ok", "INVALID", "missing", "note"
# Exit codes; `llm-oracle verify` has the same.
CODE_INVALID, CODE_NOT_CHECKED = 14, 16


@dataclass
class Check:
    """One check: of a seat, or of the request as a whole."""

    state: str
    slot: int | None
    what: str
    detail: str

    def line(self) -> str:
        """It as a line of output."""
        who = "" if self.slot is None else f"seat {self.slot}: "
        return f"{self.state:<8} {who}{self.what}" + (f": {self.detail}" if self.detail else "")


@dataclass
class Report:
    """All checks of a request, in order."""

    checks: list[Check] = field(default_factory=list)

    def of_seat(self, slot: int) -> SeatReport:
        """Where the checks of a seat go."""
        return SeatReport(self, slot)

    def check(self, what: str, right: bool, detail: str = "", slot: int | None = None) -> bool:
        """Something that must be so."""
        self.checks.append(Check(OK if right else INVALID, slot, what, "" if right else detail))
        return right

    def same(self, what: str, found: Any, expected: Any, slot: int | None = None) -> bool:
        """Two values that must be the same."""
        return self.check(what, found == expected, f"found {show(found)}, expected {show(expected)}", slot)

    def missing(self, what: str, detail: str, slot: int | None = None) -> None:
        """Something that can't be checked because it is not here."""
        self.checks.append(Check(MISSING, slot, what, detail))

    def note(self, what: str, detail: str, slot: int | None = None) -> None:
        """Something that nobody can check, or that is worth knowing."""
        self.checks.append(Check(NOTE, slot, what, detail))

    @property
    def code(self) -> int:
        """The exit code: 0, 14 or 16."""
        states = {check.state for check in self.checks}
        return CODE_INVALID if INVALID in states else CODE_NOT_CHECKED if MISSING in states else 0

    def verdict(self, slot: int, revealed: bool) -> str:
        """The verdict of a seat, by the names of docs/operating.md."""
        states = {check.state for check in self.checks if check.slot == slot}
        if INVALID in states:
            return "invalid"
        if not revealed:
            return "unrevealed"
        return "not_checked" if MISSING in states else "consistent"

    def lines(self, state: str, slot: int | None) -> list[str]:
        """What the checks of one state say about a seat, or about the request."""
        found = (check for check in self.checks if check.state == state and check.slot == slot)
        return [check.what + (f": {check.detail}" if check.detail else "") for check in found]


@dataclass
class SeatReport:
    """The same methods for the checks of one seat."""

    report: Report
    slot: int

    def check(self, what: str, right: bool, detail: str = "") -> bool:
        """Something that must be so."""
        return self.report.check(what, right, detail, self.slot)

    def same(self, what: str, found: Any, expected: Any) -> bool:
        """Two values that must be the same."""
        return self.report.same(what, found, expected, self.slot)

    def missing(self, what: str, detail: str) -> None:
        """Something that can't be checked because it is not here."""
        self.report.missing(what, detail, self.slot)

    def note(self, what: str, detail: str) -> None:
        """Something that nobody can check, or that is worth knowing."""
        self.report.note(what, detail, self.slot)


def show(value: Any) -> str:
    """A value for a reader: bytes as hexadecimal."""
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
