"""An England-shaped month: import and reduction against inflating, scanning, bare polars and DuckDB, in one run.

    python benchmarks/england_month.py --rows 18000000 --folder /somewhere/with/20GB

Each step runs in a child process of its own; wall seconds and peak memory are the child's. The file is synthetic, in the
current layout, about 380 bytes a row.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import polars as pl

PRACTICES, PRESENTATIONS, ROWS_AT_ONCE = 9_000, 25_000, 1_000_000
SUMS = ["items", "total_quantity", "nic_gbp", "actual_cost_gbp"]
KEYS = ["month", "practice_code", "bnf_code"]


def make(folder: Path, rows: int) -> None:
    """month.csv and month.zip in the folder."""
    import numpy as np

    draw = np.random.default_rng(2026)
    chapters = draw.choice(
        ["01", "02", "03", "04", "05", "06", "10", "13"], PRESENTATIONS, p=[0.13, 0.2, 0.07, 0.2, 0.1, 0.15, 0.08, 0.07]
    )
    codes = pl.Series(
        [f"{c}{n:05d}R0AA{n % 676 // 26:02d}{n % 99:02d}"[:15].ljust(15, "A") for n, c in enumerate(chapters)]
    )
    names = pl.Series([f"Presentation {n} 100mg tablets" for n in range(PRESENTATIONS)])
    weights = 1 / np.arange(1, PRESENTATIONS + 1) ** 0.8
    with (folder / "month.csv").open("wb") as file:
        for start in range(0, rows, ROWS_AT_ONCE):
            n = min(ROWS_AT_ONCE, rows - start)
            # files come practice by practice
            practice = np.sort(draw.integers(start * PRACTICES // rows, (start + n) * PRACTICES // rows + 1, n))
            drug = draw.choice(PRESENTATIONS, n, p=weights / weights.sum())
            quantity, items = draw.choice([7, 14, 28, 30, 56, 84, 100], n), draw.geometric(0.2, n)
            pence = (quantity * items * (1 + drug % 60)).astype(np.int64)
            dotted = [pl.Series(x).cast(pl.String) + "." for x in (quantity, quantity * items)]
            table = pl.DataFrame(
                {
                    "YEAR_MONTH": pl.Series(["2026-01"]).extend_constant("2026-01", n - 1),
                    "REGIONAL_OFFICE_NAME": "SYNTHETIC REGION",
                    "REGIONAL_OFFICE_CODE": "Y00",
                    "ICB_NAME": "NHS SYNTHETIC INTEGRATED CARE BOARD",
                    "ICB_CODE": "QZZ",
                    "PCO_NAME": "NHS SYNTHETIC ICB - 00Y",
                    "PCO_CODE": "00Y00",
                    "PRACTICE_NAME": "SYNTHETIC MEDICAL CENTRE",
                    "PRACTICE_CODE": pl.Series(practice).cast(pl.String).str.pad_start(5, "0").str.head(5),
                    "ADDRESS_1": pl.Series(practice).cast(pl.String) + " SYNTHETIC MEDICAL CENTRE",
                    "ADDRESS_2": pl.Series(practice * 7919 % 997).cast(pl.String) + " ROCK STREET",
                    "ADDRESS_3": "TOWN",
                    "ADDRESS_4": "COUNTY",
                    "POSTCODE": "AA1 1AA",
                    "BNF_CHEMICAL_SUBSTANCE_CODE": codes[drug].str.head(9),
                    "BNF_CHEMICAL_SUBSTANCE": "Substance",
                    "BNF_PRESENTATION_CODE": codes[drug],
                    "BNF_PRESENTATION_NAME": names[drug],
                    "BNF_CHAPTER_PLUS_CODE": "02: Cardiovascular System",
                    "QUANTITY": dotted[0],
                    "ITEMS": items,
                    "TOTAL_QUANTITY": dotted[1],
                    "ADQ_USAGE": "0.",
                    "NIC": pl.Series(pence // 100).cast(pl.String)
                    + "."
                    + pl.Series(pence % 100).cast(pl.String).str.zfill(2),
                    "ACTUAL_COST": pl.Series(pence // 107).cast(pl.String)
                    + "."
                    + pl.Series(pence % 100000).cast(pl.String).str.zfill(5),
                    "UNIDENTIFIED": "N",
                    "SNOMED_CODE": drug.astype("int64") * 7_919 + 10**14,
                }
            )
            table.write_csv(file, include_header=start == 0, quote_style="non_numeric")
    with zipfile.ZipFile(folder / "month.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.write(folder / "month.csv", "EPD_SNOMED_202601.csv")


def step(name: str, folder: Path, rows: int) -> None:
    """One measured step, in its own process: prints wall seconds and peak memory as JSON."""
    start = time.perf_counter()
    if name == "make":
        make(folder, rows)
    elif name == "inflate (zlib)":
        with zipfile.ZipFile(folder / "month.zip").open("EPD_SNOMED_202601.csv") as file:
            while file.read(4 << 20):
                pass
    elif name == "inflate (isal)":
        from prescarbon.source.unpacking import unpacked

        for _ in unpacked(folder / "month.zip", lambda _: None):
            pass
    elif name == "scan the CSV (polars)":
        rows = pl.scan_csv(folder / "month.csv", infer_schema=False)
        rows.filter(pl.col("BNF_PRESENTATION_CODE").str.starts_with("0301")).select(
            pl.len(), pl.col("NIC").cast(pl.Decimal(18, 2)).sum()
        ).collect(engine="streaming")
    elif name.startswith("import"):
        from prescarbon.source.files import take_file
        from prescarbon.store.months import Store

        kind = name.split()[-1].lower()
        take_file(Store(folder / f"home-{kind}"), folder / f"month.{kind}")
    else:
        stored = next((folder / "home-zip" / "months").glob("*[0-9a-f].parquet"))
        if name == "reduce (ours)":
            from prescarbon.model.activity import reduce_to_activity

            reduce_to_activity(pl.scan_parquet(stored)).collect(engine="streaming")
        elif name == "reduce (bare polars)":
            pl.scan_parquet(stored).group_by(KEYS).agg(pl.col(SUMS).sum()).collect(engine="streaming")
        elif name == "reduce (DuckDB)":
            import duckdb

            sums = ", ".join(f"sum({s})" for s in SUMS)
            duckdb.sql(f"create table reduced as select {', '.join(KEYS)}, {sums} from '{stored}' group by all")
    seconds = time.perf_counter() - start
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024
    print(json.dumps({"seconds": round(seconds, 2), "peak_gib": round(peak, 2)}))


STEPS = (
    "inflate (zlib)",
    "inflate (isal)",
    "scan the CSV (polars)",
    "import from ZIP",
    "import from CSV",
    "reduce (bare polars)",
    "reduce (ours)",
    "reduce (DuckDB)",
)


def main() -> None:
    """Make the month, run every step, print the table and the ratios."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--rows", type=int, default=18_000_000)
    ask.add_argument("--folder", type=Path)
    ask.add_argument("--times", type=int, default=3, help="runs of each reduction step; the median counts")
    ask.add_argument("--step", help=argparse.SUPPRESS)
    given = ask.parse_args()
    if given.step:
        step(given.step, given.folder, given.rows)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        # in a process of its own: a child's peak memory is at least its parent's when it was started
        subprocess.run(
            [sys.executable, __file__, "--folder", name, "--rows", str(given.rows), "--step", "make"], check=True
        )
        sizes = {kind: (folder / f"month.{kind}").stat().st_size / 1e9 for kind in ("csv", "zip")}
        print(f"{given.rows:,} rows; CSV {sizes['csv']:.2f} GB, ZIP {sizes['zip']:.2f} GB")
        found = {}
        for each in STEPS:
            runs = []
            for _ in range(given.times if each.startswith("reduce") else 1):
                command = [sys.executable, __file__, "--folder", str(folder), "--step", each]
                runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            found[each] = sorted(runs, key=lambda r: r["seconds"])[len(runs) // 2]
            print(f"{each:24}{found[each]['seconds']:>9.2f} s{found[each]['peak_gib']:>8.2f} GiB", flush=True)
    seconds = {name: run["seconds"] for name, run in found.items()}
    longer = max(seconds["inflate (zlib)"], seconds["scan the CSV (polars)"])
    faster = max(seconds["inflate (isal)"], seconds["scan the CSV (polars)"])
    for words, ratio, reach in (
        ("import from ZIP ÷ longer of inflating (zlib) and scanning", seconds["import from ZIP"] / longer, 1.5),
        ("import from ZIP ÷ longer of inflating (isal) and scanning", seconds["import from ZIP"] / faster, None),
        ("our reduction ÷ bare polars", seconds["reduce (ours)"] / seconds["reduce (bare polars)"], 1.3),
        ("our reduction ÷ DuckDB", seconds["reduce (ours)"] / seconds["reduce (DuckDB)"], 1.0),
    ):
        print(f"{words:60}{ratio:>6.2f}" + (f"  (reach {reach})" if reach else ""))
    print(
        f"peak memory of our steps {max(found[s]['peak_gib'] for s in ('import from ZIP', 'import from CSV', 'reduce (ours)')):.2f} GiB (reach 3)"
    )


if __name__ == "__main__":
    main()
