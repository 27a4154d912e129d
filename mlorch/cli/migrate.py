"""mlorch migrate: take the whole history to another database."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer


def migrate(
    context: typer.Context,
    source: Annotated[
        str | None, typer.Option("--from", help="Where it is; by default the project's.", metavar="URL")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--to", help="Where it goes; by default the project's.", metavar="URL")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Copy the whole history to another, empty database: sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME.

    Runs must have ended and the daemon be stopped. What is copied from stays as it is.
    """
    from dataclasses import asdict

    from mlorch.app.migrating import migrate_history
    from mlorch.cli.output import print_json
    from mlorch.settings import read_settings

    with _bar() as tell:
        done = migrate_history(read_settings(context.obj), source, target, tell)
    if as_json:
        print_json(asdict(done))
        return
    print(f"copied {done.rows['events']:,} records from {done.source} to {done.target}")
    if done.is_used:
        print("the settings of the project name it already")
        return
    print("to use it, set in [tool.mlorch] of pyproject.toml:")
    print(f'\n    storage = "{_setting(target, done.target)}"\n')
    if "***" in done.target:
        print("or, as it has a password, set the variable MLORCH_STORAGE to its whole URL instead")


def _setting(given: str | None, name: str) -> str:
    return name if given is None or "***" in name or "password" in given else given


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """Give what shows how far it is, where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("copying", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
