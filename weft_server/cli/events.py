"""Events of a run, one line each, for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rich.text import Text

from weft_server.cli.screen import clock, compact, span

Event = dict[str, Any]
Look = tuple[str, str, Callable[[Event], str]]


def _error(event: Event) -> str:
    error = event.get("error") or {}
    return f"{error.get('code', 'error')}: {error.get('message', '')}".rstrip(": ")


def _scheduled(event: Event) -> str:
    again = f"  attempt {event['attempt']}" if event.get("attempt", 1) > 1 else ""
    return f"{event['name']}{again}"


def _failed(event: Event) -> str:
    retry_at = event.get("retry_at")
    what_next = "given up" if retry_at is None else f"again in {span(max(0, retry_at - event['at']))}"
    return f"{event['name']}  {_error(event)}  ({what_next})"


def _sleep(event: Event) -> str:
    return f"sleep {span(max(0, event['deadline'] - event['at']))}, until {clock(event['deadline'])}"


LOOKS: Final[dict[str, Look]] = {
    "run_started": ("▶", "green", lambda e: f"{e.get('workflow', 'run')} started"),
    "run_recovered": ("↻", "cyan", lambda e: "recovered: goes on at its waiting line"),
    "run_migrated": ("⇢", "cyan", lambda e: f"goes on as version {e['to_version']}, it was {e['from_version']}"),
    "run_held": ("‖", "bold yellow", lambda e: f"held until the code fits: {_error(e)}"),
    "run_dead": ("‖", "bold red", lambda e: f"dead letter: {_error(e)}"),
    "run_completed": ("■", "bold green", lambda e: f"completed  {compact(e.get('result'))}"),
    "run_failed": ("■", "bold red", lambda e: f"failed  {_error(e)}"),
    "run_cancelled": ("■", "bold yellow", lambda e: "cancelled" + _reason(e)),
    "run_timed_out": ("■", "bold yellow", lambda e: "timed out"),
    "run_terminated": ("■", "bold red", lambda e: "terminated" + _reason(e)),
    "run_delayed": ("◷", "blue", lambda e: f"begins at {clock(e['start_at'])}"),
    "run_kept_back": ("◷", "blue", lambda e: f"waits for its server {e['url']}"),
    "run_restarted": ("▶", "green", lambda e: "begins anew under the same id"),
    "run_forked": ("▶", "green", lambda e: f"a fork of {e['forked_from']} at step {e['at_step']}"),
    "run_rewound": ("↶", "yellow", lambda e: f"put back to step {e['to_step']}" + _reason(e)),
    "run_edited": ("✎", "yellow", lambda e: f"edited {', '.join(c['name'] for c in e['changes'])}" + _reason(e)),
    "operation_skipped": ("✎", "yellow", lambda e: f"{e['kind']} {e['name']} answered by hand" + _reason(e)),
    "run_suspended": ("‖", "yellow", lambda e: "suspended" + _reason(e)),
    "run_resumed": ("▶", "green", lambda e: "resumed"),
    "cancel_requested": ("!", "yellow", lambda e: "asked to cancel" + _reason(e)),
    "activity_scheduled": ("→", "blue", _scheduled),
    "activity_completed": ("✓", "green", lambda e: f"{e['name']}  {compact(e.get('result'))}"),
    "activity_failed": ("✗", "red", _failed),
    "sleep_started": ("◷", "blue", _sleep),
    "timer_fired": ("✓", "green", lambda e: "timer fired"),
    "signal_received": ("✉", "magenta", lambda e: f"signal {e['name']} received"),
    "signal_consumed": ("✓", "green", lambda e: f"signal {e['name']}"),
    "signal_returned": ("✉", "cyan", lambda e: f"signal {e['name']} goes back: the branch that took it was beaten"),
    "signal_timed_out": ("✗", "red", lambda e: f"no signal {e['name']} came in time"),
    "signal_handled": ("✓", "green", lambda e: f"signal {e['name']} handled"),
    "signal_handler_failed": ("✗", "red", lambda e: f"the handler of signal {e['name']} raised {_message(e)}"),
    "update_received": ("✉", "magenta", lambda e: f"update {e['name']} received"),
    "update_returned": ("✉", "cyan", lambda e: f"update {e['name']} goes back: the branch that took it was beaten"),
    "update_completed": ("✓", "green", lambda e: f"update {e['name']} answered"),
    "update_rejected": ("✗", "red", lambda e: f"update {e['name']} rejected: {_message(e)}"),
    "update_unanswered": ("✗", "yellow", lambda e: f"update {e['name']} never answered: the run ends"),
    "update_timed_out": ("✗", "red", lambda e: f"no update {e['name']} came in time"),
    "review_requested": ("?", "magenta", lambda e: f"review of {e['review_type']} requested: {e['review_id']}"),
    "review_escalated": ("!", "yellow", lambda e: f"review escalated to {', '.join(e['to'])}"),
    "review_partly_decided": ("✓", "green", lambda e: f"review decided in part: {', '.join(e['sections'])}"),
    "review_decided": ("✓", "green", lambda e: f"review: {e['decision']} by {e['reviewer'] or 'its escalation'}"),
    "review_timed_out": ("✗", "red", lambda e: "nobody decided the review in time"),
    "review_cancelled": ("■", "dim", lambda e: "review cancelled"),
    "condition_met": ("✓", "green", lambda e: "condition met"),
    "condition_timed_out": ("✗", "red", lambda e: "condition not met in time"),
    "attribute_removed": ("=", "blue", lambda e: f"{e['key']} removed"),
    "tags_added": ("#", "blue", lambda e: f"tagged {', '.join(e['tags'])}"),
    "tags_removed": ("#", "blue", lambda e: f"no longer tagged {', '.join(e['tags'])}"),
    "attribute_set": ("=", "blue", lambda e: f"{e['key']} = {compact(e.get('value'))}"),
    "group_started": ("⋔", "blue", lambda e: f"{e['kind']} of {e['size']}"),
    "group_completed": ("✓", "green", lambda e: f"{e['kind']}"),
    "events_expired": ("…", "dim", lambda e: f"events before number {e['first_seq']} are no longer kept"),
    "logged": ("│", "dim", lambda e: str(e.get("message", ""))),
}
_PLAIN: Final = {"run_id", "seq", "at", "type"}


def _message(event: Event) -> str:
    return str(event["error"].get("message"))


def _reason(event: Event) -> str:
    return f": {event['reason']}" if event.get("reason") else ""


def line(event: Event, *, with_run: bool = False) -> Text:
    """Time, step, sign and what happened. ``with_run`` adds the run's id, where lines of several runs mix."""
    sign, style, words = LOOKS.get(event["type"], ("·", "", _anything))
    step = f"{event['step']:>4} " if event.get("step") is not None else "     "
    text = Text.assemble((clock(event["at"]), "dim"), (step, "dim"), (f"{sign} ", style))
    try:
        text.append(words(event))
    except (KeyError, TypeError):
        # A newer engine may have written fields we do not know; an event is shown, never hidden.
        text.append(_anything(event))
    if with_run:
        text.append(f"  [{event['run_id']}]", style="dim")
    return text


def _anything(event: Event) -> str:
    rest = {k: v for k, v in event.items() if k not in _PLAIN}
    return f"{event['type']}  {compact(rest)}" if rest else str(event["type"])
