"""When the model is trained again: each month, and when a month is unlike those that it learned from."""

from __future__ import annotations

from mlorch import build_schedule_from_partitioned_job, define_asset_job, drift_sensor

from .assets import MONTHS

retrain = define_asset_job(name="retrain", selection="*", partitions_def=MONTHS)

# On the first of a month the last one is complete; its reports are in by the morning.
monthly = build_schedule_from_partitioned_job(retrain, name="monthly", hour_of_day=6)

# The weather drifts all year round, and the model knows it. Not so of these columns: whether flights are late
# as often as before, who flies, and where to.
drifted = drift_sensor(
    "features", name="drifted", job=retrain, watch=["late", "carrier", "dest"], default_status="RUNNING"
)
