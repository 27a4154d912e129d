"""When data are different enough to do something about it: by more than chance, and by much.

    from mlorch.drift import compare, profile

    report = compare(january, july, watch=["distance"])
    report.verdict, report.drifted, report.why()

Arrays in, numbers out: nothing here knows a log, a clock or a disk.
"""

from mlorch.drift.comparing import compare, compare_partitions, rule_of
from mlorch.drift.profile import ColumnProfile, Profile, profile
from mlorch.drift.report import ColumnReport, Difference, DriftReport, band
from mlorch.drift.verdict import Rule

__all__ = [
    "ColumnProfile",
    "ColumnReport",
    "Difference",
    "DriftReport",
    "Profile",
    "Rule",
    "band",
    "compare",
    "compare_partitions",
    "profile",
    "rule_of",
]
