"""The mirror into DVC: what the log says, written as a pipeline whose state DVC itself would have written."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from hashlib import md5
from pathlib import Path
from typing import Literal

from mlorch.errors import MlorchError, StorageError
from mlorch.events import AssetMaterialized, Event, Json
from mlorch.log import EventLog, Record, Slot
from mlorch.mirrors.dvc.formats import MARK, PARAMS_FILE, lock_text, params_text, pipeline_text
from mlorch.mirrors.dvc.gitignore import ignore
from mlorch.mirrors.dvc.places import Made
from mlorch.mirrors.dvc.repository import Repository, replace
from mlorch.mirrors.dvc.stages import Defined, Stage, make_stages

_KINDS = (AssetMaterialized.kind,)
_PAGE = 50


@dataclass(frozen=True, slots=True)
class DvcReport:
    """How a flush ended, and a line for people.

    off: there is no `.dvc`. unchanged: every file was as it should be. written: at least one was not.
    pending: it could not be done now; the next flush does it.
    """

    state: Literal["off", "unchanged", "written", "pending"]
    message: str


class DvcMirror:
    """Follows a log into the DVC repository of a project.

    What is written depends on the log and on `defined` and on nothing else, so a flush may be repeated,
    interrupted or left out. `defined` gives the code version that each asset has now, None where it declares
    none; without it every asset that was ever recorded counts, with the code version that it had last.
    """

    def __init__(
        self, project: Path, log: EventLog, *, defined: Defined | None = None, patience: float = 3.0
    ) -> None:
        self.is_pending = False
        """True while a materialization was seen that no flush has brought over."""
        self._project = project.absolute()
        self._log = log
        self._defined = defined
        self._patience = patience
        self._made: dict[Slot, Made] = {}
        self._old: dict[int, AssetMaterialized] = {}

    def handle(self, records: Sequence[Record]) -> None:
        """Note whether there is something to flush."""
        self.is_pending = self.is_pending or any(record.event.kind in _KINDS for record in records)

    def flush(self, *, again: bool = False) -> DvcReport:
        """Bring DVC's files in line with the log. Never raises: what stands in the way is in the report.

        `again` does so where nothing happened since the last time, too, and looks for every object.
        """
        try:
            report = self._flush(again)
        except Exception as error:  # noqa: BLE001 - whatever it is, a mirror fails no run
            kind = "" if isinstance(error, MlorchError) else f"{type(error).__name__}: "
            report = DvcReport("pending", f"{kind}{error}")
        self.is_pending = report.state == "pending"
        return report

    def _flush(self, again: bool) -> DvcReport:
        repository = Repository(self._project)
        if not repository.folder.is_dir():
            return DvcReport(
                "off", f"Not mirrored to DVC: {self._project} has no .dvc (`mlorch init` makes one)"
            )
        note, is_news = self._news({} if again else repository.read_note())
        if not is_news:
            return DvcReport("unchanged", "DVC is up to date")
        with repository.locked(self._patience):
            made = self._read_log()
            stages = make_stages(made, self._past, self._defined)
            if not stages:
                return DvcReport("unchanged", "DVC is up to date: nothing recorded lies in the project")
            return self._write(repository, stages, note)

    def _news(self, note: dict[str, Json]) -> tuple[dict[str, Json], bool]:
        """Return what the last flush noted, {} if it saw another log, and whether there is more to write."""
        if not note:
            return {}, bool(self._log.read(kinds=_KINDS, limit=1))
        newest = self._log.read(after=note["seq"] - 1, kinds=_KINDS, limit=2)
        if not newest or [newest[0].seq, _identity(newest[0].event)] != [note["seq"], note["id"]]:
            return {}, True
        is_same_code = self._defined is None or note["code"] == _digest(self._defined)
        is_whole = all((self._project / path).exists() for path in note["files"])
        return note, len(newest) > 1 or not is_same_code or not is_whole

    def _read_log(self) -> dict[Slot, Made]:
        """Learn the newest materialization of each slot; after the first time only what came since."""
        if not self._made:
            records: Iterable[Record] = self._log.latest(AssetMaterialized.kind).values()
        else:
            records = self._log.read(after=_newest(self._made).seq, kinds=_KINDS)
        for seq, event in records:
            if isinstance(event, AssetMaterialized):
                self._made[event.asset, event.partition] = Made(seq, event)
        return self._made

    def _past(self, asset: str, numbers: Collection[int]) -> dict[int, AssetMaterialized]:
        """Return earlier facts of an asset by their numbers, in few reads where they stand close together."""
        waiting = sorted(set(numbers) - self._old.keys())
        while waiting:
            records = self._log.read(after=waiting[0] - 1, kinds=_KINDS, asset=asset, limit=_PAGE)
            if not records:
                break
            for seq, event in records:
                if isinstance(event, AssetMaterialized):
                    self._old[seq] = event
            waiting = [number for number in waiting if number > records[-1].seq]
        return {number: self._old[number] for number in numbers if number in self._old}

    def _write(self, repository: Repository, stages: Sequence[Stage], note: Mapping[str, Json]) -> DvcReport:
        """Write every file: objects first, so that nothing names one that is not there, and the note last."""
        lost = _keep_objects(repository, stages, after=note.get("seq", 0))
        stage_of_dvc = os.environ.get("DVC_STAGE", "")
        texts = _texts(self._project, stages, note.get("files", ()), is_in_stage=bool(stage_of_dvc))
        written = [path for path, text in texts.items() if replace(self._project / path, text.encode())]
        if stage_of_dvc:
            return DvcReport("pending", f"`dvc repro` records its stage {stage_of_dvc} itself")
        outs = [entry.path for stage in stages for entry in stage.outs]
        if repository.is_ignoring and note.get("outs") != outs:
            ignore(self._project, outs)
        repository.write_note({**self._seen(), "files": list(texts), "outs": outs})
        return _report(stages, written, lost)

    def _seen(self) -> dict[str, Json]:
        """Return by what the next flush knows that nothing happened since."""
        seq, fact = _newest(self._made)
        return {"seq": seq, "id": fact.materialization_id, "code": _digest(self._defined)}


def _newest(made: Mapping[Slot, Made]) -> Made:
    return max(made.values(), key=lambda one: one.seq)


def _identity(event: Event) -> str:
    return event.materialization_id if isinstance(event, AssetMaterialized) else ""


def _digest(defined: Defined | None) -> str:
    content = json.dumps(None if defined is None else sorted(defined.items()))
    return md5(content.encode(), usedforsecurity=False).hexdigest()


def _keep_objects(repository: Repository, stages: Iterable[Stage], *, after: int) -> int:
    """Have in the cache what was made after a flush; return how many values were not kept."""
    lost = 0
    for stage in stages:
        for held in stage.held:
            if held.manifest is not None:
                repository.keep(held.entries[0].md5, held.manifest)
        for seq, fact in stage.made:
            if seq > after and not repository.link(str(fact.content_hash)):
                lost += 1
    return lost


def _texts(
    project: Path, stages: Sequence[Stage], written: Collection[str], *, is_in_stage: bool
) -> dict[str, str]:
    """Return the text of each file by its path, in the order in which to write them.

    `written` has the files of the last flush. While DVC runs a stage, only what `dvc.yaml` names for a stage.
    """
    folder = _pipeline_folder(project)
    pipeline = folder / "dvc.yaml"
    named = pipeline.read_text() if pipeline.exists() else ""
    stages = [_without_foreign_metrics(stage, project, [named, *written]) for stage in stages]
    others = {PARAMS_FILE: params_text(stages)}
    others |= {one.entry.path: one.text for stage in stages for one in stage.metrics}
    if is_in_stage:
        return {path: text for path, text in others.items() if text and path in named}
    place = folder.relative_to(project)
    texts = {
        f"{place / 'dvc.yaml'}": pipeline_text(stages, None if place == Path() else ".."),
        f"{place / 'dvc.lock'}": lock_text(stages),
        # Metrics that no pipeline names are somebody else's, so that it has to be written before them.
        **others,
    }
    return {path: text for path, text in texts.items() if text}


def _pipeline_folder(project: Path) -> Path:
    """Return where `dvc.yaml` belongs: in the project, or in "dvc" where the project has one of its own.

    Raises StorageError where both are somebody else's.
    """
    root, aside = project / "dvc.yaml", project / "dvc" / "dvc.yaml"
    if _is_ours(root) or not (root.exists() or _is_ours(aside)):
        return project
    if aside.exists() and not _is_ours(aside):
        raise StorageError(f"{root} and {aside} were not written by mlorch; move one of them")
    return aside.parent


def _is_ours(path: Path) -> bool:
    try:
        with path.open() as file:
            return file.readline().startswith(MARK)
    except FileNotFoundError:
        return False


def _without_foreign_metrics(stage: Stage, project: Path, named: Collection[str]) -> Stage:
    """Leave out metrics whose file is there, but named in no text of ours."""
    ours = [
        one
        for one in stage.metrics
        if any(one.entry.path in text for text in named) or not (project / one.entry.path).exists()
    ]
    return changed(stage, metrics=tuple(ours))


def _report(stages: Sequence[Stage], written: Sequence[str], lost: int) -> DvcReport:
    more = f"; {lost} values are in no object of mlorch, DVC finds them after `dvc commit`" if lost else ""
    if not written:
        return DvcReport("unchanged", f"DVC is up to date{more}")
    return DvcReport("written", f"DVC is up to date: {len(stages)} stages, wrote {', '.join(written)}{more}")
