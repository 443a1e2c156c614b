"""Write newest.json: the public names of the newest standard library, with kinds and signatures.

    python3.15 tests/public_names/record.py

Facts alone are recorded (names, kinds, parameters), for the comparison on older versions.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.public_names import (  # noqa: E402
    MODULES,
    RECORD,
    defining,
    kind_of,
    member_names,
    parameters_of,
    public_names,
)

NOT_THEIRS = {"partial", "islice"}  # public by accident: imported, and a class of another module


def told(value: Any) -> dict[str, Any]:
    if not inspect.isclass(value):
        return {"kind": "function", "code": hasattr(value, "__code__"), "parameters": parameters_of(value)}
    members = {}
    for name in member_names(value):
        raw = defining(value, name)
        entry: dict[str, Any] = {"kind": kind_of(raw), "qualname": getattr(raw, "__qualname__", None)}
        if entry["kind"] in ("function", "builtin"):
            entry["parameters"] = parameters_of(raw)
        members[name] = entry
    return {"kind": "class", "parameters": parameters_of(value), "members": members}


def main() -> None:
    record = {}
    for stdlib_name in sorted(set(MODULES.values())):
        module = importlib.import_module(stdlib_name)
        names = [name for name in public_names(module) if name not in NOT_THEIRS]
        record[stdlib_name] = {name: told(getattr(module, name)) for name in names}
    lines = [f"{json.dumps(module)}: {rows(entries)}" for module, entries in record.items()]
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def rows(entries: dict[str, Any]) -> str:
    """One line a name or member: a difference between versions can be read."""
    lines = []
    for name, entry in entries.items():
        members = entry.pop("members", None)
        head = json.dumps(entry)
        if members is not None:
            inner = ",\n".join(f"    {json.dumps(m)}: {json.dumps(value)}" for m, value in members.items())
            head = head[:-1] + ', "members": {' + (f"\n{inner}\n  " if inner else "") + "}}"
        lines.append(f"  {json.dumps(name)}: {head}")
    return "{\n" + ",\n".join(lines) + "\n}"


if __name__ == "__main__":
    main()
