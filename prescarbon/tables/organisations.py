"""Tables of practices, PCNs, sub-ICB locations and list sizes, dated and as published."""

import polars as pl

from prescarbon.tables.schema import MONTH, PRACTICE, VALID_FROM, VALID_TO, Column, Table

# level → the column of PRACTICES that names its organisation
LEVELS = {"practice": "practice_code", "pcn": "pcn_code", "sub-icb": "sub_icb_code", "icb": "icb_code"}
PLACE, GROUP = "place", "group"  # a place of reference/organisations/places.toml; all practices in scope together
MEASURE_LEVELS = pl.Enum([*LEVELS, PLACE, GROUP])
SETTINGS = pl.Enum(["GP practice", "other", "not known"])
PRACTICES = Table(
    "practices",
    ("practice_code", "valid_from"),
    (
        PRACTICE,
        Column("practice_name", pl.String, "Name in the organisations file."),
        Column("setting", SETTINGS, "Prescribing setting: epraccur's 4 is a GP practice."),
        Column("pcn_code", pl.String, "Primary care network.", may_be_null=True),
        Column("pcn_name", pl.String, "Its name.", may_be_null=True),
        Column("sub_icb_code", pl.String, "Sub-ICB location (or CCG).", may_be_null=True),
        Column("icb_code", pl.String, "Integrated care board.", may_be_null=True),
        VALID_FROM,
        VALID_TO,
        Column("opened", pl.Date, "Date the practice opened.", may_be_null=True),
        Column("closed", pl.Date, "Date the practice closed; null while open.", may_be_null=True),
    ),
)

LIST_SIZES = Table(
    "list_sizes",
    ("practice_code", "month"),
    (
        PRACTICE,
        MONTH,
        Column("patients", pl.Int64, "People registered with the practice.", "people"),
        Column("is_carried", pl.Boolean, "True where the nearest earlier month was used."),
    ),
)
AS_OF = Column("as_of", pl.Date, "First day of the month the file describes.")

PRACTICE_SNAPSHOTS = Table(
    "practice_snapshots",
    ("practice_code", "as_of"),
    (
        AS_OF,
        PRACTICE,
        Column("practice_name", pl.String, "Name in the file."),
        Column(
            "is_in_use", pl.Boolean, "True where the file's status is active or proposed; false if closed or dormant."
        ),
        Column("setting", SETTINGS, "Prescribing setting: epraccur's 4 is a GP practice."),
        Column("sub_icb_code", pl.String, "Commissioner: sub-ICB location, CCG before July 2022.", may_be_null=True),
        Column("icb_code", pl.String, "High-level health geography: ICB, STP before.", may_be_null=True),
        Column("sub_icb_from", pl.Date, "Day the practice joined that commissioner.", may_be_null=True),
        Column("opened", pl.Date, "Date the practice opened.", may_be_null=True),
        Column("closed", pl.Date, "Date the practice closed; null while open.", may_be_null=True),
    ),
)

PCN_MEMBERSHIPS = Table(
    "pcn_memberships",
    ("practice_code", "as_of", "pcn_code", "member_from"),
    (
        AS_OF,
        PRACTICE,
        Column("practice_name", pl.String, "Name in the file."),
        Column("pcn_code", pl.String, "Primary care network."),
        Column("pcn_name", pl.String, "Its name."),
        Column("sub_icb_code", pl.String, "Sub-ICB location (or CCG) of the practice.", may_be_null=True),
        Column("icb_code", pl.String, "Integrated care board, where the file has it.", may_be_null=True),
        Column("member_from", pl.Date, "First day in the network; null in a file without dates.", may_be_null=True),
        Column("member_to", pl.Date, "Last day in the network; null while a member.", may_be_null=True),
    ),
)

SUB_ICB_PARENTS = Table(
    "sub_icb_parents",
    ("sub_icb_code", "as_of"),
    (
        AS_OF,
        Column("sub_icb_code", pl.String, "Sub-ICB location."),
        Column("sub_icb_name", pl.String, "Its name."),
        Column("icb_code", pl.String, "Integrated care board."),
        Column("icb_name", pl.String, "Its name."),
    ),
)

PRACTICE_TRAITS = Table(
    "practice_traits",
    ("practice_code", "as_of"),
    (
        AS_OF,
        PRACTICE,
        Column(
            "imd_score",
            pl.Float64,
            "Index of Multiple Deprivation, mean over patients; more is more deprived.",
            "score",
            may_be_null=True,
        ),
        Column("asthma_register", pl.Int64, "People on the QOF asthma register.", "people", may_be_null=True),
        Column(
            "asthma_list",
            pl.Int64,
            "People the asthma register is drawn from (all, or aged six and over).",
            "people",
            may_be_null=True,
        ),
        Column("copd_register", pl.Int64, "People on the QOF COPD register.", "people", may_be_null=True),
        Column("copd_list", pl.Int64, "People the COPD register is drawn from.", "people", may_be_null=True),
    ),
)

ORGANISATION_REJECTS = Table(
    "organisation_rejects",
    ("source_file", "line"),
    (
        Column("source_file", pl.String, "Organisation file the row came from."),
        Column("kind", pl.String, "What the file is: epraccur, ePCN, list size and so on."),
        AS_OF,
        Column("line", pl.Int64, "Its line in that file."),
        Column("reason", pl.String, "Why it cannot be used."),
    ),
)
