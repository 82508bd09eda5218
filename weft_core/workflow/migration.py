"""Migrations: how a run that was started on other code goes on with today's (G16).

    @checkout.migrate(from_version="1")
    def add_currency(run):
        run.root.locals["currency"] = "EUR"

A migration is an ordinary function. It is given the run as it is stored and changes it; the result is then checked
against today's code, and what does not fit is refused: the run is held, its checkpoint as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weft_core.errors import MigrationError
from weft_core.frames import NOTHING_PENDING, Label, Plan, StoredFrame
from weft_core.model.operations import Group, Operation, Pending
from weft_core.workflow.positions import CALL, Meaning, meaning


@dataclass(frozen=True, slots=True)
class Migration:
    """Made by ``Workflow.migrate``."""

    fn: Callable[[StoredRun], None]
    from_version: str
    to_version: str
    from_code: str | None

    def takes(self, version: str, code: str) -> bool:
        return self.from_version == version and self.from_code in (None, code)


class Frame:
    """One suspended function of a stored run."""

    def __init__(self, run: StoredRun, stored: StoredFrame) -> None:
        self._run, self._stored = run, stored

    @property
    def function(self) -> str:
        """Its name."""
        return self._stored.function

    @property
    def locals(self) -> dict[str, Any]:
        """The author's variables. Change, add and remove them here; what its code needs must be there at the end."""
        return self._stored.locals

    @property
    def position(self) -> str:
        """The suspension point it was stored at, as errors and ``weft check`` print it: ``ctx.run('pay')``."""
        return self._stored.place.label if self._stored.place is not None else ""

    @property
    def line(self) -> int:
        """The line of that in the code it was stored with."""
        return self._stored.place.line if self._stored.place is not None else 0

    def move_to(
        self,
        where: str,
        *,
        nth: int | None = None,
        loops: Sequence[Any] = (),
        instead: Operation[Any] | None = None,
    ) -> Frame:
        """Go on at another suspension point of today's code: ``"signal confirm"``, ``"sleep"``, ``"call ship"``, or its
        text ``"ctx.run(pay)"``; ``nth`` counts from 1 if there are several.

        It must wait for what the run waits for. If not, ``instead`` is the operation to begin there anew; the pending
        one is let go. A point inside ``for`` loops needs ``loops``, what is left to iterate over, outermost first; one
        inside ``with``, ``except`` or ``finally`` can only be kept. Raises :class:`MigrationError`.
        """
        self._run._move(self._stored, where, nth, loops, instead)
        return self

    def call(self, helper: Callable[..., Any], **variables: Any) -> Frame:
        """What it waited for becomes what a call of ``helper``, a ``@durable`` function, waits for; and it waits for
        that call. Returns the helper's frame, which has these variables and must be moved to its suspension point."""
        return self._run._call(self._stored, helper, variables)

    def __repr__(self) -> str:
        return f"<{self.function} at {self.position or 'its start'}>"


class StoredRun:
    """A run as it is stored, for a migration to change."""

    def __init__(
        self,
        facts: Mapping[str, str],
        ctx: Any,
        functions: Mapping[str, Any],
        root: StoredFrame,
        op: Operation[Any],
        others: Sequence[StoredFrame],
    ) -> None:
        self.id = facts["id"]
        """The run's id."""
        self.version = facts["version"]
        """The version that the run is on before this migration."""
        self.code = facts["code"]
        """The fingerprint of the workflow's code that the run was stored with."""
        self.ctx = ctx
        """For building operations: ``instead=run.ctx.sleep("1h")``."""
        self.instead: Operation[Any] | None = None
        """The operation that is begun anew, if the pending one is let go."""
        self._facts, self._functions = facts, functions
        self._root, self._op, self._others = root, op, others

    @property
    def frames(self) -> list[Frame]:
        """The workflow's own frame first, then the helper it awaits, and so on."""
        return [Frame(self, x) for x in _chain(self._root)]

    @property
    def root(self) -> Frame:
        """The workflow's own frame."""
        return Frame(self, self._root)

    @property
    def branches(self) -> list[list[Frame]]:
        """The frames of the branches of ``ctx.all`` and ``ctx.race``, each outermost first."""
        return [[Frame(self, x) for x in _chain(other)] for other in self._others]

    @property
    def waits_for(self) -> str:
        """The operation that the run waits for: ``"signal confirm"``."""
        return _shown(self.instead or self._op)

    # -- inside

    def _move(
        self, frame: StoredFrame, where: str, nth: int | None, loops: Sequence[Any], instead: Operation[Any] | None
    ) -> None:
        plan = frame.plan(self._functions)
        label, what = self._find(plan, where, nth)
        if instead is not None:
            self._restart(frame, instead)
        self._check(frame, plan, label, what)
        frame.goes_on(plan, label, self._state(frame, plan, label, loops))

    def _find(self, plan: Plan, where: str, nth: int | None) -> tuple[Label, Meaning]:
        known = [(label, meaning(plan, label)) for label in plan.labels]
        found = [(label, what) for label, what in known if where in what.names(label)]
        if nth is None and len(found) == 1:
            return found[0]
        if nth is not None and 0 < nth <= len(found):
            return found[nth - 1]
        there = ", ".join(f"`{label.id}`" for label, _ in (found or known)[:12]) or "none"
        problem = f"has {len(found)} suspension points {where!r}; say which with nth=" if found else f"has no {where!r}"
        raise self._refused(f"{plan.where()} {problem}; there are: {there}")

    def _restart(self, frame: StoredFrame, instead: Operation[Any]) -> None:
        if not isinstance(instead, Operation) or isinstance(instead, Group):
            raise self._refused(f"instead= takes one operation, as ctx.run(...) makes them, not {instead!r}")
        if isinstance(self._op, Group):
            raise self._refused("branches run side by side and cannot be let go; wait for them, or cancel the run")
        if frame not in _chain(self._root):
            raise self._refused("only the frames of the workflow itself can begin another operation")
        _innermost(frame).awaits = Pending(instead)
        self.instead = instead

    def _check(self, frame: StoredFrame, plan: Plan, label: Label, what: Meaning) -> None:
        """What the frame waits for must be what stands there. A frame that is to wait for the operation itself takes it
        from the helpers between, which are gone."""
        inner = frame.awaits
        if isinstance(inner, StoredFrame):
            if what.kind == CALL:
                if inner.plan(self._functions).name == what.name:
                    return
                raise self._refused(f"{frame.function} waits for a call of {inner.function}, not of {what.name}")
            end = _innermost(frame)
        else:
            end = frame
        pending = end.awaits
        if isinstance(pending, Pending) and pending.op is not None and what.fits(pending.op):
            frame.awaits = pending
            return
        if frame.place is not None and frame.awaits is inner and label.text == frame.place.label.rsplit("#", 1)[0]:
            return  # nothing is known of what it awaits, and it is what it was
        have = _shown(pending.op) if isinstance(pending, Pending) and pending.op is not None else repr(pending)
        raise self._refused(
            f"the run waits for {have}, and `{label.id}` is {f'{what.kind} {what.name}' if what.kind else 'unknown'}; "
            f"move to a point that waits for the same, or give instead= the operation to begin there"
        )

    def _state(self, frame: StoredFrame, plan: Plan, label: Label, loops: Sequence[Any]) -> dict[str, Any]:
        """The state of the constructs around the label: that of the frame if they are the same, else new iterators."""
        now = [part.partition(":")[0] for part in label.path]
        place = frame.place.nesting.split("/") if frame.place is not None and frame.place.nesting else []
        kept = frame.hidden if not loops and [part.partition(":")[0] for part in place] == now else {}
        needed = [n for n in label.save if n.startswith(".") and n not in label.soft]
        if any(n.startswith(".t") for n in needed):
            raise self._refused(
                f"`{label.id}` stands in an expression that is half evaluated there; give it a line of its own, "
                f"x = await ..."
            )
        iterators = sorted(n for n in label.hidden if n.startswith(".i"))
        if iterators and len(loops) != len(iterators) and not kept:
            raise self._refused(
                f"`{label.id}` stands inside {len(iterators)} for loop(s); give loops= what is left for each of them"
            )
        given = {name: iter(rest) for name, rest in zip(iterators, loops, strict=False)}
        state = {**_nothing_behind(label), **kept, **given}
        if any(n not in state for n in needed):
            raise self._refused(
                f"`{label.id}` stands inside `{'/'.join(now)}`, whose state the run does not have; move it out of "
                f"there, or into a helper"
            )
        return state

    def _call(self, frame: StoredFrame, helper: Callable[..., Any], variables: dict[str, Any]) -> Frame:
        root = getattr(helper, "__durable__", None)
        if root is None:
            raise self._refused(f"{helper!r} is not a @durable function")
        made = StoredFrame(None)
        made.locals.update(variables)
        made.goes_on(root.plan, None)
        made.awaits, frame.awaits = _innermost(frame).awaits, made
        return Frame(self, made)

    def _refused(self, reason: str) -> MigrationError:
        return MigrationError(run_id=self.id, **{k: v for k, v in self._facts.items() if k != "id"}, reason=reason)


def _nothing_behind(label: Label) -> dict[str, Any]:
    """The state of a ``finally`` that has not been entered: nothing waits behind it."""
    names = [n for n in label.save if n.startswith((".fk", ".fv", ".fx")) and n not in label.hidden]
    return {n: NOTHING_PENDING if n.startswith(".fk") else None for n in names}


def _chain(outermost: StoredFrame) -> list[StoredFrame]:
    found = [outermost]
    while isinstance(found[-1].awaits, StoredFrame):
        found.append(found[-1].awaits)
    return found


def _innermost(frame: StoredFrame) -> StoredFrame:
    return _chain(frame)[-1]


def _shown(op: Operation[Any]) -> str:
    return op.kind if op.label == op.kind else f"{op.kind} {op.label}"
