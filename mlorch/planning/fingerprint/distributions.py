"""The third-party distributions that a project's code imports, by name and version.

`importlib.metadata.packages_distributions` knows as much, but reads the metadata of all that is installed, in
hundreds of milliseconds. Here only the owner of a file is looked for, beside that file.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

from mlorch.planning.fingerprint.projects import SITE, Module, Project, file_of


@lru_cache(maxsize=1024)
def distributions(module: Module, home: str | None) -> Mapping[str, str]:
    """Return {"scikit-learn": "1.9.0", …}: what the module imports, itself or behind the project's modules.

    Names are normalized as the package index does it. `home` is that of the `Project`.
    """
    owners = (_owner(name) for name in _foreign(module, Project(home)))
    return dict(sorted({owner for owner in owners if owner is not None}))


def _foreign(module: Module, project: Project) -> Iterator[str]:
    """Give the names of modules of others, and what is taken from them, which may be a module too."""
    seen = {module.name}
    waiting = [module]
    while waiting:
        one = waiting.pop()
        for target in one.source.imports if one.source else ():
            name = one.absolute(target)
            for wanted in (name, f"{name}.{target.attribute}"):
                own = project.module(wanted) if wanted not in seen else None
                if own is not None:
                    waiting.append(own)
                elif wanted not in seen and wanted.partition(".")[0] not in _NOBODYS:
                    yield wanted
                seen.add(wanted)


_NOBODYS = sys.stdlib_module_names | {"mlorch"}
# Where the import is called otherwise than the distribution: a first guess, checked like any other.
_GUESSES = {"sklearn": "scikit-learn", "yaml": "pyyaml", "PIL": "pillow", "dateutil": "python-dateutil"}


@lru_cache(maxsize=4096)
def _owner(name: str) -> tuple[str, str] | None:
    """Return name and version of the distribution that brought a module."""
    parts = accumulate(name.split("."), "{}.{}".format)
    file = next((found for part in parts if (found := file_of(part)) is not None), None)
    place = SITE.search(file) if file is not None else None
    if file is None or place is None:
        return None
    path = file[place.end() :].replace("\\", "/")
    top = name.partition(".")[0]
    installed = _installed(file[: place.end()])
    guesses = [one for one in (_normalized(top), _GUESSES.get(top, "")) if one in installed]
    for one in dict.fromkeys((*guesses, *installed)):
        version, folder = installed[one]
        if _holds(folder, path, top if one in guesses else None):
            return one, version
    return None


@lru_cache(maxsize=64)
def _installed(site: str) -> Mapping[str, tuple[str, Path]]:
    found = {}
    for entry in sorted(os.listdir(site)):
        stem, kind = os.path.splitext(entry)
        name, _, version = stem.partition("-")
        if kind in (".dist-info", ".egg-info") and version:
            found[_normalized(name)] = (version.partition("-")[0], Path(site, entry))
    return found


def _holds(folder: Path, path: str, guessed: str | None) -> bool:
    record = _text(folder / "RECORD")
    if record is not None:
        return f"\n{path}," in f"\n{record}"
    # Debian's packages keep no record, some not even the names of what they bring.
    names = _text(folder / "top_level.txt")
    return guessed is not None if names is None else re.split(r"[/.]", path)[0] in names.split()


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return None


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
