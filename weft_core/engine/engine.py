"""The engine: owns a store, drives its runs, and answers for them."""

from __future__ import annotations

from weft_core.engine.verbs.bulk import BulkVerbs
from weft_core.engine.verbs.completing import CompletingVerbs
from weft_core.engine.verbs.forming import FormingVerbs
from weft_core.engine.verbs.forwarding import ForwardingVerbs
from weft_core.engine.verbs.hinting import HintVerbs
from weft_core.engine.verbs.queues import QueueVerbs
from weft_core.engine.verbs.repair import RepairVerbs
from weft_core.engine.verbs.reviews import ReviewVerbs
from weft_core.engine.verbs.schedules import ScheduleVerbs
from weft_core.engine.verbs.start_or_signal import StartOrSignalVerbs
from weft_core.engine.verbs.state import StateVerbs
from weft_core.engine.verbs.streaming import StreamVerbs
from weft_core.engine.verbs.tailing import TailingVerbs
from weft_core.engine.verbs.transfer import TransferVerbs


class Engine(
    StartOrSignalVerbs, ReviewVerbs, StateVerbs, BulkVerbs, ScheduleVerbs, TailingVerbs, CompletingVerbs,
    ForwardingVerbs, RepairVerbs, QueueVerbs, StreamVerbs, FormingVerbs, HintVerbs, TransferVerbs,
):  # fmt: skip
    """``async with Engine(storage=..., workflows=[...]) as engine:`` opens the store and drives its runs.

    One engine owns a store at a time: opening another one fences this one (G11), whose calls then raise
    ``EngineFencedError``. ``activities`` replace, by name, those that the workflows' modules hold; ``schedules`` are
    made or brought in line when the engine opens; ``queues`` limit how many attempts run at once and how fast they
    begin; ``device`` says that runs may belong on a server instead (docs/handoff.md). Leaving the block parks every run
    where it stands and closes the store; pass ``close_storage=False`` to keep it open.
    """
