"""Which columns of a table hold texts, labels and parts."""

from collections.abc import Sequence
from dataclasses import dataclass

from recipes_lib.data.parts import parts_of

# Usual names, without spaces and the like; where several are there, the first.
LABELS = """\
label labels class classname classlabel classindex category target sentiment intent
topic emotion polarity rating stars genre y"""
TEXTS = """\
text texts sentence review reviewtext content message body tweet comment document
description question utterance headline title sms x"""
PARTS = "split part partition subset set"


@dataclass(frozen=True)
class Columns:
    """The places of texts, labels and parts among the fields of a row, and how they were found."""

    text: int
    label: int
    part: int | None
    header: bool
    notes: tuple[str, ...] = ()


def find_columns(rows: Sequence[Sequence[str]]) -> Columns:
    """Find the columns of rows that are equally long. Raises `ValueError` where it is not clear."""
    first, rest = rows[0], rows[1:]
    names = ["".join(filter(str.isalnum, name)).casefold() for name in first]
    label, text = (_named(names, known) for known in (LABELS, TEXTS))
    if label is None or text is None:
        filled = [
            column for column in range(len(first)) if any(row[column].strip() for row in rows)
        ]
        text, label = _other(rows, rest, filled, text, label)
        header = not {*LABELS.split(), *TEXTS.split()}.isdisjoint(names) or _is_header(rows, label)
    else:
        header = True
    part = _named(names, PARTS) if header else None
    if part is not None and None in parts_of(sorted({row[part] for row in rest})):
        part = None
    return Columns(text, label, part, header, tuple(_notes(first, text, label, part, header)))


def _named(names: Sequence[str], known: str) -> int | None:
    return next((names.index(name) for name in known.split() if name in names), None)


def _other(
    rows: Sequence[Sequence[str]],
    rest: Sequence[Sequence[str]],
    filled: list[int],
    text: int | None,
    label: int | None,
) -> tuple[int, int]:
    """Return the columns of texts and labels where at most one of them has a usual name."""
    distinct = {column: len({row[column] for row in rest}) for column in filled}
    if len(filled) != 2:
        shown = ", ".join(rows[0][column][:30] for column in filled)
        raise ValueError(f"columns ({shown}) do not say what they are; call one text and one label")
    if label is None:
        label = min((c for c in filled if c != text), key=distinct.__getitem__)
    (text,) = (column for column in filled if column != label)
    if 2 * distinct[label] > len(rest):
        raise ValueError("no column repeats its values as labels do; call one text and one label")
    return text, label


def _is_header(rows: Sequence[Sequence[str]], label: int) -> bool:
    """Tell whether the first row says what no other does where the label stands."""
    return rows[0][label].strip() not in {row[label].strip() for row in rows[1:]}


def _notes(
    first: Sequence[str], text: int, label: int, part: int | None, header: bool
) -> list[str]:
    if not header:
        return [f"no header: column {text + 1} is text, column {label + 1} is the label"]
    used = [f"text from {first[text]!r}, labels from {first[label]!r}"]
    used += [f"parts from {first[part]!r}"] if part is not None else []
    left = [repr(name) for index, name in enumerate(first) if index not in (text, label, part)]
    return [", ".join(used) + (f"; columns not read: {', '.join(left)}" if left else "")]
