"""Small stores with known arithmetic: so many Ventolin a practice and month, list sizes and organisations as their files say."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from prescarbon.config import Config
from prescarbon.model.period import months_on
from prescarbon.source.files import take_file
from prescarbon.source.organisations import import_organisations
from prescarbon.store.months import Store

VENTOLIN = ("0301011R0BEAIAP", "Ventolin Evohaler", 1.5)
ICB, SUB_ICB = "QHG", "M1J4Y"
LISTS = (
    "PUBLICATION",
    "EXTRACT_DATE",
    "TYPE",
    "CCG_CODE",
    "ONS_CCG_CODE",
    "CODE",
    "POSTCODE",
    "SEX",
    "AGE",
    "NUMBER_OF_PATIENTS",
)
EPD = (
    "YEAR_MONTH", "ICB_CODE", "PCO_CODE", "PRACTICE_NAME", "PRACTICE_CODE", "BNF_PRESENTATION_CODE",
    "BNF_PRESENTATION_NAME", "QUANTITY", "ITEMS", "TOTAL_QUANTITY", "NIC", "ACTUAL_COST", "UNIDENTIFIED", "SNOMED_CODE",
)  # fmt: skip
MAP = (
    "NAT_ONS_CODE", "NAT_CODE", "COUNTRY", "REGION_ODS_CODE", "REGION_ONS_CODE", "REGION_NAME", "STP_ODS_CODE",
    "STP_ONS_CODE", "STP_NAME", "CCG_ODS_CODE", "CCG_ONS_CODE", "CCG_NAME", "PCN_ODS_CODE", "PCN_NAME", "PRACTICE_CODE",
    "PRACTICE_NAME",
)  # fmt: skip


@dataclass(frozen=True)
class Surgery:
    """A GP practice of a store: inhalers a month, its PCN, the days it opened and closed, and what it prescribes.

    product  month → BNF code, name and price of an inhaler in £; Ventolin where it names none
    """

    code: str
    inhalers: Mapping[date, int]
    pcn: str = "U00001"
    opened: str = "19740401"
    closed: str = ""
    setting: str = "4"
    product: Mapping[date, tuple[str, str, float]] = field(default_factory=dict)


def flat(first: date, months: int, inhalers: int) -> dict[date, int]:
    """The same number of inhalers in each of so many months."""
    return {months_on(first, n): inhalers for n in range(months)}


def store_of(
    home: Path, surgeries: Iterable[Surgery], lists: Mapping[date, Mapping[str, int]], successors: str = ""
) -> Config:
    """The configuration of a store of these surgeries, every one in scope.

    lists       month → practice code → people registered, as published
    successors  lines of a file of successors (practice_code, successor_code, merged_on), none: no such file
    """
    surgeries = list(surgeries)
    files = home / "files"
    files.mkdir(parents=True)
    for month in sorted({m for s in surgeries for m in s.inhalers}):
        rows = [
            (f"{month:%Y-%m}", ICB, SUB_ICB, f"SURGERY {s.code}", s.code, code, name, 1, n, n, f"{n * price:.2f}",
             f"{n * price * 0.93:.2f}", "N", "")
            for s in surgeries
            if (n := s.inhalers.get(month))
            for code, name, price in [s.product.get(month, VENTOLIN)]
        ]  # fmt: skip
        take_file(Store(home), _csv(files / f"EPD_SNOMED_{month:%Y%m}.csv", EPD, rows))
    began = min(m for s in surgeries for m in s.inhalers)
    practices = [
        [
            s.code, f"SURGERY {s.code}", "Y61", ICB, *[""] * 6, s.opened, s.closed, "C" if s.closed else "A", "B", SUB_ICB,
            "20130401", *[""] * 4, "0", "", SUB_ICB, "", "", s.setting, "",
        ]
        for s in surgeries
    ]  # fmt: skip
    networks = [
        [*[""] * 6, ICB, "", "AN ICB", SUB_ICB, "", "A PLACE", s.pcn, f"PCN {s.pcn}", s.code, f"SURGERY {s.code}"]
        for s in surgeries
    ]
    organisations = [
        _csv(files / f"epraccur_{began:%Y-%m}.csv", None, practices),
        _csv(files / f"MAPPING_NHS_GEOGRAPHIES_{began:%Y}.csv", MAP, networks),
        *(
            _csv(
                files / f"gp-reg-pat-prac-all_{month:%Y-%m}.csv",
                LISTS,
                [
                    ("GP_PRAC_PAT_LIST", f"{month:%d%b%Y}".upper(), "GP", SUB_ICB, "", code, "", "ALL", "ALL", people)
                    for code, people in known.items()
                ],
            )
            for month, known in lists.items()
        ),
    ]
    import_organisations(organisations, home)
    named = None
    if successors:
        named = home / "successors.csv"
        named.write_text(f"practice_code,successor_code,merged_on\n{successors}", "utf-8")
    return Config(
        home=home, out=home / "out", scope=("all",), is_scope_given=True, coverage_floor=0.0, successors=named
    )


def _csv(file: Path, header: Iterable[str] | None, rows: Iterable[Iterable[object]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, quoting=csv.QUOTE_ALL)
        if header:
            writer.writerow(header)
        writer.writerows(rows)
    return file
