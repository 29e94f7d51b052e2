"""The whole report pack of the SYNTHETIC sample, stage by stage, in one run: CPU and wall seconds, and what it weighs.

python benchmarks/report_pack.py
"""

import resource
import tempfile
import time
from pathlib import Path

from prescarbon.config import Config
from prescarbon.pack.demo import write_demo
from prescarbon.pack.ics import ics_page
from prescarbon.pack.tables import write_tables
from prescarbon.pack.views import make_views
from prescarbon.pack.write import write_report
from prescarbon.pipeline.evidence import gather
from prescarbon.report.faces.html import HtmlPages
from prescarbon.report.faces.pdf import Typesetter
from prescarbon.report.faces.sheets import pcn_sheets, practice_sheets
from prescarbon.report.faces.workbook import write_workbook


class Laps:
    """Prints what passed since the last lap."""

    def __init__(self) -> None:
        """Start."""
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def lap(self, name: str) -> None:
        """One line a stage."""
        wall, cpu = time.perf_counter(), time.process_time()
        print(f"| {name} | {wall - self._wall:.1f} | {cpu - self._cpu:.1f} |")
        self._wall, self._cpu = wall, cpu


def main() -> None:
    """Make the demo, then time each stage of its report, then the report as a user gets it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_demo(Config(home=root / "home", out=root / "out"))
        config = Config(
            home=root / "home" / "demo", out=root / "again", scope=("gp",), is_scope_given=True, show_draft_rules=True
        )
        print("| stage | wall s | CPU s |\n|---|---|---|")
        laps = Laps()
        evidence = gather(config, months=24)
        laps.lap("store to footprint")
        words, manifest = evidence.reference.wording, evidence.manifest("report")
        views = make_views(evidence)
        ics_page(views.findings, views.pages, views.pcns)
        laps.lap("views of 90 practices, 24 PCNs, 1 system")
        html = HtmlPages(manifest, words)
        made = [*map(html.practice, views.pages), *map(html.pcn, views.pcns)]
        laps.lap("114 HTML pages with charts")
        typesetter = Typesetter()
        for page in made:
            typesetter.pdf(page.paper, is_synthetic=True, sheets=2)
        laps.lap("114 PDFs")
        for sheets in (*(practice_sheets(p, words) for p in views.pages), *(pcn_sheets(p, words) for p in views.pcns)):
            write_workbook(root / "one.xlsx", sheets, manifest, words)
        laps.lap("114 workbooks")
        write_tables(views.findings, views.pages, root / "tables")
        laps.lap("tables as Parquet and CSV")
        pack = write_report(config)
        laps.lap("`prescarbon report`, every face")
        size = sum(file.stat().st_size for file in pack.folder.rglob("*") if file.is_file())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"\n{size / 1e6:.0f} MB on disk; peak {peak:.2f} GiB")


if __name__ == "__main__":
    main()
