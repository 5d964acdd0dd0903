"""The request as a whole: what it is bound to, what it froze, its windows, who took its seats."""
from __future__ import annotations

from collections import Counter

from .scale import blake
from .subject import Subject, family_tag


def identity(s: Subject) -> None:
    """The deployment and the terms are what their digests say."""
    c, out = s.config, s.out
    out.same("config: interface version", c["interface_version"], 3)
    out.same("config: genesis is block 0", c["genesis"], s.facts.saved.genesis)
    made = c["deployed_at"].to_bytes(4, "little") + c["deployed_at_ms"].to_bytes(8, "little")
    domain = blake(b"llm-oracle/domain/1" + c["genesis"] + c["deployer"] + made)
    out.same("config: domain", c["domain"], domain)
    head = s.request["requester"] + s.summary["reward"].to_bytes(16, "little")
    digest = blake(b"llm-oracle/terms/2" + head + s.codec.bytes_of("Terms", s.terms))
    out.same("terms digest", s.request["terms_digest"], digest)


def frozen(s: Subject) -> None:
    """What the request repeats of its terms, and the parameters that it froze."""
    r, t, out = s.request, s.terms, s.out
    for name in ("threshold", "one_step", "max_seats_per_family", "min_confidence", "callback"):
        out.same(f"{name} as in the terms", r[name], t[name])
    out.same("its number", s.summary["request_id"], s.facts.saved.request_id)
    out.same("seats as in the terms", s.summary["seats"], t["seats"])
    out.check("threshold is more than half of the seats", 2 * t["threshold"] > t["seats"] >= t["threshold"])
    open_to_all = t["assignment"][0] == "Open"
    least = t["assignment"][1]["least"] if open_to_all else {"agreement_ppm": 0, "answers": 0}
    out.same("least record as in the terms", r["least_record"], least)
    out.same("beneficiary", r["beneficiary"], t["refund_to"] or r["requester"])
    out.same("seats taken", s.summary["committed"], len(s.seats))
    out.same("seats revealed", s.summary["revealed"], len(s.revealed))
    out.same("answer_of", s.facts.final, s.outcome)
    p = s.config["params"]
    fee = p["commit_fee"] + p["lock_fee"] * (t["commit_blocks"] + t["reveal_blocks"])
    names = ("seat_bond", "min_bond", "fee_ppm", "effort_ppm", "delivery_blocks", "retention_blocks")
    for name, now in [("seat_fee", fee), *((name, p[name]) for name in names)]:
        if r[name] != now:
            out.note(f"frozen {name}", f"{r[name]}, today's parameters give {now}; nobody can tell if they changed")
    delivery(s)


def delivery(s: Subject) -> None:
    """What the request holds for its callback."""
    r, t, out = s.request, s.terms, s.out
    if not t["callback"]:
        held = (r["delivery_escrow"], r["delivery_price"], s.summary["delivery"][0])
        out.same("no callback: escrow, price and status", held, (0, 0, "None"))
        return
    out.check("callback: it has a status", s.summary["delivery"][0] != "None", "the status is None")
    price, now = r["delivery_price"], s.facts.saved.delivery_price
    if price not in (0, now):  # 0: somebody has earned it
        out.note("delivery price", f"{price}, the chain takes {now} now")
    escrow = s.config["params"]["delivery_reward"] + price + t["callback"]["storage_deposit"]
    if s.summary["delivery"][0] == "Waiting" and r["delivery_escrow"] != escrow:
        out.note("delivery escrow", f"{r['delivery_escrow']}, today's parameters give {escrow}")


def windows(s: Subject) -> None:
    """The blocks in which it opened, in which its windows closed, and in which it ended."""
    r, t, out, m = s.request, s.terms, s.out, s.summary
    out.check("opens_at is not before the ask and not_before", m["opens_at"] >= max(r["asked_at"], t["not_before"]),
              f"{m['opens_at']} is too early")
    opens = max(r["asked_at"] + s.config["params"]["open_delay"], t["not_before"])
    if m["opens_at"] != opens:  # the delay is the one parameter that the request does not show
        out.note("opens_at", f"{m['opens_at']}, today's open_delay gives {opens}")
    deadline = m["opens_at"] + t["commit_blocks"]
    out.same("commit_deadline", m["commit_deadline"], deadline)
    first, is_full = r["reveals_opened_at"], len(s.seats) == t["seats"]
    if first is not None:
        out.same("reveal_deadline", m["reveal_deadline"], first + t["reveal_blocks"])
        if is_full:
            out.check("reveals opened inside the commit window", m["opens_at"] <= first <= deadline, str(first))
        else:
            out.same("reveals opened at commit_deadline + 1", first, deadline + 1)
    ended, has_ended = r["ended_at"], m["phase"][0] == "Ended"
    out.same("ended_at is there when it has ended", ended is not None, has_ended)
    out.same("the outcome is there when it has ended", s.outcome is not None, has_ended)
    if ended is None or s.outcome is None:
        return
    out.check("ended_at is not after the finalized block", ended <= s.facts.saved.block, str(ended))
    if not out.check("reveals_opened_at is there when it has ended", first is not None) or first is None:
        return
    if s.outcome[0] == "Expired":
        out.same("expired at commit_deadline + 1", ended, deadline + 1)
    elif t["one_step"]:
        out.same("a one-step answer is revealed when it is committed", first, ended)
    elif len(s.revealed) == len(s.seats):
        out.check("the last reveal is inside the reveal window", first <= ended <= m["reveal_deadline"], str(ended))
    else:
        out.same("ended at reveal_deadline + 1", ended, m["reveal_deadline"] + 1)


def committee(s: Subject) -> None:
    """Who took a seat, and whether the terms allowed it."""
    t, out = s.terms, s.out
    kind, value = t["assignment"]
    out.same("one seat for each operator", len({seat["operator"] for seat in s.seats}), len(s.seats))
    out.check("not more seats taken than there are", len(s.seats) <= t["seats"], f"{len(s.seats)} taken")
    for seat in s.seats:
        who, view = f"seat {seat['slot']}", s.facts.operators.get(seat["operator"])
        out.check(f"{who}: slot and operator belong together", view is not None and view["slot"] == seat["slot"],
                  f"the operator has slot {view and view['slot']}")
        if kind == "Named":
            out.check(f"{who}: it is named", seat["operator"] in value["operators"])
        if kind == "Set":
            out.check(f"{who}: it is in the set", seat["slot"] in (s.facts.members or []))
        if view and seat["family"] != family_tag(view["family"]):
            out.note(f"{who}: family", "not the one that the operator declares now")
    most = t["max_seats_per_family"]
    for tag, count in Counter(seat["family"] for seat in s.seats).items():
        if most:
            out.check(f"seats of the family 0x{tag.hex()}", count <= most, f"{count}, at most {most}")
