"""What TypeScript is told of events is what the engine tells."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_types_of_events_for_pages_are_made_from_the_classes_of_events() -> None:
    made = subprocess.run(
        [sys.executable, "tools/event_types.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    told = (ROOT / "browser" / "events.d.mts").read_text("utf-8")
    assert told == made.stdout, "run: python tools/event_types.py > browser/events.d.mts"
