"""mlorch up: the daemon and the MLflow UI, for work on this machine."""

from __future__ import annotations

from typing import Annotated

import typer


def up(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="The port of the MLflow UI.", min=1, max=65535)] = 5000,
) -> None:
    """Run the daemon and the MLflow UI together, for this machine alone, until Ctrl-C.

    Ctrl-C lets the runs that go end for a while; a second one hurries.
    """
    from mlorch.app.mirroring import store_of
    from mlorch.app.opening import open_app
    from mlorch.cli.carrying import tell
    from mlorch.daemon.together import run_together
    from mlorch.mirrors.mlflow.serving import check_is_free, is_server

    settings = open_app(context.obj).settings
    commands: dict[str, tuple[str, ...]] = {"the daemon": ("-C", str(settings.project), "daemon")}
    if not settings.mlflow.enabled:
        tell("MLflow is turned off: there is no UI, and the daemon runs alone  (Ctrl-C ends it)")
    elif is_server(store := store_of(settings)):
        tell(f"{store.uri}  (Ctrl-C ends the daemon; the server goes on)")
    else:
        check_is_free(_HOST, port)
        commands["the MLflow UI"] = ("-C", str(settings.project), "ui", "--port", str(port))
    failed = run_together(commands, tell)
    raise typer.Exit(1 if failed else 0)


_HOST = "127.0.0.1"
