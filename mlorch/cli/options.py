"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Executor = Annotated[
    str | None, typer.Option(help="in_process, threads, processes or dask.", show_default=False)
]
Workers = Annotated[int | None, typer.Option(help="Steps at once.", min=1, show_default=False)]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Leave MLflow and DVC to a process in the background.")
]
ResultAsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Detach = Annotated[bool, typer.Option("--detach", help="Put it into the queue: the daemon carries it out.")]
