"""When a flush writes, when it leaves things alone, and what stands in its way."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mlorch.errors import StorageError
from mlorch.events import RunStarted
from mlorch.log import MemoryLog, Record, Slot, follow
from mlorch.mirrors.dvc import DvcMirror
from mlorch.mirrors.dvc.repository import OBJECTS, Repository
from tests.mirrors.dvc.world import MONTHS, World

FILES = ("dvc.yaml", "dvc.lock", "code-versions.yaml", "metrics/model.json")


def mirror(world: World, patience: float = 0.05) -> DvcMirror:
    return DvcMirror(world.project, world.log, patience=patience)


def contents(project: Path) -> dict[str, bytes]:
    """Everything that a flush may write, except what is the mirror's own."""
    own = {"data", ".mlorch", "tmp"}
    paths = (path for path in project.rglob("*") if path.is_file())
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in paths
        if not own & set(path.relative_to(project).parts)
    }


def test_without_a_repository_the_mirror_is_off_and_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.make("model", "bytes")
    report = mirror(world).flush()
    assert report.state == "off"
    assert str(tmp_path) in report.message
    assert not (tmp_path / "dvc.yaml").exists()


def test_nothing_recorded_writes_nothing(world: World) -> None:
    world.log.append([RunStarted(run_id="run-1", at=0.0)])
    assert mirror(world).flush().state == "unchanged"
    assert contents(world.project) == {}


def test_a_flush_writes_once(world: World) -> None:
    world.retrain()
    first = mirror(world)
    assert first.flush().state == "written"
    assert {*FILES} <= contents(world.project).keys()
    assert first.flush().state == "unchanged"
    assert mirror(world).flush().state == "unchanged"


def test_many_flushes_come_to_the_same_as_one(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    following = mirror(world)
    for version in "123":
        world.run = f"run-{version}"
        for month in MONTHS:
            world.make("features", f"{month} {version}", month)
            assert following.flush().state == "written"
        world.make("model", version, reads=[("features", MONTHS[int(version) - 1])])
        following.flush()
    other = tmp_path_factory.mktemp("other")
    (other / ".dvc" / "tmp").mkdir(parents=True)
    DvcMirror(other, world.log).flush()
    written, wanted = contents(world.project), contents(other)
    assert {path: wanted[path] for path in wanted if "cache" not in path} == {
        path: written[path] for path in written if "cache" not in path
    }


def test_following_notes_that_there_is_something_to_flush(world: World) -> None:
    following = mirror(world)
    world.log.append([RunStarted(run_id="run-1", at=0.0)])
    assert list(follow(world.log, "dvc", following.handle)) == [1]
    assert not following.is_pending
    world.make("model", "bytes")
    assert list(follow(world.log, "dvc", following.handle)) == [2]
    assert following.is_pending
    following.flush()
    assert not following.is_pending


def test_a_crash_between_following_and_flushing_loses_nothing(world: World) -> None:
    world.make("model", "bytes")
    list(follow(world.log, "dvc", mirror(world).handle))
    assert mirror(world).flush().state == "written"


def test_what_somebody_checked_out_stays_until_there_is_news(world: World) -> None:
    world.make("model", "old")
    mirror(world).flush()
    old = world.text("dvc.lock")
    world.make("model", "new")
    mirror(world).flush()
    (world.project / "dvc.lock").write_text(old)
    assert mirror(world).flush().state == "unchanged"
    assert world.text("dvc.lock") == old
    world.make("report", "bytes")
    assert mirror(world).flush().state == "written"
    assert old not in world.text("dvc.lock")


@pytest.mark.parametrize("name", FILES)
def test_what_was_deleted_comes_back(world: World, name: str) -> None:
    world.retrain()
    mirror(world).flush()
    wanted = contents(world.project)
    (world.project / name).unlink()
    assert mirror(world).flush().state == "written"
    assert contents(world.project) == wanted


def test_another_log_in_the_same_project_is_news(world: World) -> None:
    world.retrain()
    mirror(world).flush()
    world.log = MemoryLog()
    world.run = "run of another log"
    world.retrain("2")
    shutil.rmtree(world.project / ".dvc/cache/files/md5")
    (world.project / ".dvc/cache/files/md5").mkdir()
    assert mirror(world).flush().state == "written"
    assert sum(path.is_file() for path in (world.project / ".dvc/cache").rglob("*")) == 10


def test_an_empty_log_takes_nothing_away(world: World) -> None:
    world.retrain()
    mirror(world).flush()
    wanted = contents(world.project)
    world.log = MemoryLog()
    following = mirror(world)
    assert following.flush().state == "unchanged"
    assert contents(world.project) == wanted
    world.make("model", "of the new log")
    assert following.flush().state == "written"


def test_new_code_shows_without_a_run(world: World) -> None:
    world.make("model", "bytes", code="1")
    world.make("removed", "bytes", code="1")
    DvcMirror(world.project, world.log, defined={"model": "1", "removed": "1"}).flush()
    lock = world.text("dvc.lock")
    assert (
        DvcMirror(world.project, world.log, defined={"model": "2", "removed": "1"}).flush().state == "written"
    )
    assert "model: '2'" in world.text("code-versions.yaml")
    assert world.text("dvc.lock") == lock
    assert DvcMirror(world.project, world.log, defined={"model": "2"}).flush().state == "written"
    assert "removed" not in world.text("dvc.yaml")


# The cache


def test_objects_of_before_the_repository_are_linked(tmp_path: Path) -> None:
    world = World(tmp_path)
    fact = world.make("model", "bytes")
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    mirror(world).flush()
    name = f"{str(fact.content_hash)[:2]}/{str(fact.content_hash)[2:]}"
    cached = tmp_path / ".dvc/cache/files/md5" / name
    assert cached.read_bytes() == b"bytes"
    assert cached.samefile(tmp_path / OBJECTS / name)
    assert cached.stat().st_mode & 0o777 == 0o444


def test_a_cache_that_was_removed_is_filled_again(world: World) -> None:
    world.retrain()
    mirror(world).flush()
    cache = world.project / ".dvc" / "cache"
    wanted = contents(world.project)
    cache.rename(world.project / ".dvc" / "tmp" / "removed")
    mirror(world).flush()
    assert contents(world.project) == wanted


def test_an_object_that_was_lost_is_linked_when_asked_again(world: World) -> None:
    fact = world.make("model", "bytes")
    following = mirror(world)
    following.flush()
    cached = world.project / ".dvc/cache/files/md5" / str(fact.content_hash)[:2] / str(fact.content_hash)[2:]
    cached.unlink()
    assert following.flush().state == "unchanged"
    assert not cached.exists()
    following.flush(again=True)
    assert cached.read_bytes() == b"bytes"


def test_a_cache_elsewhere_is_used(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    shared = tmp_path_factory.mktemp("shared")
    (world.project / ".dvc" / "config").write_text("[cache]\n    dir = nowhere\n    type = copy\n")
    (world.project / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {shared}\n")
    world.retrain()
    mirror(world).flush()
    assert sum(path.is_file() for path in (shared / "files" / "md5").rglob("*")) == 10


def test_a_cache_on_another_file_system_gets_copies(world: World) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == world.project.stat().st_dev:
        pytest.skip("needs a second file system at /dev/shm")
    with TemporaryDirectory(dir=memory) as shared:
        (world.project / ".dvc" / "config").write_text(f"[cache]\n    dir = {shared}\n")
        fact = world.make("model", "bytes")
        mirror(world).flush()
        cached = Path(shared, "files/md5", str(fact.content_hash)[:2], str(fact.content_hash)[2:])
        assert cached.read_bytes() == b"bytes"
        assert cached.stat().st_mode & 0o777 == 0o444


def test_a_value_that_nobody_kept_is_reported(world: World) -> None:
    fact = world.make("model", "bytes")
    for folder in (world.project / OBJECTS, world.project / ".dvc/cache/files/md5"):
        (folder / str(fact.content_hash)[:2] / str(fact.content_hash)[2:]).unlink()
    assert "1 values" in mirror(world).flush().message


# What belongs to somebody else


def test_a_foreign_pipeline_is_not_touched(world: World) -> None:
    own = "stages:\n  mine:\n    cmd: echo\n"
    (world.project / "dvc.yaml").write_text(own)
    world.make("model", "bytes")
    assert mirror(world).flush().state == "written"
    assert world.text("dvc.yaml") == own
    assert "wdir: ..\n" in world.text("dvc/dvc.yaml")
    assert "path: data/model.json\n" in world.text("dvc/dvc.lock")
    (world.project / "dvc.yaml").unlink()
    world.make("model", "other bytes")
    assert mirror(world).flush().state == "written"
    assert not (world.project / "dvc.yaml").exists()


def test_two_foreign_pipelines_leave_no_place(world: World) -> None:
    (world.project / "dvc").mkdir()
    for name in ("dvc.yaml", "dvc/dvc.yaml"):
        (world.project / name).write_text("stages: {}\n")
    world.make("model", "bytes")
    report = mirror(world).flush()
    assert report.state == "pending"
    assert "dvc/dvc.yaml" in report.message


def test_a_foreign_metrics_file_is_not_touched(world: World) -> None:
    (world.project / "metrics").mkdir()
    (world.project / "metrics" / "model.json").write_text("{}")
    world.retrain()
    mirror(world).flush()
    assert world.text("metrics/model.json") == "{}"
    assert "metrics" not in world.text("dvc.yaml")


def test_a_stage_that_dvc_runs_is_left_to_dvc(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.retrain("1")
    mirror(world).flush()
    before = {name: world.text(name) for name in FILES}
    monkeypatch.setenv("DVC_STAGE", "model")
    world.make("model", "2", code="2", metrics={"auc": 0.8})
    world.make("new", "1", metrics={"auc": 0.9})
    following = mirror(world)
    assert following.flush().state == "pending"
    assert following.is_pending
    changed = {name for name in FILES if world.text(name) != before[name]}
    assert changed == {"code-versions.yaml", "metrics/model.json"}
    assert not (world.project / "metrics" / "new.json").exists()
    monkeypatch.delenv("DVC_STAGE")
    assert following.flush().state == "written"
    assert "new" in world.text("dvc.lock")
    assert (world.project / "metrics" / "new.json").exists()


# What stands in the way


def test_a_lock_that_a_dead_process_left_is_no_obstacle(world: World) -> None:
    (world.project / ".dvc" / "tmp" / "lock").write_text(" 99999999\n")
    world.make("model", "bytes")
    assert mirror(world).flush().state == "written"


@pytest.mark.parametrize("is_hardlinked", [False, True], ids=["default", "hardlink"])
def test_while_dvc_works_the_flush_waits_for_the_next(world: World, is_hardlinked: bool) -> None:
    from dvc.lock import make_lock

    if is_hardlinked:
        (world.project / ".dvc" / "config").write_text("[core]\n    hardlink_lock = true\n")
    tmp = world.project / ".dvc" / "tmp"
    world.make("model", "bytes")
    following = mirror(world)
    with make_lock(str(tmp / "lock"), tmp_dir=str(tmp), hardlink_lock=is_hardlinked):
        report = following.flush()
        assert report.state == "pending"
        assert "busy" in report.message
        assert following.is_pending
    assert following.flush().state == "written"
    assert not following.is_pending


def test_while_the_mirror_writes_dvc_is_locked_out(world: World) -> None:
    from dvc.lock import Lock, LockError

    lock = Lock(str(world.project / ".dvc" / "tmp" / "lock"))
    with Repository(world.project).locked(1.0), pytest.raises(LockError):
        lock.lock()
    lock.lock()
    lock.unlock()


class BrokenLog(MemoryLog):
    def latest(self, kind: str, assets: object = None, slots: object = None) -> dict[Slot, Record]:
        raise StorageError("the disk is gone")


def test_no_error_leaves_a_flush(world: World) -> None:
    world.log = BrokenLog()
    world.make("model", "bytes")
    report = mirror(world).flush()
    assert report.state == "pending"
    assert report.message == "the disk is gone"


def test_an_ordinary_flush_imports_neither_dvc_nor_ruamel(world: World) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.mirrors.dvc.world import World\n"
        "from mlorch.mirrors.dvc import DvcMirror\n"
        "world = World(Path(sys.argv[1]))\n"
        "world.make('features', 'x', '2013-01', code='1.0')\n"
        "world.make('model', 'y', reads=[('features', '2013-01')], metrics={'auc': 0.5})\n"
        "assert DvcMirror(world.project, world.log).flush().state == 'written'\n"
        "assert not {'dvc', 'ruamel'} & {name.partition('.')[0] for name in sys.modules}\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code, str(world.project)], cwd=root, check=True)
