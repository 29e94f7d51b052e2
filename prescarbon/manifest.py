"""What a run was made of: inputs and hashes, versions, coverage, rows and £ in = used + rejected."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from prescarbon import __version__


@dataclass(frozen=True)
class RunManifest:
    """The run manifest of design.md; JSON keys are the field names. Holds no clock: same inputs, same bytes.

    nic_gbp_in, …_used, …_rejected  of the rows whose NIC is known; None where no row of any month has one
    nic_gbp_in_scope                the same of the scope
    rows_without_nic                rows in scope whose NIC is not in the data
    price_base                      the base period of the constant prices: ConstantPrices.as_manifest
    coverage_of_inhalers            over the period of the pages: items_with_a_factor (share of inhaler items), kg_by_product,
                                    kg_by_class, kg_by_brand_mix (shares of the inhalers' kg CO2e); null without inhalers
    is_whole                        false where the pack holds the pages of some practices or PCNs alone
    """

    command: str
    months: tuple[str, ...]
    inputs: tuple[Mapping[str, Any], ...]
    reference_sha256: str
    factor_set: str
    gwp_basis: str
    seed: int
    scope: str
    rows_in: int
    rows_used: int
    rows_rejected: int
    nic_gbp_in: Decimal | None
    nic_gbp_used: Decimal | None
    nic_gbp_rejected: Decimal | None
    rows_in_scope: int
    nic_gbp_in_scope: Decimal | None
    coverage_by_method: tuple[Mapping[str, Any], ...]
    is_synthetic: bool
    rows_without_nic: int = 0
    price_base: Mapping[str, Any] = field(default_factory=dict)
    coverage_of_inhalers: Mapping[str, float | None] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    other_inputs: tuple[Mapping[str, Any], ...] = ()
    kg_by_month: tuple[Mapping[str, Any], ...] = ()
    restatements: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    is_whole: bool = True
    version: str = field(default=__version__)

    def to_json(self) -> str:
        """The manifest as JSON text with a line end."""
        return to_json(asdict(self))


def to_json(value: Any) -> str:
    """JSON that is the same each time: keys in order given, £ as numbers exact to the penny, dates as text."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return value.name
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
