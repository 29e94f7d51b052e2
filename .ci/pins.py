"""What pip froze → constraints.txt, its first line kept and dated today; `make pins`."""

import re
import sys
from datetime import date
from pathlib import Path

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
PIN = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.!+]+")


def constraints(old: str, frozen: str, today: date) -> str:
    """The new text of constraints.txt.

    old     its text so far: comments on top are kept, "as of <date>" among them becomes today
    frozen  what `pip freeze --exclude-editable` printed

    Raises:
        ValueError: a line is no pin of a version, as for a package from a folder or an address; or there is none.
    """
    head = [line for line in old.splitlines() if line.startswith("#")]
    pins = sorted(filter(None, map(str.strip, frozen.splitlines())), key=str.lower)
    odd = [line for line in pins if not PIN.fullmatch(line)]
    if odd or not pins:
        raise ValueError(f"no pins of published versions: {', '.join(odd) or 'nothing is installed'}")
    dated = [re.sub(r"as of \d{4}-\d\d-\d\d", f"as of {today}", line) for line in head]
    return "\n".join([*dated, *pins, ""])


if __name__ == "__main__":
    new = constraints(CONSTRAINTS.read_text("utf-8"), Path(sys.argv[1]).read_text("utf-8"), date.today())  # noqa: DTZ011
    CONSTRAINTS.write_text(new, "utf-8")
