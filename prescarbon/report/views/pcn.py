"""The PCN page's view: its practices side by side, what could be done next and who holds it, what moved."""

from dataclasses import dataclass

from prescarbon.model.period import Period
from prescarbon.report.views.action import Action, Question, Together
from prescarbon.report.views.footing import Footing
from prescarbon.report.views.parts import Change, SignalPoint
from prescarbon.report.views.practice import PracticePage


@dataclass(frozen=True)
class Digest:
    """One sentence on what moved in the newest month, for one practice."""

    practice_name: str
    words: str


@dataclass(frozen=True)
class PcnPage:
    """Everything the PCN page shows."""

    pcn_code: str
    pcn_name: str
    period: Period
    practices: tuple[PracticePage, ...]
    addresses: tuple[str, ...]
    actions: tuple[Action, ...]
    drafts_held_back: int
    change: Change | None
    signals: tuple[SignalPoint, ...]
    digest: tuple[Digest, ...]
    questions: tuple[Question, ...] = ()
    together: Together | None = None
    peers_words: str | None = None
    not_judged: str | None = None
    footing: Footing | None = None
