"""Tables of texts and labels as people have them."""

import csv
from pathlib import Path

import pytest

from recipes_lib.data.text import TextSplits, load_texts

ROWS = [(f"It was, I think; number {index}.", ("bad", "good")[index % 2]) for index in range(20)]


def write(
    path: Path, delimiter: str = ",", header: str = "text,label", coding: str = "utf-8"
) -> Path:
    """Write 20 texts with labels as a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=coding) as file:
        table = csv.writer(file, delimiter=delimiter)
        table.writerows([header.split(","), *ROWS] if header else ROWS)
    return path


def sizes(splits: TextSplits) -> tuple[int, ...]:
    return len(splits.train), len(splits.valid), len(splits.test)


def texts(splits: TextSplits) -> dict[str, str]:
    """Each text and its class."""
    parts = (splits.train, splits.valid, splits.test)
    return {
        text: splits.classes[label]
        for part in parts
        for text, label in zip(part.x, part.y.tolist(), strict=True)
    }


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("header", ["text,label", "Review,Sentiment", "sms,v", "v1,v2", ""])
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_is_read(tmp_path: Path, delimiter: str, header: str, coding: str) -> None:
    splits = load_texts(write(tmp_path / "reviews.csv", delimiter, header, coding))
    assert splits.classes == ("bad", "good")
    assert sizes(splits) == (12, 4, 4)
    assert texts(splits) == dict(ROWS)


def test_the_label_may_stand_first_and_columns_that_are_not_read_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{index},{label},2024,{text}" for index, (text, label) in enumerate(ROWS)]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["id,class,year,message", *lines]).replace("It was, I", "It was I"))
    assert load_texts(path).classes == ("bad", "good")
    said = capsys.readouterr().out
    assert "text from 'message', labels from 'class'; columns not read: 'id', 'year'" in said


def test_a_seed_draws_a_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "x.csv")
    assert load_texts(path, 1).test.x == load_texts(str(path), seed=1).test.x
    assert load_texts(path, 1).test.x != load_texts(path, 2).test.x
    said = capsys.readouterr().out
    assert said.count(f"{path}: 20 texts of 2 classes") == 1
    assert said.splitlines()[1:4] == ["      texts", "bad      10", "good     10"]


@pytest.mark.parametrize(
    ("coding", "letter"), [("latin-1", "é"), ("cp1252", "“"), ("utf-8", "字"), ("utf-16", "字")]
)
def test_letters_come_out_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], coding: str, letter: str
) -> None:
    lines = [f"{letter} {index},{index % 2}" for index in range(10)]
    (tmp_path / "x.csv").write_bytes("\r\n".join(["text,label", *lines]).encode(coding))
    assert f"{letter} 3" in texts(load_texts(tmp_path / "x.csv"))
    assert ("look whether letters" in capsys.readouterr().out) == (coding in ("latin-1", "cp1252"))


def test_quoted_lines_doubled_quotes_and_words_for_nothing_stay(tmp_path: Path) -> None:
    kept = ["one\ntwo, three", 'say "x"', "NA", "null", "None", " indented", "a" * 200_000]
    rows = [*((text, "new") for text in kept), *ROWS]
    with (tmp_path / "x.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    assert texts(load_texts(tmp_path / "x.csv")) == dict(rows)


def test_quotes_in_a_tab_separated_file_swallow_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [*ROWS, ('"open', "bad"), ('5" and "more', "good"), ('"begun', "bad")]
    (tmp_path / "x.tsv").write_text("".join(f"{label}\t{text}\n" for text, label in rows))
    assert texts(load_texts(tmp_path / "x.tsv")) == dict(rows)
    assert "quotes are taken as they stand" in capsys.readouterr().out


def test_rows_without_text_or_label_are_named_and_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv")
    with path.open("a") as file:
        file.write("no label,\n,good\n  ,bad\n\na,b,c\nalone\n")
    expected = (
        r"line 26 \(3 fields, not 2\), line 27 \(1 fields, not 2\), "
        r"line 22 \(no label\), line 23, line 24 \(no text\); 5 of 25 in all"
    )
    with pytest.warns(UserWarning, match=expected):
        assert sizes(load_texts(path)) == (12, 4, 4)


def test_labels_are_numbers_in_their_order(tmp_path: Path) -> None:
    lines = [f"text {index},{index % 11}" for index in range(66)]
    (tmp_path / "x.csv").write_text("\n".join(["text,label", *lines]))
    assert load_texts(tmp_path / "x.csv").classes == tuple(map(str, range(11)))


@pytest.mark.filterwarnings("ignore:.*equal texts")
@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["train.csv", "test.csv"], (15, 5, 20)),
        (["Train.TSV", "DEV.tsv", "Testing.tsv"], (20, 20, 20)),
        (["mine_train.csv", "mine_val.csv"], (15, 5, 20)),
        (["around/train.csv", "around/eval.csv"], (15, 5, 20)),
        (["reviews.csv"], (12, 4, 4)),
    ],
)
def test_a_folder_of_tables_is_divided_by_their_names(
    tmp_path: Path, names: list[str], wanted: tuple[int, ...]
) -> None:
    for name in names:
        write(tmp_path / name, "\t" if name.casefold().endswith("tsv") else ",")
    assert sizes(load_texts(tmp_path)) == wanted


def test_a_column_may_divide_the_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"text {index},{index % 2},{'test' if index < 6 else 'Train'}" for index in range(26)]
    (tmp_path / "x.csv").write_text("\n".join(["text,label,split", *lines]))
    assert sizes(load_texts(tmp_path / "x.csv")) == (15, 5, 6)
    assert "parts from 'split'" in capsys.readouterr().out


def test_copies_are_warned_of(tmp_path: Path) -> None:
    write(tmp_path / "train.csv")
    (tmp_path / "test.csv").write_text(f'label,text\ngood,"{ROWS[0][0]} "\nbad,new\n')
    with pytest.warns(UserWarning, match="equal texts in several") as caught:
        load_texts(tmp_path)
    across, torn = (str(warning.message) for warning in caught)
    assert "several parts, 2 in all: train.csv line 2 = test.csv line 2; what is tested" in across
    assert "several classes, 2 in all: train.csv line 2 = test.csv line 2; keep the one" in torn


REFUSED = {
    "empty": ({"x.csv": ""}, "x.csv is empty; give a table, CSV or TSV"),
    "zero bytes": ({"x.csv": "a\0b"}, "holds zero bytes, so it is no text; save it as CSV"),
    "one column": ({"x.csv": "text\na\nb\n"}, "has one column; give texts and labels"),
    "no names": (
        {"x.csv": "a,b,c\n" + "1,2,3\n" * 9},
        r"columns \(a, b, c\) do not say what they are; call one text and one label",
    ),
    "no labels": (
        {"x.csv": "id,text\n" + "".join(f"{index},t{index}\n" for index in range(9))},
        "no column repeats its values as labels do",
    ),
    "one class": ({"x.csv": "text,label\na,x\nb,x\n"}, r"has one class \(x\); a classifier needs"),
    "few": (
        {"x.csv": "text,label\n" + "a,x\nb,y\n" * 2},
        "class x has 2 texts; splitting needs at least 5",
    ),
    "an open quote": (
        {"x.csv": 'text,label\na,x\nb,"y\n' + "c,x\n" * 9},
        "is no sound table .*; mend its quotes",
    ),
    "mostly without labels": (
        {"x.csv": "text,label\n" + "a,x\nb,y\n" * 2 + "c,\n" * 5},
        "5 of 9 texts in .* are not readable: line 6, .* .no label.; mend",
    ),
    "a new class": (
        {"train.csv": "text,label\na,x\nb,y\n", "test.csv": "text,label\na,z\nb,z\n"},
        "has classes that train lacks: z; give each class training texts",
    ),
    "a test part without texts": (
        {"train.csv": "text,label\n" + "a,x\nb,y\n" * 5, "test.csv": "text,label\nq,\n"},
        "the test part has no texts",
    ),
    "many": ({"a.csv": "text,label\n", "b.csv": ""}, "has a.csv, b.csv; give one table, or train"),
    "none": ({"x.json": "[]"}, "has no CSV or TSV; give one table, or train.csv and test.csv"),
    "an archive": ({"x.csv": "", "y.csv.gz": ""}, "y.csv.gz is an archive; unpack it"),
}


@pytest.mark.filterwarnings("ignore:.*equal texts", "ignore:.*left out")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    files, message = REFUSED[name]
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        load_texts(tmp_path)
    assert "\n" not in str(error.value)


def test_other_files_and_missing_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"x\.xlsx is no table; save it as CSV or TSV"):
        load_texts(tmp_path / "x.xlsx")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv does not exist"):
        load_texts(tmp_path / "nowhere.csv")
