"""mlorch notify: tell those who are notified something by hand."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def notify(
    context: typer.Context,
    text: Annotated[
        str, typer.Argument(help="What to say.")
    ] = "Nothing is wrong: somebody tries whether this arrives.",
) -> None:
    """Send a test notice to the webhook and the mail addresses of [tool.mlorch.notifications].

    Exits with 1 where it did not arrive everywhere.
    """
    import time

    from mlorch.app.notifying import notify as send
    from mlorch.app.opening import open_app

    found = send(open_app(context.obj).settings, text, time.time())
    for name, problem in found.items():
        print(f"{name}: {problem or 'sent'}", file=sys.stderr if problem else sys.stdout)
    raise typer.Exit(1 if any(found.values()) else 0)
