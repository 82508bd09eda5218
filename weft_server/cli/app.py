"""The table of all commands, in the order of ``weft --help``; their options are in ``commands/``, a theme a file.

What a command does is in the module that it imports when it is called, so that the help comes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import typer

from weft_server.cli.commands import (
    browsing,
    deploying,
    extending,
    keeping,
    looking,
    reviewing,
    running,
    scheduling,
    steering,
)

Table = Mapping[str, Callable[..., None]]

COMMANDS: Table = {
    "run": running.run_,
    "serve": running.serve_,
    "ls": looking.ls_,
    "show": looking.show_,
    "signal": steering.signal_,
    "cancel": steering.cancel_,
    "terminate": steering.terminate_,
    "suspend": steering.suspend_,
    "resume": steering.resume_,
    "take-back": steering.take_back_,
    "reviews": reviewing.reviews_,
    "decide": reviewing.decide_,
    "purge": steering.purge_,
    "doctor": keeping.doctor_,
    "compile": deploying.compile_,
    "check": deploying.check_,
    "export": keeping.export_,
    "import": keeping.import_,
    "version": looking.version_,
}
BROWSER: Table = {"build": browsing.build_, "serve": browsing.serve_}
EXTENSION: Table = {"build": extending.build_}
NEW: Table = {"extension": extending.new_}
SCHEDULE: Table = {
    "list": scheduling.list_,
    "create": scheduling.create_,
    "pause": scheduling.pause_,
    "resume": scheduling.resume_,
    "trigger": scheduling.trigger_,
    "delete": scheduling.delete_,
}

app = typer.Typer(
    help="Durable workflows: they go on where they stopped, whatever stopped them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    add_completion=False,
)
browser = typer.Typer(help="The browser runtime.", no_args_is_help=True)
extension = typer.Typer(help="Extensions for browsers.", no_args_is_help=True)
new = typer.Typer(help="A folder to begin with.", no_args_is_help=True)
schedule = typer.Typer(help="Schedules: what starts runs by time.", no_args_is_help=True)
app.add_typer(browser, name="browser")
app.add_typer(extension, name="extension")
app.add_typer(new, name="new")
app.add_typer(schedule, name="schedule")

GROUPS = ((app, COMMANDS), (browser, BROWSER), (extension, EXTENSION), (new, NEW), (schedule, SCHEDULE))
for group, commands in GROUPS:
    for name, command in commands.items():
        group.command(name)(command)
