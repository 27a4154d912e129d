"""mlorch: declare features, datasets and models as Python functions; materialize, version and retrain them.

Names are looked up when they are first used, so that a command pays only for what it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "mlorch.app.automation": "EvaluateAutomationConditionsResult evaluate_automation_conditions",
    "mlorch.app.backfilling": "BackfillResult backfill",
    "mlorch.app.gathering": (
        "load_definitions_from_current_module load_definitions_from_module load_definitions_from_modules "
        "load_definitions_from_package_module load_definitions_from_package_name"
    ),
    "mlorch.app.jobs": "GraphDefinition JobDefinition graph job",
    "mlorch.app.loading": "load_asset",
    "mlorch.app.materializing": "materialize",
    "mlorch.app.observing": "observe",
    "mlorch.app.projects": "Definitions",
    "mlorch.app.reporting": "report_materialization",
    "mlorch.app.results": "ExecuteInProcessResult ExecutionResult",
    "mlorch.app.retrying": "retry_run",
    "mlorch.definitions.asset_checks": "AssetChecksDefinition asset_check multi_asset_check",
    "mlorch.definitions.asset_sensors": "AssetSensorDefinition asset_sensor",
    "mlorch.definitions.assets": "AssetsDefinition asset map_asset_specs",
    "mlorch.definitions.automation": "AutomationCondition",
    "mlorch.definitions.automation_sensors": "AutomationConditionSensorDefinition",
    "mlorch.definitions.check_builders": (
        "build_column_schema_change_checks build_last_update_freshness_checks "
        "build_metadata_bounds_checks build_time_partition_freshness_checks"
    ),
    "mlorch.definitions.checks": (
        "AssetCheckEvaluation AssetCheckKey AssetCheckResult AssetCheckSeverity AssetCheckSpec"
    ),
    "mlorch.definitions.config": "Config PermissiveConfig RunConfig",
    "mlorch.definitions.definitions": "load_assets_from_modules",
    "mlorch.definitions.dependencies": (
        "DependencyDefinition InputMapping MultiDependencyDefinition NodeInvocation OutputMapping"
    ),
    "mlorch.definitions.dimensions": (
        "DimensionPartitionMapping MultiPartitionMapping MultiToSingleDimensionPartitionMapping"
    ),
    "mlorch.definitions.drift_sensors": "DriftSensorDefinition MetricDrop drift_sensor",
    "mlorch.definitions.dynamic": (
        "AddDynamicPartitionsRequest DeleteDynamicPartitionsRequest DynamicPartitionsDefinition"
    ),
    "mlorch.definitions.entries": "DagsterEvent EventLogEntry EventRecord",
    "mlorch.definitions.environment": "EnvVar",
    "mlorch.definitions.executors": (
        "ExecutorDefinition dask_executor in_process_executor multi_or_in_process_executor "
        "multiprocess_executor threads_executor"
    ),
    "mlorch.definitions.factories": "ResourceDefinition resource",
    "mlorch.definitions.freshness": "CronFreshnessPolicy FreshnessPolicy TimeWindowFreshnessPolicy",
    "mlorch.definitions.freshness_sensors": "build_sensor_for_freshness_checks",
    "mlorch.definitions.graph_assets": "graph_asset graph_multi_asset",
    "mlorch.definitions.hooks": "HookDefinition failure_hook success_hook",
    "mlorch.definitions.io": "IOManager InputContext OutputContext",
    "mlorch.definitions.jobs": "define_asset_job",
    "mlorch.definitions.keys": "AssetKey",
    "mlorch.definitions.managers": (
        "ConfigurableIOManager ConfigurableIOManagerFactory IOManagerDefinition InputManager "
        "InputManagerDefinition input_manager io_manager"
    ),
    "mlorch.definitions.mapped": (
        "ConfigMapping PartitionedConfig config_mapping daily_partitioned_config "
        "hourly_partitioned_config monthly_partitioned_config partitioned_config "
        "static_partitioned_config weekly_partitioned_config"
    ),
    "mlorch.definitions.mappings": (
        "AllPartitionMapping IdentityPartitionMapping LastPartitionMapping PartitionMapping "
        "TimeWindowPartitionMapping"
    ),
    "mlorch.definitions.metadata": (
        "MetadataValue TableColumn TableColumnConstraints TableColumnDep TableColumnLineage "
        "TableConstraints TableMetadataValue TableRecord TableSchema"
    ),
    "mlorch.definitions.modules": (
        "load_asset_checks_from_current_module load_asset_checks_from_modules "
        "load_asset_checks_from_package_module load_asset_checks_from_package_name "
        "load_assets_from_current_module load_assets_from_package_module load_assets_from_package_name"
    ),
    "mlorch.definitions.multi": "MultiPartitionKey MultiPartitionsDefinition",
    "mlorch.definitions.multi_asset_sensors": (
        "MultiAssetSensorDefinition MultiAssetSensorEvaluationContext multi_asset_sensor"
    ),
    "mlorch.definitions.multi_assets": "AssetOut multi_asset",
    "mlorch.definitions.named": "SpecificPartitionsPartitionMapping StaticPartitionMapping",
    "mlorch.definitions.nodes": "GraphIn GraphOut",
    "mlorch.definitions.observables": "multi_observable_source_asset observable_source_asset",
    "mlorch.definitions.ops": "DynamicOut DynamicOutput In Nothing OpDefinition Out op",
    "mlorch.definitions.partitioned_schedules": "build_schedule_from_partitioned_job",
    "mlorch.definitions.partitions": "PartitionKeyRange PartitionsDefinition StaticPartitionsDefinition",
    "mlorch.definitions.places": "file_relative_path",
    "mlorch.definitions.reports": "AssetMaterialization AssetObservation ExpectationResult",
    "mlorch.definitions.requests": "RunRequest SensorResult SkipReason",
    "mlorch.definitions.resources": (
        "ConfigurableResource ConfigurableResourceFactory InitResourceContext ResourceDependency "
        "ResourceParam"
    ),
    "mlorch.definitions.results": (
        "DataProvenance DataVersion DataVersionsByPartition MaterializeResult ObserveResult Output"
    ),
    "mlorch.definitions.schedules": "ScheduleDefinition schedule",
    "mlorch.definitions.sensors": "SensorDefinition sensor",
    "mlorch.definitions.shapes": (
        "Array Bool BoolSource Enum EnumValue Field Float Int IntSource Map Noneable Permissive Selector "
        "Shape String StringSource"
    ),
    "mlorch.definitions.specs": (
        "AUTO AssetDep AssetIn AssetSpec BackfillPolicy Backoff CONTENT Jitter RetryPolicy SourceAsset"
    ),
    "mlorch.definitions.status_sensors": (
        "RunFailureSensorContext RunStatusSensorContext RunStatusSensorDefinition run_failure_sensor "
        "run_status_sensor"
    ),
    "mlorch.definitions.ticks": (
        "DefaultScheduleStatus DefaultSensorStatus ScheduleEvaluationContext SensorEvaluationContext"
    ),
    "mlorch.definitions.types": (
        "DagsterType PythonObjectDagsterType TypeCheck TypeCheckContext check_dagster_type"
    ),
    "mlorch.definitions.windows": (
        "DailyPartitionsDefinition HourlyPartitionsDefinition MonthlyPartitionsDefinition TimeWindow "
        "TimeWindowPartitionsDefinition WeeklyPartitionsDefinition"
    ),
    "mlorch.errors": (
        "DagsterError DagsterInvalidConfigError DagsterInvalidDefinitionError "
        "DagsterInvalidInvocationError DagsterInvalidSubsetError DagsterInvariantViolationError "
        "DagsterTypeCheckDidNotPass DagsterUnknownPartitionError Failure RetryRequested"
    ),
    "mlorch.execution.context": (
        "AssetCheckExecutionContext AssetExecutionContext OpExecutionContext get_dagster_logger"
    ),
    "mlorch.execution.hooks": "HookContext",
    "mlorch.instance": "DagsterInstance Instance",
    "mlorch.iomanagers.arrays": "NumpyIOManager",
    "mlorch.iomanagers.delimited": "CSVIOManager",
    "mlorch.iomanagers.duckdb": "DuckDBIOManager",
    "mlorch.iomanagers.folders": "DirectoryIOManager FilesystemIOManager fs_io_manager mem_io_manager",
    "mlorch.iomanagers.frames": "ParquetIOManager",
    "mlorch.iomanagers.jsonable": "JsonIOManager",
    "mlorch.iomanagers.memory": "InMemoryIOManager",
    "mlorch.iomanagers.models": "JoblibIOManager",
    "mlorch.iomanagers.objects": "PickleIOManager",
    "mlorch.iomanagers.paths": "UPathIOManager",
    "mlorch.iomanagers.sql": "SQLEngine SQLIOManager",
    "mlorch.iomanagers.text": "TextIOManager",
    "mlorch.planning.freshness": "FreshnessState",
    "mlorch.planning.selection": "AssetSelection",
    "mlorch.queries.partitions": "AssetPartitionStatus",
    "mlorch.queries.runs": "DagsterRunStatus RunsFilter",
    "mlorch.testing.configs": "validate_run_config",
    "mlorch.testing.contexts": (
        "build_asset_check_context build_asset_context build_hook_context build_op_context"
    ),
    "mlorch.testing.instances": "instance_for_test materialize_to_memory",
    "mlorch.testing.managed": "build_input_context build_output_context",
    "mlorch.testing.resources": "build_init_resource_context build_resources",
    "mlorch.testing.ticks": (
        "build_multi_asset_sensor_context build_run_status_sensor_context build_schedule_context "
        "build_sensor_context"
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'mlorch' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
