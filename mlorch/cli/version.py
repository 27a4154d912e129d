"""mlorch version: what is installed."""

from __future__ import annotations

from typing import Annotated

import typer


def version(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show the versions of what is installed."""
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    import mlorch
    from mlorch.cli.output import print_json, print_table

    found = {"mlorch": mlorch.__version__, "python": platform.python_version()}
    for name in ("mlflow", "dvc", "scikit-learn", "pandas", "polars", "pandera", "joblib", "sqlalchemy"):
        try:
            found[name] = installed(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    if as_json:
        print_json(found)
    else:
        print_table(("package", "version"), list(found.items()))
