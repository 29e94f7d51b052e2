"""Finds, reads and types reference/: products, factors, code changes, sources; returns frames. Faults: reference_checks."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import DefinitionError
from prescarbon.model.measures.definition import Measure
from prescarbon.model.opportunities.pairs import EXCLUDED_SCHEMA
from prescarbon.reference.files import find_reference, read_text, read_toml, read_typed
from prescarbon.reference.local import CAMPAIGNS_SCHEMA, LocalFiles, read_campaigns, read_excluded, read_kpi_returns
from prescarbon.reference.measures import read_measures
from prescarbon.reference.places import Place, default_scope, read_places
from prescarbon.reference.switches import Switches, read_switches
from prescarbon.reference.wording import Wording, read_wording
from prescarbon.tables.measures import KPIS, TARGETS
from prescarbon.tables.products import FACTORS, PRODUCTS
from prescarbon.tables.schema import GBP

HARMONISED = "harmonised"
NO_LOCAL_FILES = LocalFiles()
EVERYTHING = "*"  # the spend prefix of every code
WHOLE_LIFE = "whole life cycle"


@dataclass(frozen=True)
class Source:
    """One section of sources.toml."""

    id: str
    title: str
    publisher: str
    address: str
    licence: str
    scope: str
    gwp_basis: str
    published: str


@dataclass(frozen=True)
class Reference:
    """The definitions a run uses. Frames are lazy; nothing is read twice.

    root    the folder
    sha256  of every file's name and bytes, in order: the same text, the same definitions
    """

    root: Path
    imported: tuple[Path, ...] = ()
    local: LocalFiles = NO_LOCAL_FILES

    @cached_property
    def sha256(self) -> str:
        """Hash of every file below the folder and of every imported factor set."""
        digest = hashlib.sha256()
        inside = [(str(f.relative_to(self.root)), f) for f in self.root.rglob("*") if f.is_file()]
        for name, file in sorted(inside) + [(f.name, f) for f in self.imported]:
            digest.update(name.encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """Source id → what it is."""
        raw = read_toml(self.root / "sources.toml")
        keys = ("title", "publisher", "address", "licence", "scope", "gwp_basis", "published")
        return {
            name: Source(id=name, **{k: str(part.get(k, "not stated")) for k in keys}) for name, part in raw.items()
        }

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """Every measure, in order of id; one with `split` is there once for each value."""
        return read_measures(self.root)

    @cached_property
    def switches(self) -> Switches:
        """Rules, guards and the formulary (the user's own where one is named)."""
        return read_switches(self.root, self.local.formulary)

    @cached_property
    def targets(self) -> pl.LazyFrame:
        """Table TARGETS."""
        return read_typed(self.root / "targets" / "targets.csv", TARGETS.schema)

    @cached_property
    def kpis(self) -> pl.LazyFrame:
        """Table KPIS."""
        return read_typed(self.root / "targets" / "kpis.csv", KPIS.schema)

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """Place id → its name and practices."""
        return read_places(self.root)

    @cached_property
    def blmk(self) -> pl.LazyFrame:
        """Table PRACTICES: the dated list of BLMK's GP practices, the default scope."""
        return default_scope(self.root)

    @cached_property
    def wording(self) -> Wording:
        """Group → key → sentence of the pages."""
        return read_wording(self.root)

    @cached_property
    def excluded(self) -> pl.LazyFrame:
        """EXCLUDED_SCHEMA: products off the list for a while; no rows where the user names no file."""
        file = self.local.excluded_products
        return read_excluded(file) if file else pl.LazyFrame(schema=EXCLUDED_SCHEMA)

    @cached_property
    def campaigns(self) -> pl.LazyFrame:
        """rule_id, started, note: campaigns begun or finished; no rows where the user names no file."""
        file = self.local.campaigns
        return read_campaigns(file) if file else pl.LazyFrame(schema=CAMPAIGNS_SCHEMA)

    @cached_property
    def kpi_returns(self) -> pl.LazyFrame | None:
        """KPI_RETURNS_SCHEMA: values somebody sent in; None where the user names no file."""
        return read_kpi_returns(self.local.kpi_returns) if self.local.kpi_returns else None

    @cached_property
    def products(self) -> pl.LazyFrame:
        """Table PRODUCTS."""
        raw = read_text(self.root / "products" / "inhalers.csv")
        typed = [
            pl.col(c.name).str.to_date()
            if c.dtype == pl.Date
            else (pl.col(c.name) == "true")
            if c.dtype == pl.Boolean
            else pl.col(c.name).cast(c.dtype)
            for c in PRODUCTS.columns
        ]
        return PRODUCTS.admit(raw.select(typed).lazy())

    @cached_property
    def prices(self) -> pl.LazyFrame:
        """bnf_code, pack_price_gbp, price_date, source_id: dated prices of one device, or pack of capsules."""
        raw = read_text(self.root / "products" / "inhalers.csv").lazy().filter(pl.col("pack_price_gbp").is_not_null())
        return raw.select(
            "bnf_code",
            pl.col("pack_price_gbp").cast(GBP),
            price_date=pl.col("pack_price_date").str.to_date(),
            source_id="pack_price_source_id",
        ).unique("bnf_code", keep="last", maintain_order=True)

    @cached_property
    def not_inhalers(self) -> pl.LazyFrame:
        """bnf_prefix, name: respiratory medicines that nobody inhales."""
        return read_text(self.root / "products" / "not-inhalers.csv").lazy()

    @cached_property
    def without_factor(self) -> pl.LazyFrame:
        """bnf_code, product_name, reason: inhalers that no source gives a kilogram for."""
        return read_text(self.root / "products" / "without-factor.csv").lazy()

    @cached_property
    def code_changes(self) -> pl.LazyFrame:
        """old_code, new_code, valid_from (the January), product_name, source_id."""
        raw = read_text(self.root / "products" / "code-changes.csv").lazy()
        return raw.with_columns(pl.col("valid_from").str.to_date())

    @cached_property
    def series(self) -> pl.LazyFrame:
        """bnf_code → series_code: the newest code of the same product, so that a January change breaks no series.

        No code is both old and new, or reused, in the changes known (`reference check` proves it), so a code alone decides.
        """
        return self.code_changes.select(bnf_code="old_code", series_code="new_code")

    @cached_property
    def gwp100(self) -> Mapping[tuple[str, str], float]:
        """(propellant, basis) → GWP100."""
        rows = read_text(self.root / "factors" / "gwp100.csv").select("propellant", "gwp_basis", "gwp100").iter_rows()
        return {(propellant, basis): float(value) for propellant, basis, value in rows} | {
            ("none", basis): 0.0 for basis in ("AR4", "AR5", "AR6")
        }

    @cached_property
    def components(self) -> pl.LazyFrame:
        """The harmonised set before a GWP is chosen: propellant masses (g) and the rest of the life cycle (kg)."""
        raw = read_text(self.root / "factors" / "inhalers.csv").lazy()
        numbers = [f"{n}{end}" for n in ("propellant_mass_g", "other_kg") for end in ("_low", "", "_high")]
        return raw.with_columns(pl.col(numbers).cast(pl.Float64), pl.col("valid_from", "valid_to").str.to_date())

    def factors(
        self, factor_set: str = HARMONISED, gwp_basis: str = "AR6", brand_mix: Mapping[str, float] | None = None
    ) -> pl.LazyFrame:
        """Table FACTORS: kg CO2e a device by presentation and valid period.

        harmonised      propellant mass × GWP100(basis) ÷ 1000 + the rest of the life cycle; generics whose brand is not
                        known take the stated mix of two brands, brand_mix overriding the large-can share of a code
        published sets  exactly as printed, no interval

        Raises:
            DefinitionError: no such set.
        """
        if factor_set != HARMONISED:
            return self._published(factor_set)
        gwp = pl.col("propellant").replace_strict(
            {p: v for (p, basis), v in self.gwp100.items() if basis == gwp_basis}, return_dtype=pl.Float64
        )
        ends = {"kg_low": "_low", "kg_co2e": "", "kg_high": "_high"}
        single = self.components.select(
            pl.lit(HARMONISED).alias("factor_set"),
            "factor_id",
            pl.col("key_kind").cast(FACTORS.schema["key_kind"]),
            "key",
            *(
                (pl.col(f"propellant_mass_g{e}") * gwp / 1000 + pl.col(f"other_kg{e}")).round(6).alias(k)
                for k, e in ends.items()
            ),
            pl.lit(WHOLE_LIFE).alias("scope"),
            pl.lit(gwp_basis).alias("gwp_basis"),
            "valid_from",
            "valid_to",
            "source_id",
            "note",
        )
        return FACTORS.admit(pl.concat([single, self._mixes(single, gwp_basis, brand_mix or {})]))

    def _mixes(self, single: pl.LazyFrame, gwp_basis: str, own: Mapping[str, float]) -> pl.LazyFrame:
        raw = read_text(self.root / "factors" / "brand-mix.csv").lazy()
        shares = ("large_share_low", "large_share", "large_share_high")
        mix = raw.with_columns(
            pl.col(shares).cast(pl.Float64), pl.col("valid_from", "valid_to").str.to_date()
        ).with_columns(
            large_share=pl.coalesce(
                pl.col("key").replace_strict(own, default=None, return_dtype=pl.Float64), "large_share"
            )
        )
        kilograms = ("kg_low", "kg_co2e", "kg_high")
        large, small = (
            single.select(
                pl.col("key").alias(f"{size}_key"), *(pl.col(k).alias(f"{size}_{k}") for k in kilograms)
            ).join(mix.select(f"{size}_key"), on=f"{size}_key", how="semi")
            for size in ("large", "small")
        )
        return (
            mix.join(large, on="large_key", validate="m:1")
            .join(small, on="small_key", validate="m:1")
            .with_columns(
                (pl.col(share) * pl.col(f"large_{k}") + (1 - pl.col(share)) * pl.col(f"small_{k}")).round(6).alias(k)
                for share, k in zip(shares, kilograms, strict=True)
            )
            .select(
                pl.lit(HARMONISED).alias("factor_set"),
                "factor_id",
                pl.lit("brand_mix").cast(FACTORS.schema["key_kind"]).alias("key_kind"),
                "key",
                *kilograms,
                pl.lit(WHOLE_LIFE).alias("scope"),
                pl.lit(gwp_basis).alias("gwp_basis"),
                "valid_from",
                "valid_to",
                "source_id",
                "note",
            )
        )

    def _published(self, name: str) -> pl.LazyFrame:
        files = {f.stem: f for f in (*sorted((self.root / "factors" / "published").glob("*.csv")), *self.imported)}
        if name not in files:
            raise DefinitionError(f"there is no factor set {name!r}.", remedy=f"Sets: {', '.join(self.factor_sets())}.")
        raw = read_text(files[name]).lazy()
        columns = raw.collect_schema().names()
        kg = pl.col("kg_co2e").cast(pl.Float64)
        ends = {k: pl.col(k).cast(pl.Float64).fill_null(kg) if k in columns else kg for k in ("kg_low", "kg_high")}
        return FACTORS.admit(
            raw.select(
                pl.lit(name).alias("factor_set"),
                (pl.lit(f"{name}:") + pl.col("key")).alias("factor_id"),
                pl.lit("product").cast(FACTORS.schema["key_kind"]).alias("key_kind"),
                "key",
                ends["kg_low"].alias("kg_low"),
                kg,
                ends["kg_high"].alias("kg_high"),
                "scope",
                "gwp_basis",
                pl.lit("2010-01-01").str.to_date().alias("valid_from"),
                pl.lit("9999-12-31").str.to_date().alias("valid_to"),
                "source_id",
                pl.col("product_name").alias("note"),
            )
        )

    def factor_sets(self) -> list[str]:
        """Names of the sets: harmonised, published, imported."""
        return [
            HARMONISED,
            *sorted(f.stem for f in (*(self.root / "factors" / "published").glob("*.csv"), *self.imported)),
        ]

    def spend(self) -> pl.LazyFrame:
        """Table FACTORS: kg CO2e a £ by BNF prefix; the longest prefix counts."""
        raw = read_text(self.root / "factors" / "spend.csv").lazy()
        return FACTORS.admit(
            raw.select(
                pl.lit("spend").alias("factor_set"),
                "factor_id",
                pl.lit("spend").cast(FACTORS.schema["key_kind"]).alias("key_kind"),
                pl.when(pl.col("key") == EVERYTHING).then(pl.lit("")).otherwise("key").alias("key"),
                *(pl.col(k).cast(pl.Float64) for k in ("kg_low", "kg_co2e", "kg_high")),
                pl.lit("supply chain").alias("scope"),
                pl.lit("as published").alias("gwp_basis"),
                pl.col("valid_from", "valid_to").str.to_date(),
                "source_id",
                "note",
            )
        )

    @cached_property
    def shared_keys(self) -> pl.LazyFrame:
        """factor_id → shared_key: factors that are wrong together take the same place in every draw."""
        return (
            self.components.select("factor_id", "shared_key")
            .unique()
            .sort("factor_id", "shared_key")
            .unique("factor_id", keep="first", maintain_order=True)
        )


def reference_of(config: Config) -> Reference:
    """The definitions that a configuration names, its own files and imported factor sets laid over them.

    Raises:
        DefinitionError, InputError: as read_reference.
    """
    local = LocalFiles(config.formulary, config.excluded_products, config.campaigns, config.kpi_returns)
    return Reference(find_reference(config.reference), imported_sets(config.home), local)


def imported_sets(home: Path) -> tuple[Path, ...]:
    """Factor sets the user has imported."""
    return tuple(sorted((home / "factors").glob("*.csv")))


def read_reference(root: Path | None = None, imported: tuple[Path, ...] = ()) -> Reference:
    """The definitions, typed when first used.

    Raises:
        DefinitionError: the folder, or a file of it, is missing or unreadable.
    """
    return Reference(find_reference(root), imported)
