"""mlorch mirror: tell MLflow, DVC and people what they do not know yet."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def mirror(
    context: typer.Context,
    status: Annotated[
        bool, typer.Option("--status", help="Only say how much waits to be told; change nothing.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="Tell MLflow and DVC everything again, e.g. after the store was lost."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --status: print it as JSON.")] = False,
) -> None:
    """Tell MLflow and DVC what they do not know, and send notices that wait.

    Every run does so by itself. Needed after a run with a dead MLflow server, with --no-wait, or made
    from Python.
    """
    from mlorch.app.mirroring import mirror_now, mirrors_of, waiting
    from mlorch.app.opening import open_app
    from mlorch.cli.output import print_json

    opened = open_app(context.obj)
    if not status:
        is_complete = mirror_now(opened.settings, lambda line: print(line, file=sys.stderr), again=again)
        if is_complete:
            print(f"up to date: {mirrors_of(opened.settings) or 'no mirror is on'}", file=sys.stderr)
        raise typer.Exit(0 if is_complete else 1)
    found = waiting(opened.settings, opened.record.log)
    if as_json:
        print_json({name: one.untold for name, one in found.items()})
    for name, one in found.items() if not as_json else ():
        print(f"{name}: {one} wait to be told" if one.untold else f"{name}: up to date")
    if not found and not as_json:
        print("no mirror is on: [tool.mlorch.mlflow] and [tool.mlorch.dvc] are disabled, or DVC is missing")
