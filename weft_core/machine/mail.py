"""The records of messages: what lies in a run's mailbox, and what became of its updates."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

from weft_core.errors import CorruptRecordError
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.run import BufferedSignal
from weft_core.ports import Op

UpdateStatus = Literal["pending", "completed", "rejected", "unanswered"]
"""Unanswered: its run ended before it was answered."""
_STATUSES: tuple[UpdateStatus, ...] = get_args(UpdateStatus)


def mail_row(run_id: str, signal: BufferedSignal) -> Op:
    """The record of a signal in the mailbox; of an update, until it is answered."""
    key = keys.mail(run_id, signal.seq)
    if signal.update_id is None:
        return key, seal_plain(key, [signal.name, signal.payload])
    if signal.taken:
        return key, seal_plain(key, [signal.name, b"", signal.update_id, True])
    return key, seal_plain(key, [signal.name, signal.payload, signal.update_id])


def read_mail(key: str, data: bytes) -> BufferedSignal:
    return BufferedSignal(int(key.rpartition("/")[2], 16), *unseal_plain(key, data))


class UpdateRecord(NamedTuple):
    """What is stored of an update until its run is purged."""

    name: str
    status: UpdateStatus
    outcome: Any
    """The encoded result, or what is kept of the error."""
    at: int
    """When it got this status (epoch ms)."""


def update_row(run_id: str, update_id: str, record: UpdateRecord) -> Op:
    key = keys.update(run_id, update_id)
    return key, seal_plain(key, [record.name, _STATUSES.index(record.status), record.outcome, record.at])


def read_update(key: str, data: bytes) -> UpdateRecord:
    name, status, outcome, at = unseal_plain(key, data)
    if not 0 <= status < len(_STATUSES):
        raise CorruptRecordError(key=key, reason=f"an update of unknown status {status}")
    return UpdateRecord(name, _STATUSES[status], outcome, at)
