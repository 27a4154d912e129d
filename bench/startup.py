"""What a command costs before it does anything: `mlorch --help` beside `import typer`, in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
COMMANDS = {
    "python -c 'import typer'": [sys.executable, "-c", "import typer"],
    "mlorch --help": [sys.executable, "-c", "from mlorch.cli.main import run; run()", "--help"],
    "python -c 'import mlorch'": [sys.executable, "-c", "import mlorch"],
}
HEAVY = ("pandas", "polars", "numpy", "sklearn", "sqlalchemy", "mlflow", "dvc", "pydantic")


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def imported(statement: str) -> set[str]:
    """Return the heavy packages that a statement imports."""
    code = f"import sys\ntry:\n    {statement}\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, "--help"], check=True, capture_output=True, text=True)
    return set(done.stderr.split()) & set(HEAVY)


if __name__ == "__main__":
    for command in COMMANDS.values():
        seconds(command)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    floor = times["python -c 'import typer'"]
    for name, found in times.items():
        ratio = statistics.median(one / other for one, other in zip(found, floor, strict=True))
        print(f"  {name:<28}{statistics.median(found):8.3f} s, {ratio:.2f} × import typer")
    for statement in ("import mlorch", "from mlorch.cli.main import run; run()"):
        print(f"  heavy packages after {statement!r}: {sorted(imported(statement)) or 'none'}")
