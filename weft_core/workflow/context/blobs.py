"""Large values outside of the checkpoint, and archives outside of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft_core.errors import OperationMisuseError
from weft_core.machine.naming import check_name
from weft_core.model.blobs import BlobRef
from weft_core.model.operations import Operation, RunActivity
from weft_core.workflow.activity import Activity
from weft_core.workflow.attempt import activity_info
from weft_core.workflow.context.activities import Activities


class Blobs(Activities):
    """offload, load, archive."""

    def offload(
        self, what: Activity[..., Any] | Callable[..., Any] | str, /, *args: Any, key: str | None = None, **options: Any
    ) -> Operation[BlobRef]:
        """Run an activity, or a function of the workflow's own, and keep its result outside of the checkpoint.

        The value is a small :class:`BlobRef`. ``key`` names the result for ``engine.load_blob(run_id, key)``; without
        one it is the number of the step. ``options`` are those of :meth:`run`, or of :meth:`step` for a function.
        """
        if key is not None:
            check_name(key, "the key of a blob", self._limits)
        if isinstance(what, (str, Activity)):
            op = self.run(what, *args, **options)
        else:
            op = self.step(getattr(what, "__name__", "offload"), what, *args, **options)
        assert isinstance(op, RunActivity)
        op.keep = key or ""
        return op

    def load(self, ref: BlobRef) -> Operation[Any]:
        """The value of a reference, of this run or another. It is recorded as a result is, and so at most a payload:
        for larger ones hand ``ref`` to an activity, which has ``await activity_info().load(ref)``.

        ``BlobNotFoundError``: its run was purged.
        """
        if not isinstance(ref, BlobRef):
            raise OperationMisuseError(operation="ctx.load", reason=f"{ref!r} is no BlobRef; ctx.offload makes them")
        return RunActivity("load", (ref,), load_blob)

    def archive(self, key: str, data: Any) -> Operation[Any]:
        """Hand data to the engine's ``archive``; the value is what its ``store`` returned. At least once (G4).

        Of a :class:`BlobRef` its value is archived. ``ArchiveNotConfiguredError``.
        """
        check_name(key, "the key of an archive", self._limits)
        return RunActivity("archive", (key, data), archive_data)


async def load_blob(ref: BlobRef) -> Any:
    return await activity_info().load(ref)


async def archive_data(key: str, data: Any) -> Any:
    return await activity_info().archive(key, data)
