"""assert_survives_every_crash: a workflow gives the same result wherever its process dies (G1, G2, G4, G5, G12).

The run is made once without a crash. Then, for each write that it made, it is made again by a process that dies right
before that write, and by one that dies right after it; another process opens the store and goes on. That is every
moment at which a crash makes a difference: between two writes nothing is durable that was not before.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from weft_core.model.durations import Duration
from weft_core.testing import differences
from weft_core.testing.engine import Drive
from weft_core.testing.journey import Mode, Plan, Script, Travelled, as_drive, options_of, travel
from weft_core.workflow import Activity, Workflow


@dataclass(frozen=True, slots=True)
class SurvivalReport:
    """What :func:`assert_survives_every_crash` has tried."""

    result: Any
    """Of the run without a crash; the error if it failed."""
    writes: int
    """That the run without a crash made."""
    crashes: int
    repeated_attempts: int
    """Over all crashes, the attempts that were made again because a crash cut them off."""


class DidNotSurvive(AssertionError):
    """A crash changed what a workflow does. The message says which crash, and how to repeat it alone."""

    def __init__(self, problem: str, *, workflow: str, crash_at: tuple[int, Mode] | None, fatal: list[str]) -> None:
        self.problem, self.crash_at, self.fatal = problem, crash_at, fatal
        super().__init__(_told(workflow, problem, crash_at, fatal))


def _told(workflow: str, problem: str, crash_at: tuple[int, Mode] | None, fatal: list[str]) -> str:
    if crash_at is None:
        return f"workflow {workflow} is wrong without any crash\n  {problem}"
    number, mode = crash_at
    lines = [
        f"workflow {workflow} does not survive a crash {mode} write {number}",
        f"that write: {', '.join(fatal) or 'nothing'}",
        problem,
        f"repeat this crash alone: assert_survives_every_crash(..., crash_at=({number}, {mode!r}))",
    ]
    return "\n  ".join(lines)


async def assert_survives_every_crash(
    workflow: Workflow,
    /,
    *inputs: Any,
    workflows: Iterable[Workflow] = (),
    drive: Drive | Script | None = None,
    check: Callable[[Any], object] | None = None,
    mocks: Mapping[Activity[..., Any] | str, Callable[..., Any]] | None = None,
    reset: Callable[[], object] | None = None,
    limit: Duration = "365 days",
    crash_at: tuple[int, Mode] | None = None,
    **options: Any,
) -> SurvivalReport:
    """Run ``workflow(*inputs)`` on the real engine, crashed before and after each of its writes; or ``DidNotSurvive``.

    After each crash must hold: the run ends as it does without one; the same activities are called, under the same
    idempotency keys; none is called again whose outcome was recorded, and none that was cut off more than once more; no
    run is left unfinished; of finished runs nothing is left but what is left without a crash.

    ``drive`` is what the world does: ``async def drive(engine, handle)``, called again after a crash, so that it must
    send signals with a ``signal_id`` and use ``engine.advance_to``; or a script,
    ``[(approval, True), "1 day", (shipped, None)]``, which does. ``check(result)`` says what a result must be, instead
    of equal to that without a crash: for results that hold chance; it gets the error of a run that failed.
    ``mocks`` replace activities by functions. ``reset`` is called before each run, to forget what a test has counted.
    ``workflows`` are those it starts; ``activities=`` and other ``options`` are those of ``TestEngine``. ``limit`` is
    the virtual time that a run may take. With ``crash_at`` only that crash is made.
    """
    __tracebackhide__ = True
    plan = Plan(
        workflow, inputs, as_drive(drive), limit, reset, mocks or {}, options_of(workflow, workflows, options)
    )  # fmt: skip
    judge = _Judge(plan, check)
    plain = await judge.plain()
    if crash_at is not None:
        if not await judge.crash(*crash_at):
            raise ValueError(f"crash_at={crash_at}: that write is not reached; the run made {plain.writes} writes")
        return judge.report()
    number = 1
    # Until no process reaches that write: writes that wait for each other are grouped by how the event loop runs.
    while await judge.crash(number, "before") | await judge.crash(number, "after") or number < plain.writes:
        number += 1
    return judge.report()


class _Judge:
    """Makes journeys and compares them with the one that had no crash."""

    def __init__(self, plan: Plan, check: Callable[[Any], object] | None) -> None:
        self._plan, self._check = plan, check
        self._plain = Travelled()
        self._crashes = 0
        self._repeated = 0

    async def plain(self) -> Travelled:
        __tracebackhide__ = True
        self._plain = made = await travel(self._plan)
        problem = await self._other_result(made) or differences.unfinished(made) or differences.left_behind(made)
        if problem:
            raise DidNotSurvive(problem, workflow=self._plan.workflow.name, crash_at=None, fatal=[])
        return made

    async def crash(self, number: int, mode: Mode) -> bool:
        """Make the journey with this crash; False: that write was not reached."""
        __tracebackhide__ = True
        try:
            made = await travel(self._plan, number, mode)
            problem = await self._problem(made) if made.crashes else None
        except Exception as error:
            error.add_note(f"raised after a crash {mode} write {number}: crash_at=({number}, {mode!r}) repeats it")
            raise
        if not made.crashes:
            return False
        if problem:
            fatal = [f"{key} ({'deleted' if value is None else f'{len(value)} bytes'})" for key, value in made.fatal]
            raise DidNotSurvive(problem, workflow=self._plan.workflow.name, crash_at=(number, mode), fatal=fatal)
        self._crashes += 1
        self._repeated += differences.repeated(made, self._plain)
        return True

    async def _problem(self, made: Travelled) -> str | None:
        return (
            await self._other_result(made)
            or differences.unfinished(made)
            or differences.other_calls(made, self._plain)
            or differences.left_behind(made)
            or differences.other_records(made, self._plain)
        )

    async def _other_result(self, made: Travelled) -> str | None:
        if self._check is None:
            expected, found = differences.ending(self._plain), differences.ending(made)
            return f"expected: {expected}\n  found:    {found}" if made.ending != self._plain.ending else None
        told = self._check(made.value)
        content = (await told if inspect.isawaitable(told) else told) is not False
        return None if content else f"check() is not content with {differences.ending(made)}"

    def report(self) -> SurvivalReport:
        return SurvivalReport(self._plain.value, self._plain.writes, self._crashes, self._repeated)
