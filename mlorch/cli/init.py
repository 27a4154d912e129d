"""mlorch init: make a folder a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="The folder; by default this one.")] = None,
    definitions: Annotated[
        str | None,
        typer.Option(help='The module with the Definitions: "package.module" or "file.py".'),
    ] = None,
) -> None:
    """Make a folder a project.

    Adds [tool.mlorch], the log, mlruns/ and DVC; what is there stays as it is.
    """
    from mlorch.app.initializing import initialize
    from mlorch.errors import UserError

    target = (folder or context.obj or Path.cwd()).resolve()
    if not target.is_dir():
        raise UserError(f"{target} is no folder; 'mlorch new NAME' makes a new project")
    for line in initialize(target, definitions):
        print(line)
    print("Next: mlorch materialize")
