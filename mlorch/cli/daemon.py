"""mlorch daemon: run what goes by itself."""

from __future__ import annotations

from typing import Annotated

import typer


def daemon(
    context: typer.Context,
    log_format: Annotated[
        str | None, typer.Option(help="How it says what it does: text, or json for one object a line.")
    ] = None,
    health_port: Annotated[
        int | None, typer.Option(help="Port of the health endpoint on loopback; 0 for none.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
) -> None:
    """Run schedules, sensors, automation conditions, the run queue and the mirrors, until it is stopped.

    Several may be started, on several machines: one is at work, and another takes over when it ends. Ctrl-C
    or SIGTERM lets the runs that go end for a while, then hands over the rest; a second one hurries.
    """
    from mlorch.app.opening import open_app
    from mlorch.daemon.serving import serve

    flags = {"daemon.log_format": log_format, "daemon.health_port": health_port}
    opened = open_app(context.obj, flags=flags)
    serve(opened.settings, is_verbose=verbose)
