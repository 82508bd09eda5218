"""The layout of a store: one function for each kind of record.

    meta/store            who this store is                 run/<id>              header of a run
    meta/owner            epoch and number of last commit   ckpt/<id>             its checkpoint, while unfinished
    code/<hash>           source a run was driven with      chunk/<id>/<c>.<n>    part of a large value in it
    inbox/<id>            left by others for the owner      log/<id>/<seq>        events of one turn
    idem/<key>            idempotency key -> run            mail/<id>/<seq>       a buffered signal
    active/<id>           an attempt is in flight           mail-id/<id>/<sid>    a signal id that was accepted
    timer/<deadline>/<id>/<task>.<step>
    by-time/<created>/<id>                                  newest-first listing

Numbers are fixed-width hexadecimal, so that the order of keys is the order of numbers.
"""

from __future__ import annotations

STORE = "meta/store"
OWNER = "meta/owner"
RUNS = "run/"
TIMERS = "timer/"
ACTIVE = "active/"
INBOX = "inbox/"
BY_TIME = "by-time/"


def run(run_id: str) -> str:
    return f"run/{run_id}"


def checkpoint(run_id: str) -> str:
    return f"ckpt/{run_id}"


def chunk(run_id: str, container: int, number: int) -> str:
    return f"chunk/{run_id}/{container:x}.{number:x}"


def chunk_prefix(run_id: str) -> str:
    return f"chunk/{run_id}/"


def parse_chunk(key: str) -> tuple[int, int]:
    """(container, number) of a chunk's key."""
    container, number = key.rpartition("/")[2].split(".")
    return int(container, 16), int(number, 16)


def log(run_id: str, seq: int) -> str:
    return f"log/{run_id}/{seq:012x}"


def log_prefix(run_id: str) -> str:
    return f"log/{run_id}/"


def mail(run_id: str, seq: int) -> str:
    return f"mail/{run_id}/{seq:012x}"


def mail_prefix(run_id: str) -> str:
    return f"mail/{run_id}/"


def mail_id(run_id: str, signal_id: str) -> str:
    return f"mail-id/{run_id}/{signal_id}"


def timer(deadline_ms: int, run_id: str, task: int, step: int) -> str:
    return f"timer/{deadline_ms:012x}/{run_id}/{task}.{step}"


WHOLE_RUN = (-1, 0)
"""In the place of task and step: the timer of a run's execution timeout."""


def timers_until(now_ms: int) -> str:
    """Exclusive upper bound of the timers whose deadline is at or before ``now_ms``."""
    return f"timer/{now_ms + 1:012x}"


def parse_timer(key: str) -> tuple[int, str, int, int]:
    """(deadline_ms, run id, task, step) of a timer key. Run ids hold no slash."""
    _, deadline, run_id, place = key.split("/")
    task, step = place.split(".")
    return int(deadline, 16), run_id, int(task), int(step)


def active(run_id: str) -> str:
    return f"active/{run_id}"


def by_time(created_ms: int, run_id: str) -> str:
    return f"by-time/{created_ms:012x}/{run_id}"


def idempotency(key: str) -> str:
    return f"idem/{key}"


def code(fingerprint: str) -> str:
    return f"code/{fingerprint}"


def inbox(message_id: str) -> str:
    return f"inbox/{message_id}"
