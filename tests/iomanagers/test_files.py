from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from dvc_data.hashfile.db.local import LocalHashFileDB
from dvc_objects.fs.local import LocalFileSystem

from mlorch.definitions.io import StoredValue, ValueStore
from mlorch.errors import IntegrityError, MissingDependencyError, StorageError
from mlorch.iomanagers.files import FsspecStore, LocalStore, open_store

LARGE = os.urandom(2_500_000)


def put(store: ValueStore, path: str, data: bytes) -> StoredValue:
    return store.write(path, lambda file: file.write(data))


def kept(project: Path, stored: StoredValue, objects: str = ".mlorch/objects/md5") -> Path:
    return project / objects / stored.content_hash[:2] / stored.content_hash[2:]


def cached(project: Path, stored: StoredValue) -> Path:
    return kept(project, stored, ".dvc/cache/files/md5")


# Where things are


def test_values_are_plain_files_and_their_uris_move_with_the_project(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    store = open_store("data", project=tmp_path / "here")
    stored = put(store, "flights/2013-01-01.csv", b"1")
    assert stored.uri == "data/flights/2013-01-01.csv"
    assert (tmp_path / "here" / stored.uri).read_bytes() == b"1"

    (tmp_path / "here").rename(tmp_path / "there")
    moved = open_store("data", project=tmp_path / "there")
    assert moved.read(stored.uri, stored.content_hash) == b"1"


@pytest.mark.parametrize("base", [".", "data/", "data/values", "./data"])
def test_a_base_inside_of_the_project_gives_relative_uris(tmp_path: Path, base: str) -> None:
    stored = put(open_store(base, project=tmp_path), "a.json", b"1")
    assert not os.path.isabs(stored.uri)
    assert (tmp_path / stored.uri).samefile(tmp_path / base / "a.json")


def test_a_base_outside_of_the_project_gives_absolute_uris(tmp_path: Path) -> None:
    store = open_store(tmp_path / "elsewhere", project=tmp_path / "project")
    stored = put(store, "a.json", b"1")
    assert stored.uri == str(tmp_path / "elsewhere" / "a.json")
    assert store.read(stored.uri, stored.content_hash) == b"1"


def test_values_recorded_under_an_earlier_base_stay_readable(tmp_path: Path) -> None:
    stored = put(open_store("data", project=tmp_path), "a.json", b"1")
    assert open_store("values", project=tmp_path).read(stored.uri, stored.content_hash) == b"1"


def test_a_url_is_left_to_fsspec(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/values", project=tmp_path)
    assert isinstance(store, FsspecStore)
    assert put(store, "a.json", b"1").uri == f"file://{tmp_path}/values/a.json"
    assert (tmp_path / "values" / "a.json").read_bytes() == b"1"


def test_a_base_that_nobody_knows_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no URL that fsspec knows"):
        open_store("nowhere://bucket", project=tmp_path)
    with pytest.raises(MissingDependencyError, match=r"oci://bucket.*ocifs"):
        open_store("oci://bucket", project=tmp_path)


@pytest.mark.parametrize("uri", ["../outside.json", "data/../../outside.json", "/etc/outside.json"])
def test_nothing_is_restored_outside_of_the_project(tmp_path: Path, uri: str) -> None:
    store = open_store("data", project=tmp_path / "project")
    stored = put(store, "a.json", b"1")
    with pytest.raises(StorageError, match="outside"):
        store.restore(uri, stored.content_hash)


# What is kept by hash


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
def test_each_version_is_kept_read_only_apart_from_the_file(tmp_path: Path, data: bytes) -> None:
    store = open_store("data", project=tmp_path)
    stored = put(store, "a.bin", data)
    copy = kept(tmp_path, stored)
    assert copy.read_bytes() == data
    assert stat.S_IMODE(copy.stat().st_mode) == 0o444
    assert not copy.samefile(tmp_path / stored.uri)

    with (tmp_path / stored.uri).open("r+b") as file:
        file.write(b"by hand")
    with pytest.raises(IntegrityError):
        store.read(stored.uri, stored.content_hash)
    store.restore(stored.uri, stored.content_hash)
    assert (tmp_path / stored.uri).read_bytes() == data


def test_a_torn_object_is_never_served_and_is_made_whole_by_the_next_write(tmp_path: Path) -> None:
    store = open_store("data", project=tmp_path)
    stored = put(store, "a.bin", b"whole")
    kept(tmp_path, stored).chmod(0o600)
    kept(tmp_path, stored).write_bytes(b"wh")
    (tmp_path / stored.uri).write_bytes(b"by hand")
    with pytest.raises(IntegrityError, match="materialize the asset again"):
        store.read(stored.uri, stored.content_hash)
    put(store, "a.bin", b"whole")
    assert kept(tmp_path, stored).read_bytes() == b"whole"


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
def test_dvc_finds_every_version_in_its_cache(tmp_path: Path, data: bytes) -> None:
    cache = tmp_path / ".dvc" / "cache" / "files" / "md5"
    store = open_store("data", project=tmp_path, dvc_cache=cache)
    versions = [put(store, "a.bin", data), put(store, "a.bin", b"next")]
    assert cached(tmp_path, versions[0]).samefile(kept(tmp_path, versions[0]))
    database = LocalHashFileDB(LocalFileSystem(), str(cache))
    assert set(database.all()) == {each.content_hash for each in versions}
    for each in versions:
        database.check(each.content_hash, check_hash=True)


def test_what_dvc_lost_comes_back_with_the_next_write_and_serves_what_we_lost(tmp_path: Path) -> None:
    store = open_store("data", project=tmp_path, dvc_cache=tmp_path / ".dvc/cache/files/md5")
    stored = put(store, "a.bin", b"1")
    cached(tmp_path, stored).unlink()
    put(store, "a.bin", b"1")
    assert cached(tmp_path, stored).exists()

    kept(tmp_path, stored).unlink()
    (tmp_path / stored.uri).unlink()
    assert store.read(stored.uri, stored.content_hash) == b"1"


def test_a_cache_that_takes_nothing_fails_no_write(tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_bytes(b"")
    store = open_store("data", project=tmp_path, dvc_cache=tmp_path / "no-folder")
    stored = put(store, "a.bin", b"1")
    assert store.read(stored.uri, stored.content_hash) == b"1"


def test_a_cache_on_another_device_gets_a_copy(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs two file systems: the temporary folder and /dev/shm")
    cache = memory / f"mlorch-{os.getpid()}-{tmp_path.name}"
    try:
        stored = put(LocalStore(tmp_path / "data", tmp_path / "objects", cache), "a.bin", LARGE)
        assert kept(cache, stored, "").read_bytes() == LARGE
    finally:
        shutil.rmtree(cache, ignore_errors=True)


# What lies beside


def test_the_file_of_a_former_kind_goes_and_its_version_stays(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "v1.2"
    old = put(open_store("data", project=tmp_path), "v1.2/a.json", b"{}")
    os.utime(folder / "a.json", (0, 0))
    store = open_store("data", project=tmp_path)
    put(store, "v1.2/a.joblib", b"model")
    assert os.listdir(folder) == ["a.joblib"]
    assert store.read(old.uri, old.content_hash) == b"{}"


def test_an_io_manager_may_write_several_files(tmp_path: Path) -> None:
    store = open_store("data", project=tmp_path)
    put(store, "a.json", b"{}")
    put(store, "a.parquet", b"frame")
    assert sorted(os.listdir(tmp_path / "data")) == ["a.json", "a.parquet"]


def test_files_that_others_put_there_stay(tmp_path: Path) -> None:
    store = open_store("data", project=tmp_path)
    put(store, "b.json", b"{}")
    (tmp_path / "data" / "a.parquet").write_bytes(b"by hand")
    (tmp_path / "data" / "a.txt").write_bytes(b"notes")
    os.utime(tmp_path / "data" / "a.parquet", (0, 0))
    put(store, "a.json", b"{}")
    assert sorted(os.listdir(tmp_path / "data")) == ["a.json", "a.parquet", "a.txt", "b.json"]


# What goes wrong

FULL = """
import resource, sys
from pathlib import Path
from mlorch.iomanagers.files import open_store
project, size, base = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
store = open_store(base, project=project)
stored = store.write("a.bin", lambda file: file.write(b"before"))
names = set(project.rglob("*.*"))
resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))
try:
    store.write("a.bin", lambda file: [file.write(bytes(1000)) for _ in range(size // 1000)])
except OSError as error:
    print(error.strerror)
assert store.read(stored.uri, stored.content_hash) == b"before"
assert set(project.rglob("*.*")) == names, set(project.rglob("*.*")) - names
"""


@pytest.mark.parametrize("size", [50_000, 8_000_000], ids=["small", "large"])
@pytest.mark.parametrize("base", ["data", "file://{}/values"], ids=["folder", "url"])
def test_a_medium_that_takes_no_more_leaves_the_version_before(tmp_path: Path, base: str, size: int) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path), str(size), base.format(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("File too large\n", "")
