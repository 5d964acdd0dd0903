"""The result and the payments, computed again from the seats."""
from __future__ import annotations

from typing import Any

from .scale import blake
from .subject import OPEN_KINDS, REASONS, Subject, lower_median, reason

PPM = 1_000_000


def key(seat: dict[str, Any]) -> Any:
    """What the answer of a seat is compared by; it has answered."""
    form, value = seat["answer"]
    return value if form == "Digest" else value[1]


def agrees(s: Subject, seat: dict[str, Any], best: Any) -> bool:
    """Whether a seat that answered agrees with the best answer."""
    if s.kind == "Number":
        return bool(abs(key(seat) - best) <= s.form["tolerance"])
    return bool(key(seat) == best)


def best_answer(s: Subject, answering: list[dict[str, Any]]) -> Any:
    """The answer that may win; none when nobody answered."""
    keys = [key(seat) for seat in answering]
    if not keys:
        return None
    if s.kind == "Number":
        return lower_median(keys)
    most = max(keys.count(k) for k in keys)
    return next(k for k in reversed(keys) if keys.count(k) == most)


def right_forms(s: Subject) -> bool:
    """Whether every revealed answer is one of the terms' kind."""
    form = "Digest" if s.kind in OPEN_KINDS else "Whole"
    return all([
        s.out.check(f"seat {seat['slot']}: its answer has the terms' kind", seat["answer"][0] == form
                    and (form == "Digest" or seat["answer"][1][0] == s.kind), str(seat["answer"]))
        for seat in s.revealed if reason(seat) is None])


def tally(s: Subject) -> None:
    """Outcome, margin, result, and the state of each seat."""
    t, out = s.terms, s.out
    if s.outcome is None or not right_forms(s):
        return
    name, value = s.outcome
    if len(s.seats) < t["threshold"]:
        out.same("outcome: fewer seats than the threshold", name, "Expired")
        for seat in s.seats:
            out.same(f"seat {seat['slot']}: state", seat["state"][0], "Released")
            out.check(f"seat {seat['slot']}: nothing is revealed", seat["answer"] is None)
        return
    answering = [seat for seat in s.revealed if reason(seat) is None]
    reasons = [sum(1 for seat in s.revealed if reason(seat) == r) for r in REASONS]
    best = best_answer(s, answering)
    group = [seat for seat in answering if agrees(s, seat, best)]
    numbers = [key(seat) for seat in group] if s.kind == "Number" else []
    confidence = lower_median([seat["confidence"] or 0 for seat in group]) if group else 0
    margin = {
        "seats": t["seats"], "revealed": len(s.revealed), "agreeing": len(group), "abstained": reasons,
        "confidence": confidence, "families": len({seat["family"] for seat in group}),
        "spread": max(numbers) - min(numbers) if numbers else 0}
    if len(group) >= t["threshold"]:
        expected = "Answered" if confidence >= t["min_confidence"] else "Undetermined"
    else:
        expected = "Undetermined" if sum(reasons) >= t["threshold"] else "NoConsensus"
    out.same("outcome", name, expected)
    found = dict(value["margin"], abstained=list(value["margin"]["abstained"])) if value else None
    out.same("margin", found, margin)
    if name == "Answered":
        answer = value["answer"]
        result = blake(s.codec.bytes_of("Answer", answer)) if s.kind in OPEN_KINDS else answer[1]
        out.check("result", answer[0] == s.kind and bool(group) and result == best, f"found {answer}")
    for seat in s.seats:
        out.same(f"seat {seat['slot']}: state", seat["state"][0], state(s, seat, expected, best))


def state(s: Subject, seat: dict[str, Any], outcome: str, best: Any) -> str:
    """How a seat ended."""
    if seat["answer"] is None:
        return "Silent"
    if reason(seat) is not None:
        return "Abstained"
    if outcome != "Answered":
        return "Inconclusive"
    return "Agreed" if agrees(s, seat, best) else "Dissented"


def payments(s: Subject) -> None:
    """What each seat, the owner and the requester got."""
    if s.outcome is None:
        return
    r, t, out, reward = s.request, s.terms, s.out, s.summary["reward"]
    effort, seats = reward * r["effort_ppm"] // PPM, s.seats
    undetermined = effort if s.outcome[0] == "Undetermined" else 0
    by_state = {"Agreed": reward, "Dissented": effort, "Inconclusive": effort, "Abstained": undetermined}
    # What the seat cost the requester.
    cost = min(r["seat_fee"], reward, r["seat_bond"])
    back = paid = fees = 0
    for seat in seats:
        ended, slot = seat["state"][0], seat["slot"]
        gross = by_state.get(ended, 0)
        fee = gross * r["fee_ppm"] // PPM
        paid, fees = paid + gross, fees + fee
        out.same(f"seat {slot}: paid", seat["paid"], gross - fee)
        forfeited = banned = False
        if ended == "Silent":
            forfeited = out.same(f"seat {slot}: forfeited", seat["forfeited"], r["seat_bond"])
        else:
            # Whether the ban came before the end or after it, nobody can tell.
            banned = (s.facts.operators.get(seat["operator"]) or {}).get("barred", False)
            forfeited = banned and seat["forfeited"] == r["seat_bond"]
            if not forfeited:
                out.same(f"seat {slot}: forfeited", seat["forfeited"], 0)
        # Reveals that opened and that nobody made give nothing back.
        if forfeited and (s.revealed or s.outcome[0] == "Expired"):
            back += cost
    out.same("the owner's fee", r["fee"], fees)
    free = t["seats"] - len(seats)
    out.same("refund", r["refund"], t["seats"] * reward - paid + free * r["seat_fee"] + back)
