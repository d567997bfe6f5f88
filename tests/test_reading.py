import json

import pytest

from mien._reading import (
    parse_json,
    parse_toml,
    read_csv,
    read_json,
    read_parquet_columns,
    read_text,
    read_toml,
)
from mien.errors import DatasetError


@pytest.mark.parametrize(
    "data",
    [
        "a = 'ä'".encode(),
        b"\xef\xbb\xbf" + "a = 'ä'".encode(),
        "a = 'ä'".encode("utf-16"),
        b"\xfe\xff" + "a = 'ä'".encode("utf-16-be"),
    ],
)
def test_text_of_any_usual_encoding_is_read(tmp_path, data):
    (tmp_path / "a.toml").write_bytes(data)
    assert read_toml(tmp_path / "a.toml", DatasetError, expected="a table") == {"a": "ä"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff", r"is no text \('utf-8' codec can't decode"),
        (b"\xff\xfea", r"is no text \('utf-16"),
        (b"\x00", "is no JSON"),
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"9" * 5_000, "has a number of too many digits"),
        (b"[NaN]", "is no JSON: NaN is no number there"),
        (b"[-Infinity]", "is no JSON: -Infinity is no number there"),
    ],
)
def test_a_damaged_json_is_named_with_what_is_wrong(tmp_path, data, reason):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(DatasetError, match=rf"a\.json: {reason}.*\. Expected a list$"):
        read_json(tmp_path / "a.json", DatasetError, expected="a list")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = " + "[" * 2000, "is nested too deeply"),
        ("a = " + "9" * 5_000, "has a number of too many digits"),
        ("a." * 5_000 + "b = 1", "is nested too deeply"),
        ("a = 1\n" * 20_000, "has more than 65,536 characters"),
        ("a = \x00", "is no TOML"),
        ("a = 1\na = 2", "is no TOML: Cannot overwrite"),
    ],
)
def test_a_damaged_toml_is_named_with_what_is_wrong(text, reason):
    with pytest.raises(ValueError, match=f"^{reason}"):
        parse_toml(text)


def test_a_long_document_is_no_fault():
    assert len(parse_json(json.dumps(list(range(100_000))))) == 100_000


def test_what_is_no_file_is_said(tmp_path):
    with pytest.raises(DatasetError, match=r"gone: cannot be read: No such file or directory\. Ex"):
        read_text(tmp_path / "gone", DatasetError, expected="text")
    with pytest.raises(DatasetError, match=r"cannot be read: it is not a file\. Expected text"):
        read_text(tmp_path, DatasetError, expected="text")
    (tmp_path / "file").write_text("a")
    with pytest.raises(DatasetError, match="cannot be read: Not a directory"):
        read_text(tmp_path / "file" / "below", DatasetError, expected="text")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a,b\n1,2\n3\n", "row 2 has 1 values for 2 columns"),
        (b"a,a\n1,2\n", "two columns have one name"),
        (b"a\n" + b"x" * 20_000_000, "field larger than field limit"),
    ],
)
def test_a_damaged_csv_is_named_with_what_is_wrong(tmp_path, data, reason):
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(DatasetError, match=rf"a\.csv: cannot be read: {reason}"):
        read_csv(tmp_path / "a.csv", DatasetError, expected="a table")


def test_a_csv_is_read_by_column(tmp_path):
    (tmp_path / "a.csv").write_bytes("a, b\n1,ä\n\n2,\n".encode("utf-16"))
    found = read_csv(tmp_path / "a.csv", DatasetError, expected="a table")
    assert found == {"a": ["1", "2"], "b": ["ä", ""]}


@pytest.mark.parametrize("cut", [0, 3, 50, -1])
def test_a_damaged_parquet_is_named(tmp_path, cut):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "a.parquet")
    assert read_parquet_columns(tmp_path / "a.parquet", DatasetError, expected="x") == {"a": [1, 2]}
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[:cut])
    with pytest.raises(DatasetError, match=r"a\.parquet: cannot be read as Parquet: .*Expected x$"):
        read_parquet_columns(tmp_path / "a.parquet", DatasetError, expected="x")
