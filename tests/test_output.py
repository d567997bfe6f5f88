import errno

import pytest

from mien._output import REPORT_SUFFIXES, check_output, whole_file
from mien.errors import OutputError


def test_a_file_has_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with whole_file(path) as partial:
        partial.write_text("all of it")
        assert not path.exists()
    assert path.read_text() == "all of it"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_what_fails_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(type(error)), whole_file(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_what_the_system_refuses_is_an_output_error_with_path_and_reason(tmp_path):
    path = tmp_path / "a.txt"
    with pytest.raises(OutputError, match=r"a\.txt: cannot write: No space left"), whole_file(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_names_that_cannot_be_written_are_told_before_the_work(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("")
    check_output(file, overwrite=True)
    check_output(tmp_path / "not" / "yet" / "there.txt")
    with pytest.raises(OutputError, match="exists already"):
        check_output(file)
    with pytest.raises(OutputError, match="is a folder"):
        check_output(tmp_path, overwrite=True)
    with pytest.raises(OutputError, match="is a file, expected a folder"):
        check_output(file / "b.txt")


def test_an_input_is_never_an_output_and_the_ending_has_to_fit(tmp_path):
    video = tmp_path / "v.mp4"
    video.write_text("a video")
    with pytest.raises(OutputError, match="is one of the inputs"):
        check_output(video, overwrite=True, inputs=[tmp_path / "gone", str(video)])
    with pytest.raises(OutputError, match=r"expected a name that ends in \.html, \.htm"):
        check_output(video, overwrite=True, suffixes=REPORT_SUFFIXES)
    check_output(tmp_path / "V.HTML", suffixes=REPORT_SUFFIXES, inputs=[video])
