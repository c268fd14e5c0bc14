"""One series of a reader, from a WAV or CSV file, as an array (channels, length)."""

import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes_lib.data.tables import ENDINGS, read_table

TIMES = {"", "t", "time", "timestamp", "date", "datetime", "index", "sample", "unnamed: 0"}


@dataclass(frozen=True)
class Signal:
    """A series (channels, length), float32; samples a second where they are known, else 0."""

    values: np.ndarray
    rate: int = 0
    note: str = ""


def open_signal(path: Path) -> Signal | str:
    """Read a series, sound as shares of its full scale; of a damaged file, say what is wrong."""
    if not path.is_file():
        return "a link to nowhere" if path.is_symlink() else "no file"
    if path.stat().st_size == 0:
        return "empty"
    ending = path.suffix.casefold()
    try:
        if ending in (".wav", ".wave"):
            signal = _sound(path)
        elif ending in {*ENDINGS, ".txt"}:
            signal = _columns(path)
        else:
            return "no WAV or CSV"
    except MemoryError:
        raise
    except Exception as error:  # a damaged header ends in any of them
        return str(error).removeprefix(f"{path} ") or type(error).__name__
    if not signal.values.size:
        return "holds no values"
    return signal if np.isfinite(signal.values).all() else "holds values that are no numbers"


def _sound(path: Path) -> Signal:
    from scipy.io import wavfile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        # Else a file that is cut short comes without its end.
        warnings.filterwarnings("error", "Reached EOF", wavfile.WavFileWarning)
        rate, samples = wavfile.read(path)
    values = np.atleast_2d(samples.T).astype(np.float32)
    if samples.dtype == np.uint8:  # which is silent at 128
        return Signal((values - 128) / 128, rate)
    if np.issubdtype(samples.dtype, np.integer):
        values /= -float(np.iinfo(samples.dtype).min)
    return Signal(values, rate)


def _columns(path: Path) -> Signal:
    """Read a table with one row a moment and one column a channel; or one row that is all of it."""
    table = read_table(path)
    rows = [[field.strip() for field in fields] for _, fields in table.rows]
    if table.delimiter == ";":
        rows = [[field.replace(",", ".") for field in fields] for fields in rows]
    header = [] if all(map(_is_number, rows[0])) else rows.pop(0)
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    for (line, _), fields in zip(table.rows[bool(header) :], rows, strict=True):
        if len(fields) != width or not all(map(_is_number, fields)):
            raise ValueError(f"line {line} is no row of {width} numbers")
    values = np.array(rows, np.float32).reshape(len(rows), width).T
    if width > 1 and len(rows) == 1:
        return Signal(values.T, note="one row, read along it")
    times = [column for column, name in enumerate(header) if name.casefold() in TIMES]
    if not times:
        return Signal(values)
    named = ", ".join(repr(header[column]) for column in times)
    return Signal(np.delete(values, times, 0), note=f"not read, for it tells the time: {named}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
