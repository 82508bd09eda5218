"""Many calls, one run: starts that are debounced, or gathered into a batch.

The run is started by the first call and waits, pending. A record names it by the key of the calls until it begins;
later calls reach it by a message, and whether it still waits is decided in the turn that takes the message. So each
call that was accepted is in exactly one run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from weft_core import codec
from weft_core.engine.batch import Envelope
from weft_core.engine.handle import WorkflowHandle
from weft_core.engine.starts import StartOptions, to_the_end
from weft_core.engine.verbs.runs import RunVerbs
from weft_core.errors import InvalidInputError, PayloadTooLargeError, RunFinishedError, RunHeldError, RunNotFoundError
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.messages import InputReplaced, ItemAdded
from weft_core.model.names import check_id
from weft_core.workflow import Workflow

_FIRST = (0, 1)
"""Task and step of the wait of a run that has not begun."""
Addition = Callable[[int], InputReplaced | ItemAdded]
"""The message to a run, given when the first call for it came (epoch ms)."""


class FormingVerbs(RunVerbs):
    """start_debounced, start_batched."""

    async def start_debounced(
        self,
        workflow: Workflow | str,
        /,
        *inputs: Any,
        key: str,
        delay: Duration,
        max_delay: Duration | None = None,
    ) -> WorkflowHandle:
        """Start one run for all calls with ``key`` that follow each other within ``delay``: it gets the last inputs.

        The run begins ``delay`` after the last call, but at most ``max_delay`` after the first. Durable when this
        returns; the handle is that of the run these inputs, or later ones, will be given to. A call that comes when it
        has begun is the first one for the next run.
        """
        definition, inputs, headers = self._formed(workflow, inputs)
        delay_ms = duration_ms(delay, "the delay of start_debounced")
        most_ms = None if max_delay is None else duration_ms(max_delay, "max_delay")
        definition.check_inputs(inputs)
        data = codec.dumps(list(inputs))
        self._check_size("the input", len(data))

        def frame(ctx: Any) -> Any:
            return definition.frame(ctx, tuple(codec.loads(data)))

        def begin_at(first: int) -> int:
            at = self._clock.now_ms() + delay_ms
            return at if most_ms is None else min(at, first + most_ms)

        def replaced(first: int) -> InputReplaced:
            signals = sorted(definition.signals or ())
            return InputReplaced(*_FIRST, data, frame, definition.version, signals, begin_at(first))

        def options(run_id: str, record: str) -> StartOptions:
            start_at = begin_at(self._clock.now_ms())
            return StartOptions(run_id, start_at=start_at, headers=headers, forming=record)

        return await self._form("debounce", definition, key, replaced, inputs, options)

    async def start_batched(
        self,
        workflow: Workflow | str,
        item: Any,
        /,
        *,
        key: str,
        max_items: int = 100,
        max_delay: Duration = "1 s",
    ) -> WorkflowHandle:
        """Add ``item`` to the list that one run is given, which gathers the items of all calls with ``key``.

        The run begins when there are ``max_items``, or ``max_delay`` after the first call, or when its list would be
        larger than an input may be. Durable when this returns; the handle is that of the run that has the item.
        """
        if isinstance(max_items, bool) or not isinstance(max_items, int) or max_items < 1:
            raise InvalidInputError(call="start_batched", reason=f"max_items is {max_items!r}, not at least 1")
        definition, inputs, headers = self._formed(workflow, ([item],))
        definition.check_inputs(inputs)
        item, data = inputs[0][0], codec.dumps(inputs[0][0])
        self._check_size("the item", len(data))
        delay_ms = duration_ms(max_delay, "the max_delay of start_batched") if max_items > 1 else 0

        def added(first: int) -> ItemAdded:
            return ItemAdded(*_FIRST, codec.loads(data), len(data), max_items)

        def options(run_id: str, record: str) -> StartOptions:
            start_at = self._clock.now_ms() + delay_ms
            return StartOptions(run_id, start_at=start_at, headers=headers, forming=record, gathers=True)

        return await self._form("batch", definition, key, added, ([item],), options)

    def _formed(
        self, workflow: Workflow | str, inputs: tuple[Any, ...]
    ) -> tuple[Workflow, tuple[Any, ...], dict[str, str]]:  # fmt: skip
        self._check_open()
        registry = self.registry
        definition = registry.newest(workflow) if isinstance(workflow, str) else registry.exactly(workflow)
        return definition, *self.interceptors.start(definition.name, inputs, None, None)

    def _check_size(self, what: str, size: int) -> None:
        limit = self.limits.max_payload_bytes
        if size > limit:
            raise PayloadTooLargeError(what=what, actual=size, limit=limit)

    async def _form(
        self,
        verb: str,
        definition: Workflow,
        key: str,
        addition: Addition,
        inputs: tuple[Any, ...],
        options: Callable[[str, str], StartOptions],
    ) -> WorkflowHandle:
        check_id(key, f"the key of a {verb}", self.limits)
        record = keys.forming(verb, definition.name, key)
        work = self._add_or_start(definition, record, addition, inputs, options)
        return WorkflowHandle(self, await to_the_end(work))

    async def _add_or_start(
        self,
        definition: Workflow,
        record: str,
        addition: Addition,
        inputs: tuple[Any, ...],
        options: Callable[[str, str], StartOptions],
    ) -> str:
        passed = ""
        while True:
            await self._parts.starts.hold(record)
            try:
                stored = await self._reads.get(record)
                run_id, first = unseal_plain(record, stored) if stored is not None else (passed, 0)
                if run_id == passed:  # there is none, or none that waits
                    run_id = self._new_id()
                    row = (record, seal_plain(record, [run_id, self._clock.now_ms()]))
                    return await self._parts.starts.start(definition, inputs, options(run_id, record), [row])
                message = addition(first)
                envelope = Envelope(run_id, message, reply=asyncio.get_running_loop().create_future())
                self._parts.pump.submit(envelope)  # in the order of the calls; others may follow before it is durable
            finally:
                self._parts.starts.release(record)
            if await self._taken(envelope) and message.accepted:
                return run_id
            passed = run_id

    @staticmethod
    async def _taken(envelope: Envelope) -> bool:
        assert envelope.reply is not None
        try:
            await envelope.reply
        except (RunFinishedError, RunHeldError, RunNotFoundError):
            return False
        return True
