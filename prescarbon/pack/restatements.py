"""What an earlier run said of a month that this run says otherwise, and what moved it: found by recomputing.

What the kilograms of a month change by at a step of the way back (see `way_back`) is that step's part; the parts add up
to the whole difference.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon import __version__
from prescarbon.pack.earlier import Earlier, read_earlier
from prescarbon.pack.way_back import Move, walk_back
from prescarbon.pipeline.evidence import Evidence

GRAM = 0.001
NAMED = 3  # practices, factors or presentations that a sentence names


def find_restatements(last: Path | None, evidence: Evidence) -> list[dict[str, Any]]:
    """Month by month: what the last run said, what this run says, and what moved it; earlier entries are kept.

    last     folder of the last pack: its manifest.json and, where they are there, its tables
    returns  month, what ("inhalers" or "all"), said_kg, says_kg, because; nothing where no manifest can be compared
    """
    earlier = read_earlier(last) if last else None
    if earlier is None:
        return []
    entries = [entry.model_dump() for entry in earlier.run.restatements]
    said = {row.month: row.model_dump() for row in earlier.run.kg_by_month}
    moved = [
        (row["month"], what, float(said[row["month"]][what]), float(row[what]))
        for row in evidence.kg_by_month
        for what in ("inhalers", "all")
        if row["month"] in said and None not in (row[what], said[row["month"]][what])
        and abs(float(row[what]) - float(said[row["month"]][what])) >= GRAM
    ]  # fmt: skip
    moves = list(walk_back(earlier, evidence, {month for month, *_ in moved})) if moved else []
    again = {m.month for m in evidence.manifests if earlier.hashes.get(m.month, m.hash) != m.hash}
    for month, what, was, now in moved:
        parts = list(_parts(moves, month, what, is_again=month in again))
        left = now - was - sum(kg for kg, _ in parts)
        if abs(left) >= GRAM:
            parts.append((left, _unexplained(earlier, evidence)))
        because = "; ".join(f"{words} ({kg:+,.1f} kg)" if kg else words for kg, words in parts)
        entry = {"month": month, "what": what, "said_kg": was, "says_kg": now, "because": because}
        if entry not in entries:
            entries.append(entry)
    return entries


def _parts(moves: Sequence[Move], month: str, what: str, *, is_again: bool) -> Iterator[tuple[float, str]]:
    """(kg, words) of each step that moved the month, and of each that failed: what that moved is not known, and 0."""
    for move in moves:
        if move.kg is None:
            yield 0.0, move.words
            continue
        own = move.kg.filter(pl.col("month") == month, pl.lit(what == "all") | pl.col("is_inhaler"))
        kg = float(own["kg"].sum())
        if abs(kg) >= GRAM:
            words = "the month was published again" if is_again and move.by == "bnf_code" else move.words
            yield kg, f"{words}: {_largest(own)}" if move.by else words


def _largest(moved: pl.DataFrame) -> str:
    """The practices, factors or presentations that moved most, and by how much."""
    summed = moved.group_by("name").agg(pl.col("kg").sum()).filter(pl.col("kg").abs() >= GRAM)
    ordered = summed.sort(pl.col("kg").abs(), "name", descending=[True, False])
    named = [f"{code} {float(kg):+,.1f}" for code, kg in ordered.select("name", "kg").head(NAMED).iter_rows()]
    more = ordered.height - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _unexplained(earlier: Earlier, evidence: Evidence) -> str:
    if earlier.rows is not None:
        version = earlier.run.version
        return "not explained" if version == __version__ else f"another version of prescarbon ({version} then)"
    is_same = earlier.run.reference_sha256 == evidence.reference.sha256
    found = "not found" if is_same else "the reference data changed"
    return f"{found}; the earlier pack holds no tables to recompute it from"
