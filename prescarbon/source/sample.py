"""A SYNTHETIC sample: made-up months, lists and organisations written in the published layouts, then read like any file."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from prescarbon.store.tally import SYNTHETIC_MARK

ICB, SUB_ICB = "SYNICB", "SYN01"
COLUMNS = [
    "YEAR_MONTH",
    "REGIONAL_OFFICE_NAME",
    "REGIONAL_OFFICE_CODE",
    "ICB_NAME",
    "ICB_CODE",
    "PCO_NAME",
    "PCO_CODE",
    "PRACTICE_NAME",
    "PRACTICE_CODE",
    "ADDRESS_1",
    "ADDRESS_2",
    "ADDRESS_3",
    "ADDRESS_4",
    "POSTCODE",
    "BNF_CHEMICAL_SUBSTANCE_CODE",
    "BNF_CHEMICAL_SUBSTANCE",
    "BNF_PRESENTATION_CODE",
    "BNF_PRESENTATION_NAME",
    "BNF_CHAPTER_PLUS_CODE",
    "QUANTITY",
    "ITEMS",
    "TOTAL_QUANTITY",
    "ADQ_USAGE",
    "NIC",
    "ACTUAL_COST",
    "UNIDENTIFIED",
    "SNOMED_CODE",
]
WINTER = {12: 1.12, 1: 1.15, 2: 1.08, 3: 1.04, 6: 0.93, 7: 0.92, 8: 0.9}  # made up: more inhalers in winter
QUETIAPINE, SPIKE = "0402010AB", 20.0  # a price concession that is no carbon
VENTOLIN = "0301011R0BEAIAP"
UNKNOWN_CODE = (
    "0301011ZZZZZZZZ"  # true shape, but no such substance: what the program does with a code it does not know
)
LAGGING_PCN, SHIFTED, SMALL, OPENED, CLOSED, ABSENT = 2, 7, 11, 17, 23, 29  # which practice, or PCN, is the odd one
APPLIANCE_CODE = 11  # digits of a code of chapters 20 to 23; its substance column holds the first four
ABSENT_MONTHS_AGO, SPIKE_MONTHS_AGO = 4, 3
ACTUAL_COST_SHARE = 0.93  # made up
NOT_GP, DUMMY, NOBODY = "Z99999", "ZDUMMY", "-"


@dataclass(frozen=True)
class PlantedFault:
    """One thing that is wrong on purpose: what, in which month, for which practice; bnf_code where it is a row."""

    what: str
    month: date
    practice_code: str
    bnf_code: str | None = None


@dataclass(frozen=True)
class SampleFiles:
    """The files written (an EPD file a month, epraccur, a PCN mapping, list sizes each quarter) and the faults in them."""

    epd: tuple[Path, ...]
    practices: Path
    pcns: Path
    list_sizes: tuple[Path, ...]
    faults: tuple[PlantedFault, ...]

    @property
    def organisations(self) -> list[Path]:
        """What `organisations import` takes."""
        return [self.practices, self.pcns, *self.list_sizes]


def write_sample(
    folder: Path,
    catalogue: Path,
    *,
    seed: int = 2026,
    practices: int = 90,
    pcns: int = 24,
    months: int = 24,
    last_month: date = date(2026, 1, 1),
) -> SampleFiles:
    """Write the sample; the same arguments give the same bytes.

    catalogue  reference/sample/catalogue.csv
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    span = pl.date_range(last_month, last_month, eager=True).dt.offset_by(f"-{months - 1}mo")[0]
    calendar = pl.date_range(span, last_month, "1mo", eager=True).to_list()
    places = _practices(draw, practices, pcns)
    products = _catalogue(catalogue)
    rows = _rows(draw, places, products, calendar)
    labels = products.select("bnf_code", "chapter", "substance").unique("bnf_code", keep="first", maintain_order=True)
    epd = []
    for month in calendar:
        file = folder / f"EPD_SNOMED_{month:%Y%m}_SYNTHETIC.csv"
        this_month = _in_layout(rows.filter(pl.col("month") == month), labels, places, month, calendar)
        this_month.write_csv(file, quote_style="non_numeric")
        epd.append(file)
    mapping = folder / "MAPPING_NHS_GEOGRAPHIES_SYNTHETIC_2024.csv"
    _mapping(places).write_csv(mapping)
    epraccur = folder / f"epraccur_SYNTHETIC_{calendar[0]:%Y-%m}.csv"
    _epraccur(places, calendar).write_csv(epraccur, include_header=False, quote_style="always")
    sizes = tuple(_write_list_sizes(folder, places, month) for month in calendar[::3])
    return SampleFiles(tuple(epd), epraccur, mapping, sizes, _planted(places, calendar))


def _practices(draw: np.random.Generator, count: int, pcns: int) -> pl.DataFrame:
    sizes = np.clip(draw.lognormal(9.1, 0.45, count), 2_500, 25_000).round(-1).astype(int)
    if count > SMALL:
        sizes[SMALL] = 700
    number = np.arange(count)
    return pl.DataFrame(
        {
            "practice_code": [f"Z9{n + 1:04d}" for n in number],
            "practice_name": [f"{SYNTHETIC_MARK}PRACTICE {n + 1:02d}" for n in number],
            "pcn": [f"SYN{n % pcns + 1:03d}" for n in number],
            "pcn_name": [f"SYNTHETIC PCN {n % pcns + 1:02d}" for n in number],
            "at": number,
            "people": sizes,
            "volume": draw.lognormal(0, 0.18, count),  # how much is prescribed at all
            "taste": draw.normal(0, 0.5, count),  # towards powder inhalers, or away from them
            "lag": np.where(number % pcns == LAGGING_PCN, 1.0, 0.0),
        }
    )


def _catalogue(file: Path) -> pl.DataFrame:
    return pl.read_csv(file, infer_schema=False).with_columns(
        pl.col("unit_price_gbp", "items_a_1000_people", "yearly_trend").cast(pl.Float64),
        pl.col("valid_from", "valid_to").str.to_date(),
    )


def _rows(
    draw: np.random.Generator, places: pl.DataFrame, catalogue: pl.DataFrame, calendar: list[date]
) -> pl.DataFrame:
    """month × practice × presentation × quantity with items above none."""
    years = pl.col("month_at") / 12
    is_powder = pl.col("presentation_name").str.contains("(?i)dry|accuhaler|nexthaler|ellipta|easyhaler|turbohaler")
    leaning = (
        pl.when(is_powder)
        .then(pl.col("taste").exp())
        .when(pl.col("kind") == "inhaler")
        .then((-0.5 * pl.col("taste")).exp())
    )
    trend = pl.when(pl.col("lag") > 0).then(1.0).otherwise(pl.col("yearly_trend").pow(years))
    winter = pl.col("month").dt.month().replace_strict(WINTER, default=1.0)
    season = pl.when(pl.col("kind") == "inhaler").then(winter).otherwise(1.0)
    shift = (
        pl.when((pl.col("at") == SHIFTED) & (pl.col("month_at") >= len(calendar) * 2 // 3) & is_powder)
        .then(1.8)
        .otherwise(1.0)
    )
    months = pl.DataFrame({"month": calendar, "month_at": range(len(calendar))})
    quantities = (
        catalogue.with_columns(pl.col("quantities").str.split("|"))
        .explode("quantities")
        .with_columns(share=pl.when(pl.col("quantities").cum_count().over("bnf_code") == 1).then(0.75).otherwise(0.25))
        .with_columns(share=pl.col("share") / pl.col("share").sum().over("bnf_code"))
    )
    expected = (
        places.join(months, how="cross")
        .join(quantities, how="cross")
        .filter(pl.col("month").is_between("valid_from", "valid_to"))
        .filter(~((pl.col("at") == OPENED) & (pl.col("month_at") < len(calendar) // 2)))
        .filter(~((pl.col("at") == CLOSED) & (pl.col("month_at") >= len(calendar) - 6)))
        .filter(~((pl.col("at") == ABSENT) & (pl.col("month_at") == len(calendar) - ABSENT_MONTHS_AGO)))
        .with_columns(
            rate=pl.col("people") / 1000 * pl.col("items_a_1000_people") * pl.col("share") * pl.col("volume")
            * leaning.fill_null(1.0) * trend * season * shift
        )
        .sort("month", "practice_code", "bnf_code", "quantities")
    )  # fmt: skip
    items = pl.Series("items", draw.poisson(expected["rate"].to_numpy()))
    return expected.with_columns(items).filter(pl.col("items") > 0).select(
        "month", "month_at", "practice_code", "practice_name", "bnf_code", "presentation_name", "snomed_code",
        "unit_price_gbp", "items", quantity="quantities",
    )  # fmt: skip


def _in_layout(
    rows: pl.DataFrame, labels: pl.DataFrame, places: pl.DataFrame, month: date, calendar: list[date]
) -> pl.DataFrame:
    """The published columns as text, with this month's planted faults at the end."""
    is_spike = pl.col("bnf_code").str.starts_with(QUETIAPINE) & (pl.col("month_at") == len(calendar) - SPIKE_MONTHS_AGO)
    total = pl.col("quantity").cast(pl.Float64) * pl.col("items")
    nic = (total * pl.col("unit_price_gbp") * pl.when(is_spike).then(SPIKE).otherwise(1.0)).round(2)
    text = rows.select(
        practice_name="practice_name",
        practice_code="practice_code",
        bnf_code="bnf_code",
        name="presentation_name",
        snomed="snomed_code",
        quantity=pl.col("quantity") + ".",
        items=pl.col("items").cast(pl.String),
        total=total.cast(pl.Int64).cast(pl.String) + ".",
        nic=nic.cast(pl.Decimal(18, 2)).cast(pl.String),
    )
    faults = [row for _, row in _fault_rows(places)] if month == calendar[-1] else []
    everything = pl.concat([text, pl.DataFrame(faults, schema=text.schema, orient="row")]).join(
        labels, on="bnf_code", how="left", maintain_order="left", validate="m:1"
    )
    fixed = {
        "YEAR_MONTH": f"{month:%Y-%m}",
        "REGIONAL_OFFICE_NAME": "SYNTHETIC REGION",
        "REGIONAL_OFFICE_CODE": "SYN",
        "ICB_NAME": "SYNTHETIC INTEGRATED CARE BOARD",
        "ICB_CODE": ICB,
        "PCO_NAME": "SYNTHETIC SUB-ICB LOCATION",
        "PCO_CODE": SUB_ICB,
        "ADDRESS_1": "SYNTHETIC",
        "ADQ_USAGE": "0.",
    }
    cost = (pl.col("nic").cast(pl.Float64, strict=False).fill_null(0) * ACTUAL_COST_SHARE).round(5)
    return everything.select(
        **{name: pl.lit(value) for name, value in fixed.items()},
        **{name: pl.lit("") for name in ("ADDRESS_2", "ADDRESS_3", "ADDRESS_4", "POSTCODE")},
        PRACTICE_NAME="practice_name",
        PRACTICE_CODE="practice_code",
        BNF_CHEMICAL_SUBSTANCE_CODE=pl.col("bnf_code").str.head(
            pl.when(pl.col("bnf_code").str.len_bytes() == APPLIANCE_CODE).then(4).otherwise(9)
        ),
        BNF_CHEMICAL_SUBSTANCE=pl.col("substance").fill_null(""),
        BNF_PRESENTATION_CODE="bnf_code",
        BNF_PRESENTATION_NAME="name",
        BNF_CHAPTER_PLUS_CODE=pl.col("chapter").fill_null(""),
        QUANTITY="quantity",
        ITEMS=pl.col("items").cast(pl.Int64),
        TOTAL_QUANTITY="total",
        NIC="nic",
        ACTUAL_COST=cost.cast(pl.Decimal(18, 5)).cast(pl.String),
        UNIDENTIFIED=pl.when(pl.col("practice_code") == NOBODY).then(pl.lit("Y")).otherwise(pl.lit("N")),
        SNOMED_CODE=pl.col("snomed").fill_null(""),
    ).select(COLUMNS)


def _fault_rows(places: pl.DataFrame) -> list[tuple[str, tuple[str, ...]]]:
    """What is wrong, and the row that is so: it stands at the end of the newest month."""
    one, two = (places.row(at, named=True) for at in (0, -1))
    first, last = (one["practice_name"], one["practice_code"]), (two["practice_name"], two["practice_code"])
    ventolin = (VENTOLIN, "Ventolin 100micrograms/dose Evohaler", "222311000001102")
    return [
        ("doses claimed as quantity, NIC of one inhaler", (*first, *ventolin, "200.", "1", "200.", "1.50")),
        ("200 inhalers in one item, NIC of 200 inhalers", (*last, *ventolin, "200.", "1", "200.", "300.00")),
        ("unreadable number", (*first, *ventolin, "one", "1", "1.", "1.50")),
        ("malformed BNF code", (*first, "03010", "SYNTHETIC malformed code", "", "1.", "1", "1.", "9.99")),
        ("unknown respiratory code", (*first, UNKNOWN_CODE, "SYNTHETIC unknown inhaler", "", "1.", "3", "3.", "30.00")),
        (
            "unidentified prescriber",
            (f"{SYNTHETIC_MARK}UNIDENTIFIED DOCTORS", NOBODY, *ventolin, "1.", "2", "2.", "3.00"),
        ),
        ("dummy practice", (f"{SYNTHETIC_MARK}DUMMY PRACTICE", DUMMY, *ventolin, "1.", "1", "1.", "1.50")),
        (
            "cost centre that is no GP practice",
            (f"{SYNTHETIC_MARK}OUT OF HOURS", NOT_GP, *ventolin, "1.", "4", "4.", "6.00"),
        ),
    ]


def _planted(places: pl.DataFrame, calendar: list[date]) -> tuple[PlantedFault, ...]:
    """Every fault of a sample of this size: a small one has fewer odd practices."""
    rows = [PlantedFault(what, calendar[-1], row[1], row[2]) for what, row in _fault_rows(places)]
    if places.height > ABSENT and len(calendar) >= ABSENT_MONTHS_AGO:
        absent = PlantedFault("practice missing", calendar[-ABSENT_MONTHS_AGO], places["practice_code"][ABSENT])
        return (*rows, absent)
    return tuple(rows)


def _mapping(places: pl.DataFrame) -> pl.DataFrame:
    blank = [
        pl.lit("").alias(n)
        for n in ("NAT_ONS_CODE", "NAT_CODE", "COUNTRY", "REGION_ODS_CODE", "REGION_ONS_CODE", "REGION_NAME")
    ]
    return places.select(
        *blank,
        pl.lit(ICB).alias("STP_ODS_CODE"),
        pl.lit("").alias("STP_ONS_CODE"),
        pl.lit("SYNTHETIC ICB").alias("STP_NAME"),
        pl.lit(SUB_ICB).alias("CCG_ODS_CODE"),
        pl.lit("").alias("CCG_ONS_CODE"),
        pl.lit("SYNTHETIC SUB-ICB LOCATION").alias("CCG_NAME"),
        pl.col("pcn").alias("PCN_ODS_CODE"),
        pl.col("pcn_name").alias("PCN_NAME"),
        pl.col("practice_code").alias("PRACTICE_CODE"),
        pl.col("practice_name").alias("PRACTICE_NAME"),
    )


def _epraccur(places: pl.DataFrame, calendar: list[date]) -> pl.DataFrame:
    """27 columns without a header: 11 open date, 12 close date, 13 status, 15 commissioner, 26 prescribing setting."""
    opening = (
        pl.when(pl.col("at") == OPENED)
        .then(pl.lit(f"{calendar[len(calendar) // 2]:%Y%m}01"))
        .otherwise(pl.lit("19740401"))
    )
    closing = (
        pl.when(pl.col("at") == CLOSED)
        .then(pl.lit(f"{calendar[max(len(calendar) - 6, 0)]:%Y%m}01"))
        .otherwise(pl.lit(""))
    )
    others = pl.DataFrame(
        {"practice_code": [NOT_GP], "practice_name": [f"{SYNTHETIC_MARK}OUT OF HOURS"], "at": [-1], "setting": ["1"]}
    )
    listed = pl.concat(
        [places.select("practice_code", "practice_name", "at", setting=pl.lit("4")), others], how="vertical_relaxed"
    )
    filled = {1: "practice_code", 2: "practice_name", 26: "setting"}
    fixed = {3: "SYN", 4: ICB, 5: "SYNTHETIC", 14: "B", 15: SUB_ICB, 16: "20130401", 21: "0", 23: SUB_ICB}
    made = {11: opening, 12: closing, 13: pl.when(closing != "").then(pl.lit("C")).otherwise(pl.lit("A"))}
    return listed.select(
        (pl.col(filled[n]) if n in filled else made.get(n, pl.lit(fixed.get(n, "")))).alias(f"c{n}")
        for n in range(1, 28)
    )


def _write_list_sizes(folder: Path, places: pl.DataFrame, month: date) -> Path:
    file = folder / f"gp-reg-pat-prac-all_SYNTHETIC_{month:%Y-%m}.csv"
    places.select(
        PUBLICATION=pl.lit("GP_PRAC_PAT_LIST"),
        EXTRACT_DATE=pl.lit(f"{month:%d%b%Y}".upper()),
        TYPE=pl.lit("GP"),
        CCG_CODE=pl.lit(SUB_ICB),
        ONS_CCG_CODE=pl.lit(""),
        CODE="practice_code",
        POSTCODE=pl.lit(""),
        SEX=pl.lit("ALL"),
        AGE=pl.lit("ALL"),
        NUMBER_OF_PATIENTS="people",
    ).write_csv(file)
    return file
