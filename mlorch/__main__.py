"""`python -m mlorch` is `mlorch`."""

from mlorch.cli.main import run

run()
