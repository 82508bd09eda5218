"""``ctx``: everything a workflow may ask of the engine. Its methods build operations and have no logic of their own.

One file for each theme; :class:`Context` joins them.
"""

from __future__ import annotations

from weft_core.workflow.context.activities import Activities
from weft_core.workflow.context.blobs import Blobs
from weft_core.workflow.context.cancelling import Cancelling
from weft_core.workflow.context.children import Children
from weft_core.workflow.context.groups import Groups
from weft_core.workflow.context.locks import Locks
from weft_core.workflow.context.messages import Messages
from weft_core.workflow.context.reviews import Reviews
from weft_core.workflow.context.sagas import Sagas
from weft_core.workflow.context.scopes import Scopes
from weft_core.workflow.context.state import State
from weft_core.workflow.context.streams import Streaming
from weft_core.workflow.context.visibility import Visibility
from weft_core.workflow.context.waiting import Waiting


class Context(
    Blobs, Activities, Waiting, Messages, Reviews, Groups, Children, Locks, Scopes, Sagas, Cancelling, State, Streaming,
    Visibility
):  # fmt: skip
    """Given to a workflow as its first argument. In a checkpoint it is named, not stored.

    A method that returns an :class:`Operation` does nothing until that is awaited, or awaited as a branch of ``all`` or
    ``race``. The other methods act at once.
    """


__all__ = ["Context"]
