import pytest

from mien.server.errors import ApiError
from mien.server.forms import FormFile

TYPE = "multipart/form-data; boundary=x"


def part(name, content, filename="video.mp4"):
    called = f'; filename="{filename}"' if filename is not None else ""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{called}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def taken(body, *, size):
    form = FormFile(TYPE, fields=("file", "files"), option="max_fps=5")
    pieces = [form.feed(body[at : at + size]) for at in range(0, len(body), size)]
    form.close()
    return b"".join(pieces), form.filename


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_the_file_comes_out_whole_however_the_body_is_cut(size):
    video = bytes(range(256)) + b"\r\n--y\r\n--"
    for field in ("file", "files"):
        assert taken(part(field, video) + b"--x--\r\n", size=size) == (video, "video.mp4")


def test_a_field_that_is_no_file_is_not_taken_for_the_video():
    with pytest.raises(ApiError, match="field 'file' of the form holds text, expected a file"):
        taken(part("file", b"text", filename=None) + b"--x--\r\n", size=100)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"junk", "cannot be read"),
        (b"--x--\r\n", "no file in its field 'file'"),
        (part("fps", b"2", filename=None), "form field 'fps' is unknown; known are file, files"),
        (part("fiel", b"video"), "form field 'fiel' is unknown; did you mean 'file'"),
        (part("file", b"video"), "ends before its last boundary"),
        (part("file", b"a") + part("file", b"b") + b"--x--\r\n", "found several"),
        (b"--x\r\nX: " + b"a" * 3000 + b"\r\nY: " + b"b" * 3000 + b"\r\n", None),
        (b"--x\r\n" + b"X: y\r\n" * 3000, None),
    ],
)
def test_a_bad_form_is_refused_with_what_is_wrong(body, says):
    with pytest.raises(ApiError, match=says) as found:
        taken(body, size=1000)
    assert found.value.status == 400


@pytest.mark.parametrize("given", ["multipart/form-data", f"{TYPE}{'y' * 2000}"])
def test_a_form_needs_a_boundary_of_sensible_length(given):
    with pytest.raises(ApiError, match=r"[Bb]oundary") as found:
        FormFile(given, fields=("file",), option="max_fps=5")
    assert found.value.status == 400
