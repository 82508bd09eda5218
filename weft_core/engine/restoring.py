"""Which code a stored run goes on with (G16).

1. The version it is on, if that is registered; if its code was changed in place and does not fit any more, a migration
   from that very version.
2. Else a migration from its version that a registered version declares, the one registered last first.
3. Else, if one version is registered, that one if it fits as it is: the label was changed, and the code hardly.
4. Else none: the error says what to give.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weft_core import frames
from weft_core.engine.registry import Registry
from weft_core.errors import CodeChangedError, MigrationError, NotSerializableError, UnknownFunctionError
from weft_core.machine import records
from weft_core.machine.operations import HOOKS
from weft_core.machine.past import named_chunks
from weft_core.machine.records import CheckpointRecord
from weft_core.model.operations import Operation
from weft_core.model.run import Migrated, RunState
from weft_core.workflow import StoredRun, Workflow

Stored = Mapping[str, bytes]


def restore_run(run: RunState, record: CheckpointRecord, stored: Stored, registry: Registry) -> None:
    """Fill ``run`` from its checkpoint, on the code that it goes on with; ``run.migrated`` says if that is another.

    ``stored`` are its chunks. Raises what stands in the way; then the run has no frames.
    """
    _Restoring(run, record, stored, registry).restore()


class _Restoring:
    def __init__(self, run: RunState, record: CheckpointRecord, stored: Stored, registry: Registry) -> None:
        self._run, self._record, self._stored, self._registry = run, record, stored, registry
        self._functions = registry.functions
        self._key = frames.workflow_key(run.header.workflow, run.header.version)

    def restore(self) -> None:
        header = self._run.header
        versions = self._registry.versions(header.workflow)
        own = next((w for w in versions if w.version == header.version), None)
        if own is not None:
            self._restore_own(own)
            return
        for other in reversed(versions):
            if any(m.from_version == header.version for m in other.migrations):
                self._migrate(other)
                return
        if len(versions) > 1:
            self._registry.version(header.workflow, header.version)  # raises
        self._restore_with(versions[0])

    def _restore_own(self, own: Workflow) -> None:
        try:
            self._as_it_is(self._functions)
        except (CodeChangedError, UnknownFunctionError) as misfit:
            if any(m.from_version == own.version for m in own.migrations):
                self._migrate(own)
            elif isinstance(misfit, CodeChangedError):
                raise self._advised(
                    misfit, own, "put the old place back, or the old code beside it as a version"
                ) from None
            else:
                raise

    def _restore_with(self, other: Workflow) -> None:
        """The only version there is stands in for the run's own, if it fits."""
        try:
            self._as_it_is({**self._functions, self._key: other.root})
        except CodeChangedError as misfit:
            raise self._advised(misfit, other, "register that version again") from None
        self._run.migrated = Migrated(other.version, sorted(other.signals or ()), "structure")

    def _advised(self, misfit: CodeChangedError, to: Workflow, first: str) -> CodeChangedError:
        header = self._run.header
        return CodeChangedError(
            f"{misfit}. The run is on version {header.version!r} of {header.workflow}: {first}, or say how its runs "
            f"go on with version {to.version!r}: @{to.__name__}.migrate(from_version={header.version!r})",
            **misfit.facts | {"workflow": header.workflow, "version": header.version},
        )

    def _as_it_is(self, functions: Mapping[str, frames.Root]) -> None:
        run, record = self._run, self._record
        chunks = record.chunks(run.id, self._stored)
        restored = frames.restore(record.frames, run.externals, functions, chunks)
        run.chunks = chunks.chunks if chunks is not None else None
        records.fill_run(run, record.summary, restored.root)

    # -- migrating

    def _migrate(self, to: Workflow) -> None:
        run, record = self._run, self._record
        instead = False

        def change(root: list[Any]) -> None:
            nonlocal instead
            begun = self._change(to, root)
            if begun is not None:
                instead = True
                root.append(begun)

        functions = {**self._functions, self._key: to.root}
        try:
            body = frames.rewrite(
                record.frames, run.externals, functions, change, record.chunks(run.id, self._stored)
            )  # fmt: skip
        except MigrationError:
            raise
        except (CodeChangedError, NotSerializableError) as misfit:
            raise self._refused(to, str(misfit), missing=misfit.facts.get("missing")) from misfit
        graph = frames.restore(body, run.externals, functions).root
        records.fill_run(run, record.summary, graph)
        run.migrated = Migrated(
            to.version,
            sorted(to.signals or ()),
            "migration",
            graph[-1] if instead else None,
            sorted(named_chunks(run.id, record.directory)),
        )

    def _change(self, to: Workflow, root: list[Any]) -> Operation[Any] | None:
        """Have the migrations change the graph of a checkpoint. The operation to begin instead of the pending one."""
        op, frame, others = stored_tasks(self._record.summary, root)
        header = self._run.header
        code = frame.place.hash if frame.place is not None else ""
        way = to.way_from(header.version, code)
        if not way:
            known = [m.from_code for m in to.migrations if m.from_version == header.version]
            raise self._refused(to, f"it was stored with code {code}, and there are migrations from {known} only")
        functions = {**self._functions, self._key: to.root}
        version, instead = header.version, None
        for step in way:
            facts = {
                "id": header.id, "workflow": header.workflow, "version": version, "to_version": step.to_version,
                "code": code,
            }  # fmt: skip
            stored = StoredRun(facts, self._run.ctx, functions, frame, instead or op, others)
            try:
                step.fn(stored)
            except MigrationError:
                raise
            except Exception as error:
                where = f"{step.fn.__name__} raised {type(error).__name__}: {error}"
                raise self._refused(to, where) from error
            version, code, instead = step.to_version, "", stored.instead or instead
        return instead

    def _refused(self, to: Workflow, reason: str, **facts: Any) -> MigrationError:
        header = self._run.header
        return MigrationError(
            run_id=header.id, workflow=header.workflow, version=header.version, to_version=to.version, reason=reason,
            **facts,
        )  # fmt: skip


def stored_tasks(summary: list[Any], root: list[Any]) -> tuple[Any, Any, list[Any]]:
    """(pending operation, frame) of the workflow itself, and the frames of the branches, of a checkpoint's graph."""
    found: list[tuple[Any, Any]] = []
    at = 1
    for _, _, _, kind, _, _ in summary[records.TASKS]:
        found.append((root[at], root[at + 1]))
        plain = next(hooks.plain for cls, hooks in HOOKS.items() if cls.kind == kind)
        at += 2 if plain else 3
    branches = [frame for _, frame in found[1:] if isinstance(frame, frames.StoredFrame)]
    return (*found[0], branches)
