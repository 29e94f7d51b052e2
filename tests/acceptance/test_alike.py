"""Were all practices alike, no rule would make a claim of their chance differences: docs/explanation/opportunities.md#peers."""

from pathlib import Path

import numpy as np

from benchmarks.to_peer import simulate_rules
from prescarbon.config import Config


def test_of_every_rule_less_than_a_tenth_of_the_raw_claim_is_left(demo_home: Path, tmp_path: Path):
    config = Config(home=demo_home / "home" / "demo", out=tmp_path, scope=("gp",), is_scope_given=True)
    rules = simulate_rules(np.random.Generator(np.random.PCG64(2026)), config)
    told = [row for row in rules.iter_rows(named=True) if row["counted"] > 0]
    assert len(told) > 20
    assert not [row for row in told if row["claimed"] >= 0.1 * row["counted"]]
    assert sum(row["claimed"] for row in told) < 0.05 * sum(row["counted"] for row in told)
