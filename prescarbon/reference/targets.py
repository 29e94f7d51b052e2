"""Rows of reference/targets: what is aimed at, and the KPIs that follow it."""

import re
from typing import Annotated

from pydantic import model_validator

from prescarbon.reference.cells import Date, Number, Row, Text, fitting, one_of
from prescarbon.tables.measures import TARGET_STATUSES, TARGETS

ADDRESS = re.compile(r"https?://\S+")


class TargetRow(Row):
    """targets/targets.csv: table TARGETS."""

    KEY = ("target_id",)
    SPAN = ("baseline_start", "baseline_end")
    target_id: Text
    measure_id: Text | None
    words: Text
    baseline_start: Date | None
    baseline_end: Date | None
    change_share: Number | None
    change_share_a_year: Number | None
    target_value: Number | None
    target_end: Date | None
    direction: Annotated[str, one_of(TARGETS.schema["direction"])]
    status: Annotated[str, one_of(TARGET_STATUSES)]
    source_id: Text
    address: Annotated[str, fitting(ADDRESS, "is no web address")]
    note: Text | None

    @model_validator(mode="after")
    def _both_ends(self) -> "TargetRow":
        if (self.baseline_start is None) != (self.baseline_end is None):
            raise ValueError("a baseline needs its first and its last month")
        return self


class KpiRow(Row):
    """targets/kpis.csv: table KPIS."""

    KEY = ("kpi_id",)
    kpi_id: Text
    title: Text
    measure_id: Text | None
    target_id: Text | None
    note: Text | None
