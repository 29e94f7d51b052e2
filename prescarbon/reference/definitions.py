"""Reference: every definition of a run, each file read once and typed; a wrong one is refused with all its faults."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import polars as pl

from prescarbon.config import FILE_NAME, Config
from prescarbon.errors import DefinitionError, Fault, InputError, refuse
from prescarbon.model.measures.definition import Measure
from prescarbon.model.opportunities.doses import DoseBook
from prescarbon.model.opportunities.pairs import EXCLUDED_SCHEMA
from prescarbon.model.opportunities.rules import SwitchRule
from prescarbon.reference import factors as factors_
from prescarbon.reference import spend as spend_
from prescarbon.reference.cells import schema_of
from prescarbon.reference.content import content_of, dose_facts, licence_facts
from prescarbon.reference.doses import dose_book_of, facts_by_code
from prescarbon.reference.error_parts import ambiguous_names, parts_of
from prescarbon.reference.factor_rows import Bands, OwnSetRow, PublishedRow
from prescarbon.reference.files import find_reference
from prescarbon.reference.folder import NO_LOCAL_FILES, Folder
from prescarbon.reference.local import (
    CampaignRow,
    ExcludedRow,
    LocalFiles,
    ReturnRow,
    SuccessorRow,
    circles,
    read_codes,
    unknown_cells,
    unknown_rules,
)
from prescarbon.reference.local_folder import local_files
from prescarbon.reference.measures import read_measures
from prescarbon.reference.overrides import OverridePart, read_overrides, with_overrides
from prescarbon.reference.places import Place, blmk_of, places_of
from prescarbon.reference.products import (
    products_of,
    series_of,
)
from prescarbon.reference.rules import REMEDY as SWITCHES_REMEDY
from prescarbon.reference.rules import gather_rules
from prescarbon.reference.sheets import REMEDY, Sheet, rows_of
from prescarbon.reference.signoff import Decision, lay_over, read_decisions
from prescarbon.reference.sources import Correction, Source, sources_of
from prescarbon.reference.switches import Switches, read_switches
from prescarbon.reference.wording import Wording, read_wording
from prescarbon.tables.measures import KPIS, TARGETS
from prescarbon.tables.products import FACTORS

HARMONISED = factors_.HARMONISED
NEWEST_BASIS = "AR6"  # which of two propellants warms more does not hang on the report


@dataclass(frozen=True)
class Reference(Folder):
    """The definitions a run uses. Frames are lazy; a part is read and typed when first asked for, and no file twice.

    Every part raises DefinitionError, and what is made of the user's own files InputError, naming all faults of its files.
    """

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """Source id → what it is."""
        return sources_of(self._content("sources.toml"))

    @cached_property
    def corrections(self) -> Mapping[str, Correction]:
        """Name → a known error of a source, with what to expect there."""
        corrections: Mapping[str, Correction] = self._content("corrections.toml")
        return corrections

    @cached_property
    def plausible(self) -> Bands:
        """Device → propellant → least and most kg a device."""
        bands: Bands = self._content("factors/plausible.toml")
        return bands

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """Every measure, in order of id; one with `split` is there once for each value."""
        return read_measures(self.files)

    @cached_property
    def switches(self) -> Switches:
        """Rules, guards and the formulary, with what the local folder lays over them: overrides and signatures."""
        return replace(self._switches, rules=lay_over(self._rules, self.contents, self.decisions))

    @cached_property
    def _switches(self) -> Switches:
        return read_switches(self.files, self.local.formulary)

    @cached_property
    def doses(self) -> DoseBook:
        """Doses, potency and propellants: what the guards of a switch read."""
        warming = [(gas, value) for (gas, basis), value in sorted(self.gwp100.items()) if basis == NEWEST_BASIS]
        gases = pl.LazyFrame(warming, schema={"propellant": pl.String, "gwp100": pl.Float64}, orient="row")
        return dose_book_of(self.files, gases)

    @cached_property
    def _rules(self) -> tuple[SwitchRule, ...]:
        """With the overrides, before anyone signs."""
        return with_overrides(self._switches.rules, self.overrides)

    @cached_property
    def overrides(self) -> Mapping[str, OverridePart]:
        """rule_id → what the local folder decides about it; nothing without a file."""
        return read_overrides(self.files, self.local.overrides, self._switches.rules)

    @cached_property
    def contents(self) -> Mapping[str, Mapping[str, object]]:
        """rule_id → what a signer sees of the rule as it is now (content.content_of)."""
        listed = self._switches.formulary.collect()
        facts = facts_by_code(self.files)
        told = {rule.id: {**licence_facts(rule, listed), **dose_facts(rule, facts)} for rule in self._rules}
        return {rule.id: content_of(rule, told[rule.id]) for rule in self._rules}

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """The rows of signoff.csv: all that was decided, in order; also on rules that are no more."""
        return read_decisions(self.files, self.local.signoff)

    @cached_property
    def targets(self) -> pl.LazyFrame:
        """Table TARGETS."""
        return TARGETS.admit(self._rows("targets/targets.csv").lazy())

    @cached_property
    def kpis(self) -> pl.LazyFrame:
        """Table KPIS."""
        return KPIS.admit(self._rows("targets/kpis.csv").lazy())

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """Place id → its name and practices."""
        return places_of(self._content("organisations/places.toml"))

    @cached_property
    def blmk(self) -> pl.LazyFrame:
        """Table PRACTICES: the dated list of BLMK's GP practices, the default scope."""
        return blmk_of(self._rows("organisations/blmk.csv"))

    @cached_property
    def wording(self) -> Wording:
        """Group → key → sentence of the pages."""
        return read_wording(self.files)

    @cached_property
    def excluded(self) -> pl.LazyFrame:
        """EXCLUDED_SCHEMA: products off the list for a while; no rows where the user names no file."""
        file = self.local.excluded_products
        if file is None:
            return pl.LazyFrame(schema=EXCLUDED_SCHEMA)
        return rows_of(self.files.sheet(file, ExcludedRow), InputError).lazy().select(list(EXCLUDED_SCHEMA))

    @cached_property
    def campaigns(self) -> pl.LazyFrame:
        """rule_id, started, note: campaigns begun or finished; no rows where the user names no file."""
        if self.local.campaigns is None:
            return pl.LazyFrame(schema=schema_of(CampaignRow))
        sheet = self.files.sheet(self.local.campaigns, CampaignRow)
        rows = rows_of(sheet, InputError)
        refuse(self.unknown_rules(sheet), InputError)
        return rows.lazy()

    @cached_property
    def kpi_returns(self) -> pl.LazyFrame | None:
        """organisation_code, level, period_start, period_end, kpi_id, value: what somebody sent in; None without a file."""
        if self.local.kpi_returns is None:
            return None
        sheet = self.files.sheet(self.local.kpi_returns, ReturnRow)
        rows = rows_of(sheet, InputError)
        refuse(self.unknown_kpis(sheet), InputError)
        return rows.lazy()

    @cached_property
    def successors(self) -> pl.LazyFrame:
        """practice_code, successor_code, merged_on?: who took over from a closed practice; no rows without a file."""
        if self.local.successors is None:
            return pl.LazyFrame(schema=schema_of(SuccessorRow))
        sheet = self.files.sheet(self.local.successors, SuccessorRow)
        rows = rows_of(sheet, InputError)
        refuse(circles(sheet), InputError)
        return rows.lazy()

    def codes_in(self, file: Path) -> tuple[str, ...]:
        """The codes of a list that the scope names ("file:codes.txt").

        Raises:
            InputError: it cannot be read, holds no code, or what is no code.
        """
        codes, faults = read_codes(self.files, file)
        refuse(faults, InputError)
        return codes

    @cached_property
    def rule_ids(self) -> frozenset[str]:
        """Id of every rule."""
        rules, faults = gather_rules(self.files)
        refuse(faults, DefinitionError, SWITCHES_REMEDY)
        return frozenset(rule.id for rule in rules)

    def unknown_rules(self, sheet: Sheet) -> list[Fault]:
        """A fault for each rule_id of a sheet that is no rule."""
        return unknown_rules(sheet, self.rule_ids)

    def unknown_kpis(self, sheet: Sheet) -> list[Fault]:
        """A fault for each kpi_id of a sheet that is no KPI."""
        known = set(self._rows("targets/kpis.csv")["kpi_id"])
        return unknown_cells(sheet, "kpi_id", known, "is no KPI of reference/targets/kpis.csv")

    @cached_property
    def products(self) -> pl.LazyFrame:
        """Table PRODUCTS."""
        return products_of(self._rows("products/inhalers.csv"))

    @cached_property
    def not_inhalers(self) -> pl.LazyFrame:
        """bnf_prefix, name, source_id: respiratory medicines that nobody inhales."""
        return self._rows("products/not-inhalers.csv").lazy()

    @cached_property
    def without_factor(self) -> pl.LazyFrame:
        """bnf_code, product_name, reason: inhalers that no source gives a kilogram for."""
        return self._rows("products/without-factor.csv").lazy()

    @cached_property
    def code_changes(self) -> pl.LazyFrame:
        """old_code, new_code, valid_from (the January), product_name, source_id."""
        return self._rows("products/code-changes.csv").lazy()

    @cached_property
    def series(self) -> pl.LazyFrame:
        """bnf_code → series_code: the newest code of the same product."""
        return series_of(self.code_changes)

    @cached_property
    def gwp100(self) -> Mapping[tuple[str, str], float]:
        """(propellant, basis) → GWP100."""
        return factors_.gwp_of(self._rows("factors/gwp100.csv"))

    @cached_property
    def components(self) -> pl.LazyFrame:
        """The harmonised set before a GWP is chosen: propellant masses (g) and the rest of the life cycle (kg)."""
        return self._rows("factors/inhalers.csv").lazy()

    @cached_property
    def set_files(self) -> Mapping[str, Path]:
        """Name → file of every published and imported set."""
        published = sorted((self.root / "factors" / "published").glob("*.csv"))
        return {file.stem: file for file in (*published, *self.imported)}

    def set_sheet(self, name: str) -> Sheet:
        """A published or imported set with its faults."""
        file = self.set_files[name]
        return self.files.sheet(file, OwnSetRow if file in self.imported else PublishedRow)

    def factor_sets(self) -> list[str]:
        """Names of the sets: harmonised, published, imported."""
        return [HARMONISED, *sorted(self.set_files)]

    def factors(
        self, factor_set: str = HARMONISED, gwp_basis: str = "AR6", brand_mix: Mapping[str, float] | None = None
    ) -> pl.LazyFrame:
        """Table FACTORS: kg CO2e a device by presentation and valid period.

        harmonised      propellant mass × GWP100(basis) ÷ 1000 + the rest of the life cycle; generics whose brand is not
                        known take the stated mix of two brands, brand_mix overriding the large-can share of a code
        published sets  exactly as printed, no interval

        Raises:
            DefinitionError: no such set, or a wrong file of ours.
            InputError: a wrong file of the user's own set.
        """
        if factor_set != HARMONISED:
            return self._published(factor_set)
        single = factors_.harmonised(self.components, self.gwp100, gwp_basis)
        refuse(factors_.missing_gwp(self.sheet("factors/inhalers.csv"), self.gwp100), DefinitionError, REMEDY)
        unmixable = factors_.unmixable(self.sheet("factors/brand-mix.csv"), self._rows("factors/inhalers.csv"))
        refuse(unmixable, DefinitionError, REMEDY)
        return FACTORS.admit(pl.concat([single, factors_.mixes(self._mix(brand_mix), single, gwp_basis)]))

    def error_parts(self, gwp_basis: str = "AR6", brand_mix: Mapping[str, float] | None = None) -> pl.LazyFrame:
        """Table ERROR_PARTS of the harmonised factors and of spend; the factors of other sets draw alone.

        Raises:
            DefinitionError: a factor_id stands for two factors, or a wrong file of ours.
        """
        factors = self.factors(HARMONISED, gwp_basis, brand_mix)
        single = factors_.harmonised(self.components, self.gwp100, gwp_basis)
        named = ("factors/inhalers.csv", "factors/brand-mix.csv")
        refuse([f for name in named for f in ambiguous_names(self.sheet(name))], DefinitionError, REMEDY)
        gwp = factors_.gwp_under(self.gwp100, gwp_basis)
        mix = factors_.with_brands(self._mix(brand_mix), single)
        harmonised = parts_of(self.components, mix, factors, gwp)
        return pl.concat([harmonised, spend_.spend_parts(self._rows("factors/spend.csv"))])

    def brand_ends(self, gwp_basis: str = "AR6") -> pl.LazyFrame:
        """key, valid_from, valid_to, kg_small, kg_large: one device of a generic, were it all of one brand or the other."""
        single = factors_.harmonised(self.components, self.gwp100, gwp_basis)
        return factors_.brand_ends(self._mix(None), single)

    def _mix(self, own: Mapping[str, float] | None) -> pl.LazyFrame:
        return factors_.with_own_shares(self._rows("factors/brand-mix.csv").lazy(), own or {})

    def _published(self, name: str) -> pl.LazyFrame:
        if name not in self.set_files:
            raise DefinitionError(f"there is no factor set {name!r}.", remedy=f"Sets: {', '.join(self.factor_sets())}.")
        error = InputError if self.set_files[name] in self.imported else DefinitionError
        return factors_.published(rows_of(self.set_sheet(name), error).lazy(), name)

    def spend(self) -> pl.LazyFrame:
        """Table FACTORS: kg CO2e a £ of `gbp_year` by BNF prefix; the longest prefix counts."""
        refuse(self.spend_faults(), DefinitionError, REMEDY)
        return spend_.by_spend(self._rows("factors/spend.csv"), self.spend_widths)

    @cached_property
    def spend_widths(self) -> Mapping[str, float]:
        """Width → how many times higher or lower than its central value a spend figure may be."""
        return dict(self._rows("factors/spend-width.csv").select("width", "times").iter_rows())

    @cached_property
    def gbp_year(self) -> int:
        """The year whose £ the spend factors divide by."""
        return int(self._rows("factors/spend.csv")["gbp_year"][0])

    @cached_property
    def deflators(self) -> pl.LazyFrame:
        """year, gdp_deflator: those that are known."""
        rows = self._rows("factors/gdp-deflator.csv").lazy()
        return rows.select("year", "gdp_deflator").drop_nulls().sort("year")

    def spend_faults(self) -> list[Fault]:
        """What the files about £ do not agree on."""
        sheets = [self.sheet(f"factors/{name}.csv") for name in ("spend", "spend-width", "gdp-deflator")]
        for sheet in sheets:
            rows_of(sheet)
        return list(spend_.spend_faults(*sheets))


def reference_of(config: Config) -> Reference:
    """The definitions that a configuration names, its own files and imported factor sets laid over them.

    Raises:
        DefinitionError: no such folder; the configuration names a rule or a generic code that is not there.
    """
    reference = unchecked_reference(config)
    refuse(unknown_shares(config, reference) + unknown_mixes(config, reference), DefinitionError)
    return reference


def unchecked_reference(config: Config) -> Reference:
    """The same, whatever the configuration names in it."""
    return read_reference(config.reference, imported_sets(config.home), local_files(config))


def unknown_shares(config: Config, reference: Reference) -> list[Fault]:
    """A fault for each rule that the configuration gives a share and that is none."""
    odd = sorted(config.achievable_shares.keys() - reference.rule_ids) if config.achievable_shares else []
    return [Fault(FILE_NAME, 0, "achievable_shares", rule, "is no rule of reference/switches") for rule in odd]


def unknown_mixes(config: Config, reference: Reference) -> list[Fault]:
    """A fault for each code that the configuration gives a brand mix and that has none to replace."""
    known = set(rows_of(reference.sheet("factors/brand-mix.csv"))["key"]) if config.brand_mix else set()
    odd = sorted(config.brand_mix.keys() - known)
    return [Fault(FILE_NAME, 0, "brand_mix", code, "is no code of factors/brand-mix.csv") for code in odd]


def imported_sets(home: Path) -> tuple[Path, ...]:
    """Factor sets the user has imported."""
    return tuple(sorted((home / "factors").glob("*.csv")))


def read_reference(
    root: Path | None = None, imported: tuple[Path, ...] = (), local: LocalFiles = NO_LOCAL_FILES
) -> Reference:
    """The definitions of a folder (None: those that come with prescarbon), typed when first used.

    Raises:
        DefinitionError: there is no such folder.
    """
    return Reference(find_reference(root), imported, local)
