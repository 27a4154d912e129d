"""When the model is trained again: each month, and when a month is unlike those that it learned from."""

from __future__ import annotations

from mlorch import ScheduleDefinition, define_asset_job, drift_sensor

from .assets import ZONE

retrain = define_asset_job(name="retrain", selection="*")

# On the first of a month the last one is complete; its reports are in by the morning.
monthly = ScheduleDefinition(name="monthly", job=retrain, cron_schedule="0 6 1 * *", execution_timezone=ZONE)

# The weather drifts all year round, and the model knows it. Of these columns it would not: whether flights are
# late as often as before, who flies, and where to.
drifted = drift_sensor(
    "features", name="drifted", job=retrain, watch=["late", "carrier", "dest"], default_status="RUNNING"
)
