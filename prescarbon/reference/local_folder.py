"""The local folder beside the store: its files, laid over the shipped definitions, and an empty one of each."""

import csv
from collections.abc import Mapping
from pathlib import Path

from prescarbon.config import Config
from prescarbon.reference.cells import Row
from prescarbon.reference.formulary import FormularyRow
from prescarbon.reference.local import ActionRow, CampaignRow, ExcludedRow, LocalFiles, SuccessorRow
from prescarbon.reference.signoff import SignoffRow

SIGNOFF, OVERRIDES_FILE, FORMULARY, ACTIONS = "signoff.csv", "overrides.toml", "formulary.csv", "actions.csv"
EXCLUDED, CAMPAIGNS, SUCCESSORS = "excluded.csv", "campaigns.csv", "successors.csv"
SIGNED = "signed"  # folder: what was signed, a JSON each
CSV_FILES: Mapping[str, type[Row]] = {
    SIGNOFF: SignoffRow,
    FORMULARY: FormularyRow,
    EXCLUDED: ExcludedRow,
    CAMPAIGNS: CampaignRow,
    ACTIONS: ActionRow,
    SUCCESSORS: SuccessorRow,
}
OVERRIDES_TEMPLATE = """\
# What this place decides about a rule. Take the # away from what you need; `prescarbon reference check` proves it.
# Never here: a dose, a ratio or another product. That is a new rule.
#
# [DV05]
# is_on = false                                   # switch a rule off, or one that is shipped off on
# excluded = ["lives in a care home"]             # also not for: added to the rule's own list
# to_codes = ["0302000K0BGABAG"]                  # the rule's own targets in your order, or fewer of them
# achievable_share = 0.2                          # of the units, 0 to 1, agreed locally
"""


def local_folder(home: Path, named: Path | None) -> Path:
    """The folder: as configured, else local/ in the home of the store."""
    return named or home / "local"


def found_in(folder: Path) -> dict[str, Path]:
    """Name → path of each file of ours that the folder holds. A formulary of a header alone is none."""
    there = {name: folder / name for name in (*CSV_FILES, OVERRIDES_FILE) if (folder / name).exists()}
    if FORMULARY in there and _is_a_header_alone(there[FORMULARY]):
        del there[FORMULARY]
    return there


def local_files(config: Config) -> LocalFiles:
    """The user's own files: those that the configuration names, else those of the local folder."""
    found = found_in(local_folder(config.home, config.local))
    return LocalFiles(
        formulary=config.formulary or found.get(FORMULARY),
        excluded_products=config.excluded_products or found.get(EXCLUDED),
        campaigns=config.campaigns or found.get(CAMPAIGNS),
        kpi_returns=config.kpi_returns,
        successors=config.successors or found.get(SUCCESSORS),
        code_lists=tuple(Path(part.removeprefix("file:")) for part in config.scope if part.startswith("file:")),
        signoff=found.get(SIGNOFF),
        overrides=found.get(OVERRIDES_FILE),
        actions=found.get(ACTIONS),
    )


def templates() -> dict[str, str]:
    """Name → text of each file as `local init` makes it: a header, or commented examples."""
    texts = {name: ",".join(model.model_fields) + "\n" for name, model in CSV_FILES.items()}
    return {**texts, OVERRIDES_FILE: OVERRIDES_TEMPLATE}


def _is_a_header_alone(file: Path) -> bool:
    try:
        rows = csv.reader(file.read_text("utf-8-sig").splitlines())
        return sum(any(cell.strip() for cell in row) for row in rows) == 1
    except (OSError, UnicodeDecodeError, csv.Error):  # who reads it says what is wrong with it
        return False
