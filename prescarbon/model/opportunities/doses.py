"""What one dose of an inhaler holds: substances, micrograms, steroid equivalents, licence; and the words a line says of it."""

from dataclasses import dataclass

import polars as pl

COMPONENTS = ("ICS", "LABA", "LAMA", "SABA", "SAMA")
TIMES = {1.0: "once", 2.0: "twice", 3.0: "three times", 4.0: "four times"}
PUFFED = ("pMDI", "BAI", "SMI")


@dataclass(frozen=True)
class DoseBook:
    """What is known of doses and propellants.

    facts      what `dose_facts` returns
    gwp100     propellant, gwp100
    tolerance  how many times higher or lower a daily dose may be and still be the same (reference/dose-bands.csv)
    """

    facts: pl.LazyFrame
    gwp100: pl.LazyFrame
    tolerance: float


def dose_facts(doses: pl.LazyFrame, substances: pl.LazyFrame, potency: pl.LazyFrame) -> pl.LazyFrame:
    """One row an inhaled presentation, from the rows of reference/doses.csv, substances.csv and potency.csv.

    returns  bnf_code, contents (its components, as "ICS+LABA"), doses_per_device?, usual_puffs_a_day?, max_puffs_a_day?,
             bdp_low?, bdp_high? (micrograms of standard beclometasone that the steroid of one dose stands for), steroid?
             (substance and particle), and of each of COMPONENTS its substance (`ICS`), `ICS_metered?`, `ICS_delivered?`,
             `ICS_label?` (micrograms a dose); label (words: "100 beclometasone + 6 formoterol"), asthma?, copd?, mart?, air?
             (yes, no, null unknown), their least ages, is_paediatric_strength, has_text (a text about the product was
             read), licence (words)
    method   docs/explanation/opportunities.md, "Doses"
    """
    split = {"substance": "substances", "metered": "metered_mcg", "delivered": "delivered_mcg"}
    parts = (
        doses.select(
            "bnf_code", "particle", "label_basis", *(pl.col(c).str.split("+").alias(n) for n, c in split.items())
        )
        .with_columns(_as_long("metered"), _as_long("delivered"))
        .explode("substance", "metered", "delivered")
        .with_columns(pl.col("metered", "delivered").cast(pl.Float64))
        .join(substances, on="substance", how="left", validate="m:1")
        .with_columns(label=pl.when(pl.col("label_basis") == "delivered").then("delivered").otherwise("metered"))
        .with_columns(particle=pl.when(pl.col("substance") == "beclometasone").then("particle"))
    )
    wide = [
        pl.col(value)
        .filter(pl.col("component") == part)
        .first()
        .alias(part if value == "substance" else f"{part}_{value}")
        for part in COMPONENTS
        for value in ("substance", "metered", "delivered", "label")
    ]
    contents = parts.group_by("bnf_code", maintain_order=True).agg(
        *wide,
        contents=pl.col("component").unique().sort().str.join("+"),
        label=pl.format("{} {}", _plain("label"), "substance").str.join(" + "),
    )
    stated = doses.drop("label_basis", "substances", "metered_mcg", "delivered_mcg")
    return (
        stated.join(contents, on="bnf_code", how="left", validate="1:1")
        .join(_steroids(parts, potency), on="bnf_code", how="left", validate="1:1")
        .with_columns(has_text=pl.col("source_url").is_not_null(), licence=_licence_words())
    )


def _as_long(strength: str) -> pl.Expr:
    """A list of strengths as long as that of the substances; nulls where none is known."""
    unknown = pl.col("substance").list.eval(pl.lit(None, pl.String))
    return pl.when(pl.col(strength).is_null()).then(unknown).otherwise(strength).alias(strength)


def _steroids(parts: pl.LazyFrame, potency: pl.LazyFrame) -> pl.LazyFrame:
    """bnf_code, steroid, bdp_low, bdp_high: by the strength on the label where its potency is known, else by the other."""
    steroid = parts.filter(pl.col("component") == "ICS")
    known = [
        steroid.join(
            potency.filter(pl.col("basis") == basis), on=["substance", "particle"], how="inner", nulls_equal=True
        )
        .with_columns(strength=pl.col(basis), is_label=pl.col("label_basis") == basis)
        .drop_nulls("strength")
        for basis in ("metered", "delivered")
    ]
    equivalents = (
        pl.concat(known)
        .sort("is_label", descending=True)
        .group_by("bnf_code", maintain_order=True)
        .first()
        .select(
            "bnf_code",
            bdp_low=pl.col("strength") * pl.col("bdp_low"),
            bdp_high=pl.col("strength") * pl.col("bdp_high"),
        )
    )
    is_known = (pl.col("substance") != "beclometasone") | pl.col("particle").is_not_null()
    named = steroid.select(
        "bnf_code",
        steroid=pl.when(is_known).then(pl.concat_str("substance", "particle", separator=" ", ignore_nulls=True)),
    )
    return named.join(equivalents, on="bnf_code", how="left", validate="1:1")


def _plain(column: str) -> pl.Expr:
    """A number without needless decimals: 100, 62.5."""
    return pl.col(column).round(1).cast(pl.String).str.strip_suffix(".0").fill_null("?")


def _licence_words() -> pl.Expr:
    """For whom a product is licensed, and the date of the text that says so; MART and AIR of a steroid with a LABA only."""

    def said(name: str, column: str, age: str) -> pl.Expr:
        stated = pl.col("age_words") if column == "asthma" else pl.lit(None, pl.String)
        aged = pl.coalesce(pl.format("from {}", age), stated, pl.lit("least age not read"))
        is_asked = pl.lit(value=True) if name in ("asthma", "COPD") else pl.col("contents") == "ICS+LABA"
        return (
            pl.when(is_asked & (pl.col(column) == "yes"))
            .then(pl.format(f"{name} {{}}", aged))
            .when(is_asked & (pl.col(column) == "no"))
            .then(pl.lit(f"not {name}"))
            .when(is_asked)
            .then(pl.lit(f"{name} not read"))
        )

    parts = (
        said("asthma", "asthma", "asthma_from_age"),
        said("COPD", "copd", "copd_from_age"),
        said("MART", "mart", "mart_from_age"),
        said("AIR", "air", "air_from_age"),
    )
    nothing = pl.lit("licence not read: check the product's text")
    dated = (
        pl.when(pl.col("text_date").is_not_null())
        .then(pl.format(" (text read: {})", "text_date"))
        .otherwise(pl.lit(""))
    )
    told = pl.concat_str(*parts, separator=", ", ignore_nulls=True)
    return (
        pl.when((pl.col("asthma").is_null()) & pl.col("copd").is_null())
        .then(nothing)
        .otherwise(pl.format("{}{}", told, dated))
    )


def with_regimen(pairs: pl.LazyFrame, facts: pl.LazyFrame) -> pl.LazyFrame:
    """Pairs plus the ratio their doses give and the dose before and after in words.

    pairs    from_code, to_code?, ratio? (as the rule says), from_puffs?, from_times?, to_puffs?, to_times?, and
             from_device?, to_device?
    facts    `dose_facts`
    returns  ratio (target devices for one source device: days a source device lasts ÷ days a target device does; the
             rule's own where the regimen or the doses of a device are not known), dose_from?, dose_to?, licence?,
             from_doses_per_device?, to_doses_per_device?
    """
    own = facts.select(
        "bnf_code", "particle", "doses_per_device", "label", *(f"{c}_label" for c in COMPONENTS), *COMPONENTS, "licence"
    )
    # one microgram of the extrafine kind stands for 2 to 2.5 of the other: a reader must see which it is
    is_extrafine = (pl.col("particle") == "extrafine").fill_null(value=False)
    own = own.with_columns(ICS=pl.when(is_extrafine).then(pl.format("extrafine {}", "ICS")).otherwise("ICS")).drop(
        "particle"
    )
    both = pairs
    for side in ("from", "to"):
        named = own.rename({c: f"{side}_{c}" for c in own.collect_schema().names() if c != "bnf_code"})
        both = both.join(named, left_on=f"{side}_code", right_on="bnf_code", how="left", validate="m:1")
    lasts = {
        s: pl.col(f"{s}_doses_per_device") / (pl.col(f"{s}_puffs") * pl.col(f"{s}_times").fill_null(1.0))
        for s in ("from", "to")
    }
    kept = [c for c in pairs.collect_schema().names() if c != "ratio"]
    return both.select(
        *kept,
        ratio=pl.coalesce(lasts["from"] / lasts["to"], "ratio"),
        dose_from=_dose_words("from"),
        dose_to=_dose_words("to"),
        licence="to_licence",
        from_doses_per_device=pl.col("from_doses_per_device").cast(pl.Float64),
        to_doses_per_device=pl.col("to_doses_per_device").cast(pl.Float64),
    )


def _dose_words(side: str) -> pl.Expr:
    """As "2 puffs twice a day: 400 micrograms beclometasone a day"; null where regimen or strength is not known."""
    puffs, times, device = pl.col(f"{side}_puffs"), pl.col(f"{side}_times"), pl.col(f"{side}_device")
    noun = pl.when(device.is_in(PUFFED)).then(pl.lit("puff")).otherwise(pl.lit("inhalation"))
    often = times.replace_strict(
        {k: f"{v} a day" for k, v in TIMES.items()}, default=pl.format("{} times a day", _plain(f"{side}_times"))
    )
    when = pl.when(times.is_null()).then(pl.lit("as needed")).otherwise(often)
    a_day = puffs * times.fill_null(1.0)
    held = [
        pl.when(pl.col(f"{side}_{c}").is_not_null()).then(
            pl.format("{} micrograms {}", _plain_of(pl.col(f"{side}_{c}_label") * a_day), f"{side}_{c}")
        )
        for c in COMPONENTS
    ]
    per = pl.when(times.is_null()).then(pl.lit("a time")).otherwise(pl.lit("a day"))
    return pl.when(puffs.is_not_null() & pl.col(f"{side}_label").is_not_null()).then(
        pl.format(
            "{} {}{} {}: {} {}", _plain_of(puffs), noun, pl.when(puffs == 1).then(pl.lit("")).otherwise(pl.lit("s")), when,
            pl.concat_str(*held, separator=" + ", ignore_nulls=True), per,
        )
    )  # fmt: skip


def _plain_of(number: pl.Expr) -> pl.Expr:
    return number.round(1).cast(pl.String).str.strip_suffix(".0").fill_null("an unknown number of")


def dose_in_one_measure() -> pl.Expr:
    """What one dose holds, to set two products side by side; columns are those of `dose_facts`.

    Steroid equivalents at their middle, else the micrograms of its first substance.
    """
    steroid = (pl.col("bdp_low") + pl.col("bdp_high")) / 2
    return pl.coalesce(steroid, *(pl.coalesce(f"{c}_metered", f"{c}_delivered") for c in COMPONENTS[1:]))
