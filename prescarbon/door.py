"""The door for Python: a store opened in a notebook, its tables as frames with the columns of the data dictionary."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from prescarbon.config import Config, parse_months, read_config
from prescarbon.errors import InputError
from prescarbon.pipeline.evidence import Evidence, first_day, gather
from prescarbon.pipeline.kpis import held_against_targets
from prescarbon.pipeline.memberships import ALL_LEVELS, check_level
from prescarbon.pipeline.opportunities import at_level, prepare
from prescarbon.pipeline.series import chosen_measures
from prescarbon.store.months import Store
from prescarbon.tables.measures import KPI_VALUES
from prescarbon.tables.organisations import GROUP, LEVELS


def open_store(home: str | Path | None = None, *, config: str | Path | None = None) -> "OpenStore":
    """The store under a home folder.

    home    the folder that `prescarbon --home` names; None takes PRESCARBON_HOME, else the user's data folder
    config  a prescarbon.toml; None takes ./prescarbon.toml where there is one

    Raises:
        DefinitionError: the configuration is wrong.
    """
    settings = read_config(Path(config) if config else None, home=Path(home) if home else None)
    return OpenStore(settings)


@dataclass(frozen=True)
class OpenStore:
    """A store and a configuration. Each question is answered as the command of its name answers it.

    Every method takes the same two words:

    scope   what `--scope` takes ("gp", "all", "pcn:U12345", "K81001", several with commas); None is the configured one
    months  "2025-04:2026-03", "2025-04:", "2026-01"; None is every month held

    Raises, every method:
        InputError: no month is loaded, a month or the scope has no rows, or a level, measure or organisation is none.
        DefinitionError: the reference data are wrong.
        CoverageError: fewer inhaler items carry a factor than the configured floor.
    """

    config: Config
    _gathered: dict[tuple[str | None, str | None], Evidence] = field(default_factory=dict, repr=False, compare=False)

    @property
    def months(self) -> list[str]:
        """The months held, oldest first, as "2026-01"."""
        return [m.month for m in sorted(Store(self.config.home).months(), key=lambda m: m.month)]

    def footprint(self, *, scope: str | None = None, months: str | None = None) -> pl.LazyFrame:
        """Table FOOTPRINT plus series_code: month × practice × presentation × how its quantity reads.

        items (prescription items), total_quantity (units), nic_gbp (£), devices (inhalers), kg_low, kg_co2e, kg_high
        (kg CO2e, the ends are the factor's own), method and factor_id; null where nothing is known, never zero.
        """
        return self._evidence(scope, months).footprint.lazy()

    def measures(
        self,
        only: Sequence[str] = (),
        *,
        level: str = "practice",
        scope: str | None = None,
        months: str | None = None,
        by_month: bool = False,
    ) -> pl.LazyFrame:
        """Table MEASURE_VALUES: a row for each organisation of the level, period and measure.

        only      ids of measures (`prescarbon measures list`); none takes every one
        level     practice, pcn, sub-icb, icb, place or group (the whole scope)
        by_month  each month by itself; else all months together are one period
        """
        check_level(level, ALL_LEVELS)
        evidence = self._evidence(scope, months)
        chosen = chosen_measures(evidence, only) if only else evidence.reference.measures
        whole = [(evidence.months[0], evidence.months[-1])]
        periods = [(m, m) for m in evidence.months] if by_month else whole
        return evidence.measure(chosen, [level], periods).lazy()

    def opportunities(
        self,
        *,
        level: str = "practice",
        scope: str | None = None,
        months: str | None = None,
        signed_off_only: bool = False,
    ) -> pl.LazyFrame:
        """Table OPPORTUNITIES over the last twelve of the months: an organisation × rule, with kg, £, gate and rank.

        level            practice, pcn, sub-icb, icb or group (the whole scope)
        signed_off_only  leave out rules that no clinical role has signed off (is_draft)
        """
        check_level(level, (*LEVELS, GROUP))
        prepared = prepare(self._evidence(scope, months), include_drafts=not signed_off_only)
        return at_level(prepared, level).lines.lazy()

    def kpis(self, *, level: str = "icb", scope: str | None = None, months: str | None = None) -> pl.DataFrame:
        """Table KPI_VALUES over the last twelve of the months: each KPI measured and judged, or waiting for a return.

        level  practice, pcn, sub-icb, icb, place or group (the whole scope)
        """
        check_level(level, ALL_LEVELS)
        return pl.DataFrame(held_against_targets(self._evidence(scope, months), level).rows, KPI_VALUES.schema)

    def _evidence(self, scope: str | None, months: str | None) -> Evidence:
        if (scope, months) not in self._gathered:
            self._gathered[scope, months] = self._gather(scope, months)
        return self._gathered[scope, months]

    def _gather(self, scope: str | None, months: str | None) -> Evidence:
        config = self.config
        if scope is not None:
            parts = tuple(part.strip() for part in scope.split(",") if part.strip())
            config = replace(config, scope=parts, is_scope_given=True)
        if months is None:
            return gather(config)
        first, last = parse_months(months)
        held = [first_day(m) for m in Store(config.home).months()]
        asked = sorted(m for m in held if first <= m <= (last or m))
        if not asked:
            raise InputError(f"no month of {months} is loaded.", remedy="See `prescarbon months`.")
        return gather(config, last_month=asked[-1], months=len(asked))
