"""Folders of files, pickles in a folder of one's own, and what Dagster calls fs and mem."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, TypeVar

from mlorch.definitions.config import Config
from mlorch.definitions.io import InputContext, OutputContext, StoredValue, ValueStore
from mlorch.definitions.managers import ConfigurableIOManager, io_manager
from mlorch.definitions.resources import InitResourceContext
from mlorch.errors import TypeCheckError
from mlorch.iomanagers.memory import InMemoryIOManager
from mlorch.iomanagers.objects import PickleIOManager
from mlorch.iomanagers.paths import UPathIOManager

Context = TypeVar("Context", OutputContext, InputContext)

_NEW = ".new"
"""Where folders lie that are being filled."""


class DirectoryIOManager(ConfigurableIOManager, UPathIOManager):
    """Keeps a folder of files: the asset returns the `Path` of a folder, and its readers get one.

    The folder appears under `base_dir` whole or not at all, with a hash over the names and contents of its
    files. What `new_directory` gave is moved there, any other folder is copied. Only the newest version is
    there. A base that is a URL is refused. Adds "files" and "path".
    """

    base_dir: str
    extension: str = ".dir"
    """Keeps the folder of an asset apart from those of its partitions, and of assets below it."""

    @property
    def _base_path(self) -> Path:
        return Path(self.base_dir)

    def new_directory(self) -> Path:
        """Return an empty folder to fill, on the same disk: to return it from the asset costs no copy."""
        waiting = Path(self.base_dir).absolute() / _NEW
        waiting.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=waiting))

    def dump_to_path(self, context: OutputContext, obj: Any, path: Path) -> None:
        if not isinstance(obj, Path) or not obj.is_dir():
            raise TypeCheckError(f"{context} is {obj!r}; return the pathlib.Path of a folder that is there")
        if obj.parent == Path(self.base_dir).absolute() / _NEW:
            os.replace(obj, path)
        else:
            shutil.copytree(obj, path)

    def load_from_path(self, context: InputContext, path: Path) -> Path:
        return path

    def get_metadata(self, context: OutputContext, obj: Any) -> dict[str, Any]:
        placed = Path(self.base_dir, self._path(context))
        return {"files": sum(1 for one in placed.rglob("*") if one.is_file())}


class FilesystemIOManager(ConfigurableIOManager):
    """Pickles any value under `base_dir`, a folder or a URL; the project's own store if left out.

    Every version stays readable, and only bytes that have the recorded hash are unpickled.
    """

    base_dir: str | None = None

    def handle_output(self, context: OutputContext, obj: Any) -> StoredValue:
        return PickleIOManager().handle_output(self._at_base(context), obj)

    def load_input(self, context: InputContext) -> Any:
        return PickleIOManager().load_input(self._at_base(context))

    def _at_base(self, context: Context) -> Context:
        if self.base_dir is None:
            return context
        placed = copy.copy(context)
        placed.store = _store(self.base_dir)
        return placed


class Base(Config):
    """The config of `fs_io_manager`."""

    base_dir: str | None = None


def _store(base: str) -> ValueStore:
    from mlorch.iomanagers.files import FsspecStore, LocalStore

    if "://" in base:
        return FsspecStore(base)
    return LocalStore(Path(base), Path(base, ".objects", "md5"))


@io_manager(config_schema=Base, description="Pickles under base_dir.")
def fs_io_manager(context: InitResourceContext) -> FilesystemIOManager:
    """Make a FilesystemIOManager."""
    return FilesystemIOManager(base_dir=context.resource_config["base_dir"])


@io_manager(description="Values themselves, in memory.")
def mem_io_manager() -> InMemoryIOManager:
    """Make an InMemoryIOManager."""
    return InMemoryIOManager()
