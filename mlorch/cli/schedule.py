"""mlorch schedule: list schedules, turn them on and off, ask one, make up for what was missed."""

from __future__ import annotations

from typing import Annotated

import typer

from mlorch.cli.completion import schedule_names
from mlorch.cli.instigating import AsJson, counted, print_list, print_preview, tick_text, turn

schedule = typer.Typer(
    help="List, start, stop and preview schedules.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(help="The schedule.", autocompletion=schedule_names)]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="SCHEDULE…", help="The schedules.", autocompletion=schedule_names),
]
Every = Annotated[bool, typer.Option("--all", help="All schedules.")]


@schedule.command("list")
def list_schedules(context: typer.Context, as_json: AsJson = False) -> None:
    """List the schedules: whether they run, what their last tick came to, when the next is due."""
    print_list(context, "schedule", as_json)


@schedule.command()
def start(context: typer.Context, names: Names = None, every: Every = False) -> None:
    """Turn schedules on, whatever they are declared as. Ticks before now are not made up for."""
    turn(context, "schedule", names or [], every, True)


@schedule.command()
def stop(context: typer.Context, names: Names = None, every: Every = False) -> None:
    """Turn schedules off, whatever they are declared as."""
    turn(context, "schedule", names or [], every, False)


@schedule.command()
def reset(context: typer.Context, names: Names = None, every: Every = False) -> None:
    """Have schedules go or not as they are declared."""
    turn(context, "schedule", names or [], every, None)


@schedule.command()
def preview(
    context: typer.Context,
    name: Name,
    at: Annotated[
        str | None, typer.Option(help="When the tick is due; by default the next one. ISO 8601.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a schedule what a tick would run, and record nothing.

    Examples: mlorch schedule preview nightly · mlorch schedule preview nightly --at 2026-02-01T06:00
    """
    from mlorch.app.instigating import find_instigators
    from mlorch.app.opening import open_app

    opened = open_app(context.obj)
    found = find_instigators(opened.definitions, opened.record.log, "schedule", [name])[0]
    due = _stamp(at, "--at", found.declared.timezone)
    print_preview(opened, found, due, None, as_json)


@schedule.command("backfill-missed")
def backfill_missed(
    context: typer.Context,
    name: Name,
    *,
    since: Annotated[
        str | None, typer.Option(help="From when on, ISO 8601; by default since it was turned on.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Until when, ISO 8601; by default now.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what was missed and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make up for ticks that were missed: ask for the runs of each that was never evaluated.

    What `catchup` leaves out is made up for here. The daemon carries the runs out; a tick that was evaluated
    is never evaluated again.
    """
    from mlorch.app.instigating import find_instigators, missed_ticks
    from mlorch.app.opening import open_app
    from mlorch.cli.output import moment, print_json
    from mlorch.daemon.belated import make_up

    opened = open_app(context.obj)
    instance = opened.record if dry_run else opened.instance
    found = find_instigators(opened.definitions, instance.log, "schedule", [name])[0]
    zone = found.declared.timezone
    due = missed_ticks(instance.log, found, _stamp(since, "--since", zone), _stamp(until, "--until", zone))
    said = []
    for one in due:
        text, runs = "missed", 0
        if not dry_run:
            outcome = make_up(opened.definitions, instance, opened.settings.name, found.declared.name, one)
            text = tick_text(outcome) if outcome is not None else "evaluated by the daemon meanwhile"
            runs = len(outcome.runs) if outcome is not None else 0
        said.append({"due": one, "outcome": text, "runs": runs})
        if not as_json:
            print(f"{moment(one)} UTC  {text}", flush=True)
    if as_json:
        print_json(said)
    elif dry_run:
        print(f"{counted(len(due), 'tick')} missed; nothing was changed")
    else:
        print(f"{counted(len(due), 'tick')}, {counted(sum(one['runs'] for one in said), 'run')} queued")  # type: ignore[misc]
    raise typer.Exit(1 if any(str(one["outcome"]).startswith("FAILURE") for one in said) else 0)


def _stamp(text: str | None, option: str, zone: str) -> float | None:
    """Return a time as seconds since the epoch; one without a zone is in the schedule's."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from mlorch.errors import UserError

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"{option} {text!r} should be a time such as 2026-02-01T06:00") from None
    return (found if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(zone))).timestamp()
