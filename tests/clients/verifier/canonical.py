"""Canonical forms of texts and JSON documents."""
from __future__ import annotations

import json
import re
import unicodedata
from decimal import Decimal
from typing import Any

# Unicode's White_Space. `str.split` takes the separators 1C to 1F for white space too.
WHITE_SPACE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")


def js_number(x: int | float) -> str:
    """A number as JavaScript prints it (RFC 8785)."""
    x = float(x)
    if x != x or x in (float("inf"), float("-inf")):
        raise ValueError("not a JSON number")
    if x == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(x)).normalize().as_tuple()
    text, point = "".join(map(str, digits)), len(digits) + int(exponent)
    if len(text) <= point <= 21:
        out = text + "0" * (point - len(text))
    elif 0 < point <= 21:
        out = text[:point] + "." + text[point:]
    elif -6 < point <= 0:
        out = "0." + "0" * -point + text
    else:
        out = text[0] + ("." + text[1:] if len(text) > 1 else "") + f"e{point - 1:+d}"
    return "-" * sign + out


def canonical(value: Any) -> str:
    """A JSON document in canonical form (RFC 8785)."""
    if value is None or isinstance(value, (bool, str)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (int, float)):
        return js_number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(canonical(name) + ":" + canonical(value[name]) for name in names) + "}"


def is_canonical_json(data: bytes) -> bool:
    """Whether these bytes are a JSON document in canonical form."""
    try:
        return canonical(json.loads(data.decode())).encode() == data
    except (ValueError, RecursionError, OverflowError):
        return False


def is_canonical_text(data: bytes) -> bool:
    """Whether a text is composed (NFC) and trimmed, with one space for each run of white space."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return text == WHITE_SPACE.sub(" ", unicodedata.normalize("NFC", text)).strip(" ")
