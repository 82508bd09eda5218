"""An app file of ``weft serve`` that defines nothing: the process dies by SIGKILL at the commit that WEFT_DIE names.

``before sending`` or ``after moved``: the first batch in which a handoff comes to that state.
"""

import os
import signal
from collections.abc import Sequence
from typing import Any

from weft_server.storage.sqlite import SQLiteStorage

when, _, state = os.environ.get("WEFT_DIE", "").partition(" ")
commit = SQLiteStorage.conditional_batch


def is_it(ops: Sequence[tuple[str, bytes | None]]) -> bool:
    wanted = b"\xa5state" + bytes([0xA0 + len(state)]) + state.encode()
    return any(key.startswith("handoff/") and value is not None and wanted in value for key, value in ops)


async def conditional_batch(self: SQLiteStorage, conditions: Any, ops: Any) -> bool:
    fatal = is_it(ops)
    if fatal and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    done = await commit(self, conditions, ops)
    if fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    return done


if when:
    SQLiteStorage.conditional_batch = conditional_batch  # type: ignore[method-assign]
