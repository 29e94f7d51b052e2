"""A pharmacist changes a sentence, and only a sentence."""

from pathlib import Path

import pytest

from prescarbon.errors import DefinitionError
from prescarbon.reference.files import Files, find_reference
from prescarbon.reference.wording import FILE, read_wording
from prescarbon.report.faces.html import HtmlPages
from tests.report.test_practice_page import MANIFEST, the_page


def own(folder: Path, text: str) -> Path:
    (folder / FILE).parent.mkdir()
    (folder / FILE).write_text(text, "utf-8")
    return folder


def test_a_changed_sentence_is_on_the_page_and_the_others_stay(tmp_path):
    words = read_wording(Files(own(tmp_path, '[actions]\nnone = "Nothing to do: <well> done."\n')))
    page = HtmlPages(MANIFEST, words).practice(the_page()).html
    assert "Nothing to do: &lt;well&gt; done." in page
    assert read_wording(Files(find_reference()))["page"] == words["page"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[actions]\nnon = "x"', "actions.non: there is no such sentence"),
        ('[action]\nnone = "x"', "action: there is no such group"),
        ("[actions]\nnone = 3", "actions.none: must be a text"),
        ('[ics]\nmethod = "x"', "ics.method: must be a list of texts"),
        ("[ics]\nmethod = [1]", "ics.method: must be a list of texts"),
        (
            '[actions]\nheld_back = "{number} lines"',
            "actions.held_back: {number} is never filled in; it may hold count",
        ),
        ('[actions]\nheld_back = "{count lines"', "actions.held_back: its braces do not pair"),
        ('actions = "x"', "actions: there is no such group"),
    ],
)
def test_a_wrong_key_or_placeholder_is_named(text, said, tmp_path):
    with pytest.raises(DefinitionError) as caught:
        read_wording(Files(own(tmp_path, text)))
    assert said in str(caught.value)


def test_a_folder_without_wording_takes_ours(tmp_path):
    assert read_wording(Files(tmp_path)) == read_wording(Files(find_reference()))
