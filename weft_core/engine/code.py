"""The source of the durable functions an engine drives runs with, as it is stored beside the runs."""

from __future__ import annotations

from typing import Any

from weft_core import frames


def registered_sources() -> list[list[Any]]:
    """``[function, filename, first line, text]`` of every durable function that has been compiled, in a fixed order."""
    found = []
    for root in frames.REGISTRY.values():
        last = getattr(root, "end_lineno", None) or root.plan.node.end_lineno
        text = "".join(root.lines[root.lineno - 1 : last])
        found.append([root.qualname, base_name(root.filename), root.lineno, text])
    return sorted(found)


def base_name(filename: str) -> str:
    """The file's own name: where it lay on the machine that wrote a checkpoint means nothing on another one."""
    return filename.replace("\\", "/").rsplit("/", 1)[-1]
