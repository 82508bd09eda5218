"""The files of examples/ with what they are given and what they answer: on SQLite and in a browser, the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "examples"


@dataclass(frozen=True)
class Program:
    """One example: its workflow, started with ``input`` and told ``signals``, gives ``result``."""

    file: str
    workflow: str
    input: Any
    result: Any
    signals: tuple[tuple[str, Any], ...] = ()
    decision: dict[str, Any] | None = None
    """Of the review that it asks for."""
    pausing: bool = False
    """``input`` may have a ``pause``, which says how long it sleeps."""

    @property
    def path(self) -> Path:
        return FOLDER / self.file


CART = {"id": "A-1", "items": [{"sku": "shuttle", "quantity": 1}, {"sku": "yarn", "quantity": 3}]}

PROGRAMS = (
    Program(
        "checkout.py", "checkout", CART,
        {
            "status": "shipped", "order": "A-1", "items": ["1 x Boat shuttle", "3 x Wool yarn, 100 g"], "total": 5715,
            "vat": 952, "confirmed_by": "Ada", "references": ["RES-A-1", "CHG-A-1", "RCP-A-1", "PCL-A-1"],
        },
        signals=(("confirm", {"confirmed": True, "by": "Ada"}),),
    ),
    Program("welcome.py", "welcome", {"name": "Ada"}, {"greeting": "Hello, Ada!", "onboarded": True}, pausing=True),
    Program(
        "approval.py", "approval", {"id": "order-1"},
        {"order": "order-1", "status": "shipped", "by": "Ada", "parcel": "parcel of order-1"},
        signals=(("decision", {"approved": True, "by": "Ada"}),), pausing=True,
    ),
    Program(
        "start_or_signal.py", "paid_order", {"id": "A-7", "total": 4900},
        {"order": "A-7", "paid": ["deposit", "rest"]},
        signals=(("payment", {"part": "deposit", "cents": 1000}), ("payment", {"part": "rest", "cents": 3900})),
    ),
    Program(
        "order.py", "order", {"id": "o-1", "customer": "acme", "cents": 4900},
        {"order": "o-1", "parcel": "parcel of o-1"}, pausing=True,
    ),
    Program(
        "tail.py", "journey", {"id": "parcel-1", "places": ["Oslo", "Kiel", "Rome"]},
        {"parcel": "parcel-1", "log": ["parcel-1 is in Oslo", "parcel-1 is in Kiel", "parcel-1 is in Rome"]},
        pausing=True,
    ),
    Program(
        "chaos.py", "onboarding", {"mail": "ada@example.org"},
        {"guest": "ada@example.org", "mails": ["welcome", "how was your day?"], "status": "onboarded"}, pausing=True,
    ),
    Program(
        "payment_review.py",
        "payment",
        {"order": "A-9", "cents": 250_000},
        {"status": "charged", "by": "Ada", "receipt": {"charge": "ch_A-9", "cents": 250_000}},
        decision={"decision": "approved", "reviewer": "Ada"},
    ),
    Program("errors.py", "till", [4900, 99_000], ["paid 4900", "refused: 99000 cents is too much"]),
    Program(
        "step_form.py", "tour", {"name": "Ada"},
        {"greeting": "Hello, Ada!", "letters": 11, "rooms": ["the hall", "the loft"]}, pausing=True,
    ),
    Program(
        "generator_form.py", "relay", {"runners": ["Ada", "Grace"]},
        {"times": {"Ada": 133, "Grace": 137}, "warm_up": [63, 65]}, pausing=True,
    ),
)  # fmt: skip

OTHER_FILES = {"checkout_browser.py", "checkout_http.py"}
"""Activities of checkout.py for other surroundings; e2e/test_demo.py and tests/cli/ run them."""
