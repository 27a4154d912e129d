"""mlorch sensor: list sensors, turn them on and off, ask one, see and set its cursor."""

from __future__ import annotations

from typing import Annotated

import typer

from mlorch.cli.completion import sensor_names
from mlorch.cli.instigating import AsJson, print_list, print_preview, turn

sensor = typer.Typer(
    help="List, start, stop and preview sensors.", no_args_is_help=True, rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(help="The sensor.", autocompletion=sensor_names)]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="SENSOR…", help="The sensors.", autocompletion=sensor_names),
]
Every = Annotated[bool, typer.Option("--all", help="All sensors.")]


@sensor.command("list")
def list_sensors(context: typer.Context, as_json: AsJson = False) -> None:
    """List the sensors: whether they run, what their last tick came to, when the next is due."""
    print_list(context, "sensor", as_json)


@sensor.command()
def start(context: typer.Context, names: Names = None, every: Every = False) -> None:
    """Turn sensors on, whatever they are declared as."""
    turn(context, "sensor", names or [], every, True)


@sensor.command()
def stop(context: typer.Context, names: Names = None, every: Every = False) -> None:
    """Turn sensors off, whatever they are declared as."""
    turn(context, "sensor", names or [], every, False)


@sensor.command()
def reset(context: typer.Context, names: Names = None, every: Every = False) -> None:
    """Have sensors go or not as they are declared."""
    turn(context, "sensor", names or [], every, None)


@sensor.command()
def preview(
    context: typer.Context,
    name: Name,
    cursor: Annotated[str | None, typer.Option(help="The cursor to ask it with; by default its own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a sensor what it would run now, and record nothing."""
    from mlorch.app.instigating import find_instigators
    from mlorch.app.opening import open_app

    opened = open_app(context.obj)
    found = find_instigators(opened.definitions, opened.record.log, "sensor", [name])[0]
    print_preview(opened, found, None, cursor, as_json)


@sensor.command()
def cursor(
    context: typer.Context,
    name: Name,
    wanted: Annotated[str | None, typer.Option("--set", metavar="CURSOR", help="Go on from here.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Go on as if it was never asked.")] = False,
) -> None:
    """Show the cursor of a sensor, or set it. Run keys that had a run have none again."""
    from mlorch.app.instigating import find_instigators, set_cursor
    from mlorch.app.opening import open_app
    from mlorch.errors import UserError

    if wanted is not None and clear:
        raise UserError("give --set or --clear, not both")
    opened = open_app(context.obj)
    is_changed = wanted is not None or clear
    log = (opened.instance if is_changed else opened.record).log
    found = find_instigators(opened.definitions, log, "sensor", [name])[0]
    if is_changed:
        set_cursor(log, found, wanted)
        print(f"sensor {name} goes on from {'its beginning' if wanted is None else f'the cursor {wanted}'}")
        return
    last = found.state.last
    print("no cursor" if last is None or last.cursor is None else last.cursor)
