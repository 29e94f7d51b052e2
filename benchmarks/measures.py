"""All measures × all levels × many months on the SYNTHETIC sample: wall seconds and peak memory, in one run.

python benchmarks/measures.py --months 60
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from prescarbon.config import read_config
from prescarbon.pipeline.evidence import gather
from prescarbon.reference.files import find_reference
from prescarbon.source.files import take_file
from prescarbon.source.organisations import import_organisations
from prescarbon.source.sample import write_sample
from prescarbon.store.months import Store


def main() -> None:
    """Make the sample, gather the evidence, run every measure of every level month by month."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--months", type=int, default=60)
    ask.add_argument("--practices", type=int, default=90)
    given = ask.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        sample = write_sample(
            home / "sample",
            find_reference() / "sample" / "catalogue.csv",
            practices=given.practices,
            months=given.months,
        )
        import_organisations(sample.organisations, home)
        for file in sample.epd:
            take_file(Store(home), file)
        start = time.perf_counter()
        evidence = gather(read_config(home=home, scope="gp"))
        print(f"evidence: {time.perf_counter() - start:.2f} s, {evidence.footprint.height:,} rows")
        measures = evidence.reference.measures
        each_month = [(month, month) for month in evidence.months]
        total = 0.0
        for level in ("practice", "pcn", "sub-icb", "icb", "place"):
            start = time.perf_counter()
            rows = evidence.measure(measures, [level], each_month).height
            total += time.perf_counter() - start
            print(f"{level:10}{time.perf_counter() - start:8.2f} s{rows:>12,} values")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024
    print(f"{len(measures)} measures × 5 levels × {given.months} months: {total:.2f} s, peak {peak:.2f} GiB")


if __name__ == "__main__":
    main()
