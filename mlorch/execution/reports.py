"""The facts that people report: made or seen without a run of ours."""

from __future__ import annotations

from mlorch.definitions.keys import key_text
from mlorch.definitions.reports import CODE_VERSION, AssetMaterialization, AssetObservation
from mlorch.errors import TypeCheckError
from mlorch.events import AssetMaterialized, AssetObserved
from mlorch.execution.metadata import plain
from mlorch.log import slot_name
from mlorch.planning.versions import data_version


def reported(
    report: AssetMaterialization | AssetObservation, report_id: str, at: float
) -> AssetMaterialized | AssetObserved:
    """Return the fact that a report states; `report_id` stands where a run's id would, `at` is UTC seconds.

    Without a data version the fact has one that no other has. Raises TypeCheckError for anything else.
    """
    if not isinstance(report, AssetMaterialization | AssetObservation):
        raise TypeCheckError(f"{report!r} is no report; give an AssetMaterialization or an AssetObservation")
    key = key_text(report.asset_key)
    given = report.data_version
    version = given or data_version(key, report.partition, report_id, None, ())
    if isinstance(report, AssetObservation):
        return AssetObserved(
            at=at,
            asset=key,
            data_version=version,
            partition=report.partition,
            metadata=plain(report.metadata),
        )
    code = report.tags.get(CODE_VERSION)
    return AssetMaterialized(
        run_id=report_id,
        at=at,
        step=slot_name((key, report.partition)),
        asset=key,
        partition=report.partition,
        started_at=at,
        code_version=code or report_id,
        is_code_declared=code is not None,
        data_version=version,
        is_user_provided=given is not None,
        definition={"description": report.description, "value": "nothing"},
        metadata=plain(report.metadata),
    )
