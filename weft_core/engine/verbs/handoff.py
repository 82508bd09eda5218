"""Handing runs to other engines, and taking them in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from weft_core.engine.batch import Batch
from weft_core.engine.handoff.answering import Answering
from weft_core.engine.handoff.leaving import TakeBack
from weft_core.engine.handoff.line import Contact
from weft_core.engine.handoff.parts import HandoffParts
from weft_core.engine.verbs.repair import RepairVerbs
from weft_core.errors import HandoffRefusedError, InvalidInputError, RunFinishedError
from weft_core.machine import handoffs, records, travel
from weft_core.machine.handoffs import Handoff
from weft_core.machine.travel import read_message
from weft_core.model.placement import Device, check_address

_PATIENCE_MS = 10_000


class HandoffVerbs(RepairVerbs):
    """handoff, take_back, handoff_state, use_server, server_state, export_run, import_run."""

    @property
    def answering(self) -> Answering:
        """What other engines are told."""
        return self._parts.answering

    async def handoff(self, run_id: str, to: str) -> dict[str, Any]:
        """Have another engine own the run: the server at the address ``to``.

        The run is suspended now, and leaves once no activity of it is in flight: then it is ``transferring`` and is
        sent, again and again, until the other engine has answered. Accepted: it is ``moved`` here, a mirror that
        follows its owner. Refused: it goes on here. What keeps a run from travelling is a ``HandoffRefusedError``, and
        nothing has changed. Durable when this returns; what it returns is :meth:`handoff_state`.
        """
        check_address("handoff", to)
        await self._begin_handoff(run_id, to)
        return await self.handoff_state(run_id)

    async def take_back(self, run_id: str, *, force: bool = False) -> dict[str, Any]:
        """Own a run again that was handed off: one that has not left yet goes on; else its owner is asked for it.

        With ``force`` one that is ``transferring`` goes on here, and nobody is asked: for a server that is gone for
        good. **If that one has the run, both make its steps from now on**, and each effect whose receiver does not know
        the idempotency key happens twice. Of one that is ``moved`` there is nothing here to go on with.
        """
        self._check_run_id(run_id)
        assert self._host is not None
        known = await self._parts.handing.handoff(run_id)
        mirror = known is not None and (known.state == "moved" or (known.state == "asking" and not known.from_sending))
        if force and mirror:
            raise HandoffRefusedError(run_id=run_id, reason="here is only its mirror; its owner must give it back")
        if force and known is not None and known.state in ("sending", "asking", "doubted"):
            reason = "it was taken back by force, and nobody was asked"
            await self._work(run_id, TakeBack(self._parts.handing, run_id, known.id, reason, stays=True))
        else:
            await self._work(run_id, _Back(self._parts.handing, run_id, self._host.ids.token()))
        self._parts.mover.look(run_id)
        return await self.handoff_state(run_id)

    async def handoff_state(self, run_id: str) -> dict[str, Any]:
        """``state``: none, parking, sending, moved, asking, arriving, owned, ended or refused; ``url``, ``moves``,
        ``why`` (what became of the last try), ``trouble`` (why there is no answer yet, or why a run that belongs on the
        server is here) and ``placed`` (the placement by which it leaves)."""
        self._check_run_id(run_id)
        known = await self._parts.handing.handoff(run_id)
        if known is None:
            header = await self.header(run_id)
            return {"run_id": run_id, "state": "none", "status": header.status, "moves": 0, "url": "", "why": "",
                    "trouble": self._parts.placer.why(run_id), "handoff_id": "", "placed": ""}  # fmt: skip
        found = await self._parts.handing.find(run_id)
        return {
            "run_id": run_id, "state": known.state, "status": found.status if found is not None else None,
            "moves": known.moves, "url": known.url, "why": known.why,
            "trouble": self._parts.mover.trouble(run_id) or self._parts.placer.why(run_id), "handoff_id": known.id,
            "placed": known.placed,
        }  # fmt: skip

    async def export_run(self, run_id: str) -> bytes:
        """One envelope of bytes with all of a run, for ``import_run`` of another engine. The run is ``transferring``
        then, and nobody steps it here: exactly one engine may import it. Again: the same run. A run that something
        keeps in flight for longer than 10 s is a ``HandoffRefusedError``, and goes on."""
        self._check_run_id(run_id)
        header = await self.header(run_id)
        if header.status != "transferring":
            await self._begin_handoff(run_id, "")
            await self._parts.mover.parked(run_id, _PATIENCE_MS)
            header = await self.header(run_id)
        known = await self._parts.handing.handoff(run_id)
        if known is not None and known.state == "sending":
            return travel.pack(await self._parts.handing.traveller(header, known))
        if known is not None and known.state == "parking":
            await self.take_back(run_id)
        reason = (known.why if known is not None else "") or "something of it is still in flight"
        raise HandoffRefusedError(run_id=run_id, reason=reason)

    async def import_run(self, data: bytes) -> str:
        """Own a run that another engine has exported. Its id. The same envelope again is the same run.

        ``EnvelopeDamagedError``; ``HandoffRefusedError``: it cannot be driven here, and no envelope with the same
        handoff will ever be accepted.
        """
        answer = await self.answering.take_in(data)
        kind, run_id, _, reason = read_message(answer, ("accepted", "refused", "conflict"))
        if kind != "accepted":
            raise HandoffRefusedError(run_id=run_id, reason=reason or "a later handoff of it is known here")
        return str(run_id)

    def use_server(self, url: str, token: str | None = None) -> None:
        """The server of this device, from now on, and what opens it. ``InvalidInputError``: this is no device."""
        check_address("use_server", url)
        if self._parts.line.device is None:
            raise InvalidInputError(call="use_server", reason="this engine is no device; see Engine(device=)")
        self._parts.line.device = Device(url)
        if token is not None:
            self.give_token(url, token)
        self.wake_handoffs()

    def server_state(self) -> dict[str, Any]:
        """``url`` of the server of this device ("": none), and how the last question to it went: ``state`` unknown,
        online, offline or denied, and ``trouble``."""
        device = self._parts.line.device
        contact = self._parts.line.contact(device.server) if device is not None else Contact()
        return {"url": device.server if device is not None else "", "state": contact.state, "trouble": contact.trouble}

    def watch_server(self, told: Callable[[], None]) -> None:
        """Have ``told`` called when :meth:`server_state` is another than before, and each time a token is refused."""
        self._parts.line.contacted = told

    def give_token(self, url: str, token: str) -> None:
        """What opens the server at this address; it is never stored."""
        tokens: dict[str, str] | None = getattr(self._transport, "tokens", None)
        if tokens is None or not isinstance(url, str) or not isinstance(token, str):
            raise InvalidInputError(call="handoff", reason="this engine has no transport that takes tokens")
        tokens[url] = token
        self._parts.mover.wake()

    def wake_handoffs(self) -> None:
        """A hint: the network may be there again."""
        self._parts.mover.wake()
        self._parts.placer.wake()

    async def deliver_order(self, verb: str, run_id: str, reason: str | None) -> None:
        """Do what was left to be done with a run."""
        if verb in ("take_back", "force_back"):
            await self.take_back(run_id, force=verb == "force_back")
        else:
            await super().deliver_order(verb, run_id, reason)

    # -- inside

    async def _begin_handoff(self, run_id: str, url: str, placed: str = "") -> None:
        self._check_run_id(run_id)
        assert self._host is not None
        await self._work(run_id, _Leave(self._parts.handing, run_id, url, self._host.ids.token(), placed))
        self._parts.mover.look(run_id)

    async def _leave_for_server(self, run_id: str, url: str) -> None:
        await self._begin_handoff(run_id, url, "server_when_online")


@dataclass(slots=True)
class _Leave:
    """The order to begin a handoff. A job of the pump."""

    parts: HandoffParts
    run_id: str
    url: str
    handoff_id: str
    placed: str = ""

    async def __call__(self, batch: Batch, now: int) -> None:
        parts, known = self.parts, await self.parts.handoff(self.run_id)
        header = await parts.header(self.run_id)
        if known is not None and known.state in ("parking", "sending") and known.url == self.url:
            return
        if header.finished_at is not None:
            raise RunFinishedError(run_id=self.run_id, status=header.status, action="handing it off")
        if known is not None and known.state not in ("owned", "refused"):
            raise HandoffRefusedError(run_id=self.run_id, reason=f"its last handoff is {known.state}")
        if header.status not in ("pending", "running", "suspended"):
            raise HandoffRefusedError(run_id=self.run_id, reason=f"it is {header.status}")
        if not parts.registry.version(header.workflow, header.version).portable:
            reason = f"workflow {header.workflow} is not declared with portable=True"
            raise HandoffRefusedError(run_id=self.run_id, reason=reason)
        summary = await parts.summary(self.run_id)
        obstacle = handoffs.obstacle(header, records.notes_of(summary)) if summary is not None else None
        if obstacle is not None:
            raise HandoffRefusedError(run_id=self.run_id, reason=obstacle)
        goes_on = header.status != "suspended"
        leaving = Handoff(
            self.handoff_id, header.moves, "parking", self.url, goes_on, now, placed=self.placed,
            refused=known.refused if known is not None else [], tries=known.tries if known is not None else 0,
            came=known.came if known is not None else "",
        )  # fmt: skip
        batch.ops += handoffs.write(self.run_id, leaving)


@dataclass(slots=True)
class _Back:
    """The order to ask for a run again. A job of the pump."""

    parts: HandoffParts
    run_id: str
    back_id: str

    async def __call__(self, batch: Batch, now: int) -> None:
        known = await self.parts.handoff(self.run_id)
        if known is None or known.state in ("owned", "arriving", "asking"):
            return
        if known.placed == "server_only":
            reason = "its workflow is server_only: no step of it is made here"
            raise HandoffRefusedError(run_id=self.run_id, reason=reason)
        if known.state == "parking":  # the mover finds that it is not to leave, and has it go on
            asked = replace(known, state="arriving", tell=[], why="it was called back", stays=True)
        elif known.state in ("sending", "moved") and known.url:
            sending = known.state == "sending"
            asked = replace(known, state="asking", back=self.back_id, at=now, from_sending=sending, stays=True)
        else:
            reason = "it is over" if known.state == "ended" else "nobody is known who could be asked for it"
            raise HandoffRefusedError(run_id=self.run_id, reason=reason)
        batch.ops += handoffs.write(self.run_id, asked)
