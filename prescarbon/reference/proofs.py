"""What can be proven only over several rows or files of the reference folder; each proof takes Reference and tells faults.

A proof reads typed parts, so it raises PrescarbonError where a file it needs is wrong by itself; `checks` then goes on.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date

import polars as pl

from prescarbon.errors import Fault
from prescarbon.reference.definitions import Reference
from prescarbon.reference.error_parts import NUMBERS, ambiguous_names
from prescarbon.reference.factor_rows import BASES
from prescarbon.reference.factors import missing_gwp, unmixable
from prescarbon.reference.folder import DOCUMENTS
from prescarbon.reference.local import unknown_cells
from prescarbon.reference.reviews import IS_PRESSURISED
from prescarbon.reference.sheets import Sheet, rows_of
from prescarbon.tables.schema import FOREVER

NOT_A_DEVICE = ("nebuliser", "spacer")
NO_SOURCE = "no such section in sources.toml"
# file → what may have one row a day only, without a gap
DATED = {
    "products/inhalers.csv": "bnf_code",
    "factors/inhalers.csv": "key",
    "factors/brand-mix.csv": "key",
    "factors/spend.csv": "key",
    "organisations/blmk.csv": "practice_code",
}


def sources(reference: Reference) -> Iterator[Fault]:
    """Every source that is cited exists, and every source is cited where every file can be read."""
    known = set(reference.sources)
    used = set()
    for file, line, column, source in _citations(reference):
        used.add(source)
        if source not in known:
            yield Fault(file, line, column, source, NO_SOURCE)
    if not reference.files.are_sound:
        return  # what a file that cannot be read cites is not known
    others = b"".join(content for file, content in reference.files.held.items() if file.name != "sources.toml")
    for section in sorted(known - used):
        if section.encode() not in others:
            yield Fault("sources.toml", 0, section, "", "no row cites this source")


def _citations(reference: Reference) -> Iterator[tuple[str, int, str, str]]:
    """file, line, column, source id of every cell and key that cites one, in files that are sound."""
    for sheet in reference.files.sheets:
        for column in [c for c in sheet.rows.columns if c.endswith("source_id")]:
            for line, source in sheet.numbered.select("line", column).drop_nulls().iter_rows():
                yield sheet.name, line, column, source
    for name in DOCUMENTS:
        for key, part in (reference.document(name).content or {}).items():
            for field in ("source_id", "source_id_closed"):
                if source := getattr(part, field, None):
                    yield name, 0, f"{key}.{field}", source
    for measure in reference.measures:
        yield f"measures/{measure.id}.toml", 0, "source_id", measure.source_id


def periods(reference: Reference) -> Iterator[Fault]:
    """One row a day, without a gap."""
    for name, key in DATED.items():
        sheet = reference.sheet(name)
        rows_of(sheet)
        dated = sheet.numbered.sort(key, "valid_from").with_columns(before=pl.col("valid_to").shift().over(key))
        apart = (pl.col("valid_from") - pl.col("before")).dt.total_days()
        odd = dated.with_columns(days=apart).filter(pl.col("days") != 1)
        for line, code, start, days in odd.select("line", key, "valid_from", "days").iter_rows():
            reason = "overlaps the period before" if days < 1 else "leaves a gap after the period before"
            yield Fault(name, line, "valid_from", f"{code} {start}", reason)


def reused_codes(reference: Reference) -> Iterator[Fault]:
    """No code is both old and new, and no change stands here that is wrong at its source."""
    changes = reference.sheet("products/code-changes.csv")
    new = set(rows_of(changes)["new_code"])
    absent = {code: part.words for part in reference.corrections.values() for code in part.expect_absent_old_codes}
    for line, old in changes.numbered.select("line", "old_code").iter_rows():
        if old in new:
            yield Fault(changes.name, line, "old_code", old, "is also a new code: date the series first")
        if old in absent:
            yield Fault(changes.name, line, "old_code", old, absent[old])


def coverage(reference: Reference) -> Iterator[Fault]:
    """Every inhaler has a factor or is in without-factor.csv, never both; every factor is of a product."""
    products, components = reference.sheet("products/inhalers.csv"), reference.sheet("factors/inhalers.csv")
    mixed = rows_of(reference.sheet("factors/brand-mix.csv"))["key"]
    covered = {*rows_of(components)["key"], *mixed}
    unknown = set(reference.without_factor.collect()["bnf_code"])
    inhalers = products.numbered.filter(~pl.col("device_type").cast(pl.String).is_in(NOT_A_DEVICE))
    for line, code in (
        inhalers.filter(~pl.col("bnf_code").is_in(list(covered | unknown))).select("line", "bnf_code").rows()
    ):
        yield Fault(products.name, line, "bnf_code", code, "has no factor and is not in without-factor.csv")
    codes = set(rows_of(products)["bnf_code"])
    yield from unknown_cells(components, "key", codes, "is no product of products/inhalers.csv")
    both = components.numbered.filter(pl.col("key").is_in(list(unknown)))
    for line, code in both.select("line", "key").rows():
        yield Fault(components.name, line, "key", code, "stands in without-factor.csv too")


def ingredients(reference: Reference) -> Iterator[Fault]:
    """Every propellant has its GWP100, and every brand of a mix its one factor."""
    components = reference.sheet("factors/inhalers.csv")
    yield from missing_gwp(components, reference.gwp100)
    yield from unmixable(reference.sheet("factors/brand-mix.csv"), rows_of(components))


def propellants(reference: Reference) -> Iterator[Fault]:
    """A factor is of the propellant that its product has in the same days, where that is known.

    So that a launch under a known code is not written in one of the two files alone.
    """
    components = reference.sheet("factors/inhalers.csv")
    rows_of(components)
    products = rows_of(reference.sheet("products/inhalers.csv")).select(
        "bnf_code", p_from="valid_from", p_to="valid_to", product_propellant=pl.col("propellant").cast(pl.String)
    )
    odd = (
        components.numbered.join(products, left_on="key", right_on="bnf_code")
        .filter((pl.col("valid_from") <= pl.col("p_to")) & (pl.col("p_from") <= pl.col("valid_to")))
        .filter((pl.col("product_propellant") != "unknown") & (pl.col("product_propellant") != pl.col("propellant")))
    )
    for line, key, propellant, other in odd.select("line", "key", "propellant", "product_propellant").iter_rows():
        reason = f"is of {propellant}, but products/inhalers.csv says {other} on days that it holds"
        yield Fault(components.name, line, "propellant", key, reason)


def review_days(reference: Reference) -> Iterator[Fault]:
    """A propellant that may be replaced has a day by which it is to be looked at again, and so has its product's factor."""
    dated = (
        ("products/inhalers.csv", "bnf_code", "propellant_review_by", IS_PRESSURISED),
        ("factors/inhalers.csv", "key", "review_by", pl.col("propellant") != "none"),
    )
    for name, key, column, may_be_replaced in dated:
        sheet = reference.sheet(name)
        rows_of(sheet)
        is_open = may_be_replaced & (pl.col("valid_to") == FOREVER) & pl.col(column).is_null()
        for line, code in sheet.numbered.filter(is_open).select("line", key).iter_rows():
            yield Fault(name, line, column, code, "is empty, and the propellant may be replaced under the same code")


def names_of_factors(reference: Reference) -> Iterator[Fault]:
    """A factor_id stands for one factor: intervals and explanations know it by that alone."""
    taken: dict[str, str] = {}
    for file in NUMBERS:
        sheet = reference.sheet(file)
        rows_of(sheet)
        yield from ambiguous_names(sheet)
        for line, name in (
            sheet.numbered.unique("factor_id", keep="first", maintain_order=True).select("line", "factor_id").rows()
        ):
            if taken.setdefault(name, file) != file:
                yield Fault(file, line, "factor_id", name, f"stands in {taken[name]} too")


def targets(reference: Reference) -> Iterator[Fault]:
    """A target's measure exists; a KPI's measure and target do."""
    measures = {measure.id for measure in reference.measures}
    listed, kpis = reference.sheet("targets/targets.csv"), reference.sheet("targets/kpis.csv")
    for sheet in (listed, kpis):
        rows_of(sheet)
        yield from unknown_cells(sheet, "measure_id", measures, "is no measure of reference/measures")
    yield from unknown_cells(kpis, "target_id", set(listed.rows["target_id"]), "is no target of targets/targets.csv")


def pounds(reference: Reference) -> Iterator[Fault]:
    """The files about £ agree."""
    yield from reference.spend_faults()


def places(reference: Reference) -> Iterator[Fault]:
    """A practice stands in one place only, once."""
    counted = Counter(code for place in reference.places.values() for code in place.practice_codes)
    for key, place in reference.places.items():
        for code in dict.fromkeys(place.practice_codes):
            if counted[code] > 1:
                yield Fault("organisations/places.toml", 0, f"{key}.practice_codes", code, "stands more than once")


def implausible_factors(reference: Reference) -> Iterator[Fault]:
    """Every kilogram lies in the band of its device and propellant, under each GWP basis."""
    files = {kind: _lines(reference.sheet(name)) for kind, name in FACTOR_FILES.items()}
    products = reference.products.select(
        "bnf_code", "device_type", product_propellant="propellant", p_from="valid_from", p_to="valid_to"
    )
    for basis in BASES:
        rows = (
            reference.factors(gwp_basis=basis)
            .join(products, left_on="key", right_on="bnf_code")
            .filter(pl.col("valid_from").is_between("p_from", "p_to"))
            .collect()
        )
        for row in rows.iter_rows(named=True):
            kind = "brand_mix" if row["key_kind"] == "brand_mix" else "product"
            file = FACTOR_FILES[kind]
            line = next(n for start, end, n in files[kind][row["key"]] if start <= row["valid_from"] <= end)
            band = reference.plausible.get(row["device_type"], {}).get(row["product_propellant"])
            if band is None:
                reason = f"plausible.toml has no band for {row['device_type']} with {row['product_propellant']}"
                yield Fault(file, line, "key", row["key"], reason)
            elif not band[0] <= row["kg_low"] <= row["kg_high"] <= band[1]:
                value = f"{row['kg_low']:.2f} to {row['kg_high']:.2f} kg ({basis})"
                column = "large_share" if kind == "brand_mix" else "propellant_mass_g"
                yield Fault(file, line, column, value, f"not within {band[0]} and {band[1]} kg")


FACTOR_FILES = {"product": "factors/inhalers.csv", "brand_mix": "factors/brand-mix.csv"}


def _lines(sheet: Sheet) -> Mapping[str, list[tuple[date, date, int]]]:
    """Key → first day, last day and line of each of its rows."""
    found: dict[str, list[tuple[date, date, int]]] = {}
    for key, *row in sheet.numbered.select("key", "valid_from", "valid_to", "line").iter_rows():
        found.setdefault(key, []).append((row[0], row[1], row[2]))
    return found


OVER_FILES: tuple[Callable[[Reference], Iterator[Fault]], ...] = (
    sources,
    periods,
    reused_codes,
    coverage,
    ingredients,
    propellants,
    review_days,
    names_of_factors,
    targets,
    pounds,
    places,
    implausible_factors,
)
