"""mlorch version: what is installed."""

from __future__ import annotations

from typing import Annotated

import typer

_PACKAGES = (
    "mlorch", "mlflow", "dvc", "scikit-learn", "pandas", "polars", "pandera", "joblib", "sqlalchemy",
)  # fmt: skip


def version(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show the versions of what is installed."""
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    from mlorch.cli.output import print_json, print_table

    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = installed(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    if as_json:
        print_json(found)
    else:
        print_table(("package", "version"), list(found.items()))
