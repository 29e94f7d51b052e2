"""One report asks each question once: calls counted in every room that knows the name."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prescarbon.config import Config
from prescarbon.pack.write import write_report
from prescarbon.reference.files import find_reference

ONCE = {
    "prescarbon.model.organisations": ["practices_in_force"],
    "prescarbon.pipeline.scope": ["read_practices"],
    "prescarbon.store.organisations": ["read_list_sizes"],
    "prescarbon.pipeline.memberships": ["memberships_by_month"],
    "prescarbon.model.measures.values": ["run_measures"],
    "prescarbon.model.opportunities.claims": ["claim_units", "sum_volumes"],
    "prescarbon.model.opportunities.lines": ["find_opportunities"],
    "prescarbon.model.opportunities.draws": ["tabulate_draws"],
    "prescarbon.model.footprint": ["estimate_footprint"],
    "prescarbon.model.prices": ["base_prices"],
    "prescarbon.pipeline.evidence": ["gather"],
    "prescarbon.pipeline.footprint": ["run_factors"],
    "prescarbon.model.measures.comparison": ["spread_by"],
    "prescarbon.model.change": ["split_change"],
    "prescarbon.reference.measures": ["gather_measures"],
    "prescarbon.reference.switches": ["gather_switches"],
    "prescarbon.reference.wording": ["gather_wording"],
}

OF_THE_STORE = [
    *("gather", "run_factors", "read_practices", "read_list_sizes", "practices_in_force", "memberships_by_month"),
    *("estimate_footprint", "base_prices"),
]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """name → how often it was called, wherever it was imported to; "read …" for each file of the reference folder."""
    counted: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            counted[name] += 1
            return function(*given, **named)

        return call

    for room, names in ONCE.items():
        for name in names:
            function = getattr(sys.modules[room], name)
            for module in [m for n, m in sys.modules.items() if n.startswith("prescarbon.")]:
                if getattr(module, name, None) is function:
                    monkeypatch.setattr(module, name, counting(name, function))
    root, opened = find_reference(), Path.open

    def open_(file: Path, *given: Any, **named: Any) -> Any:
        if file.is_relative_to(root):
            counted[f"read {file.relative_to(root)}"] += 1
        return opened(file, *given, **named)

    monkeypatch.setattr(Path, "open", open_)  # read_bytes and read_text open too
    return counted


@pytest.mark.parametrize(("drafts", "claims"), [(False, 2), (True, 1)])
def test_one_report_asks_each_question_once(
    home: Path, tmp_path: Path, calls: Counter[str], drafts: bool, claims: int
) -> None:
    """Claims are made twice only where drafts are held back: to show what is signed off, and to count what is not.

    Measures are two questions: those a page draws are asked of each month and the period, the others of the period alone.
    The store holds 26 months and the report reads 24: what reads the store is asked once of the window and once of all that
    limits need. A change is split between the two years, and month by month.
    """
    write_report(Config(home=home, out=tmp_path, scope=("gp",), is_scope_given=True, show_draft_rules=drafts))
    functions = {name: calls[name] for names in ONCE.values() for name in names}
    more = {"claim_units": claims, "find_opportunities": claims, "run_measures": 3, "split_change": 2}
    assert functions == dict.fromkeys(functions, 1) | dict.fromkeys(OF_THE_STORE, 2) | more
    files = {name.removeprefix("read "): times for name, times in calls.items() if name.startswith("read ")}
    assert len(files) > 50  # the hash is of every file, so every file is read
    assert set(files.values()) == {1}


def test_a_target_whose_baseline_is_loaded_is_one_more_question(
    config: Config, own_reference: Path, calls: Counter[str]
) -> None:
    file = own_reference / "targets" / "targets.csv"
    rows = pl.read_csv(file, infer_schema=False)
    is_one = pl.int_range(pl.len()) == rows.with_row_index().filter(pl.col("baseline_start").is_not_null())["index"][0]
    dated = {"baseline_start": "2025-01-01", "baseline_end": "2025-12-01"}
    rows.with_columns(pl.when(is_one).then(pl.lit(day)).otherwise(c).alias(c) for c, day in dated.items()).write_csv(
        file
    )
    write_report(replace(config, reference=own_reference))
    assert calls["run_measures"] == 3
