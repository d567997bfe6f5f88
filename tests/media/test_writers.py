import csv
import json

import polars as pl
import pytest

from mien.columns import COLUMNS, flat_row
from mien.errors import MissingExtraError, OutputError
from mien.media import open_writer
from mien.structures import FrameResult

FAILED = FrameResult(source="b.jpg", error="the file is empty")


def test_jsonl_holds_the_rows(tmp_path, result):
    with open_writer(tmp_path / "results.jsonl") as writer:
        writer.write(result)
        writer.write(FAILED)
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == result.to_rows() + FAILED.to_rows()


def test_csv_has_one_column_per_value(tmp_path, result):
    with open_writer(tmp_path / "results.csv") as writer:
        writer.write(result)
        writer.write(FAILED)
    with (tmp_path / "results.csv").open(newline="") as file:
        face, failed = csv.DictReader(file)
    assert list(face) == [column.name for column in COLUMNS]
    assert face["box_left"] == "10.0"
    assert face["p_neutral"] == "0.25"
    assert face["size_px"] == "100.0"
    assert face["unsure"] == "True"
    assert face["track"] == face["error"] == ""
    assert (failed["source"], failed["error"], failed["emotion"]) == ("b.jpg", FAILED.error, "")


def test_parquet_has_one_column_per_value(tmp_path, result):
    with open_writer(tmp_path / "results.parquet") as writer:
        writer.write(result)
        writer.write(FAILED)
    table = pl.read_parquet(tmp_path / "results.parquet")
    assert table.columns == [column.name for column in COLUMNS]
    assert not any(kind.is_nested() for kind in table.dtypes)
    face, failed = table.to_dicts()
    assert face == flat_row(result.to_rows()[0])
    assert face["box_bottom"] == 140.0
    assert (failed["source"], failed["error"], failed["emotion"]) == ("b.jpg", FAILED.error, None)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_name_that_is_no_text_is_written_escaped(tmp_path, suffix):
    path = tmp_path / f"results.{suffix}"
    with open_writer(path) as writer:
        writer.write(FrameResult(source="a\udcff.jpg", error="the file is empty"))
    assert b"udcff.jpg" in path.read_bytes()


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_file_has_its_name_only_when_it_is_whole(tmp_path, result, suffix):
    path = tmp_path / f"results.{suffix}"
    writer = open_writer(path)
    writer.write(result)
    assert not path.exists()
    writer.close()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_rows_are_on_disk_before_the_file_is_closed(tmp_path, result):
    writer = open_writer(tmp_path / "results.jsonl")
    writer.write(result)
    assert json.loads((tmp_path / "results.jsonl.partial").read_text()) == result.to_rows()[0]
    writer.close()


def test_an_interruption_keeps_what_was_done(tmp_path, result):
    with pytest.raises(KeyboardInterrupt), open_writer(tmp_path / "results.jsonl") as writer:
        writer.write(result)
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl.partial"]
    assert (tmp_path / "results.jsonl.partial").read_text().count("\n") == len(result.to_rows())


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_after_any_other_error_the_file_is_not_called_whole(tmp_path, result, suffix):
    with pytest.raises(RuntimeError), open_writer(tmp_path / f"results.{suffix}") as writer:
        writer.write(result)
        raise RuntimeError
    assert [file.name for file in tmp_path.iterdir()] == [f"results.{suffix}.partial"]


def test_a_full_disk_is_said_of_parquet_too(tmp_path, result, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    writer = open_writer(tmp_path / "results.parquet")
    monkeypatch.setattr(writer._file, "write_table", full)
    with pytest.raises(OutputError, match="No space left on device"), writer:
        writer.write_rows(result.to_rows() * 10_000)
    assert [file.name for file in tmp_path.iterdir()] == ["results.parquet.partial"]


def test_after_a_failed_write_the_file_is_not_called_whole(tmp_path, result, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    with (
        pytest.raises(OutputError, match="No space left on device"),
        open_writer(tmp_path / "results.jsonl") as writer,
    ):
        monkeypatch.setattr(writer, "_write_row", full)
        writer.write(result)
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl.partial"]


def test_nothing_is_overwritten_unless_asked(tmp_path, result):
    path = tmp_path / "results.jsonl"
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"exists already.*overwrite=True"):
        open_writer(path)
    assert path.read_text() == "mine"
    with open_writer(path, overwrite=True) as writer:
        writer.write(result)
    assert path.read_text() != "mine"


def test_an_unknown_format_names_the_known(tmp_path):
    with pytest.raises(OutputError, match="expected one of jsonl, csv, parquet"):
        open_writer(tmp_path / "results.xls")


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file is a file, expected a folder"):
        open_writer(tmp_path / "file" / "results.csv")


def test_parquet_without_its_extra_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r'pip install "\.\[tables\]"'):
        open_writer(tmp_path / "results.parquet")


def test_a_source_that_is_no_valid_text_stays_valid_json(tmp_path):
    with open_writer(tmp_path / "results.jsonl") as writer:
        writer.write(FrameResult(source="caf\udce9.jpg", error="x"))
    line = (tmp_path / "results.jsonl").read_text()
    assert json.loads(line)["source"] == "caf\udce9.jpg"
