"""Sagas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from weft_core.model.operations import Operation, RunSaga, Saga
from weft_core.model.operations.sagas import activity_name
from weft_core.workflow.context.facts import Facts


class Sagas(Facts):
    """Work that is undone when the rest of it fails."""

    @overload
    def saga(self) -> Saga: ...
    @overload
    def saga(self, steps: Sequence[tuple[Any, ...]]) -> Operation[list[Any]]: ...
    def saga(self, steps: Sequence[tuple[Any, ...]] | None = None) -> Any:
        """Undo finished steps, the last one first, if a later one fails, or if the run is cancelled or timed out (G14).

        As a context manager::

            async with ctx.saga() as saga:
                hotel = await saga.run(book_hotel, trip, compensate=cancel_hotel)   # undone by cancel_hotel(hotel)
                car = await ctx.run(rent_car, trip)
                saga.add(ctx.run(return_car, car, trip))                            # any operation undoes

        As a list, awaited for the values of its steps: ``await ctx.saga([(book_hotel, trip, cancel_hotel), ...])``,
        each an activity, its arguments, and the activity that undoes it.

        A compensation that finally fails parks the run as "needs_attention"; ``engine.resume`` tries it again.
        """
        if steps is None:
            return Saga()
        return RunSaga([(activity_name(do), *args, activity_name(undo)) for do, *args, undo in steps])
