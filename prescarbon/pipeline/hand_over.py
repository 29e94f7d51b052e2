"""What a clinical system needs of a rule: its search and its codes, with the SNOMED codes that the loaded rows give."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.activity import is_respiratory
from prescarbon.model.opportunities.pairs import hand_over
from prescarbon.model.opportunities.rules import SwitchRule, split_pattern
from prescarbon.model.text import without_controls
from prescarbon.reference.definitions import reference_of
from prescarbon.store.months import Store


def code_list(config: Config, wanted: str) -> pl.DataFrame:
    """What a clinical system needs of one rule, of all months loaded: columns as `code_lists`.

    Raises:
        InputError: there is no such rule.
    """
    reference = reference_of(config)
    rules = {rule.id: rule for rule in reference.switches.rules}
    if wanted not in rules:
        raise InputError(f"there is no rule {wanted!r}.", remedy=f"Rules: {', '.join(sorted(rules))}.")
    return code_lists(config, [rules[wanted]], reference.products)


def code_lists(
    config: Config, rules: Sequence[SwitchRule], products: pl.LazyFrame, months: Sequence[date] | None = None
) -> pl.DataFrame:
    """rule_id, side (from or to), bnf_code, product_name?, snomed_code?, search, sorted.

    SNOMED codes are those that stand beside the BNF code in the rows of the months (None: all that are loaded); a code
    of no product of ours is opened to what those rows print.
    """
    seen = _seen(config, rules, months)
    names = seen.group_by("bnf_code").agg(product_name=pl.col("presentation_name").drop_nulls().max())
    snomed = seen.select("bnf_code", "snomed_code").drop_nulls().unique()
    return hand_over(rules, products, snomed.lazy(), names.lazy()).collect()


def _seen(config: Config, rules: Sequence[SwitchRule], months: Sequence[date] | None) -> pl.DataFrame:
    """bnf_code, presentation_name, snomed_code of the rows that a rule may speak of."""
    stated = {split_pattern(c)[0] for r in rules for c in (*r.from_codes, *r.to_codes, *r.to_pairs.values())}
    wanted = [pl.col("bnf_code").str.starts_with(prefix) for prefix in sorted(stated)]
    rows = Store(config.home).scan(months).filter(pl.any_horizontal(is_respiratory(), *wanted))
    return rows.select("bnf_code", without_controls(pl.col("presentation_name")), "snomed_code").unique().collect()
