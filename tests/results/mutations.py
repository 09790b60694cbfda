"""Run folders with damage: values of another type, broken bytes, deep nesting, huge numbers, hostile text."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe\u2066",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "[red]markup[/red]",
    "a\nb\r\nc\td\x00e",
    "../../etc/passwd",
    "%s %d {0} {name!r}",
    "x" * 5000,
    "'; DROP TABLE samples; --",
    "\ud83d\ude00模型",
)
VALUES = (
    *(None, True, False, 0, 1, -1, 7, 3.5, -2.5, 0.0, 1e308, -1e308, 5e-324, 2**63, 2**64 - 1, 10**40),
    *("", "x", "1", [], {}, [1], ["x"], {"a": 1}, {"": {}}, [[]], [None], [{}]),
    *HOSTILE,
)
RAW = (
    b"",
    b"null",
    b"[]",
    b"3",
    b"\xff\xfe{}",
    b'{"schema_version": 1}',
    b'{"schema_version": 1e999}',
    b'{"schema_version": ' + b"9" * 5000 + b"}",
    b'{"schema_version": "' + b"9" * 5000 + b'"}',
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
)


def places(value, path=()):
    """Yield the path of each value inside of plain data."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def nested(depth):
    found: object = 1
    for level in range(depth):
        found = [found] if level % 2 else {"a": found}
    return found


def mutated(document, random):
    """Return plain data with one to three changes, and what they are."""
    document, told = copy.deepcopy(document), []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        path = random.choice([path for path in places(document) if path])
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        key = path[-1]
        kind = random.random()
        if kind < 0.15:
            del holder[key]
            told.append(f"without {path}")
            continue
        if kind < 0.2:
            holder[key] = nested(random.choice((5, 99, 101, 400)))
        elif kind < 0.25 and isinstance(holder, dict):
            holder[random.choice(HOSTILE)] = holder.pop(key)
        elif kind < 0.3 and isinstance(holder[key], list):
            holder[key] = holder[key] * 2
        else:
            holder[key] = copy.deepcopy(random.choice(VALUES))
        told.append(f"{path} = {str(holder.get(key) if isinstance(holder, dict) else holder[key])[:50]!r}")
    return document, "; ".join(told)


def garbled(data, random):
    """Return bytes that were cut, flipped, overwritten or replaced."""
    kind = random.random()
    if kind < 0.25 and data:
        return data[: random.randrange(len(data))]
    if kind < 0.4:
        return random.choice(RAW)
    if kind < 0.55:
        return _with_literal(data, random)
    changed = bytearray(data)
    for _ in range(random.choice((1, 2, 20))):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _with_literal(data, random):
    """Return JSON in which one number is something that JSON does not know, or that no type holds."""
    digits = [place for place, byte in enumerate(data) if chr(byte).isdigit() and not chr(data[place - 1]).isalnum()]
    if not digits:
        return data
    place = random.choice(digits)
    end = place + 1
    while end < len(data) and data[end : end + 1] in b"0123456789.eE+-":
        end += 1
    literal = random.choice((b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000, b"-0", b"0.1e-400", b"1e400"))
    return data[:place] + literal + data[end:]


def damaged_copy(source, target, random):
    """Copy a run folder with damage to one of its files; return what was done."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    parquet = sorted(path.relative_to(source) for path in Path(source).rglob("*.parquet"))
    name = random.choice(("run.json", "results.json", "results.json", random.choice(parquet)))
    file = target / name
    if str(name).endswith(".json") and random.random() < 0.75:
        document, told = mutated(json.loads(file.read_bytes()), random)
        file.write_text(json.dumps(document, ensure_ascii=True))
    else:
        told = "bytes"
        file.write_bytes(garbled(file.read_bytes(), random))
    return f"{name}: {told}"
