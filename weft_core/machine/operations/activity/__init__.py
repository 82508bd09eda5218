"""``ctx.run``, ``ctx.step``, ``ctx.memo``: an activity, attempted until it succeeds or is given up."""

from weft_core.machine.operations.activity.hooks import ActivityHooks
from weft_core.machine.operations.activity.note import is_running, put_off

__all__ = ["ActivityHooks", "is_running", "put_off"]
