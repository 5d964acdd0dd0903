"""What the chain says about a request: read from a node, or from a file where it was saved."""
from __future__ import annotations

import json
import re
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .scale import Codec, Reader, blake, compact

VERSION = 3
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# What the price of an attempt to deliver adds to the callback's time, picoseconds (4 ms).
ATTEMPT_REF_TIME = 4_000_000_000
EVIDENCE_NAME = re.compile(r"0x[0-9a-f]{64}\.json")
TIMEOUT_S = 60


class NotReadable(ValueError):
    """The request can't be verified: it is not there, or not of this version."""


def account_bytes(text: str) -> bytes:
    """An account of 32 bytes from hexadecimal with 0x, or from SS58."""
    if text.startswith("0x"):
        raw = bytes.fromhex(text[2:])
        if len(raw) != 32:
            raise NotReadable(f"not an account: {text}; give 32 bytes")
        return raw
    number = 0
    for char in text:
        if char not in ALPHABET:
            raise NotReadable(f"not an account: {text}; give SS58, or hexadecimal with 0x")
        number = number * 58 + ALPHABET.index(char)
    raw = bytes(len(text) - len(text.lstrip("1"))) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    prefix = 2 if raw[:1] >= b"\x40" else 1
    body, check = raw[:-2], raw[-2:]
    if len(raw) != prefix + 34 or blake(b"SS58PRE" + body, 64)[:2] != check:
        raise NotReadable(f"not an account: {text}; its checksum or its length is not right")
    return body[prefix:]


@dataclass
class Saved:
    """The bytes that a chain and the evidence have for one request, as they came."""

    request_id: int
    contract: bytes
    genesis: bytes
    block: int
    # What each view returned, by its name; of `operator` also the account.
    views: dict[str, bytes]
    # What the chain takes for an attempt to deliver now, planck; none without a callback.
    delivery_price: int | None = None
    # Documents by their digests.
    evidence: dict[bytes, bytes] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line of a file."""
        return json.dumps({
            "request_id": self.request_id, "contract": hexed(self.contract), "genesis": hexed(self.genesis),
            "block": self.block, "views": {name: hexed(data) for name, data in self.views.items()},
            "delivery_price": None if self.delivery_price is None else str(self.delivery_price),
            "evidence": {hexed(digest): hexed(document) for digest, document in self.evidence.items()}})

    @staticmethod
    def of_json(line: str) -> Saved:
        """The same from a line."""
        d = json.loads(line)
        price = d["delivery_price"]
        return Saved(
            d["request_id"], unhex(d["contract"]), unhex(d["genesis"]), d["block"],
            {name: unhex(data) for name, data in d["views"].items()}, None if price is None else int(price),
            {unhex(digest): unhex(document) for digest, document in d["evidence"].items()})


def hexed(data: bytes) -> str:
    """Bytes as hexadecimal with 0x."""
    return "0x" + data.hex()


def unhex(text: str) -> bytes:
    """The bytes of hexadecimal with 0x."""
    return bytes.fromhex(text[2:])


class Chain:
    """Reads a contract's views at one finalized block."""

    def __init__(self, url: str, contract: bytes, codec: Codec) -> None:
        self.url = url.replace("ws", "http", 1) if url.startswith("ws") else url
        self.contract, self.codec = contract, codec
        self.block = self.rpc("chain_getFinalizedHead")
        self.number = int(self.rpc("chain_getHeader", self.block)["number"], 16)
        self.genesis = unhex(self.rpc("chain_getBlockHash", 0))
        self._known: dict[tuple[Any, ...], bytes] = {}

    def rpc(self, method: str, *params: Any) -> Any:
        """A call of the node's JSON-RPC."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            answer = json.load(response)
        if "error" in answer:
            raise NotReadable(f"{method}: {answer['error']}")
        return answer["result"]

    def view(self, label: str, *args: Any) -> bytes:
        """The bytes that a view returns."""
        key = (label, *args)
        if key not in self._known:
            self._known[key] = self._call(label, *args)
        return self._known[key]

    def _call(self, label: str, *args: Any) -> bytes:
        message = self.codec.messages[label]
        data = unhex(message["selector"])
        for arg, value in zip(message["args"], args, strict=True):
            data += self.codec.encode(arg["type"]["type"], value)
        # Origin, contract, value u128, no gas limit, no deposit limit, input.
        call = self.contract * 2 + bytes(16) + b"\0\0" + compact(len(data)) + data
        r = Reader(unhex(self.rpc("state_call", "ContractsApi_call", hexed(call), self.block)))
        for _ in range(4):  # gas consumed and gas required: two compact numbers each
            r.compact()
        r.take(1 + 16)  # storage deposit
        r.take(r.compact())  # debug message
        if r.number(1) != 0:
            raise NotReadable(f"{label}: the call failed on chain; is there an oracle at this address?")
        r.take(4)  # flags: a message that returns its own Err has the bit `revert` set
        return r.take(r.compact())

    def read(self, request_id: int) -> Saved:
        """Everything about a request."""
        views = {"interface_version": self.view("interface_version")}
        check_version(self.codec, views)
        for label in ("request", "terms", "answer_of"):
            views[label] = self.view(label, request_id)
        views["config"] = self.view("config")
        request, terms = value(self.codec, views, "request"), value(self.codec, views, "terms")
        if request is None:
            raise NotReadable(f"request {request_id} was never asked, or it has been pruned")
        price = None
        if terms is not None:
            if terms["assignment"][0] == "Set":
                views["set"] = self.view("set", terms["assignment"][1])
            price = self._price(terms)
        for seat in request["seats"]:
            views[operator_view(seat["operator"])] = self.view("operator", seat["operator"])
        return Saved(request_id, self.contract, self.genesis, self.number, views, price)

    def _price(self, terms: dict[str, Any]) -> int | None:
        if not terms["callback"]:
            return None
        weight = compact(terms["callback"]["ref_time"] + ATTEMPT_REF_TIME) + compact(0)
        raw = self.rpc("state_call", "TransactionPaymentApi_query_weight_to_fee", hexed(weight), self.block)
        return int.from_bytes(unhex(raw), "little")


def operator_view(account: bytes) -> str:
    """The name under which an operator's view is saved."""
    return f"operator {hexed(account)}"


def value(codec: Codec, views: dict[str, bytes], name: str) -> Any:
    """The value of a view, without ink!'s outer Result."""
    label = name.split(" ")[0]
    kind, inner = codec.whole(codec.messages[label]["returnType"]["type"], views[name])
    if kind != "Ok":
        raise NotReadable(f"{name}: {inner}")
    return inner


def check_version(codec: Codec, views: dict[str, bytes]) -> None:
    """Other versions have other bytes."""
    version = value(codec, views, "interface_version")
    if version != VERSION:
        raise NotReadable(f"the contract has interface version {version}; this program knows {VERSION}")


@dataclass
class Facts:
    """All that the chain says about one request, decoded."""

    codec: Codec
    saved: Saved
    config: dict[str, Any]
    request: dict[str, Any]
    terms: dict[str, Any]
    final: Any  # `answer_of`: the outcome, or none
    members: list[int] | None  # slots of the set that the terms name
    operators: dict[bytes, dict[str, Any]]

    @staticmethod
    def of(codec: Codec, saved: Saved) -> Facts:
        """Decodes what was saved."""
        views = saved.views
        check_version(codec, views)
        request = value(codec, views, "request")
        if request is None:
            raise NotReadable(f"request {saved.request_id} was never asked, or it has been pruned")
        if request["interface_version"] != VERSION:
            version = request["interface_version"]
            raise NotReadable(f"the request has interface version {version}; this program knows {VERSION}")
        terms = value(codec, views, "terms")
        if terms is None:
            raise NotReadable(f"request {saved.request_id} has no terms")
        # The message has a Result of its own; an error is never Final.
        _, state = value(codec, views, "answer_of")
        members = (value(codec, views, "set") or {}).get("slots") if "set" in views else None
        names = ((seat["operator"], operator_view(seat["operator"])) for seat in request["seats"])
        operators = {account: value(codec, views, name) for account, name in names if name in views}
        return Facts(codec, saved, value(codec, views, "config"), request, terms,
                     state[1] if state[0] == "Final" else None, members, operators)


def load_evidence(folder: Path) -> dict[bytes, bytes]:
    """The documents of a folder by their names, `0x{digest}.json`."""
    if not folder.is_dir():
        raise NotReadable(f"--evidence names no folder: {folder}")
    files = (path for path in folder.iterdir() if EVIDENCE_NAME.fullmatch(path.name))
    return {unhex(path.stem): path.read_bytes() for path in files}
