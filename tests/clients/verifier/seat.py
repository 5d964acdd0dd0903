"""One seat: its signature, its commitment, its answer."""
from __future__ import annotations

import json
from typing import Any

import sr25519  # type: ignore[import-untyped]  # of py-sr25519-bindings

from . import evidence
from .canonical import is_canonical_json, is_canonical_text
from .report import SeatReport
from .scale import blake, compact
from .subject import OPEN_KINDS, REASONS, Subject

JSON_BYTES_MAX = 2048


def seat(s: Subject, one: dict[str, Any]) -> None:
    """Checks all of a seat that does not depend on the others."""
    out = s.out.of_seat(one["slot"])
    parts = (one["answer"], one["confidence"], one["signature"], one["salt"])
    if all(part is None for part in parts):
        return
    if not out.check("answer, confidence, signature and salt are there", all(part is not None for part in parts)):
        return
    context, confidence = s.context(one["operator"]), bytes([one["confidence"]])
    out.check("confidence is 0 to 100", one["confidence"] <= 100, str(one["confidence"]))
    if s.terms["one_step"]:
        out.same("salt of a one-step answer", one["salt"], bytes(32))
    digest = s.answer_digest(one)
    message = b"llm-oracle/answer/2" + context + digest + confidence + one["evidence"]
    out.check("signature", is_signed(one, message), "it is not the operator's over this answer")
    document = find_document(s, one, out)
    whole = whole_answer(s, one, digest, document)
    if whole is None:
        out.missing("answer", f"only its digest 0x{digest.hex()} is known, so the commitment can't be checked")
    else:
        s.answers[one["slot"]] = whole
        data = context + s.codec.bytes_of("Answer", whole) + confidence + one["evidence"] + one["salt"]
        out.same("commitment", one["commitment"], blake(b"llm-oracle/commit/2" + data))
        form(s, whole, out)
    if document is not None:
        evidence.check(s, one, document, out)


def is_signed(one: dict[str, Any], message: bytes) -> bool:
    """Whether the signature is the operator's."""
    try:
        return bool(sr25519.verify(one["signature"], message, one["operator"]))
    except ValueError:
        return False


def find_document(s: Subject, one: dict[str, Any], out: SeatReport) -> bytes | None:
    """The evidence of a seat, if it is here and has the seat's digest."""
    digest = one["evidence"]
    document = s.facts.saved.evidence.get(digest)
    if document is None:
        out.missing("evidence", f"no document 0x{digest.hex()}")
        return None
    found = blake(b"llm-oracle/evidence/1" + one["salt"] + compact(len(document)) + document)
    return document if out.same("evidence digest", found, digest) else None


def whole_answer(s: Subject, one: dict[str, Any], digest: bytes, document: bytes | None) -> Any:
    """The answer of a seat; an open one is looked for in the outcome and in the evidence."""
    if one["answer"][0] == "Whole":
        return one["answer"][1]
    if s.outcome is not None and s.outcome[0] == "Answered":
        answer = s.outcome[1]["answer"]
        if blake(s.codec.bytes_of("Answer", answer)) == digest:
            return answer
    try:
        raw = evidence.answer_bytes(json.loads(document or b"{}"))
        return s.codec.value_of("Answer", raw) if raw is not None and blake(raw) == digest else None
    except (ValueError, RecursionError):
        return None


def form(s: Subject, answer: tuple[str, Any], out: SeatReport) -> None:
    """Whether an answer is one that the terms ask for."""
    kind, value = answer
    if kind == "Abstain":
        out.check("its reason is known", value[0] in REASONS, str(value))
        return
    if not out.same("kind of the answer", kind, s.kind):
        return
    if kind == "Choice":
        out.check("option", value < len(s.form["options"]), f"there is no option {value}")
    elif kind in OPEN_KINDS:
        most = s.form["max_bytes"] if kind == "Text" else JSON_BYTES_MAX
        out.check("length of the answer", 1 <= len(value) <= most, f"{len(value)} bytes, at most {most}")
        if not (is_canonical_text if kind == "Text" else is_canonical_json)(value):
            # The contract compares bytes and takes it all the same.
            out.note("form of the answer", f"not canonical: {value!r}")
