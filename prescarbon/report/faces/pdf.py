"""The print form of a page → the same page typeset as PDF: one wording, one set of numbers, no clock inside."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import font_source_sans_pro
import typst

from prescarbon.model.text import CONTROL
from prescarbon.report.faces.charts import Picture
from prescarbon.report.faces.html import PrintPage

TEMPLATES = resources.files("prescarbon") / "report" / "templates"
VOID = {"meta", "link", "br", "img", "input"}
BLOCKS = {
    "header",
    "main",
    "footer",
    "section",
    "div",
    "figure",
    "table",
    "p",
    "h1",
    "h2",
    "h3",
    "ol",
    "ul",
    "dl",
    "details",
}
NOT_PRINTED = {"script", "style", "title", "input", "label", "head", "button"}
LONG_WORD = re.compile(r"\S{22}(?=\S)")
CONTROLS = re.compile(CONTROL)  # the typesetter stops at some of them; a user's own file may hold one
LETTERS_PT = (8.2, 7.6)
LEAST_PT = 7.0  # where the fewest lines in small letters do not fit either
SHEET = b"\n<</Type/Page/"  # how a sheet begins in the file; no text of a page holds a line break
ISOLATE = "\u2068{}\u2069"


@dataclass
class Node:
    """An element: its tag, its classes, and what stands in it (text or nodes)."""

    tag: str
    classes: set[str] = field(default_factory=set)
    kids: list["Node | str"] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The element as JSON for the template, without what is not printed."""
        has_blocks = any(isinstance(k, Node) and k.tag in BLOCKS for k in self.kids)
        kids = [
            k if isinstance(k, str) else k.plain()
            for k in self.kids
            if (k.strip() or not has_blocks if isinstance(k, str) else k.is_printed)
        ]
        return {"tag": self.tag, "classes": sorted(self.classes), "kids": kids, **self.about}

    @property
    def is_printed(self) -> bool:
        """What the print style sheet shows: closed details and on-screen helps are left out."""
        return self.tag not in NOT_PRINTED | {"details"} and not self.classes & {
            "noprint",
            "skip",
            "synthetic",
            "unsigned",
        }

    def find(self, tag: str) -> "Iterator[Node]":
        """Every element of a tag, in order."""
        for kid in self.kids:
            if isinstance(kid, Node):
                if kid.tag == tag:
                    yield kid
                yield from kid.find(tag)


class PageReader(HTMLParser):
    """Reads a page that our own templates made for paper: every element closed, a place for each picture."""

    def __init__(self, page: str, pictures: Sequence[Picture] = ()) -> None:
        """Read all of it; the tree is in `root`."""
        super().__init__(convert_charrefs=True)
        self.root = Node("page")
        self._open = [self.root]
        self._pictures = pictures
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        given = dict(attrs)
        node = Node(tag, set((given.get("class") or "").split()))
        if "colspan" in given:
            node.about["colspan"] = given["colspan"] or "1"
        if tag == "a" and given.get("href"):
            node.about["href"] = str(given["href"])
        if tag == "img":
            picture = self._pictures[int(str(given["data-picture"]))]
            node.classes, node.about = {picture.look}, {"svg": picture.paper, "alt": picture.words}
        self._open[-1].kids.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        if tag not in VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Text: white space is one space, a word too long for a column may break, a name keeps its own direction."""
        text = LONG_WORD.sub(lambda found: found[0] + "\u200b", CONTROLS.sub("", re.sub(r"\s+", " ", data)))
        before = self._open[-1].kids[-1:]
        if before and isinstance(before[0], Node) and before[0].tag == "br":
            text = text.lstrip()
        if text.strip() or (text and before):
            inside = any(node.tag == "bdi" for node in self._open)
            self._open[-1].kids.append(ISOLATE.format(text) if inside else text)


def _given(page: PrintPage, size: float, *, is_synthetic: bool, is_draft: bool) -> dict[str, Any]:
    """What the template is told of a page."""
    root = PageReader(page.html, page.pictures).root
    title, body = next(root.find("title")), next(root.find("body"))
    return {
        "title": "".join(map(str, title.kids)),
        "is_synthetic": is_synthetic,
        "is_draft": is_draft,
        "body": body.plain(),
        "size": size,
    }


class Typesetter:
    """Typesets pages one after another; the fonts are read once."""

    def __init__(self) -> None:
        """Load the template and the fonts, which pip installs with us: a line breaks at the same word on every machine."""
        import matplotlib as mpl  # here, because it takes 0.4 s and only who typesets should wait for it

        fonts = [font_source_sans_pro.font_directory, str(Path(mpl.get_data_path()) / "fonts" / "ttf")]
        self._template = (TEMPLATES / "page.typ").read_bytes()
        self._compiler = typst.Compiler(self._template, font_paths=fonts, ignore_system_fonts=True)

    def pdf(
        self,
        page: PrintPage,
        *,
        is_synthetic: bool,
        sheets: int | None = None,
        letters: Sequence[float] | None = None,
        shorter: Sequence[PrintPage] = (),
        is_draft: bool = False,
    ) -> bytes:
        """A page as PDF/UA-1 on A4: tagged, titled, its pictures described; the same page gives the same bytes.

        sheets    how many it may fill: it has as many whole lines as that allows, in letters as large as it allows
        letters   their sizes in points, the largest first; None takes those of a page
        shorter   the page with fewer lines, longest first
        is_draft  it shows what nobody has signed: DRAFT lies under every sheet
        """
        sizes = letters or LETTERS_PT
        given = {"is_synthetic": is_synthetic, "is_draft": is_draft}
        if sheets is None:
            return self._typeset(_given(page, sizes[0], **given))
        fitting: tuple[dict[str, Any], bytes] | None = None
        for each in reversed((page, *shorter)):  # what does not fit does not fit with more lines either
            told = _given(each, sizes[-1], **given)
            made = self._typeset(told)
            if made.count(SHEET) > sheets:
                break
            fitting = told, made
        if fitting is None:
            return made if letters else self._typeset(_given((page, *shorter)[-1], LEAST_PT, **given))
        told, best = fitting
        for size in sizes[:-1]:
            larger = self._typeset({**told, "size": size})
            if larger.count(SHEET) <= sheets:
                return larger
        return best

    def _typeset(self, given: dict[str, Any]) -> bytes:
        made = self._compiler.compile(
            self._template,
            format="pdf",
            sys_inputs={"page": json.dumps(given, ensure_ascii=False)},
            pdf_standards="ua-1",
            timestamp=0,
        )
        if not isinstance(made, bytes):
            raise TypeError("typst gave no single PDF")
        return made
