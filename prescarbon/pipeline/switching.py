"""May one product become another, and why not: `prescarbon rules try`."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.opportunities.claims import INHALERS
from prescarbon.model.opportunities.doses import dose_in_one_measure
from prescarbon.model.opportunities.guards import judge_pairs
from prescarbon.reference.cells import CODE
from prescarbon.reference.definitions import Reference, reference_of


def judge(reference: Reference, pairs: pl.LazyFrame, on: date) -> pl.LazyFrame:
    """What `guards.judge_pairs` says of pairs (from_code, to_code, ratio) on a day."""
    in_force = pl.lit(on).is_between("valid_from", "valid_to")
    words = ("drug_class", "device_type", "propellant")
    products = reference.products.filter(in_force).select("bnf_code", *(pl.col(c).cast(pl.String) for c in words))
    switches = reference.switches
    return judge_pairs(pairs, reference.doses, products, switches.guards, switches.formulary, reference.excluded, on)


def try_pair(config: Config, from_code: str, to_code: str, ratio: float) -> dict[str, Any]:
    """Whether a product may become another on the day the configuration reads rules.

    ratio    target devices for one source device
    returns  refused, reasons (empty where nothing stands against it), from_code, from_name?, to_code, to_name?, ratio,
             licence? (for whom the target is licensed), conditions (for whom it would not be right although nothing
             refuses it: a least age, a disease the target is not licensed for, a licence nobody read), as_of

    Raises:
        InputError: a code has not the form of a BNF presentation code, or the ratio is not above 0.
    """
    for code in (from_code, to_code):
        if not CODE.fullmatch(code):
            raise InputError(
                f"{code!r} is no BNF presentation code.", remedy="Write 15 characters, as 0301011R0BEAIAP."
            )
    if not 0 < ratio < float("inf"):
        raise InputError(
            f"a ratio of {ratio:g} is no dose equivalence.", remedy="Write target devices for one source device."
        )
    reference = reference_of(config)
    pair = pl.LazyFrame({"from_code": [from_code], "to_code": [to_code], "ratio": [float(ratio)]})
    reasons = judge(reference, pair, config.as_of).collect()["reasons"][0].to_list()
    facts = reference.doses.facts.filter(pl.col("bnf_code").is_in([from_code, to_code]))
    told = {row["bnf_code"]: row for row in facts.collect().to_dicts()}
    source, target = told.get(from_code, {}), told.get(to_code, {})
    return {
        "refused": bool(reasons),
        "reasons": reasons,
        "from_code": from_code,
        "from_name": source.get("product_name"),
        "to_code": to_code,
        "to_name": target.get("product_name"),
        "ratio": ratio,
        "licence": target.get("licence"),
        "conditions": _conditions(source, target),
        "as_of": config.as_of,
    }


def _conditions(source: Mapping[str, Any], target: Mapping[str, Any]) -> list[str]:
    """What a rule for this pair would have to leave out, from the licences of both; empty where either is not known."""
    if not source or not target:
        return []
    found = []
    least, now = target["asthma_from_age"], source["asthma_from_age"]
    if least is not None and (now is None or least > now):
        found.append(f"not in asthma under {least}: the target's licence begins there")
    for disease, column in (("asthma", "asthma"), ("COPD", "copd")):
        if source[column] == "yes" and target[column] == "no":
            found.append(f"not in {disease}: the source is licensed for it, the target is not")
    if target["asthma"] is None and target["copd"] is None:
        found.append("the target's licence was not read: read its text first")
    return found


def pair_matrix(reference: Reference, on: date) -> pl.LazyFrame:
    """Every inhaled presentation of a day as source × every one as target, with every reason against it.

    Each pair is tried twice: device for device (is_like_for_like), and at the ratio that keeps its first substance's
    dose (null where that is not known).
    returns  from_code, to_code, ratio, is_like_for_like, reasons
    """
    held = pl.lit(on).is_between("valid_from", "valid_to") & pl.col("device_type").cast(pl.String).is_in(INHALERS)
    codes = reference.products.filter(held).select("bnf_code").unique().sort("bnf_code")
    pairs = codes.select(from_code="bnf_code").join(codes.select(to_code="bnf_code"), how="cross")
    content = reference.doses.facts.select("bnf_code", content=pl.col("doses_per_device") * dose_in_one_measure())
    equal = (
        pairs.join(content, left_on="from_code", right_on="bnf_code", how="left", validate="m:1")
        .join(content, left_on="to_code", right_on="bnf_code", how="left", suffix="_to", validate="m:1")
        .select(
            "from_code", "to_code", ratio=pl.col("content") / pl.col("content_to"), is_like_for_like=pl.lit(value=False)
        )
    )
    alike = pairs.with_columns(ratio=pl.lit(1.0), is_like_for_like=pl.lit(value=True))
    both = pl.concat([alike, equal]).collect()
    return pl.concat(
        judge(reference, part.select("from_code", "to_code", "ratio").lazy(), on).with_columns(
            is_like_for_like=pl.lit(part["is_like_for_like"][0])
        )
        for part in both.partition_by("is_like_for_like", maintain_order=True)
    )


def count_matrix(reference: Reference, on: date) -> dict[str, Any]:
    """How many pairs of the matrix are refused and let through, and how many each kind of reason refuses."""
    return count_reasons(pair_matrix(reference, on).collect())


def count_reasons(judged: pl.DataFrame) -> dict[str, Any]:
    """The same of a matrix that is at hand: what `pair_matrix` returns."""
    refused = judged.filter(pl.col("reasons").list.len() > 0)
    kinds = refused.select(kind=pl.col("reasons").list.eval(pl.element().str.split(":").list.first()).list.unique())
    counted = kinds.explode("kind").group_by("kind").len().sort("len", "kind", descending=[True, False])
    return {
        "presentations": judged["from_code"].n_unique(),
        "pairs": judged.height,
        "refused": refused.height,
        "let through": judged.height - refused.height,
        "like for like": judged.filter("is_like_for_like", pl.col("reasons").list.len() == 0).height,
        "by reason": dict(counted.iter_rows()),
    }
