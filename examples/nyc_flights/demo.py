"""`make demo`: a year of flights in a folder of its own, by mlorch's commands, shown as they run."""

from __future__ import annotations

import argparse
import filecmp
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlorch import Instance
from mlorch.events import AssetMaterialized
from mlorch.log import Slot

EXAMPLE = Path(__file__).resolve().parent
DEFAULT_FOLDER = EXAMPLE.parents[1] / "demo"
PACKAGE = Path("src", "nyc_flights")
FILES = ("pyproject.toml", "README.md", ".gitignore")
COMMANDS = Path(sys.executable).parent

Made = Mapping[Slot, AssetMaterialized]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="where (default: demo/)")
    folder: Path = parser.parse_args().folder.resolve()
    if folder.exists() and any(folder.iterdir()) and not (folder / PACKAGE).is_dir():
        parser.error(f"{folder} holds something else; give a new folder")
    try:
        if (folder / ".dvc").is_dir():
            _greet_again(folder)
        else:
            _begin(folder)
        _run(folder, "mlorch", "materialize", "*", "--all-partitions", "--stale")
    except subprocess.CalledProcessError as error:
        return error.returncode
    with Instance.local(folder) as instance:
        facts = [record.event for record in instance.log.latest(AssetMaterialized.kind).values()]
    _print_table({(one.asset, one.partition): one for one in facts if isinstance(one, AssetMaterialized)})
    _print_next(folder)
    return 0


def _begin(folder: Path) -> None:
    """Make the folder a project as yours would be: in a git repository, with mlorch and DVC."""
    print(f"A new project in {_shown(folder)}/, copied from examples/nyc_flights; it is yours to change.\n")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(EXAMPLE / PACKAGE, folder / PACKAGE, ignore=ignored, dirs_exist_ok=True)
    for name in FILES:
        shutil.copy2(EXAMPLE / name, folder / name)
    _run(folder, "git", "init", "--quiet")
    _run(folder, "mlorch", "init")
    _run(folder, "git", "add", ".")
    _run(folder, "git", "commit", "--quiet", "--message", "Begin with the example as it comes")


def _greet_again(folder: Path) -> None:
    sources = [path.relative_to(EXAMPLE) for path in sorted((EXAMPLE / PACKAGE).glob("*.py"))]
    _, changed, missing = filecmp.cmpfiles(EXAMPLE, folder, list(map(str, sources)), shallow=False)
    print(f"The project in {_shown(folder)}/ stays as it is; to begin anew, remove that folder first.")
    if changed or missing:
        print(f"It differs from examples/nyc_flights in {', '.join(sorted(changed + missing))}.")
    print()


def _run(folder: Path, *command: str) -> None:
    """Show a command, then run it in the folder. Raises CalledProcessError where it fails."""
    print(f"$ {shlex.join(command)}", flush=True)
    subprocess.run(command, cwd=folder, env=_environment(), check=True)
    print(flush=True)


def _environment() -> dict[str, str]:
    # Nothing may lead git to another repository, or make it ask who you are.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {
        # One thread learns a month in a second; several on a busy machine spend their time on waiting.
        "OMP_NUM_THREADS": "1",
        **kept,
        "PATH": f"{COMMANDS}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{who}_NAME": "mlorch demo" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "demo@localhost" for who in ("AUTHOR", "COMMITTER")},
    }


def _print_table(made: Made) -> None:
    headers = ("month", "rows", "AUC", "data version", "what changed since last month")
    rows = [headers, *_rows(made)]
    month, count, auc, version, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    for row in rows:
        print(f"{row[0]:{month}}  {row[1]:>{count}}  {row[2]:>{auc}}  {row[3]:{version}}  {row[4]}")


def _rows(made: Made) -> Iterator[tuple[str, ...]]:
    models = [made[slot] for slot in sorted(made) if slot[0] == "model"]
    for before, model, after in zip([None, *models], models, [*models[1:], None], strict=False):
        learned = sum(made[read.asset, read.partition].metadata["rows"] for read in model.inputs)
        tried = made.get(("evaluation", after.partition)) if after else None
        yield (
            _month(model.partition),
            f"{learned:,}",
            f"{tried.metrics['auc']:.3f}" if tried else "-",
            model.data_version[:8],
            _difference(before, model) if before else "the first model",
        )


def _difference(before: AssetMaterialized, after: AssetMaterialized) -> str:
    """What went into the one model and not into the other, by the exact inputs that were recorded."""
    old, new = ({read[:2]: read.data_version for read in model.inputs} for model in (before, after))
    changes = [f"+ {asset} {_month(month)}" for asset, month in new if (asset, month) not in old]
    changes += [f"− {asset} {_month(month)}" for asset, month in old if (asset, month) not in new]
    again = [slot for slot, version in new.items() if old.get(slot, version) != version]
    changes += [f"{asset} {_month(month)} made anew" for asset, month in again]
    if before.code_version != after.code_version:
        changes.append("code")
    if before.config_digest != after.config_digest:
        changes.append("hyperparameters")
    return ", ".join(changes)


def _print_next(folder: Path) -> None:
    here = _shown(folder)
    mlorch, dvc = (_shown(COMMANDS / name) for name in ("mlorch", "dvc"))
    print(
        f"""
A row is a model: it learned from that month and the two before; AUC is how it did in the next month.

In MLflow   {mlorch} -C {here} ui
            nyc-flights/evaluation: a run for each month; its chart view draws the AUC.
            nyc-flights/model: open "By lineage" in its description, tick two runs and press Compare:
            the versions that differ stand out.
In DVC      {dvc} --cd {here} dag
            dvc.yaml and dvc.lock name every version that was made; git can keep them.
Change it   Give learning_rate in {here}/{PACKAGE}/learning.py another value. Then the models and
            their evaluations are stale, and nothing else is:
            {mlorch} -C {here} status --why model
            {mlorch} -C {here} materialize '*' --all-partitions --stale"""
    )


def _month(partition: str | None) -> str:
    return (partition or "")[:7]


def _shown(path: Path) -> str:
    """The path as one would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative


if __name__ == "__main__":
    sys.exit(main())
