"""Where the runs of a workflow are made: on the device that starts them, or on its server (docs/handoff.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from weft_core.errors import DefinitionError, InvalidInputError

Placement = Literal["local", "server_when_online", "server_only"]
"""``local``: where they are started, until somebody hands them off. ``server_when_online``: begun where they are
started, and handed to the server as soon as it answers. ``server_only``: no step of them is made anywhere else."""


def placement_of(workflow: str, placement: str, portable: bool) -> Placement:
    """As a workflow declares it. ``DefinitionError``."""
    if placement not in get_args(Placement):
        raise DefinitionError(f"the placement of workflow {workflow!r} is one of {get_args(Placement)}: {placement!r}")
    if placement != "local" and not portable:
        raise DefinitionError(f"workflow {workflow!r} with placement={placement!r} moves: declare it portable=True")
    return placement  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Device:
    """Says of an engine that it is on somebody's device: what workflows say of their placement counts here.

    ``server`` is the address of the one they mean, empty if there is none. An engine that is no device is where runs
    are to be, whatever their placement.
    """

    server: str = ""

    def __post_init__(self) -> None:
        if self.server:
            check_address("Device", self.server)


def check_address(call: str, url: object) -> None:
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise InvalidInputError(call=call, reason=f"{url!r} is no address of a server")
