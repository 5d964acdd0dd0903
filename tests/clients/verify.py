#!/usr/bin/env python3
"""Verifies settled requests of an `llm_oracle` contract, from the chain and the evidence alone.

How to run it is in docs/evidence.md. Exit codes: 0 everything is right, 14 something is invalid, 16 nothing is invalid
and evidence or the end is missing, 2 wrong arguments or no such request, 4 the node can't be reached.
"""
from __future__ import annotations

import argparse
import json
import sys
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from verifier.chain import Chain, Facts, NotReadable, Saved, account_bytes, load_evidence
from verifier.report import CODE_INVALID, CODE_NOT_CHECKED, INVALID, NOTE, OK
from verifier.request import committee, frozen, identity, windows
from verifier.scale import Codec
from verifier.seat import seat
from verifier.subject import Subject
from verifier.tally import payments, tally

CODE_USAGE, CODE_UNREACHABLE = 2, 4
WORDS = {0: "valid", CODE_INVALID: "INVALID", CODE_NOT_CHECKED: "not checked in full"}


def verify(codec: Codec, saved: Saved) -> Subject:
    """Makes all checks of a request."""
    s = Subject(Facts.of(codec, saved))
    if s.summary["phase"][0] != "Ended":
        s.out.missing("the end", "the request is still open")
    elif not s.summary["settled"]:
        s.out.note("the request is not settled", "what follows is what settling it would book")
    identity(s)
    frozen(s)
    windows(s)
    committee(s)
    for one in s.seats:
        seat(s, one)
    tally(s)
    payments(s)
    return s


def as_json(s: Subject) -> dict[str, Any]:
    """The report as `llm-oracle verify --json` has it."""
    out, seats = s.out, []
    for one in s.seats:
        slot = one["slot"]
        seats.append({"slot": slot, "state": one["state"][0], "evidence": "0x" + one["evidence"].hex(),
                      "verdict": out.verdict(slot, one["answer"] is not None),
                      "errors": out.lines(INVALID, slot), "notes": out.lines(NOTE, slot)})
    return {"request_id": s.facts.saved.request_id, "valid": out.code != CODE_INVALID, "code": out.code,
            "ended": s.outcome is not None, "errors": out.lines(INVALID, None), "notes": out.lines(NOTE, None),
            "checks": len(out.checks), "seats": seats}


def print_text(s: Subject, quiet: bool) -> None:
    """The report for a reader, one line for each check."""
    for check in s.out.checks:
        if check.state != OK or not quiet:
            print(check.line())
    outcome = s.outcome[0] if s.outcome else "open"
    print(f"request {s.facts.saved.request_id}: {outcome}, {len(s.out.checks)} checks, {WORDS[s.out.code]}")


def subjects(args: argparse.Namespace, codec: Codec) -> Iterator[Saved]:
    """What is to be verified: of a file, or of a node."""
    if args.saved:
        with open(args.saved, encoding="ascii") as lines:
            yield from map(Saved.of_json, lines)
        return
    if not args.requests or args.url is None or args.contract is None:
        raise NotReadable("give the numbers of requests, --url and --contract; or --saved")
    evidence = load_evidence(Path(args.evidence)) if args.evidence else {}
    chain = Chain(args.url, account_bytes(args.contract), codec)
    for request_id in args.requests:
        saved = chain.read(request_id)
        wanted = {one["evidence"] for one in Facts.of(codec, saved).request["seats"]}
        saved.evidence = {digest: evidence[digest] for digest in wanted if digest in evidence}
        yield saved


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("requests", type=int, nargs="*", metavar="REQUEST", help="number of a request")
    parser.add_argument("--url", help="the node, ws://… or http://…")
    parser.add_argument("--contract", help="the oracle, SS58 or hexadecimal with 0x")
    parser.add_argument("--metadata", required=True, help="llm_oracle.contract or llm_oracle.json")
    parser.add_argument("--evidence", help="folder with documents, each as 0x{digest}.json")
    parser.add_argument("--save", metavar="FILE", help="writes all that was read, one line for each request")
    parser.add_argument("--saved", metavar="FILE", help="verifies what --save wrote; asks no node")
    parser.add_argument("--json", action="store_true", help="one JSON object for each request, in a line")
    parser.add_argument("-q", "--quiet", action="store_true", help="only what is not right")
    return parser.parse_args()


def main() -> int:
    """Verifies, prints, and gives the exit code: that of the worst request."""
    args, codes, kept = arguments(), set(), []
    try:
        codec = Codec(json.loads(Path(args.metadata).read_text(encoding="utf-8")))
        for saved in subjects(args, codec):
            kept.append(saved.to_json() + "\n")
            s = verify(codec, saved)
            codes.add(s.out.code)
            if args.json:
                print(json.dumps(as_json(s)))
            else:
                print_text(s, args.quiet)
        if args.save:
            Path(args.save).write_text("".join(kept), encoding="ascii")
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        print(f"error: the node at {args.url} can't be reached: {error}", file=sys.stderr)
        return CODE_UNREACHABLE
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return CODE_USAGE
    return next((code for code in (CODE_INVALID, CODE_NOT_CHECKED) if code in codes), 0)


if __name__ == "__main__":
    sys.exit(main())
