"""What a benchmark says: a measured value, the target of the issue, and whether it was met."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the report. ``target`` is empty for a figure that is only context."""

    name: str
    value: str
    target: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        return f"{self.name:<58} {self.value:>16}  {self.target:<12} {verdict}".rstrip()


def at_least(name: str, value: float, target: float, unit: str = "x") -> Figure:
    return Figure(name, f"{value:.2f} {unit}", f">= {target:g} {unit}", value >= target)


def at_most(name: str, value: float, target: float, unit: str = "x") -> Figure:
    return Figure(name, f"{value:.2f} {unit}", f"<= {target:g} {unit}", value <= target)
