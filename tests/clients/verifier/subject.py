"""A request that is being verified, with what all checks need of it."""
from __future__ import annotations

from typing import Any

from .chain import Facts
from .report import Report
from .scale import blake

REASONS = ["Unclear", "TooSoon", "Refused", "SourceMissing", "SourcesDisagree", "BadInput"]
OPEN_KINDS = ("Text", "Json")


class Subject:
    """The facts of one request and the report about it."""

    def __init__(self, facts: Facts) -> None:
        self.facts, self.out = facts, Report()
        self.codec, self.contract = facts.codec, facts.saved.contract
        self.config, self.request, self.terms = facts.config, facts.request, facts.terms
        self.summary: dict[str, Any] = facts.request["summary"]
        self.kind: str = facts.terms["answer"][0]
        self.form: dict[str, Any] = facts.terms["answer"][1]
        self.seats: list[dict[str, Any]] = facts.request["seats"]
        self.outcome: tuple[str, Any] | None = facts.request["outcome"]
        # The whole answer of each revealed seat by its slot, as far as it is known.
        self.answers: dict[int, tuple[str, Any]] = {}

    @property
    def revealed(self) -> list[dict[str, Any]]:
        """The seats that have revealed."""
        return [seat for seat in self.seats if seat["answer"] is not None]

    def context(self, operator: bytes) -> bytes:
        """What a seat's commitment and signature are bound to."""
        return (self.config["domain"] + self.contract + self.summary["request_id"].to_bytes(8, "little")
                + self.request["terms_digest"] + b"\0\0" + operator + bytes(4))

    def answer_digest(self, seat: dict[str, Any]) -> bytes:
        """The digest of a revealed answer."""
        form, value = seat["answer"]
        return bytes(value) if form == "Digest" else blake(self.codec.bytes_of("Answer", value))


def reason(seat: dict[str, Any]) -> str | None:
    """Why a revealed seat abstained; none if it answered."""
    form, value = seat["answer"]
    return value[1][0] if form == "Whole" and value[0] == "Abstain" else None


def lower_median(values: list[int]) -> int:
    """Of an even number of values the smaller of the two in the middle."""
    return sorted(values)[(len(values) - 1) // 2]


def family_tag(family: bytes) -> bytes:
    """What a seat keeps of its operator's model family."""
    return blake(b"llm-oracle/family/1" + family)[:4] if family else bytes(4)
