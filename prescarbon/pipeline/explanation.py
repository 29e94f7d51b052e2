"""From a printed number back to its rows, devices, factor, source and interval."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.activity import IS_INHALER, NOT_AN_INHALER
from prescarbon.model.organisations import AS_NOW
from prescarbon.model.period import Period
from prescarbon.model.sums import known_sum
from prescarbon.model.text import without_controls
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.report.views.numbers import months, number, pounds
from prescarbon.store.months import Store


@dataclass(frozen=True)
class Explanation:
    """How a practice's kilograms came to be.

    totals  inhalers, then each method: items, nic_gbp and kg with the page's own intervals (5th to 95th percentile of draws)
    lines  month × presentation × reads_as: items, total_quantity, devices, nic_gbp, kg (ends are the factor's ends), method,
           factor and its source
    rows   the input rows behind one product, where one was asked for
    rests  what all inhalers of the practice rest on, as two sentences; none where it has no inhaler
    """

    practice_code: str
    practice_name: str
    period: Period
    totals: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    names: dict[str, str]
    sources: dict[str, str]
    gbp_year: int
    rests: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The explanation for a script."""
        return {
            "practice_code": self.practice_code,
            "practice_name": self.practice_name,
            "months": [m.isoformat()[:7] for m in self.period.held],
            "totals": self.totals,
            "rests_on": list(self.rests),
            "lines": self.lines,
            "rows": self.rows,
        }

    def as_text(self) -> str:
        """The explanation for a reader: the arithmetic written out."""
        return "\n".join(self._text())

    def _text(self) -> Iterator[str]:
        yield f"{self.practice_name} ({self.practice_code}), {months(self.period)}"
        for total in self.totals:
            words = "inhalers by any method" if total["method"] == "inhalers" else total["method"]
            yield (
                f"  {words}: {number(total['items'])} items, {pounds(total['nic_gbp'])}, "
                f"{_kg(total['kg_co2e'])} kg CO2e ({_kg(total['kg_low'])} to {_kg(total['kg_high'])})"
            )
        for sentence in self.rests:
            yield f"  {sentence}"
        for line in self.lines:
            yield f"{line['month']:%Y-%m} {self.names.get(line['bnf_code'], line['bnf_code'])} [{line['bnf_code']}]"
            yield (
                f"    {line['rows']} rows, {line['items']} items, quantity {line['total_quantity']} "
                f"reads as {line['reads_as']}, {pounds(line['nic_gbp'])}"
            )
            yield f"    {_arithmetic(line)}"
            if line["price_gbp"] is not None:
                yield f"    price: {line['cost']} a unit, {line['price_from']:%Y-%m} to {line['price_to']:%Y-%m}, in £ of {self.gbp_year}"
            if line["factor_id"]:
                yield f"    factor {line['factor_id']}: {self.sources.get(line['source_id'], line['source_id'])}"
        if self.rows:
            yield "Input rows"
        for row in self.rows:
            yield (
                f"  {row['month']:%Y-%m} {row['bnf_code']} {row['presentation_name']}: quantity {row['quantity']} × "
                f"{row['items']} items = {row['total_quantity']}, {pounds(row['nic_gbp'])}"
            )


def _kg(value: Any) -> str:
    return "not known" if value is None else f"{value:,.3f}"


def _arithmetic(line: dict[str, Any]) -> str:
    if line["kg_co2e"] is None:
        what = "price" if line["reads_as"] == NOT_AN_INHALER else "factor"
        return f"no {what}: not counted, not zero"
    result = f"{_kg(line['kg_co2e'])} kg CO2e (ends of the factor: {_kg(line['kg_low'])} to {_kg(line['kg_high'])})"
    if line["devices"] is not None:
        return f"{number(line['devices'])} inhalers × {line['kg_a_unit']:.4f} kg = {result}"
    return (
        f"quantity {line['total_quantity']} × £{line['price_gbp']:.5f} at constant prices × "
        f"{line['kg_a_unit']:.6f} kg a £ = {result}"
    )


def explain(
    config: Config, practice: str, *, product: str | None = None, last_month: date | None = None
) -> Explanation:
    """Everything behind a practice's figures over the page's period, or behind one of its products.

    Raises:
        InputError: the practice, or the product in it, has no rows.
    """
    evidence = gather(config, last_month=last_month)
    period = evidence.period
    mine = evidence.footprint.filter((pl.col("practice_code") == practice) & pl.col("month").is_in(period.held))
    if mine.is_empty():
        raise InputError(
            f"practice {practice} has no rows in {months(period)}.", remedy="Check the code, or use --scope all."
        )
    about = evidence.practices.filter(pl.col("practice_code") == practice).row(0, named=True)
    totals = _totals(evidence, mine)
    rows: list[dict[str, Any]] = []
    if product:
        mine = mine.filter((pl.col("bnf_code") == product) | (pl.col("series_code") == product))
        if mine.is_empty():
            raise InputError(
                f"practice {practice} has no {product} in {months(period)}.", remedy="Give a BNF presentation code."
            )
        codes = mine["bnf_code"].unique().to_list()
        taken_over = [
            gone for gone, by in evidence.successor_of.items() if config.membership == AS_NOW and by == practice
        ]
        rows = (
            Store(config.home)
            .scan(period.held)
            .filter(pl.col("practice_code").is_in([practice, *taken_over]) & pl.col("bnf_code").is_in(codes))
            .select("month", "bnf_code", "presentation_name", "quantity", "items", "total_quantity", "nic_gbp")
            .with_columns(without_controls(pl.col("presentation_name")))
            .sort(pl.all())
            .collect()
            .to_dicts()
        )
    lines = _with_factors(evidence, mine).sort(
        ["kg_co2e", "month", "bnf_code"], descending=[True, False, False], nulls_last=True
    )
    return Explanation(
        practice_code=practice,
        practice_name=about["practice_name"],
        period=evidence.period_of("practice", practice),
        totals=totals,
        lines=lines.to_dicts(),
        rows=rows,
        names={
            code: evidence.names.get(series, code)
            for code, series in mine.select("bnf_code", "series_code").iter_rows()
        },
        sources={key: source.title for key, source in evidence.reference.sources.items()},
        gbp_year=evidence.prices.gbp_year,
        rests=_rests_on(evidence, practice),
    )


def _rests_on(evidence: Evidence, practice: str) -> tuple[str, ...]:
    footing, sentences = evidence.footing_of("practice", practice), evidence.reference.wording["page"]
    said = (footing.coverage_words(sentences), footing.brand_words(sentences)) if footing else ()
    return tuple(filter(None, said))


def _totals(evidence: Evidence, mine: pl.DataFrame) -> list[dict[str, Any]]:
    parts = pl.concat(
        [
            mine.filter(IS_INHALER).with_columns(method=pl.lit("inhalers")),
            mine.with_columns(pl.col("method").cast(pl.String)),
        ]
    )
    sums = parts.group_by("method", maintain_order=True).agg(known_sum(n) for n in ("items", "nic_gbp"))
    drawn = evidence.intervals(parts.lazy(), ["method"])
    found = sums.join(drawn, on="method", how="left", maintain_order="left")
    return found.sort(pl.col("method") != "inhalers", "method").to_dicts()


def _with_factors(evidence: Evidence, lines: pl.DataFrame) -> pl.DataFrame:
    """The lines plus kg_a_unit (kg a device, or a £) and source_id of the factor, and for spend what table PRICES says."""
    every = pl.concat([evidence.factors, evidence.spend]).select("factor_id", "kg_co2e", "source_id")
    factors = every.unique("factor_id", keep="first", maintain_order=True)
    known = lines.lazy().join(factors.rename({"kg_co2e": "kg_a_unit"}), on="factor_id", how="left")
    return known.join(evidence.prices.table.lazy(), on="bnf_code", how="left", validate="m:1").collect()
