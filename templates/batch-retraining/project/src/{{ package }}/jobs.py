"""When the model is trained again."""

from __future__ import annotations

from mlorch import build_schedule_from_partitioned_job, define_asset_job

from .assets import MONTHS

retrain = define_asset_job(name="retrain", selection="*", partitions_def=MONTHS)

# On the first of a month the last one is complete; its reports are in by the morning.
monthly = build_schedule_from_partitioned_job(retrain, name="monthly", hour_of_day=6)
