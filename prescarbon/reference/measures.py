"""Reads reference/measures: a TOML file a measure, and the code lists (CSV) they name; model/ never touches a file."""

from typing import Any

from prescarbon.errors import DefinitionError, Fault, refuse
from prescarbon.model.measures.definition import LISTS, Break, Conditions, Gates, Measure, Term, Values, expand
from prescarbon.reference.files import Files
from prescarbon.reference.measure_keys import CodeListRow, CodeLists, MeasurePart, TermPart, weights_of

REMEDY = "See reference/measures/README.md."


def over_keys(measure: Measure, where: str) -> list[Fault]:
    """Faults of a measure that lie over several keys of its file."""
    if measure.counts.sum == "patients":
        return [Fault(where, 0, "gates.counts", "", "is needed where the denominator is patients")]
    return []


def measure_of(part: MeasurePart, codes: CodeLists) -> Measure:
    """The measure of a file; codes are the code lists beside it: file name → bnf_code, and weight where a term has weights."""
    gates = part.gates
    counts = _term(gates.counts, codes) if gates.counts else None
    split = next(iter(part.split.model_dump(exclude_unset=True).items())) if part.split else None
    return Measure(
        id=part.id,
        title=part.title,
        asks=part.asks,
        unit=part.unit,
        direction=part.direction,
        windows=part.windows,
        source_id=part.source_id,
        vintage=part.vintage,
        label=part.label,
        gates=Gates(gates.ranked, gates.shown, gates.months, gates.list_size, counts),
        numerator=_term(part.numerator, codes),
        denominator=_term(part.denominator, codes) if part.denominator else None,
        scale=part.scale,
        settings=part.settings,
        breaks=tuple(Break(b.month, b.words, b.is_rebase) for b in part.breaks),
        split=split,
        notes=part.notes,
    )


def _term(part: TermPart, codes: CodeLists) -> Term:
    weights: tuple[tuple[str, float], ...] = ()
    if part.weights:
        numbers = weights_of(part.weights, codes) or {}
        weights = tuple((code, numbers[code]) for code in _listed(part.weights, codes))
    return Term(part.sum, tuple(_conditions(one, codes) for one in part.where or ()), weights)


def _conditions(part: Any, codes: CodeLists) -> Conditions:
    def values(name: str, value: Any) -> Values:
        return _listed(value, codes) if name.removeprefix("not_") in LISTS else value

    return tuple((name, values(name, value)) for name, value in part.model_dump(exclude_unset=True).items())


def _listed(name: str, codes: CodeLists) -> tuple[str, ...]:
    return tuple(codes[name].get_column("bnf_code").sort().to_list())


def gather_measures(files: Files) -> tuple[tuple[Measure, ...], list[Fault]]:
    """All measures of measures/, in order of id, one with `split` once for each value; and every fault of every file."""
    folder = files.root / "measures"
    if not folder.is_dir():
        return (), [Fault("measures", 0, "", "", "is missing: the reference folder has no measures folder")]
    sheets = {f.name: files.sheet(f, CodeListRow) for f in sorted(folder.glob("*.csv"))}
    faults = [fault for sheet in sheets.values() for fault in sheet.faults]
    codes = {name: sheet.rows for name, sheet in sheets.items()}
    measures: list[Measure] = []
    for file in sorted(folder.glob("*.toml")):
        document = files.document(file, MeasurePart, codes)
        faults += document.faults
        if document.content:
            measure = measure_of(document.content, codes)
            faults += over_keys(measure, document.name)
            if file.name != f"{measure.id}.toml":
                faults.append(Fault(document.name, 0, "id", measure.id, "is not the file's name"))
            measures += expand(measure)
    ids = [m.id for m in measures]
    faults += [
        Fault("measures", 0, "id", i, "stands in two files") for i in sorted({i for i in ids if ids.count(i) > 1})
    ]
    if not measures and not faults:
        faults.append(Fault("measures", 0, "", "", "holds no measure: is this the reference folder?"))
    return tuple(sorted(measures, key=lambda m: m.id)), faults


def read_measures(files: Files) -> tuple[Measure, ...]:
    """All measures of measures/, in order of id, one with `split` once for each value.

    Raises:
        DefinitionError: naming file, key and reason, every fault of every file at once.
    """
    measures, faults = gather_measures(files)
    refuse(faults, DefinitionError, REMEDY)
    return measures
