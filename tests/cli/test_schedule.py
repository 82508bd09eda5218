"""``weft schedule``, from another process than the one that owns the store."""

from __future__ import annotations

import subprocess

from tests.cli.conftest import ORDER, Cli


def test_a_schedule_is_created_paused_resumed_triggered_and_deleted_while_another_process_runs(
    weft: Cli, parked: subprocess.Popen[str]
) -> None:
    made = weft("schedule", "create", "nightly", "checkout", "--cron", "0 3 * * *", "--timezone", "Europe/Zurich",
                "--input", ORDER)  # fmt: skip
    assert "delivered: schedule nightly" in made.stdout
    (item,) = weft.json("schedule", "list", "--json")["items"]
    assert (item["status"], item["timezone"], item["input"][0]["id"]) == ("active", "Europe/Zurich", "A-1")
    assert "ScheduleExistsError" in weft("schedule", "create", "nightly", "checkout", "--every", "1h", code=2).stderr
    weft("schedule", "pause", "nightly", "--reason", "holidays")
    assert weft.json("schedule", "list", "--json")["items"][0]["pause_reason"] == "holidays"
    weft("schedule", "resume", "nightly")
    weft("schedule", "trigger", "nightly")
    (item,) = weft.json("schedule", "list", "--json")["items"]
    assert (item["status"], item["triggered"]) == ("active", 1)
    assert weft.json("show", item["last_run"], "--json")["run"]["workflow"] == "checkout"
    assert "0 3 * * * Europe/Zurich" in weft("schedule", "list").stdout
    weft("schedule", "delete", "nightly")
    assert weft.json("schedule", "list", "--json")["items"] == []


def test_what_cannot_be_is_refused_before_anything_is_written(weft: Cli, parked: subprocess.Popen[str]) -> None:
    assert "0-59" in weft("schedule", "create", "s", "checkout", "--cron", "61 * * * *", code=2).stderr
    assert "cron= or every=" in weft("schedule", "create", "s", "checkout", code=2).stderr
    assert "ScheduleNotFoundError" in weft("schedule", "pause", "s", code=2).stderr
    assert weft.json("schedule", "list", "--json")["items"] == []
