"""Control characters in names: which they are, and a text without them.

They have no place in a name: some stop a typesetter or a spreadsheet, some turn the direction of what follows.
"""

import polars as pl

BLANK = "[\t-\r\x85\u2028\u2029]"  # tabs and line ends: a blank takes their place
# C0, DEL and C1 controls, marks of direction, line ends of Unicode, the byte order mark, and two that are no character
CONTROL = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"


def holds_control(text: pl.Expr) -> pl.Expr:
    """True where the text holds a control character; null where it is null."""
    return text.str.contains(CONTROL)


def without_controls(text: pl.Expr) -> pl.Expr:
    """The text without control characters: a blank for tabs and line ends, nothing for the others."""
    return text.str.replace_all(BLANK, " ").str.replace_all(CONTROL, "").str.strip_chars()
