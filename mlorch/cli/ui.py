"""mlorch ui: the MLflow UI of the project."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def ui(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="The port to listen at.", min=1, max=65535)] = 5000,
    host: Annotated[
        str, typer.Option(help="The address to listen at; others than this machine's are open to all.")
    ] = "127.0.0.1",
) -> None:
    """Serve the MLflow UI on this machine.

    With this project's runs, for this machine alone, until Ctrl-C.
    """
    from mlorch.app.mirroring import store_of
    from mlorch.app.opening import open_app
    from mlorch.mirrors.mlflow.serving import serve

    store = store_of(open_app(context.obj).settings)
    print(f"http://{host}:{port}  (Ctrl-C ends it)", file=sys.stderr, flush=True)
    serve(store, port=port, host=host)
