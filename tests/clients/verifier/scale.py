"""SCALE: the bytes of values whose types the contract's metadata describes."""
from __future__ import annotations

import hashlib
from typing import Any


def blake(data: bytes, size: int = 32) -> bytes:
    """BLAKE2b; `H` of the protocol with 32 bytes."""
    return hashlib.blake2b(data, digest_size=size).digest()


def compact(n: int) -> bytes:
    """A compact number."""
    if n < 1 << 6:
        return bytes([n << 2])
    if n < 1 << 14:
        return (n << 2 | 1).to_bytes(2, "little")
    if n < 1 << 30:
        return (n << 2 | 2).to_bytes(4, "little")
    size = (n.bit_length() + 7) // 8
    return bytes([(size - 4) << 2 | 3]) + n.to_bytes(size, "little")


class Reader:
    """Takes bytes from the front of a buffer."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, n: int) -> bytes:
        """The next `n` bytes."""
        if self.at + n > len(self.data):
            raise ValueError(f"SCALE: {n} bytes are wanted and {len(self.data) - self.at} are left")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, size: int, signed: bool = False) -> int:
        """A number of fixed size."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def compact(self) -> int:
        """A compact number."""
        first = self.number(1)
        mode = first & 3
        if mode == 3:
            return self.number((first >> 2) + 4)
        rest = self.take((0, 1, 3)[mode])
        return int.from_bytes(bytes([first]) + rest, "little") >> 2

    def end(self) -> None:
        """Nothing may be left."""
        if self.at != len(self.data):
            raise ValueError(f"SCALE: {len(self.data) - self.at} bytes are left")


class Codec:
    """Encodes and decodes values of the metadata's types.

    Structs are dicts, tuples are lists, newtypes their content, byte sequences `bytes`, an Option its content
    or None, and any other enum a pair `(name, fields)`.
    """

    def __init__(self, metadata: dict[str, Any]) -> None:
        self.types = {t["id"]: t["type"] for t in metadata["types"]}
        self.messages = {m["label"]: m for m in metadata["spec"]["messages"]}
        self.ids = {t["path"][-1]: i for i, t in self.types.items() if t.get("path")}

    def bytes_of(self, type_name: str, value: Any) -> bytes:
        """A value of a named type, encoded."""
        return self.encode(self.ids[type_name], value)

    def value_of(self, type_name: str, data: bytes) -> Any:
        """A value of a named type, decoded from all of these bytes."""
        return self.whole(self.ids[type_name], data)

    def whole(self, type_id: int, data: bytes) -> Any:
        """A value, decoded from all of these bytes."""
        reader = Reader(data)
        value = self.decode(type_id, reader)
        reader.end()
        return value

    def decode(self, type_id: int, r: Reader) -> Any:
        """The next value of a type."""
        ((kind, d),) = self.types[type_id]["def"].items()
        if kind == "primitive":
            return _decode_primitive(d, r)
        if kind in ("sequence", "array"):
            n = r.compact() if kind == "sequence" else d["len"]
            return r.take(n) if self._is_byte(d["type"]) else [self.decode(d["type"], r) for _ in range(n)]
        if kind == "tuple":
            return [self.decode(t, r) for t in d]
        if kind == "compact":
            return r.compact()
        if kind == "composite":
            return self._decode_fields(d.get("fields", []), r)
        index = r.number(1)
        variant = next((v for v in d["variants"] if v["index"] == index), None)
        if variant is None:
            raise ValueError(f"SCALE: type {type_id} has no variant {index}")
        fields = self._decode_fields(variant.get("fields", []), r)
        return fields if self._is_option(type_id) else (variant["name"], fields)

    def encode(self, type_id: int, value: Any) -> bytes:
        """A value of a type, encoded."""
        ((kind, d),) = self.types[type_id]["def"].items()
        if kind == "primitive":
            return _encode_primitive(d, value)
        if kind in ("sequence", "array"):
            head = compact(len(value)) if kind == "sequence" else b""
            if self._is_byte(d["type"]):
                return head + bytes(value)
            return head + b"".join(self.encode(d["type"], x) for x in value)
        if kind == "tuple":
            return b"".join(self.encode(t, x) for t, x in zip(d, value, strict=True))
        if kind == "compact":
            return compact(value)
        if kind == "composite":
            return self._encode_fields(d.get("fields", []), value)
        if self._is_option(type_id):
            value = ("None", None) if value is None else ("Some", value)
        variant = next(v for v in d["variants"] if v["name"] == value[0])
        return bytes([variant["index"]]) + self._encode_fields(variant.get("fields", []), value[1])

    def _decode_fields(self, fields: list[dict[str, Any]], r: Reader) -> Any:
        if not fields:
            return None
        if fields[0].get("name"):
            return {f["name"]: self.decode(f["type"], r) for f in fields}
        values = [self.decode(f["type"], r) for f in fields]
        return values[0] if len(values) == 1 else values

    def _encode_fields(self, fields: list[dict[str, Any]], value: Any) -> bytes:
        if not fields:
            return b""
        if fields[0].get("name"):
            return b"".join(self.encode(f["type"], value[f["name"]]) for f in fields)
        values = [value] if len(fields) == 1 else value
        return b"".join(self.encode(f["type"], x) for f, x in zip(fields, values, strict=True))

    def _is_byte(self, type_id: int) -> bool:
        return bool(self.types[type_id]["def"].get("primitive") == "u8")

    def _is_option(self, type_id: int) -> bool:
        return bool(self.types[type_id].get("path") == ["Option"])


def _decode_primitive(name: str, r: Reader) -> Any:
    if name == "bool":
        byte = r.number(1)
        if byte > 1:
            raise ValueError(f"SCALE: {byte} is no bool")
        return byte == 1
    if name == "str":
        return r.take(r.compact()).decode()
    return r.number(int(name[1:]) // 8, name[0] == "i")


def _encode_primitive(name: str, value: Any) -> bytes:
    if name == "bool":
        return bytes([int(value)])
    if name == "str":
        return compact(len(value.encode())) + bytes(value.encode())
    return int(value).to_bytes(int(name[1:]) // 8, "little", signed=name[0] == "i")
