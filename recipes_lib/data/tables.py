"""Tables of a reader, CSV, TSV or the like: encoding and delimiter are found out."""

import codecs
import csv
import io
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

DELIMITERS = "\t|;,"  # where several fit equally well, the first: text has commas of its own
ENDINGS = {".csv", ".tsv", ".tab"}
SAMPLE = 200  # rows to find the delimiter by


@dataclass(frozen=True)
class Table:
    """Rows of a table, each with the number of the line that it ends in, and how it was read."""

    rows: list[tuple[int, list[str]]]
    delimiter: str
    notes: tuple[str, ...]


def read_table(path: Path) -> Table:
    """Read a table as text; blank rows are none.

    Raises `ValueError` for a file that is empty, no text, or has a quote that never ends.
    """
    text, notes = _text(path)
    if not text.strip():
        raise ValueError(f"{path} is empty; give a table, CSV or TSV")
    delimiter = _delimiter(text)
    try:
        rows = _rows(text, delimiter)
    except csv.Error as error:
        if delimiter != "\t":
            raise ValueError(f"{path} is no sound table ({error}); mend its quotes") from error
        rows = _rows(text, delimiter, quoted=False)
        notes += ("quotes are taken as they stand, for they do not enclose whole fields",)
    return Table(rows, delimiter, notes)


def _text(path: Path) -> tuple[str, tuple[str, ...]]:
    raw = path.read_bytes()
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace"), ()
    if b"\0" in raw:
        raise ValueError(f"{path} holds zero bytes, so it is no text; save it as CSV in UTF-8")
    try:
        return raw.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        note = "read as Windows-1252, for it is not in UTF-8; look whether letters came out right"
    try:
        return raw.decode("cp1252"), (note,)
    except UnicodeDecodeError:  # which leaves five bytes undefined
        return raw.decode("latin-1"), (note.replace("Windows-1252", "Latin-1"),)


def _delimiter(text: str) -> str:
    """Return the delimiter by which most rows have equally many fields, else a comma."""
    fits = {delimiter: _fit(text, delimiter) for delimiter in DELIMITERS}
    return max(fits, key=fits.__getitem__) if any(fits.values()) else ","


def _fit(text: str, delimiter: str) -> float:
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # else 131,072 letters
    sample = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    widths = Counter(len(row) for row in islice(sample, SAMPLE) if row)
    width, rows = widths.most_common(1)[0]
    return rows / widths.total() if width > 1 else 0.0


def _rows(text: str, delimiter: str, quoted: bool = True) -> list[tuple[int, list[str]]]:
    lines = io.StringIO(text, newline="")
    if quoted:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return [(reader.line_num, row) for row in reader if any(field.strip() for field in row)]
