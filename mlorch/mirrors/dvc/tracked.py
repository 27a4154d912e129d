"""Files that a person tracks with DVC: external assets, whose data version is the md5 that DVC knows."""

from __future__ import annotations

from pathlib import Path

from mlorch.errors import StorageError


def tracked_version(project: Path, path: str) -> str | None:
    """Return the md5 that `<path>.dvc` records, ending in ".dir" for a folder; None where there is none.

    Raises StorageError where the `.dvc` file is not what DVC writes.
    """
    file = project / f"{path}.dvc"
    if not file.is_file():
        return None
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        outs = YAML(typ="safe").load(file)["outs"]
        found = {str(out["path"]): str(out["md5"]) for out in outs if "md5" in out}
    except (YAMLError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{file} is not what DVC writes; `dvc add {path}` writes it anew") from error
    return found.get(Path(path).name)
