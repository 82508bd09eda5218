"""The types of events for TypeScript, from their classes: ``python tools/event_types.py > browser/events.d.mts``."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, fields

from weft_core.model.events import EVENTS, Event

HEAD = """\
/** What happened to a run, as history(), events() and tail() tell it. Made by tools/event_types.py. */
interface Base<Type extends string> {
  type: Type;
  run_id: string;
  /** numbers the events of one run from 1 without a gap */
  seq: number;
  /** epoch milliseconds */
  at: number;
}
type Facts = Record<string, any>;
"""
NAMES = {"str": "string", "int": "number", "float": "number", "bool": "boolean", "None": "null", "Any": "any"}


def main() -> str:
    """The whole file."""
    union = "\n".join(f"  | {cls.__name__}" for cls in EVENTS.values())
    parts = [_interface(name, cls) for name, cls in EVENTS.items()]
    return f"{HEAD}\n" + "\n".join(parts) + f"\nexport type WeftEvent =\n{union};\n"


def _interface(name: str, cls: type[Event]) -> str:
    own = fields(cls)[3:]
    lines = [f"  {f.name}{'' if f.default is MISSING else '?'}: {_typescript(str(f.type))};" for f in own]
    body = "\n".join(["{", *lines, "}"]) if lines else "{}"
    said = inspect.cleandoc(cls.__doc__ or "")
    comment = (
        "" if said.startswith(f"{cls.__name__}(") else "/** " + " ".join(said.replace("``", "`").split()) + " */\n"
    )
    return f'{comment}export interface {cls.__name__} extends Base<"{name}"> {body}\n'


def _typescript(annotation: str) -> str:
    known = " | ".join(NAMES.get(part, part) for part in annotation.split(" | "))
    return re.sub(r"list\[(\w+)\]", lambda found: f"{NAMES.get(found[1], found[1])}[]", known)


if __name__ == "__main__":
    print(main(), end="")
