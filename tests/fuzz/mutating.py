"""Damaging whole files in the ways that files are damaged, and in those that strangers think of."""

from __future__ import annotations

import copy
import json
import random

__all__ = ["damaged_bytes", "damaged_json"]

_TOKENS = (
    b"", b"\0", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r\n", b"\n\n", b",",
    b'"', b"'", b"[", b"]", b"{", b"}", b"=", b".", b"-", b"-1", b"0", b"nan", b"inf", b"-inf",
    b"NaN", b"1e999", b"1e308", b"5e-324", b"null", b"true", b"0x" + b"f" * 2000, b"9" * 5000,
    b"[" * 3000, b'{"a":' * 2000, b"a." * 300, "\N{ARABIC-INDIC DIGIT THREE}".encode(),
    b"1979-05-27", b"..", b"/", b"%s", b"\x1b[31m",
)  # fmt: skip

_VALUES = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 0.5, -0.5, 1e308, 5e-324, 1e-46,
    float("nan"), float("inf"), "", "x", "\ud800", "a\nb", "9" * 300, [], {}, [[]], [0] * 2000,
    {"a": 1}, [None],
)  # fmt: skip


def damaged_bytes(whole: bytes, rng: random.Random) -> bytes:
    """Change a file in one to six places; a quarter of the files is cut off."""
    data = bytearray(whole)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(data) + 1)
        end = min(len(data), place + rng.choice((1, 2, 4, 16, 200)))
        kind = rng.randrange(7)
        if kind == 0 and place < len(data):
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[place:end] = rng.randbytes(end - place)
        elif kind == 2:
            del data[place:end]
        elif kind == 3:
            data[place:place] = data[place:end] * rng.choice((1, 2, 50))
        elif kind == 4:
            data[place:end] = bytes([rng.choice((0, 255))]) * (end - place)
        elif kind == 5:
            number = rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, rng.getrandbits(32)))
            data[place : place + 4] = number.to_bytes(4, rng.choice(("little", "big")))
        else:
            data[place : rng.choice((place, end))] = rng.choice(_TOKENS)
    if rng.random() < 0.25:
        del data[rng.randrange(len(data) + 1) :]
    return bytes(data)


def damaged_json(whole: bytes, rng: random.Random) -> bytes:
    """Change values of a JSON document; half of the documents are damaged as bytes instead."""
    if rng.random() < 0.5:
        return damaged_bytes(whole, rng)
    document = json.loads(whole)
    for _ in range(rng.randint(1, 3)):
        _change_one_value(document, rng)
    return json.dumps(document).encode()


def _change_one_value(document: object, rng: random.Random) -> None:
    place, key = None, None
    inner = document
    while isinstance(inner, (dict, list)) and inner and (place is None or rng.random() < 0.8):
        place = inner
        key = rng.choice(list(inner)) if isinstance(inner, dict) else rng.randrange(len(inner))
        inner = inner[key]
    if place is None:
        return
    if rng.random() < 0.2:
        del place[key]
    elif isinstance(place, dict) and rng.random() < 0.2:
        place[rng.choice(("x", "", "\ud800", key + "s"))] = copy.deepcopy(place[key])
    else:
        place[key] = copy.deepcopy(rng.choice(_VALUES))
