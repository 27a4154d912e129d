"""MLflow's interface over a store, from one process and on this machine alone."""

from __future__ import annotations

import os
import socket

from mlorch.errors import BusyError, UserError
from mlorch.mirrors.mlflow.store import MlflowStore, connect, quiet


def serve(store: MlflowStore, *, port: int = 5000, host: str = "127.0.0.1") -> None:
    """Serve MLflow's interface until interrupted; takes over this process and its environment.

    Raises UserError where the store is a server, which has an interface of its own, and BusyError where
    something else listens at the port.
    """
    if is_server(store):
        raise UserError(f"the runs are kept by a server with its own interface: open {store.uri}")
    check_is_free(host, port)
    # Its workers for language models take a dozen processes.
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    with quiet():
        connect(store)
        _serve(store, host, port)


def is_server(store: MlflowStore) -> bool:
    """Tell whether the store is kept by a server, which has an interface of its own."""
    return store.uri.startswith(("http://", "https://", "databricks"))


def check_is_free(host: str, port: int) -> None:
    """Raise BusyError where something else listens at the port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BusyError(
                f"port {port} of {host} can't be used ({error.strerror}); choose another"
            ) from None


def _serve(store: MlflowStore, host: str, port: int) -> None:
    import uvicorn
    from mlflow.server.constants import (
        ARTIFACT_ROOT_ENV_VAR,
        BACKEND_STORE_URI_ENV_VAR,
        REGISTRY_STORE_URI_ENV_VAR,
    )

    os.environ[BACKEND_STORE_URI_ENV_VAR] = store.uri
    os.environ[REGISTRY_STORE_URI_ENV_VAR] = store.uri
    os.environ[ARTIFACT_ROOT_ENV_VAR] = store.artifact_location("") or "mlruns"
    uvicorn.run("mlflow.server.fastapi_app:app", host=host, port=port, log_level="warning")
