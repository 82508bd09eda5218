"""How a command ends when it cannot do what was asked.

Exit codes: 0 done · 1 the run failed or timed out · 2 the command was wrong (also typer's) · 3 the run was cancelled or
terminated · 4 the run needs a person (suspended, held, or on the dead letter list) · 5 the store cannot be used ·
130 Ctrl-C, 143 SIGTERM: parked, nothing lost.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, NoReturn

DONE: Final = 0
RUN_FAILED: Final = 1
USAGE: Final = 2
RUN_CANCELLED: Final = 3
NEEDS_PERSON: Final = 4
STORE_UNUSABLE: Final = 5
INTERRUPTED: Final = 130
TERMINATED: Final = 143

BY_STATUS: Final = {
    "completed": DONE, "failed": RUN_FAILED, "timed_out": RUN_FAILED, "cancelled": RUN_CANCELLED,
    "terminated": RUN_CANCELLED,
}  # fmt: skip
"""Of a run that has ended; any other status needs a person."""


class CommandError(Exception):
    """What is wrong, in a sentence or two that say what to do; and the exit code."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


def execute(command: Callable[..., Coroutine[Any, Any, int]], *args: Any, **options: Any) -> NoReturn:
    """Run an async command and exit with its code; errors of our family become one red sentence, not a traceback."""
    import asyncio

    from weft_core.errors import EngineError, StorageError, WeftError

    try:
        code = asyncio.run(command(*args, **options))
    except CommandError as error:
        code = _complain(str(error), error.code)
    except (StorageError, EngineError) as error:
        code = _complain(str(error), STORE_UNUSABLE, error.code)
    except WeftError as error:
        code = _complain(str(error), USAGE, error.code)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # `weft ls | head` closed the pipe: that is no error, and Python must not write to it again while exiting.
        sys.stdout = None
        code = DONE
    raise SystemExit(code)


def _complain(message: str, code: int, name: str = "") -> int:
    from weft_server.cli.screen import err

    err().print(f"[bold red]weft:[/] {_safe(message)}" + (f" [dim]({name})[/]" if name else ""), highlight=False)
    return code


def _safe(text: str) -> str:
    from rich.markup import escape

    return escape(text)
