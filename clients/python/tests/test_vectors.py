"""The project's conformance vectors: bytes, their meaning, and the required outcome."""

import json
from math import isnan
from typing import Any

import pytest

from tickwire.protocol.codec import decode_frame, encode_frame
from tickwire.protocol.digest import digest_bytes, fnv1a
from tickwire.protocol.stats_entry import SymbolValues
from tickwire.protocol.symbol import pattern_matcher, validate_pattern, validate_symbol
from tickwire.subscriber.mirror import Mirror

from .support.server import ROOT

FIELDS = ("price", "average", "count", "time", "min", "max")


def vectors(name: str) -> dict[str, Any]:
    path = ROOT / "test/conformance/vectors" / f"{name}.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_reads_every_encoding_of_a_server_frame() -> None:
    for vector in vectors("server-frames")["vectors"]:
        for encoded in vector["hex"]:
            assert decode_frame(bytes.fromhex(encoded)) == vector["frame"], vector["name"]
        assert decode_frame(json.dumps(vector["frame"])) == vector["frame"]


def test_refuses_what_is_no_frame() -> None:
    hostile = vectors("hostile-frames")
    # What a server must limit of a client, and a client need not of its server.
    unlimited = ("containers", "65 maps")
    messages: list[tuple[str, bytes | str]] = [
        *((each["name"], bytes.fromhex(each["hex"])) for each in hostile["binary"]),
        *((each["name"], each["text"]) for each in hostile["text"]),
    ]
    refused = 0
    for name, message in messages:
        if any(part in name for part in unlimited):
            continue
        with pytest.raises(ValueError, match="not a frame"):
            pytest.fail(f"{name}: {decode_frame(message)}")
        refused += 1
    assert refused > 80


def test_writes_frames_that_the_server_reads() -> None:
    """What this client writes for a frame is one of the encodings of a vector, or JSON of it."""
    compared = 0
    for vector in vectors("client-frames")["vectors"]:
        if "frame" in vector and ("request" in vector or "ticks" in vector):
            assert json.loads(encode_frame(vector["frame"], "json")) == vector["frame"]
            compared += encode_frame(vector["frame"], "binary").hex() in vector["hex"]  # type: ignore[union-attr]
    assert compared > 10


def values_of(vector: dict[str, float]) -> SymbolValues:
    values = SymbolValues()
    for field in FIELDS:
        setattr(values, field, float(vector[field]))
    return values


def test_digest() -> None:
    for vector in vectors("digest")["vectors"]:
        symbols = [(each["symbolId"], values_of(each)) for each in vector["symbols"]]
        data = digest_bytes(symbols)
        assert data.hex() == vector["bytes"], vector["name"]
        assert fnv1a(data) == vector["digest"], vector["name"]


def new_mirror() -> Mirror:
    mirror = Mirror()
    mirror.learn_names([each for id_ in range(100) for each in (id_, f"S{id_}")])
    return mirror


def test_entries() -> None:
    for vector in vectors("entries")["reader"]:
        mirror = new_mirror()
        for step in vector["steps"]:
            mirror.apply(step["entries"])
            expected = {int(id_): values for id_, values in step["mirror"].items()}
            held = {each.symbol_id: each.values for each in mirror.symbols()}
            assert held.keys() == expected.keys(), vector["name"]
            for id_, values in expected.items():
                for field in FIELDS:
                    value = getattr(held[id_], field)
                    wanted = values.get(field)
                    assert isnan(value) if wanted is None else value == wanted, vector["name"]


def test_entries_from_what_a_writer_sends() -> None:
    for vector in vectors("entries")["writer"]:
        if not vector["entry"] or vector["fields"] != 63:
            continue
        mirror = new_mirror()
        symbol_id = vector["symbolId"]
        mirror.learn_names([symbol_id, "X"])
        if vector["from"] is not None:
            mirror.apply([symbol_id, 127, *(vector["from"][field] for field in FIELDS)])
        mirror.apply(decode_frame(bytes.fromhex("9214" + vector["hex"]))[1])
        (held,) = mirror.symbols()
        found = {field: getattr(held.values, field) for field in FIELDS}
        assert found == vector["to"], vector["name"]


def test_faults_in_entries() -> None:
    for vector in vectors("entries")["faults"]:
        with pytest.raises((ValueError, IndexError)):
            pytest.fail(f"{vector['name']}: {new_mirror().apply(vector['entries'])}")


def test_symbols_and_patterns() -> None:
    rules = vectors("symbols")
    for each in rules["symbols"]:
        assert (validate_symbol(each["text"]) is None) == (each["fault"] is None), each
    for each in rules["badPatterns"]:
        assert validate_pattern(each["text"]) is not None, each
    for each in rules["patterns"]:
        matches = pattern_matcher(each["pattern"])
        assert all(map(matches, each["matches"])), each
        assert not any(map(matches, each["misses"])), each
