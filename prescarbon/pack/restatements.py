"""What an earlier run said of a month that this run says otherwise, and because of what."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prescarbon.manifest import RunManifest

GRAM = 0.001
REASONS = {
    "reference_sha256": "the reference data changed",
    "factor_set": "another factor set was chosen",
    "gwp_basis": "another GWP basis was chosen",
    "scope": "another scope was chosen",
    "version": "another version of prescarbon",
}


def last_manifest(out: Path) -> dict[str, Any] | None:
    """The manifest of the newest run under a report folder; None where there is none, or it cannot be read."""
    for file in sorted(out.glob("????-??/manifest.json"), reverse=True):
        try:
            read: dict[str, Any] = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        return read
    return None


def find_restatements(before: Mapping[str, Any] | None, now: RunManifest) -> list[dict[str, Any]]:
    """Month by month: what the last run said, what this run says, and why; earlier entries are kept.

    before  manifest.json of the last run
    returns month, what ("inhalers" or "all"), said_kg, says_kg, because
    """
    if before is None:
        return []
    said = {row["month"]: row for row in before.get("kg_by_month", ())}
    hashes = {row["month"]: row["hash"] for row in before.get("inputs", ())}
    now_hashes = {row["month"]: row["hash"] for row in now.inputs}
    general = [words for key, words in REASONS.items() if before.get(key) != getattr(now, key)]
    entries: list[dict[str, Any]] = list(before.get("restatements", ()))
    for row in now.kg_by_month:
        month = row["month"]
        for what in ("inhalers", "all"):
            was = said.get(month, {}).get(what)
            if was is None or row[what] is None or abs(float(row[what]) - float(was)) < GRAM:
                continue
            own = ["the month was published again"] if hashes.get(month) != now_hashes.get(month) else []
            entry = {
                "month": month,
                "what": what,
                "said_kg": float(was),
                "says_kg": float(row[what]),
                "because": "; ".join(own + general) or "constant prices: the base period moved",
            }
            if entry not in entries:
                entries.append(entry)
    return entries


def restatement_lines(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The log as sentences."""
    return [
        f"{e['month']}, {e['what']}: the last run said {e['said_kg']:,.1f} kg CO2e, this run says {e['says_kg']:,.1f}, "
        f"because {e['because']}."
        for e in entries
    ]
