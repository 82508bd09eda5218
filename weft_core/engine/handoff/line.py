"""Speaking to other engines: questions and answers, and what is known of who answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from weft_core.engine.registry import Registry
from weft_core.errors import HandoffDeniedError, HandoffUnansweredError, WeftError
from weft_core.machine.travel import message, read_message
from weft_core.model.placement import Device
from weft_core.model.run import RunHeader
from weft_core.ports import HandoffTransport

API = "/api/v1/handoff"


@dataclass(frozen=True, slots=True)
class Contact:
    """With another engine, as it was last."""

    state: Literal["unknown", "online", "offline", "denied"] = "unknown"
    trouble: str = ""


class Line:
    """One per engine. ``device``: this engine is on somebody's device, and that one has a server."""

    def __init__(self, registry: Registry, transport: HandoffTransport | None, device: Device | None) -> None:
        self._registry, self.transport, self.device = registry, transport, device
        self._contacts: dict[str, Contact] = {}
        self.contacted: Callable[[], None] = lambda: None
        """Told when a contact is another than before, and each time one is denied."""

    def server(self) -> str:
        """The address of the server of this device. ``HandoffUnansweredError``: none is known."""
        if self.device is None or not self.device.server:
            raise HandoffUnansweredError(url="the server", reason="this engine was opened without one")
        return self.device.server

    def contact(self, url: str) -> Contact:
        """How the last question to that engine went."""
        return self._contacts.get(url.rstrip("/"), Contact())

    async def takes(self, headers: list[RunHeader]) -> list[str]:
        """Of each run why the server would refuse it; empty: it would not. ``HandoffUnansweredError``."""
        url, kinds = self.server(), {}
        for header in headers:
            code = self._registry.closest(header.workflow, header.version).code
            kinds[header.workflow, header.version] = [header.workflow, header.version, code]
        answer = await self.post(url, "/takes", message("takes", list(kinds.values())))
        _, reasons = read_message(answer, ("takes",))
        answers = dict(zip(kinds, map(str, reasons), strict=True))
        return [answers[header.workflow, header.version] for header in headers]

    async def post(self, url: str, path: str, body: bytes) -> bytes:
        """``HandoffUnansweredError``, whatever the transport raises."""
        if self.transport is None:
            raise HandoffUnansweredError(url=url, reason="this engine has no transport")
        url = url.rstrip("/")
        try:
            answer = await self.transport.post(url + API + path, body)
        except Exception as trouble:
            denied = isinstance(trouble, HandoffDeniedError)
            self._met(url, Contact("denied" if denied else "offline", str(trouble) or type(trouble).__name__))
            if isinstance(trouble, WeftError):
                raise
            raise HandoffUnansweredError(url=url, reason=str(trouble) or type(trouble).__name__) from trouble
        self._met(url, Contact("online"))
        return answer

    def _met(self, url: str, contact: Contact) -> None:
        before, self._contacts[url] = self.contact(url), contact
        if contact != before or contact.state == "denied":
            self.contacted()


def of(run_id: str, what: str) -> str:
    """The path of what is said of a run."""
    plain = [chr(byte) if chr(byte).isalnum() and byte < 128 else f"%{byte:02X}" for byte in run_id.encode()]
    return f"/{''.join(plain)}/{what}"
