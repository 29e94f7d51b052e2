"""Make what shows the pages without a run: reports/sample and docs/gallery, both from the SYNTHETIC sample.

python docs/show.py           reports/sample (checked for freshness by tests/acceptance/test_pack.py)
python docs/show.py --gallery docs/gallery as well; needs Chromium and the dev dependencies
"""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "reports" / "sample"
GALLERY = ROOT / "docs" / "gallery"
PAGES = ("practice/Z90051.html", "pcn/SYN003.html", "ics.html")
KEPT = (*PAGES, *(f"pdf/{page.replace('.html', '.pdf')}" for page in PAGES))
SCREENS = {"practice": PAGES[0], "pcn": PAGES[1], "ics": PAGES[2], "index": "index.html"}
CHROMIUM = "/usr/bin/chromium"
PIXELS_A_POINT = 1.1
COLOURS = 64  # keeps the pictures small in the history


def demo(folder: Path) -> Path:
    """Run the demo; the folder of its pages."""
    command = [sys.executable, "-m", "prescarbon", "demo", "-q", "--home", folder / "home", "--out", folder / "out"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (index,) = folder.glob("out/**/index.html")
    return index.parent


def keep_sample(pack: Path) -> None:
    """Copy the kept pages."""
    for part in ("practice", "pcn", "pdf"):
        shutil.rmtree(SAMPLE / part, ignore_errors=True)
    for name in KEPT:
        (SAMPLE / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pack / name, SAMPLE / name)


def draw_gallery(pack: Path) -> None:
    """Each page on a screen, and each sheet of each PDF."""
    import pypdfium2
    from PIL import Image
    from playwright.sync_api import sync_playwright

    def save(picture: Image.Image, name: str) -> None:
        picture.convert("RGB").quantize(COLOURS).save(GALLERY / f"{name}.png", optimize=True)

    GALLERY.mkdir(exist_ok=True)
    for old in GALLERY.glob("*.png"):
        old.unlink()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for name, page in SCREENS.items():
            view = browser.new_page(viewport={"width": 1100, "height": 1400})
            view.goto((pack / page).as_uri())
            save(Image.open(io.BytesIO(view.screenshot())), f"{name}-screen")
        phone = browser.new_page(viewport={"width": 320, "height": 900})
        phone.goto((pack / PAGES[0]).as_uri())
        save(Image.open(io.BytesIO(phone.screenshot())), "practice-phone")
        browser.close()
    for name in ("practice", "pcn", "ics"):
        sheets = pypdfium2.PdfDocument(pack / "pdf" / SCREENS[name].replace(".html", ".pdf"))
        for number, sheet in enumerate(sheets, start=1):
            save(sheet.render(scale=PIXELS_A_POINT).to_pil(), f"{name}-sheet-{number}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = demo(Path(folder))
        keep_sample(made)
        if "--gallery" in sys.argv:
            draw_gallery(made)
