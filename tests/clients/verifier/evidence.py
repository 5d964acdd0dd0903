"""What an evidence document says, against what the chain says."""
from __future__ import annotations

import json
import math
import re
from typing import Any

from .canonical import is_canonical_json
from .report import SeatReport
from .scale import blake
from .subject import Subject

HEX = re.compile("0x(?:[0-9a-fA-F]{2})*")
RANDOM = re.compile("0x[0-9a-fA-F]{64}")
# The abstentions of an operator that asked no model.
NOT_ASKED = ("BadInput", "SourceMissing")
# Numbers in a document have six decimal places.
CLOSE = 5e-6


def answer_bytes(document: Any) -> bytes | None:
    """The bytes of a document's answer."""
    text = document.get("answer") if isinstance(document, dict) else None
    if not isinstance(text, str) or not HEX.fullmatch(text):
        return None
    return bytes.fromhex(text[2:])


def check(s: Subject, one: dict[str, Any], document: bytes, out: SeatReport) -> None:
    """Checks a document whose digest is the seat's."""
    try:
        d = json.loads(document.decode())
    except (ValueError, RecursionError) as error:
        out.check("evidence is JSON", False, str(error))
        return
    out.check("evidence is canonical JSON", is_canonical_json(document))
    if not out.check("evidence is an object", isinstance(d, dict), type(d).__name__):
        return
    try:
        Document(s, one, d, out).check()
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        out.check("evidence has the documented shape", False, repr(error))


class Document:
    """A document that is being checked."""

    def __init__(self, s: Subject, one: dict[str, Any], d: dict[str, Any], out: SeatReport) -> None:
        self.s, self.seat, self.d, self.out = s, one, d, out
        # As the seat revealed it, or as the outcome or this document has it.
        self.whole = s.answers.get(one["slot"])

    def check(self) -> None:
        """Checks all fields."""
        self.context()
        self.form()
        made = self.d.get("made")
        if not self.out.check("evidence made is there", isinstance(made, dict)) or not isinstance(made, dict):
            return
        if "refused" in made:  # the contract would have refused the answer that was meant
            self.out.same("evidence made.refused: the answer", self.whole, ("Abstain", ("Unclear", None)))
            made = made["made"]
        if "not_asked" in made:
            answers = [("Abstain", (reason, None)) for reason in NOT_ASKED]
            self.out.check("evidence made.not_asked: the answer", self.whole in answers, f"found {self.whole}")
        else:
            self.out.check("evidence made.provider is there", isinstance(made.get("provider"), str))
        if "not_asked" in made and "question" not in made:
            # Then the document has no other field, and the model is the relayer's.
            self.out.check("evidence made.not_asked without a question", not self.is_text(), "the question is UTF-8")
        else:
            self.making(made)
        self.response(made)

    def expect(self, value: Any, *path: str) -> None:
        """A field that must have this value. A number is not its text, and 0 is not false."""
        found: Any = self.d
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        right = found == value and type(found) is type(value)
        self.out.check(f"evidence {'.'.join(path)}", right, f"found {found!r}, expected {value!r}")

    def context(self) -> None:
        """The request and the seat are the chain's."""
        s, one = self.s, self.seat
        self.expect("llm-oracle/evidence/1", "format")
        self.expect(hexed(s.config["domain"]), "context", "domain")
        self.expect(hexed(s.contract), "context", "contract")
        self.expect(str(s.summary["request_id"]), "context", "request_id")
        self.expect(hexed(s.request["terms_digest"]), "context", "terms_digest")
        self.expect(hexed(one["operator"]), "context", "operator")
        for name in ("round", "phase", "model"):
            self.expect(0, "context", name)
        self.expect(hexed(blake(s.terms["prompt"])), "question_digest")
        self.expect(one["confidence"], "confidence")
        raw = answer_bytes(self.d)
        right = raw is not None and blake(raw) == s.answer_digest(one)
        self.out.check("evidence answer", right, f"{self.d.get('answer')!r} is not the revealed one")

    def form(self) -> None:
        """Every document has these fields, and they may say anything."""
        for name in ("software", "model"):
            self.out.check(f"evidence {name} is a text", isinstance(self.d.get(name), str))
        random = self.d.get("random")
        self.out.check("evidence random is 32 bytes", isinstance(random, str) and bool(RANDOM.fullmatch(random)))
        times = self.d.get("times") or {}
        for name in ("seen_at_ms", "answered_at_ms", "model_ms"):
            self.out.check(f"evidence times.{name} is a number", type(times.get(name)) is int)

    def is_text(self) -> bool:
        """Whether all of the question is UTF-8."""
        t, form = self.s.terms, self.s.form
        texts = [t["prompt"], t["system"] or b""]
        if self.s.kind == "Choice":
            texts += form["options"]
        if self.s.kind == "Json":
            texts.append(form["schema"])
        try:
            b"\n".join(texts).decode()
            return True
        except UnicodeDecodeError:
            return False

    def making(self, made: dict[str, Any]) -> None:
        """How the answer was made: by which model, from which question."""
        model = made.get("model")
        self.expect(model.get("reported") if isinstance(model, dict) else model, "model")
        self.out.same("evidence made.question", made.get("question"), self.question())
        if made.get("provider") == "local" and "not_asked" not in made:
            t = self.s.terms["sampling"]
            asked = {"max_tokens": t["max_tokens"], "seed": str(t["seed"]),
                     "temperature_milli": t["temperature_milli"]}
            self.out.same("evidence made.sampling.asked", made["sampling"]["asked"], asked)
        if "scores" in made:
            self.scores(made)
        self.sources(made)
        for name in ("exchanges", "refused_requests"):
            for position, exchange in enumerate(made.get(name) or []):
                self.exchange(f"evidence made.{name}[{position}]", exchange["response"])

    def question(self) -> dict[str, Any]:
        """What a model is asked, by the terms."""
        t, form = self.s.terms, self.s.form
        answer: dict[str, Any] = {"kind": self.s.kind.lower()}
        if self.s.kind == "Choice":
            answer["options"] = [text(option) for option in form["options"]]
        elif self.s.kind == "Number":
            answer |= {"scale": form["scale"], "tolerance": str(form["tolerance"])}
        elif self.s.kind == "Text":
            answer["max_bytes"] = form["max_bytes"]
        elif self.s.kind == "Json":
            answer["schema"] = text(form["schema"])
        system = None if t["system"] is None else text(t["system"])
        return {"prompt": text(t["prompt"]), "system": system, "answer": answer}

    def scores(self, made: dict[str, Any]) -> None:
        """The scores of a local model, and what follows from them."""
        scores, out = made["scores"], self.out
        for one in scores:
            score = one["log_likelihood"] - sum(one["neutral"]) / len(one["neutral"])
            out.check(f"evidence made.scores: {one['label']}", abs(score - one["score"]) < CLOSE,
                      f"{one['score']}, its likelihoods give {score}")
        ranked = sorted((one["score"] for one in scores), reverse=True)
        margin = ranked[0] - ranked[1]
        out.check("evidence made.margin", abs(margin - made["margin"]) < CLOSE,
                  f"{made['margin']}, the scores give {margin}")
        confidence = 100 / sum(math.exp(score - ranked[0]) for score in ranked)
        if self.whole is None or self.whole[0] not in ("Bool", "Choice"):
            return
        # Rounded numbers may round to the next one.
        out.check("evidence confidence by the scores", abs(confidence - self.seat["confidence"]) < 0.5 + 1e-3,
                  f"{self.seat['confidence']}, the scores give {confidence}")
        label = ("yes" if self.whole[1] else "no") if self.whole[0] == "Bool" else self.option(self.whole[1])
        best = {one["label"] for one in scores if one["score"] == ranked[0]}
        out.check("evidence made.scores give the answer", label in best and made["margin"] >= made["margin_min"],
                  f"the best is {best} by {made['margin']}, the answer is {label}")

    def option(self, number: int) -> str:
        """An option of the terms."""
        return text(self.s.form["options"][number])

    def sources(self, made: dict[str, Any]) -> None:
        """The sources are those of the terms, and what is quoted was shown."""
        terms, records = self.s.terms["sources"], made.get("sources") or []
        asked = isinstance(made.get("provider"), str)
        if asked or "sources" in made:
            self.out.same("evidence made.sources: how many", len(records), len(terms))
        for number, (record, source) in enumerate(zip(records, terms), 1):
            self.source(f"evidence made.sources[{number - 1}]", number, record, source, asked)
        shown = made.get("prompt_with_sources") or ""
        if asked and terms:
            self.out.check("evidence made.prompt_with_sources ends with the question",
                           shown.endswith(text(self.s.terms["prompt"])))
        rationale = made.get("rationale") or {}
        self.out.check("evidence made.rationale.text", len((rationale.get("text") or "").encode()) <= 1024)
        for position, quote in enumerate(rationale.get("quotes") or []):
            start, end = quote["start"], quote["end"]
            ranges = [part for record in records if record["number"] == quote["source"] for part in passages(record)]
            right = (any(first <= start < end <= last for first, last in ranges)
                     and len(quote["text"].encode()) == end - start
                     and packed(quote["text"]) in packed(shown))
            self.out.check(f"evidence made.rationale.quotes[{position}]", right, repr(quote))

    def source(self, what: str, number: int, record: dict[str, Any], source: Any, asked: bool) -> None:
        """One source and its record."""
        name, fields = source
        document, failed = record["document"] or {}, record["failure"] is not None
        self.out.same(f"{what}.number", record["number"], number)
        if name == "Attachment":
            must, digest = True, hexed(fields["digest"])
            self.out.same(f"{what}.named", record["named"], digest)
            if not failed:
                found = (document.get("digest"), document.get("bytes"))
                self.out.same(f"{what}.document", found, (digest, fields["bytes"]))
        else:
            must = fields["must"]
            self.out.same(f"{what}.named", record["named"], text(fields["url"]))
        self.out.same(f"{what}.must", record["must"], must)
        self.out.check(f"{what} has either text or failure", (record["text"] is None) == failed)
        self.out.check(f"{what} is there", not (asked and must and failed), "a model was asked without it")
        last = 0
        for start, end in passages(record):
            right = last <= start <= end <= record["text"]["bytes"]
            self.out.check(f"{what}.text.passages", right, f"from {start} to {end}")
            last = end

    def exchange(self, what: str, response: dict[str, Any]) -> None:
        """A server's response and the digest of its bytes."""
        body = response["body"]
        if "***" in body:
            self.out.note(what, "a key is struck out of the body, so its digest can't be compared")
            return
        raw = body.encode()
        found = (response.get("bytes"), response.get("blake2_256"))
        self.out.same(what, found, (len(raw), blake(raw).hex()))

    def response(self, made: dict[str, Any]) -> None:
        """The raw text of a local model and its digest."""
        response = made.get("response")
        raw = response.get("text") if isinstance(response, dict) else None
        if raw is not None or "response_digest" in self.d:
            self.expect(None if raw is None else hexed(blake(raw.encode())), "response_digest")


def passages(record: dict[str, Any]) -> list[tuple[int, int]]:
    """The parts of a source's text that a model was shown."""
    return [(one["start"], one["end"]) for one in (record["text"] or {}).get("passages", [])]


def packed(words: str) -> str:
    """A text without white space."""
    return "".join(words.split())


def text(data: bytes) -> str:
    """A text of the terms; what is not UTF-8 is in no document."""
    return data.decode("utf-8", "replace")


def hexed(data: bytes) -> str:
    """Bytes as hexadecimal with 0x."""
    return "0x" + data.hex()
