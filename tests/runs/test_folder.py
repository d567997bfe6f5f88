import numpy as np
import pytest
from PIL import Image

from mien.errors import InputError, OutputError
from mien.runs import ResultFolder
from mien.structures import FrameResult


@pytest.fixture
def results(tmp_path):
    paths = [tmp_path / "in" / "a.png", tmp_path / "in" / "deep" / "a.jpg"]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(path)
    return [FrameResult(source=str(path), width=32, height=32) for path in paths]


def test_all_formats_and_images_are_written_at_once(tmp_path, results):
    with ResultFolder(tmp_path / "out", formats=("jsonl", "csv"), draw=True) as folder:
        for result in results:
            folder.write(result)
    names = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*"))
    assert names == ["drawn/a-2.jpg", "drawn/a.jpg", "results.csv", "results.jsonl"]
    assert [path.name for path in folder.written] == ["results.jsonl", "results.csv", "drawn"]


def test_names_that_differ_in_case_alone_are_two(tmp_path, results):
    again = tmp_path / "in" / "A.png"
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(again)
    with ResultFolder(tmp_path / "out", draw=True) as folder:
        folder.write(results[0])
        folder.write(FrameResult(source=str(again), width=32, height=32))
    assert sorted(p.name for p in (tmp_path / "out" / "drawn").iterdir()) == ["A-2.jpg", "a.jpg"]


def test_what_could_not_be_read_is_not_drawn(tmp_path):
    with ResultFolder(tmp_path / "out", draw=True) as folder:
        folder.write(FrameResult(source="gone.jpg", error="no such file"))
    assert not (tmp_path / "out" / "drawn").exists()


def test_existing_images_are_not_overwritten_unless_asked(tmp_path, results):
    for overwrite in (True, True):
        with ResultFolder(tmp_path / "out", draw=True, overwrite=overwrite) as folder:
            folder.write(results[0])
    (tmp_path / "out" / "results.jsonl").unlink()
    with pytest.raises(OutputError, match="has images already"):
        ResultFolder(tmp_path / "out", draw=True)


def test_if_one_file_cannot_be_opened_none_is_left_half_written(tmp_path):
    (tmp_path / "results.csv").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        ResultFolder(tmp_path, formats=("jsonl", "csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]


def test_an_unknown_format_is_named(tmp_path):
    with pytest.raises(InputError, match=r"'xls'.*jsonl"):
        ResultFolder(tmp_path, formats=("xls",))
