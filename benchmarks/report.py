"""What a benchmark says: a measured value, the target of the issue, and whether it was met."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Figure:
    """One line of the report. ``target`` is empty for a figure that is only context.

    ``beside`` is the same measured elsewhere, a second column.
    """

    name: str
    value: str
    target: str = ""
    met: bool | None = None
    beside: str = ""

    def showing(self, other: Figure) -> Figure:
        """This verdict on what ``other`` shows."""
        return replace(other, target=self.target, met=self.met)

    def __str__(self) -> str:
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        beside = f"{self.beside:>16}" if self.beside else ""
        return f"{self.name:<58} {self.value:>16}{beside}  {self.target:<12} {verdict}".rstrip()


def at_least(name: str, value: float, target: float, unit: str = "x") -> Figure:
    return Figure(name, f"{value:.2f} {unit}", f">= {target:g} {unit}", value >= target)


def at_most(name: str, value: float, target: float, unit: str = "x") -> Figure:
    return Figure(name, f"{value:.2f} {unit}", f"<= {target:g} {unit}", value <= target)
