"""The sheets of a rule pack → print form for the typesetter, and a workbook that is filled in and sent back."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import xlsxwriter
from markupsafe import Markup, escape

from prescarbon.report.faces.html import ENVIRONMENT, PrintPage
from prescarbon.report.faces.workbook import FIXED
from prescarbon.report.views.rule_sheet import ANSWERS, COVER, HASH_LABEL, HINTS, RULE_LABEL, RulePack, RuleSheet

LABELS_WIDTH, TEXT_WIDTH, LINE = 26, 96, 15
NO_SHEET_NAME = re.compile(r"[\[\]:*?/\\']")  # signs that no name of a sheet may hold
DECISIONS = ["approved", "rejected", "off"]
HOW_TO = (
    "One sheet a rule. Read it, then fill in the yellow boxes at its end. A sheet that is left blank decides nothing.",
    "Two roles sign: who put the rule forward and who approved it. Roles, not persons.",
    "approved: practice pages may show it. rejected or off: it is shown to nobody until another decision.",
    "The review comes at most 24 months after the decision.",
    "A decision holds for the words of the sheet. The content hash stands for them: do not change it.",
    "Send the file back; `prescarbon rules sign FILE` reads it, and writes nothing unless every sheet is good.",
)


def print_form(pack: RulePack) -> PrintPage:
    """The sheets for the typesetter, each on paper of its own."""

    def lines(given: tuple[str, ...]) -> Markup:
        return Markup("<br>").join(escape(line) for line in given)

    text = ENVIRONMENT.get_template("rules.html").render(pack=pack, answers=ANSWERS, hints=HINTS, lines=lines)
    return PrintPage(text, ())


def write_rule_workbook(file: Path, pack: RulePack) -> None:
    """A sheet a rule; all but the boxes is protected against a slip of the hand, without a password.

    Raises:
        OSError: the file cannot be written.
    """
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(str(file), options) as book:
        book.set_properties({"title": "Rules for decision", "created": FIXED})
        top = {"valign": "top", "text_wrap": True}
        looks = {
            "label": book.add_format({**top, "bold": True, "font_color": "#425563"}),
            "text": book.add_format(top),
            "title": book.add_format({**top, "bold": True, "font_size": 14, "font_color": "#003087"}),
            "head": book.add_format({**top, "bold": True, "font_color": "#FFFFFF", "bg_color": "#003087"}),
            "synthetic": book.add_format({**top, "bold": True, "bg_color": "#FFEB3B"}),
            "box": book.add_format({**top, "border": 1, "bg_color": "#FFF9C4", "locked": False, "num_format": "@"}),
            "day": book.add_format(
                {
                    **top,
                    "border": 1,
                    "bg_color": "#FFF9C4",
                    "locked": False,
                    "num_format": "d mmmm yyyy",
                    "align": "left",
                }
            ),
        }
        _write_cover(book.add_worksheet(COVER), pack, looks)
        for sheet in pack.sheets:
            _Page(book.add_worksheet(NO_SHEET_NAME.sub("_", sheet.rule_id)[:31]), looks).write(sheet, pack)


def _write_cover(page: Any, pack: RulePack, looks: dict[str, Any]) -> None:
    page.set_column(0, 0, LABELS_WIDTH + TEXT_WIDTH)
    synthetic = ["SYNTHETIC data: nothing here is real."] if pack.is_synthetic else []
    for at, words in enumerate([*synthetic, f"{len(pack.sheets)} rules for decision.", pack.local_words, *HOW_TO]):
        page.write_string(at, 0, words, looks["synthetic" if at < len(synthetic) else "text"])
    page.protect()


class _Page:
    """One sheet, written from above: a label and its text."""

    def __init__(self, page: Any, looks: dict[str, Any]) -> None:
        self.page, self.looks, self.at = page, looks, 0
        page.set_column(0, 0, LABELS_WIDTH)
        page.set_column(1, 1, TEXT_WIDTH)
        page.set_paper(9)
        page.fit_to_pages(1, 0)
        page.protect()

    def write(self, sheet: RuleSheet, pack: RulePack) -> None:
        """All of it: what is read first, the boxes at the end."""
        self._line(RULE_LABEL, sheet.rule_id)
        self._line("Title", sheet.title, "title")
        self._line(HASH_LABEL, sheet.content_hash)
        self._line("Standing", sheet.standing)
        if pack.is_synthetic:
            self._line("SYNTHETIC", "Figures of made-up data: nothing here is real.", "synthetic")
        self._head("What is proposed")
        for fact in sheet.about:
            self._line(fact.label, "\n".join(fact.lines))
        for what, before, after in sheet.doses:
            self._line(what, f"before: {before}\nafter: {after}")
        for number, t in enumerate(sheet.targets, start=1):
            self._line(
                f"Product {number}", f"{t.name} [{t.code}]; {t.standing}; licence: {t.licence}; price: {t.price}"
            )
        self._head("For whom, and for whom not")
        for fact in sheet.who:
            self._line(fact.label, "\n".join(fact.lines))
        self._head("What it rests on")
        for fact in sheet.rests_on:
            self._line(fact.label, "\n".join(fact.lines))
        self._head("Decision: fill in")
        for key, label in ANSWERS.items():
            self._box(key, label)

    def _line(self, label: str, text: str, look: str = "text") -> None:
        self.page.write_string(self.at, 0, label, self.looks["label"])
        self.page.write_string(self.at, 1, text, self.looks[look])
        tall = sum(1 + len(line) // (TEXT_WIDTH - 4) for line in text.split("\n"))
        self.page.set_row(self.at, min(400, LINE * tall + (6 if look == "title" else 0)))
        self.at += 1

    def _head(self, words: str) -> None:
        self.page.merge_range(self.at, 0, self.at, 1, words, self.looks["head"])
        self.at += 1

    def _box(self, key: str, label: str) -> None:
        is_day = key in ("date", "review_by")
        self.page.write_string(self.at, 0, label, self.looks["label"])
        self.page.write_blank(self.at, 1, None, self.looks["day" if is_day else "box"])
        asked = {"input_title": label, "input_message": HINTS[key]}
        if key == "decision":
            self.page.data_validation(self.at, 1, self.at, 1, {"validate": "list", "source": DECISIONS, **asked})
        elif is_day:
            since = {"validate": "date", "criteria": ">=", "value": date(2020, 1, 1)}
            self.page.data_validation(self.at, 1, self.at, 1, {**since, **asked})
        self.page.set_row(self.at, LINE * (3 if key == "note" else 1.5))
        self.at += 1
