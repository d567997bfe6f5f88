import pytest

from mien.server.errors import ApiError
from mien.server.forms import FormFiles

TYPE = "multipart/form-data; boundary=x"


def part(name, content, filename="video.mp4"):
    called = f'; filename="{filename}"' if filename is not None else ""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{called}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def taken(body, *, size, max_files=1):
    form = FormFiles(TYPE, fields=("file", "files"), option="max_fps=5", max_files=max_files)
    files = {}
    for at in range(0, len(body), size):
        for number, piece in form.feed(body[at : at + size]):
            files[number] = files.get(number, b"") + piece
    form.close()
    assert list(files) == list(range(len(form.names)))
    return list(zip(form.names, files.values(), strict=True))


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_the_file_comes_out_whole_however_the_body_is_cut(size):
    video = bytes(range(256)) + b"\r\n--y\r\n--"
    for field in ("file", "files"):
        assert taken(part(field, video) + b"--x--\r\n", size=size) == [("video.mp4", video)]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_several_files_come_out_in_their_order(size):
    body = part("file", b"one", "a") + part("files", b"two", "b") + b"--x--\r\n"
    assert taken(body, size=size, max_files=2) == [("a", b"one"), ("b", b"two")]
    with pytest.raises(ApiError, match="at most 2 files"):
        taken(part("file", b"three", "c") + body, size=size, max_files=2)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (b'filename="a.jpg"', "a.jpg"),
        (b"filename=a.jpg", "a.jpg"),
        (b'filename="a \\"b\\".jpg"', 'a "b".jpg'),
        (b'filename=""', ""),
        (b"filename*=utf-8''%C3%A9.jpg", "\u00e9.jpg"),
        (b"filename*=UTF-8'en'%F0%9F%98%80.jpg", "\U0001f600.jpg"),
        (b"FileName* = iso-8859-1''%E9%C3%A9.jpg", "\u00e9\u00c3\u00a9.jpg"),
        (b"filename*=\"utf-8''a%20b.jpg\"", "a b.jpg"),
        (b"filename*=a.jpg", "a.jpg"),
        (b"filename*=utf-8''%E9.jpg", "\u00e9.jpg"),
        (b"filename=\"_.jpg\"; filename*=utf-8''%C3%A9.jpg", "\u00e9.jpg"),
        (b"filename*=utf-8''%C3%A9.jpg; filename=\"_.jpg\"", "\u00e9.jpg"),
        (b"filename=\"a.jpg\"; filename*=utf-8''", "a.jpg"),
        (b"filename=\"a; filename*=utf-8''b.jpg\"", "a; filename*=utf-8''b.jpg"),
        ('filename="\u00e9.jpg"'.encode(), "\u00e9.jpg"),
        ('filename="\u00e9.jpg"'.encode("latin-1"), "\u00e9.jpg"),
    ],
)
def test_the_name_of_a_file_is_read_in_every_spelling(said, name):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; ' + said + b"\r\n\r\n"
    assert taken(head + b"data\r\n--x--\r\n", size=100) == [(name, b"data")]


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
        FormFiles(given, fields=("file",), option="max_fps=5")
    assert found.value.status == 400
