"""The source of the durable functions an engine drives runs with, as it is stored beside the runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from weft_core import frames


def registered_sources(workflows: Iterable[frames.Root]) -> list[list[Any]]:
    """``[function, filename, first line, text]`` of these workflows' functions and of every durable function that has
    been compiled, in a fixed order."""
    found = []
    for root in {id(root): root for root in (*workflows, *frames.REGISTRY.values())}.values():
        text = "".join(root.lines[root.lineno - 1 : root.end_lineno])
        found.append([frames.shown_name(root.key), base_name(root.filename), root.lineno, text])
    return sorted(found)


def base_name(filename: str) -> str:
    """The file's own name: where it lay on the machine that wrote a checkpoint means nothing on another one."""
    return filename.replace("\\", "/").rsplit("/", 1)[-1]
