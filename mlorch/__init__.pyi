"""The names that people import, for type checkers; `mlorch/__init__.py` finds them when they are used."""

from mlorch.app.automation import EvaluateAutomationConditionsResult as EvaluateAutomationConditionsResult
from mlorch.app.automation import evaluate_automation_conditions as evaluate_automation_conditions
from mlorch.app.backfilling import BackfillResult as BackfillResult
from mlorch.app.backfilling import backfill as backfill
from mlorch.app.gathering import load_definitions_from_current_module as load_definitions_from_current_module
from mlorch.app.gathering import load_definitions_from_module as load_definitions_from_module
from mlorch.app.gathering import load_definitions_from_modules as load_definitions_from_modules
from mlorch.app.gathering import load_definitions_from_package_module as load_definitions_from_package_module
from mlorch.app.gathering import load_definitions_from_package_name as load_definitions_from_package_name
from mlorch.app.jobs import GraphDefinition as GraphDefinition
from mlorch.app.jobs import JobDefinition as JobDefinition
from mlorch.app.jobs import graph as graph
from mlorch.app.jobs import job as job
from mlorch.app.loading import load_asset as load_asset
from mlorch.app.materializing import materialize as materialize
from mlorch.app.observing import observe as observe
from mlorch.app.projects import Definitions as Definitions
from mlorch.app.reporting import report_materialization as report_materialization
from mlorch.app.results import ExecuteInProcessResult as ExecuteInProcessResult
from mlorch.app.results import ExecutionResult as ExecutionResult
from mlorch.app.retrying import retry_run as retry_run
from mlorch.definitions.asset_checks import AssetChecksDefinition as AssetChecksDefinition
from mlorch.definitions.asset_checks import asset_check as asset_check
from mlorch.definitions.asset_checks import multi_asset_check as multi_asset_check
from mlorch.definitions.asset_sensors import AssetSensorDefinition as AssetSensorDefinition
from mlorch.definitions.asset_sensors import asset_sensor as asset_sensor
from mlorch.definitions.assets import AssetsDefinition as AssetsDefinition
from mlorch.definitions.assets import asset as asset
from mlorch.definitions.assets import map_asset_specs as map_asset_specs
from mlorch.definitions.automation import AutomationCondition as AutomationCondition
from mlorch.definitions.automation_sensors import (
    AutomationConditionSensorDefinition as AutomationConditionSensorDefinition,
)
from mlorch.definitions.check_builders import (
    build_column_schema_change_checks as build_column_schema_change_checks,
)
from mlorch.definitions.check_builders import (
    build_last_update_freshness_checks as build_last_update_freshness_checks,
)
from mlorch.definitions.check_builders import build_metadata_bounds_checks as build_metadata_bounds_checks
from mlorch.definitions.check_builders import (
    build_time_partition_freshness_checks as build_time_partition_freshness_checks,
)
from mlorch.definitions.checks import AssetCheckEvaluation as AssetCheckEvaluation
from mlorch.definitions.checks import AssetCheckKey as AssetCheckKey
from mlorch.definitions.checks import AssetCheckResult as AssetCheckResult
from mlorch.definitions.checks import AssetCheckSeverity as AssetCheckSeverity
from mlorch.definitions.checks import AssetCheckSpec as AssetCheckSpec
from mlorch.definitions.config import Config as Config
from mlorch.definitions.config import PermissiveConfig as PermissiveConfig
from mlorch.definitions.config import RunConfig as RunConfig
from mlorch.definitions.definitions import load_assets_from_modules as load_assets_from_modules
from mlorch.definitions.dependencies import DependencyDefinition as DependencyDefinition
from mlorch.definitions.dependencies import InputMapping as InputMapping
from mlorch.definitions.dependencies import MultiDependencyDefinition as MultiDependencyDefinition
from mlorch.definitions.dependencies import NodeInvocation as NodeInvocation
from mlorch.definitions.dependencies import OutputMapping as OutputMapping
from mlorch.definitions.dimensions import DimensionPartitionMapping as DimensionPartitionMapping
from mlorch.definitions.dimensions import MultiPartitionMapping as MultiPartitionMapping
from mlorch.definitions.dimensions import (
    MultiToSingleDimensionPartitionMapping as MultiToSingleDimensionPartitionMapping,
)
from mlorch.definitions.drift_sensors import DriftSensorDefinition as DriftSensorDefinition
from mlorch.definitions.drift_sensors import MetricDrop as MetricDrop
from mlorch.definitions.drift_sensors import drift_sensor as drift_sensor
from mlorch.definitions.dynamic import AddDynamicPartitionsRequest as AddDynamicPartitionsRequest
from mlorch.definitions.dynamic import DeleteDynamicPartitionsRequest as DeleteDynamicPartitionsRequest
from mlorch.definitions.dynamic import DynamicPartitionsDefinition as DynamicPartitionsDefinition
from mlorch.definitions.entries import DagsterEvent as DagsterEvent
from mlorch.definitions.entries import EventLogEntry as EventLogEntry
from mlorch.definitions.entries import EventRecord as EventRecord
from mlorch.definitions.environment import EnvVar as EnvVar
from mlorch.definitions.executors import ExecutorDefinition as ExecutorDefinition
from mlorch.definitions.executors import dask_executor as dask_executor
from mlorch.definitions.executors import in_process_executor as in_process_executor
from mlorch.definitions.executors import multi_or_in_process_executor as multi_or_in_process_executor
from mlorch.definitions.executors import multiprocess_executor as multiprocess_executor
from mlorch.definitions.executors import threads_executor as threads_executor
from mlorch.definitions.factories import ResourceDefinition as ResourceDefinition
from mlorch.definitions.factories import resource as resource
from mlorch.definitions.freshness import CronFreshnessPolicy as CronFreshnessPolicy
from mlorch.definitions.freshness import FreshnessPolicy as FreshnessPolicy
from mlorch.definitions.freshness import TimeWindowFreshnessPolicy as TimeWindowFreshnessPolicy
from mlorch.definitions.freshness_sensors import (
    build_sensor_for_freshness_checks as build_sensor_for_freshness_checks,
)
from mlorch.definitions.graph_assets import graph_asset as graph_asset
from mlorch.definitions.graph_assets import graph_multi_asset as graph_multi_asset
from mlorch.definitions.hooks import HookDefinition as HookDefinition
from mlorch.definitions.hooks import failure_hook as failure_hook
from mlorch.definitions.hooks import success_hook as success_hook
from mlorch.definitions.io import InputContext as InputContext
from mlorch.definitions.io import IOManager as IOManager
from mlorch.definitions.io import OutputContext as OutputContext
from mlorch.definitions.jobs import define_asset_job as define_asset_job
from mlorch.definitions.keys import AssetKey as AssetKey
from mlorch.definitions.managers import ConfigurableIOManager as ConfigurableIOManager
from mlorch.definitions.managers import ConfigurableIOManagerFactory as ConfigurableIOManagerFactory
from mlorch.definitions.managers import InputManager as InputManager
from mlorch.definitions.managers import InputManagerDefinition as InputManagerDefinition
from mlorch.definitions.managers import IOManagerDefinition as IOManagerDefinition
from mlorch.definitions.managers import input_manager as input_manager
from mlorch.definitions.managers import io_manager as io_manager
from mlorch.definitions.mapped import ConfigMapping as ConfigMapping
from mlorch.definitions.mapped import PartitionedConfig as PartitionedConfig
from mlorch.definitions.mapped import config_mapping as config_mapping
from mlorch.definitions.mapped import daily_partitioned_config as daily_partitioned_config
from mlorch.definitions.mapped import hourly_partitioned_config as hourly_partitioned_config
from mlorch.definitions.mapped import monthly_partitioned_config as monthly_partitioned_config
from mlorch.definitions.mapped import partitioned_config as partitioned_config
from mlorch.definitions.mapped import static_partitioned_config as static_partitioned_config
from mlorch.definitions.mapped import weekly_partitioned_config as weekly_partitioned_config
from mlorch.definitions.mappings import AllPartitionMapping as AllPartitionMapping
from mlorch.definitions.mappings import IdentityPartitionMapping as IdentityPartitionMapping
from mlorch.definitions.mappings import LastPartitionMapping as LastPartitionMapping
from mlorch.definitions.mappings import PartitionMapping as PartitionMapping
from mlorch.definitions.mappings import TimeWindowPartitionMapping as TimeWindowPartitionMapping
from mlorch.definitions.metadata import MetadataValue as MetadataValue
from mlorch.definitions.metadata import TableColumn as TableColumn
from mlorch.definitions.metadata import TableColumnConstraints as TableColumnConstraints
from mlorch.definitions.metadata import TableColumnDep as TableColumnDep
from mlorch.definitions.metadata import TableColumnLineage as TableColumnLineage
from mlorch.definitions.metadata import TableConstraints as TableConstraints
from mlorch.definitions.metadata import TableMetadataValue as TableMetadataValue
from mlorch.definitions.metadata import TableRecord as TableRecord
from mlorch.definitions.metadata import TableSchema as TableSchema
from mlorch.definitions.modules import (
    load_asset_checks_from_current_module as load_asset_checks_from_current_module,
)
from mlorch.definitions.modules import load_asset_checks_from_modules as load_asset_checks_from_modules
from mlorch.definitions.modules import (
    load_asset_checks_from_package_module as load_asset_checks_from_package_module,
)
from mlorch.definitions.modules import (
    load_asset_checks_from_package_name as load_asset_checks_from_package_name,
)
from mlorch.definitions.modules import load_assets_from_current_module as load_assets_from_current_module
from mlorch.definitions.modules import load_assets_from_package_module as load_assets_from_package_module
from mlorch.definitions.modules import load_assets_from_package_name as load_assets_from_package_name
from mlorch.definitions.multi import MultiPartitionKey as MultiPartitionKey
from mlorch.definitions.multi import MultiPartitionsDefinition as MultiPartitionsDefinition
from mlorch.definitions.multi_asset_sensors import MultiAssetSensorDefinition as MultiAssetSensorDefinition
from mlorch.definitions.multi_asset_sensors import (
    MultiAssetSensorEvaluationContext as MultiAssetSensorEvaluationContext,
)
from mlorch.definitions.multi_asset_sensors import multi_asset_sensor as multi_asset_sensor
from mlorch.definitions.multi_assets import AssetOut as AssetOut
from mlorch.definitions.multi_assets import multi_asset as multi_asset
from mlorch.definitions.named import SpecificPartitionsPartitionMapping as SpecificPartitionsPartitionMapping
from mlorch.definitions.named import StaticPartitionMapping as StaticPartitionMapping
from mlorch.definitions.nodes import GraphIn as GraphIn
from mlorch.definitions.nodes import GraphOut as GraphOut
from mlorch.definitions.observables import multi_observable_source_asset as multi_observable_source_asset
from mlorch.definitions.observables import observable_source_asset as observable_source_asset
from mlorch.definitions.ops import DynamicOut as DynamicOut
from mlorch.definitions.ops import DynamicOutput as DynamicOutput
from mlorch.definitions.ops import In as In
from mlorch.definitions.ops import Nothing as Nothing
from mlorch.definitions.ops import OpDefinition as OpDefinition
from mlorch.definitions.ops import Out as Out
from mlorch.definitions.ops import op as op
from mlorch.definitions.partitioned_schedules import (
    build_schedule_from_partitioned_job as build_schedule_from_partitioned_job,
)
from mlorch.definitions.partitions import PartitionKeyRange as PartitionKeyRange
from mlorch.definitions.partitions import PartitionsDefinition as PartitionsDefinition
from mlorch.definitions.partitions import StaticPartitionsDefinition as StaticPartitionsDefinition
from mlorch.definitions.places import file_relative_path as file_relative_path
from mlorch.definitions.reports import AssetMaterialization as AssetMaterialization
from mlorch.definitions.reports import AssetObservation as AssetObservation
from mlorch.definitions.reports import ExpectationResult as ExpectationResult
from mlorch.definitions.requests import RunRequest as RunRequest
from mlorch.definitions.requests import SensorResult as SensorResult
from mlorch.definitions.requests import SkipReason as SkipReason
from mlorch.definitions.resources import ConfigurableResource as ConfigurableResource
from mlorch.definitions.resources import ConfigurableResourceFactory as ConfigurableResourceFactory
from mlorch.definitions.resources import InitResourceContext as InitResourceContext
from mlorch.definitions.resources import ResourceDependency as ResourceDependency
from mlorch.definitions.resources import ResourceParam as ResourceParam
from mlorch.definitions.results import DataProvenance as DataProvenance
from mlorch.definitions.results import DataVersion as DataVersion
from mlorch.definitions.results import DataVersionsByPartition as DataVersionsByPartition
from mlorch.definitions.results import MaterializeResult as MaterializeResult
from mlorch.definitions.results import ObserveResult as ObserveResult
from mlorch.definitions.results import Output as Output
from mlorch.definitions.schedules import ScheduleDefinition as ScheduleDefinition
from mlorch.definitions.schedules import schedule as schedule
from mlorch.definitions.sensors import SensorDefinition as SensorDefinition
from mlorch.definitions.sensors import sensor as sensor
from mlorch.definitions.shapes import Array as Array
from mlorch.definitions.shapes import Bool as Bool
from mlorch.definitions.shapes import BoolSource as BoolSource
from mlorch.definitions.shapes import Enum as Enum
from mlorch.definitions.shapes import EnumValue as EnumValue
from mlorch.definitions.shapes import Field as Field
from mlorch.definitions.shapes import Float as Float
from mlorch.definitions.shapes import Int as Int
from mlorch.definitions.shapes import IntSource as IntSource
from mlorch.definitions.shapes import Map as Map
from mlorch.definitions.shapes import Noneable as Noneable
from mlorch.definitions.shapes import Permissive as Permissive
from mlorch.definitions.shapes import Selector as Selector
from mlorch.definitions.shapes import Shape as Shape
from mlorch.definitions.shapes import String as String
from mlorch.definitions.shapes import StringSource as StringSource
from mlorch.definitions.specs import AUTO as AUTO
from mlorch.definitions.specs import CONTENT as CONTENT
from mlorch.definitions.specs import AssetDep as AssetDep
from mlorch.definitions.specs import AssetIn as AssetIn
from mlorch.definitions.specs import AssetSpec as AssetSpec
from mlorch.definitions.specs import BackfillPolicy as BackfillPolicy
from mlorch.definitions.specs import Backoff as Backoff
from mlorch.definitions.specs import Jitter as Jitter
from mlorch.definitions.specs import RetryPolicy as RetryPolicy
from mlorch.definitions.specs import SourceAsset as SourceAsset
from mlorch.definitions.status_sensors import RunFailureSensorContext as RunFailureSensorContext
from mlorch.definitions.status_sensors import RunStatusSensorContext as RunStatusSensorContext
from mlorch.definitions.status_sensors import RunStatusSensorDefinition as RunStatusSensorDefinition
from mlorch.definitions.status_sensors import run_failure_sensor as run_failure_sensor
from mlorch.definitions.status_sensors import run_status_sensor as run_status_sensor
from mlorch.definitions.ticks import DefaultScheduleStatus as DefaultScheduleStatus
from mlorch.definitions.ticks import DefaultSensorStatus as DefaultSensorStatus
from mlorch.definitions.ticks import ScheduleEvaluationContext as ScheduleEvaluationContext
from mlorch.definitions.ticks import SensorEvaluationContext as SensorEvaluationContext
from mlorch.definitions.types import DagsterType as DagsterType
from mlorch.definitions.types import PythonObjectDagsterType as PythonObjectDagsterType
from mlorch.definitions.types import TypeCheck as TypeCheck
from mlorch.definitions.types import TypeCheckContext as TypeCheckContext
from mlorch.definitions.types import check_dagster_type as check_dagster_type
from mlorch.definitions.windows import DailyPartitionsDefinition as DailyPartitionsDefinition
from mlorch.definitions.windows import HourlyPartitionsDefinition as HourlyPartitionsDefinition
from mlorch.definitions.windows import MonthlyPartitionsDefinition as MonthlyPartitionsDefinition
from mlorch.definitions.windows import TimeWindow as TimeWindow
from mlorch.definitions.windows import TimeWindowPartitionsDefinition as TimeWindowPartitionsDefinition
from mlorch.definitions.windows import WeeklyPartitionsDefinition as WeeklyPartitionsDefinition
from mlorch.errors import DagsterError as DagsterError
from mlorch.errors import DagsterInvalidConfigError as DagsterInvalidConfigError
from mlorch.errors import DagsterInvalidDefinitionError as DagsterInvalidDefinitionError
from mlorch.errors import DagsterInvalidInvocationError as DagsterInvalidInvocationError
from mlorch.errors import DagsterInvalidSubsetError as DagsterInvalidSubsetError
from mlorch.errors import DagsterInvariantViolationError as DagsterInvariantViolationError
from mlorch.errors import DagsterTypeCheckDidNotPass as DagsterTypeCheckDidNotPass
from mlorch.errors import DagsterUnknownPartitionError as DagsterUnknownPartitionError
from mlorch.errors import Failure as Failure
from mlorch.errors import RetryRequested as RetryRequested
from mlorch.execution.context import AssetCheckExecutionContext as AssetCheckExecutionContext
from mlorch.execution.context import AssetExecutionContext as AssetExecutionContext
from mlorch.execution.context import OpExecutionContext as OpExecutionContext
from mlorch.execution.context import get_dagster_logger as get_dagster_logger
from mlorch.execution.hooks import HookContext as HookContext
from mlorch.instance import DagsterInstance as DagsterInstance
from mlorch.instance import Instance as Instance
from mlorch.iomanagers.arrays import NumpyIOManager as NumpyIOManager
from mlorch.iomanagers.delimited import CSVIOManager as CSVIOManager
from mlorch.iomanagers.duckdb import DuckDBIOManager as DuckDBIOManager
from mlorch.iomanagers.folders import DirectoryIOManager as DirectoryIOManager
from mlorch.iomanagers.folders import FilesystemIOManager as FilesystemIOManager
from mlorch.iomanagers.folders import fs_io_manager as fs_io_manager
from mlorch.iomanagers.folders import mem_io_manager as mem_io_manager
from mlorch.iomanagers.frames import ParquetIOManager as ParquetIOManager
from mlorch.iomanagers.jsonable import JsonIOManager as JsonIOManager
from mlorch.iomanagers.memory import InMemoryIOManager as InMemoryIOManager
from mlorch.iomanagers.models import JoblibIOManager as JoblibIOManager
from mlorch.iomanagers.objects import PickleIOManager as PickleIOManager
from mlorch.iomanagers.paths import UPathIOManager as UPathIOManager
from mlorch.iomanagers.sql import SQLEngine as SQLEngine
from mlorch.iomanagers.sql import SQLIOManager as SQLIOManager
from mlorch.iomanagers.text import TextIOManager as TextIOManager
from mlorch.planning.freshness import FreshnessState as FreshnessState
from mlorch.planning.selection import AssetSelection as AssetSelection
from mlorch.queries.partitions import AssetPartitionStatus as AssetPartitionStatus
from mlorch.queries.runs import DagsterRunStatus as DagsterRunStatus
from mlorch.queries.runs import RunsFilter as RunsFilter
from mlorch.testing.configs import validate_run_config as validate_run_config
from mlorch.testing.contexts import build_asset_check_context as build_asset_check_context
from mlorch.testing.contexts import build_asset_context as build_asset_context
from mlorch.testing.contexts import build_hook_context as build_hook_context
from mlorch.testing.contexts import build_op_context as build_op_context
from mlorch.testing.instances import instance_for_test as instance_for_test
from mlorch.testing.instances import materialize_to_memory as materialize_to_memory
from mlorch.testing.managed import build_input_context as build_input_context
from mlorch.testing.managed import build_output_context as build_output_context
from mlorch.testing.resources import build_init_resource_context as build_init_resource_context
from mlorch.testing.resources import build_resources as build_resources
from mlorch.testing.ticks import build_multi_asset_sensor_context as build_multi_asset_sensor_context
from mlorch.testing.ticks import build_run_status_sensor_context as build_run_status_sensor_context
from mlorch.testing.ticks import build_schedule_context as build_schedule_context
from mlorch.testing.ticks import build_sensor_context as build_sensor_context

__version__: str
__all__: list[str]
