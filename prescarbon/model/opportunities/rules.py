"""Switch rules and guards: what a rule file says, checked at load; rules as frames for the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from prescarbon.tables.opportunities import BETWEEN, CHANGES_PRODUCT, EFFORTS, RULE_KINDS

NEEDS_TARGET = CHANGES_PRODUCT


@dataclass(frozen=True)
class Signature:
    """That a body approved a rule as it then was: a row of the local signoff.csv whose content hash still holds."""

    body: str
    signed_on: date
    review_by: date
    author_role: str
    approver_role: str
    minute: str


@dataclass(frozen=True)
class SwitchRule:
    """One rule as its file says it. Empty lists and None mean: not limited, or not known.

    indication, from_age  for whom it is: asthma, COPD; the least age
    from_puffs, from_times, to_puffs, to_times  the dose before and after: puffs at a time, times a day (None: as needed)
    checks          what to check with the person first
    note            for whoever edits the rule; no page prints it
    signature       laid over from the local folder; signature_lost: why one that was given no longer holds
    """

    id: str
    title: str
    kind: str
    family: str
    order: int
    effort: str
    is_on: bool
    is_like_for_like: bool
    commitment: tuple[str, ...]
    valid_from: date
    valid_to: date
    from_words: str
    from_codes: tuple[str, ...]
    from_classes: tuple[str, ...]
    from_devices: tuple[str, ...]
    from_propellants: tuple[str, ...]
    unit_name: str
    to_words: str
    to_codes: tuple[str, ...]
    to_pairs: Mapping[str, str]
    ratio: float | None
    dose_words: str
    category_from: str
    category_to: str
    excluded: tuple[str, ...]
    caveats: str
    search: str
    alternative_to: str | None
    achievable_share: float | None
    achievable_source: str
    saving_per_unit: tuple[float, float, float] | None
    saving_source: str
    supply_days: int | None
    pool_classes: tuple[str, ...]
    is_per_list: bool
    evidence: str
    evidence_url: str
    review_by: date
    indication: tuple[str, ...] = ()
    from_age: int | None = None
    from_puffs: float | None = None
    from_times: float | None = None
    to_puffs: float | None = None
    to_times: float | None = None
    checks: tuple[str, ...] = ()
    note: str = ""
    off_because: str = ""
    signature: Signature | None = None
    signature_lost: str = ""

    def why_draft(self, on: date) -> str | None:
        """Why the rule is a draft on a day; None where a signature holds."""
        if self.signature is None:
            return self.signature_lost or "no clinical sign-off yet"
        if on > self.review_by:
            return f"the rule was to be reviewed by {self.review_by.day} {self.review_by:%B %Y}"
        if on > self.signature.review_by:
            return f"the sign-off was to be reviewed by {self.signature.review_by.day} {self.signature.review_by:%B %Y}"
        return None


@dataclass(frozen=True)
class Guard:
    """What is never suggested: from these codes (to these codes or devices), and why. Ends in % or is a prefix."""

    id: str
    reason: str
    from_codes: tuple[str, ...]
    evidence_url: str
    to_codes: tuple[str, ...] = ()
    to_devices: tuple[str, ...] = ()
    at_ratio: float | None = None


def rule_table(rules: Sequence[SwitchRule]) -> pl.LazyFrame:
    """One row a rule: the columns the engine and the pages need."""
    return pl.LazyFrame(
        [
            {
                "rule_id": r.id,
                "title": r.title,
                "kind": r.kind,
                "family": r.family,
                "from_words": r.from_words,
                "rule_to_words": r.to_words,
                "rule_order": r.order,
                "effort": r.effort,
                "unit_name": r.unit_name,
                "ratio": r.ratio,
                "from_puffs": r.from_puffs,
                "from_times": r.from_times,
                "to_puffs": r.to_puffs,
                "to_times": r.to_times,
                "from_classes": list(r.from_classes),
                "from_devices": list(r.from_devices),
                "from_propellants": list(r.from_propellants),
                "pool_classes": list(r.pool_classes),
                "is_per_list": r.is_per_list,
                "achievable_share": r.achievable_share,
                "achievable_source": r.achievable_source or None,
                "dose_words": r.dose_words or None,
                "not_for": BETWEEN.join(r.excluded) or None,
                "checks": BETWEEN.join(r.checks) or None,
                "evidence": r.evidence,
                "evidence_url": r.evidence_url,
                "rule_low": r.saving_per_unit and r.saving_per_unit[0],
                "rule_central": r.saving_per_unit and r.saving_per_unit[1],
                "rule_high": r.saving_per_unit and r.saving_per_unit[2],
                "supply_days": r.supply_days,
                "commitment": " ".join(r.commitment),
                "caveats": r.caveats,
                "alternative_to": r.alternative_to,
            }
            for r in rules
        ],
        schema={
            "rule_id": pl.String,
            "title": pl.String,
            "kind": RULE_KINDS,
            "family": pl.String,
            "from_words": pl.String,
            "rule_to_words": pl.String,
            "rule_order": pl.Int64,
            "effort": EFFORTS,
            "unit_name": pl.String,
            "ratio": pl.Float64,
            "from_puffs": pl.Float64,
            "from_times": pl.Float64,
            "to_puffs": pl.Float64,
            "to_times": pl.Float64,
            "from_classes": pl.List(pl.String),
            "from_devices": pl.List(pl.String),
            "from_propellants": pl.List(pl.String),
            "pool_classes": pl.List(pl.String),
            "is_per_list": pl.Boolean,
            "achievable_share": pl.Float64,
            "achievable_source": pl.String,
            "dose_words": pl.String,
            "not_for": pl.String,
            "checks": pl.String,
            "evidence": pl.String,
            "evidence_url": pl.String,
            "rule_low": pl.Float64,
            "rule_central": pl.Float64,
            "rule_high": pl.Float64,
            "supply_days": pl.Int64,
            "commitment": pl.String,
            "caveats": pl.String,
            "alternative_to": pl.String,
        },
    )


def standing_table(rules: Sequence[SwitchRule], on: date) -> pl.LazyFrame:
    """rule_id, is_draft, why_draft?, signed_by?, signed_on?, review_by: how each rule stands on a day.

    review_by is the earlier of the rule's and the signature's.
    """
    rows = [
        (
            r.id,
            r.why_draft(on) is not None,
            r.why_draft(on),
            r.signature.body if r.signature else None,
            r.signature.signed_on if r.signature else None,
            min(r.review_by, r.signature.review_by) if r.signature else r.review_by,
        )
        for r in rules
    ]
    return pl.LazyFrame(
        rows,
        schema={
            "rule_id": pl.String,
            "is_draft": pl.Boolean,
            "why_draft": pl.String,
            "signed_by": pl.String,
            "signed_on": pl.Date,
            "review_by": pl.Date,
        },
        orient="row",
    )


def is_none_signed(rules: Sequence[SwitchRule]) -> bool:
    """True where no rule bears a signature, also none that is to be reviewed by now."""
    return not any(rule.signature for rule in rules)


def split_pattern(code: str) -> tuple[str, str]:
    """Prefix and suffix of a code, a prefix, or a pattern like 0407010F0%AC (% stands for anything)."""
    prefix, _, suffix = code.partition("%")
    return prefix, suffix


def pattern_table(named: Mapping[str, Sequence[str]], name: str = "rule_id") -> pl.LazyFrame:
    """Id → codes or patterns as rows: the id, prefix, suffix."""
    rows = [(key, *split_pattern(code)) for key, codes in named.items() for code in codes]
    return pl.LazyFrame(rows, schema={name: pl.String, "prefix": pl.String, "suffix": pl.String}, orient="row")


def match_codes(patterns: pl.LazyFrame, codes: pl.LazyFrame, name: str = "rule_id") -> pl.LazyFrame:
    """Id × bnf_code: every code that a pattern of the id fits.

    patterns  what `pattern_table` returns
    codes     bnf_code
    """
    is_exact = (pl.col("prefix").str.len_bytes() == 15) & (pl.col("suffix") == "")
    exact = patterns.filter(is_exact).join(codes, left_on="prefix", right_on="bnf_code").rename({"prefix": "bnf_code"})
    loose = (
        patterns.filter(~is_exact)
        .join(codes, how="cross")
        .filter(
            pl.col("bnf_code").str.starts_with(pl.col("prefix")) & pl.col("bnf_code").str.ends_with(pl.col("suffix"))
        )
    )
    return pl.concat([exact.select(name, "bnf_code"), loose.select(name, "bnf_code")]).unique()
