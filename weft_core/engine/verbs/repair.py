"""Looking back and putting right: checkpoints, fork, rewind, edit, skip, dead letters."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from weft_core import codec
from weft_core.engine.batch import Envelope, Job
from weft_core.engine.handle import WorkflowHandle
from weft_core.engine.repair.editing import Edit, assigning
from weft_core.engine.repair.placing import Fork, Rewind
from weft_core.engine.repair.skipping import Skipping
from weft_core.engine.search.page import Page
from weft_core.engine.verbs.looking import EventList
from weft_core.engine.verbs.runs import RunVerbs
from weft_core.errors import InvalidInputError, OperationSkippedError, PayloadTooLargeError, RunExistsError
from weft_core.machine import failure
from weft_core.model import keys
from weft_core.model.names import check_id, check_told
from weft_core.model.run import RunHeader
from weft_core.ports import Op
from weft_core.workflow import StoredRun

DEAD_LETTERS = ("held", "dead", "needs_attention")
_VERBS = ("resume", "retry", "skip", "edit", "rewind", "fork", "cancel", "terminate")
Changes = Mapping[str, Any] | Callable[[StoredRun], None]


class RepairVerbs(RunVerbs):
    """checkpoints, fork, rewind, edit, skip, retry, dead_letters."""

    async def checkpoints(self, run_id: str, *, limit: int = 100, cursor: int | None = None) -> EventList:
        """Where a run stands and has stood, newest first: ``{step, at, waiting_for, size, version, current}``.

        ``cursor`` is a step: those before it. Runs retain checkpoints if their workflow or their engine says so.
        """
        return await self.reader.checkpoints(run_id, limit=limit, cursor=cursor)

    async def fork(
        self,
        run_id: str,
        *,
        at: int | None = None,
        id: str | None = None,
        idempotency_key: str | None = None,
        edit: Changes | None = None,
    ) -> WorkflowHandle:
        """A new run that stands where this one stood ``at`` a step, or stands now; the other one goes on as it does.

        It has the variables, the mailbox, the deadlines and the search attributes of then, its own id and its own
        idempotency keys; attempts begin anew. ``edit`` changes variables as :meth:`edit` does. A finished run can be
        forked at the checkpoints it has retained. ``CheckpointNotFoundError``, ``RunExistsError``, ``EditError``, and
        what keeps the checkpoint from being resumed.
        """
        self._check_open()
        self._check_run_id(run_id)
        change = None if edit is None else self._change(run_id, edit)
        for given, what in ((id, "a run id"), (idempotency_key, "an idempotency key")):
            if given is not None:
                check_id(given, what, self.limits)

        async def make(new_id: str, rows: list[Op]) -> str:
            claim = keys.run(new_id)
            if not await self._parts.starts.claim(claim):
                raise RunExistsError(run_id=new_id, status=(await self.header(new_id)).status)
            try:
                order = Fork(self._parts.repairing, run_id, at, new_id, self._retained, idempotency_key, change, rows)
                await self._work(run_id, order)
            finally:
                self._parts.starts.release(claim)
            return new_id

        asked = codec.dumps(["fork", run_id, at, dict(edit) if isinstance(edit, Mapping) else repr(edit)])
        digest = hashlib.sha256(asked).digest()
        return WorkflowHandle(self, await self._parts.starts.once(id, idempotency_key, digest, make))

    async def rewind(self, run_id: str, to: int, *, reason: str | None = None, by: str | None = None) -> None:
        """Put a run back to a step, in place; it is suspended there until :meth:`resume`.

        For runs that are suspended, held or dead, and for those that have failed, timed out, or were cancelled or
        terminated: they are unfinished again. Signals that it consumed since are in its mailbox again. Effects since
        are not undone: activities after the step run again, under new idempotency keys. Its event log goes on, with
        ``run_rewound``. ``RunNotParkedError``, ``CheckpointNotFoundError``, and what keeps the checkpoint from being
        resumed.
        """
        self._check_run_id(run_id)
        check_told("rewind", self.limits, reason=reason, by=by)
        if type(to) is not int:
            raise InvalidInputError(call="rewind", reason=f"a step is a number, not {to!r}")
        await self._work(run_id, Rewind(self._parts.repairing, run_id, to, reason, by))

    async def edit(self, run_id: str, changes: Changes, *, reason: str | None = None, by: str | None = None) -> None:
        """Change variables of a suspended, held or dead run at its checkpoint; :meth:`resume` goes on with them.

        ``{"total": 5}`` is a variable of the workflow itself, ``frame[1].total`` one of the helper it awaits,
        ``branch[0].total`` one of a branch; or a function that changes a ``StoredRun`` as a migration does. Refused
        whole, with nothing written: ``RunNotParkedError``, ``EditError`` (no such variable), ``NotSerializableError``,
        ``CodeChangedError``. Old and new values are in the event ``run_edited``.
        """
        self._check_run_id(run_id)
        check_told("edit", self.limits, reason=reason, by=by)
        await self._work(run_id, Edit(self._parts.repairing, run_id, self._change(run_id, changes), reason, by))

    async def skip(
        self,
        run_id: str,
        value: Any = None,
        *,
        error: BaseException | str | None = None,
        task: int | None = None,
        reason: str | None = None,
        by: str | None = None,
    ) -> None:
        """Answer what a run waits for by hand, with a value or an error, and go on.

        An attempt in flight is stopped, its outcome is not wanted any more. ``task`` says which, if the run waits for
        several things (see ``describe``). An error given as text is raised as ``OperationSkippedError``. Told by the
        event ``operation_skipped``. ``RunFinishedError``, ``EditError``, ``NotSerializableError``, and what keeps the
        run from being resumed.
        """
        self._check_run_id(run_id)
        check_told("skip", self.limits, reason=reason, by=by)
        encoded = codec.dumps(value)
        if len(encoded) > self.limits.max_payload_bytes:
            limit = self.limits.max_payload_bytes
            raise PayloadTooLargeError(what="the value of skip", actual=len(encoded), limit=limit)
        if isinstance(error, str):
            error = OperationSkippedError(operation="what the run waited for", reason=error)
        if error is not None:
            error = failure.durable_error(error, "skip")
        await self._parts.sources.renew()
        await self._work(run_id, Skipping(self._parts.repairing, run_id, task, encoded, error, reason, by))

    async def retry(self, run_id: str) -> None:
        """Take up a dead or held run again, from its last checkpoint: the same as :meth:`resume`."""
        await self.resume(run_id)

    async def dead_letters(self, *, limit: int = 50, cursor: str | None = None) -> Page:
        """Runs that wait for a person (G15), newest first, each as ``describe`` tells it and with ``verbs``, which can
        be called on it. They are held for code, dead, or a compensation of theirs has failed."""
        page = await self.reader.list(status=[*DEAD_LETTERS], limit=limit, cursor=cursor)
        return Page([{**info, "verbs": [*_VERBS]} for info in page.items], page.cursor)

    # -- inside

    async def _work(self, run_id: str, job: Job) -> None:
        await self._ask(Envelope(run_id, job=job))

    def _retained(self, source: RunHeader) -> int:
        return self._parts.starts.retained(self.registry.closest(source.workflow, source.version))

    def _change(self, run_id: str, changes: Changes) -> Callable[[StoredRun], None]:
        if callable(changes):
            return changes
        if not isinstance(changes, Mapping) or not all(isinstance(name, str) for name in changes):
            raise InvalidInputError(call="edit", reason="give a mapping of names to values, or a function")
        return assigning(run_id, changes)
