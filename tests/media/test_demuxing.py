"""A file cannot make FFmpeg open other files or addresses."""

import contextlib
import http.server
import threading

import numpy as np
import pytest
from typer.testing import CliRunner

from mien.cli import app
from mien.errors import MediaError
from mien.media import LiveSource, Video
from tests.videos import write_video

GREY = [(number / 10, np.full((64, 64, 3), 10 * number, np.uint8)) for number in range(12)]


@contextlib.contextmanager
def site(answers, *, share=1.0):
    """Serve bytes by path on loopback; gives the address and the list of what was asked for.

    The connection ends after a share of the bytes that the server announces.
    """
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            kind, body = answers.get(self.path, (None, b""))
            if kind is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body[: int(share * len(body))])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    """A video of which another file must not make FFmpeg show anything."""
    return write_video(tmp_path_factory.mktemp("private") / "secret.ts", GREY, format="mpegts")


def hls(*parts):
    entries = "".join(f"#EXTINF:1,\n{part}\n" for part in parts)
    head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
    return f"{head}{entries}#EXT-X-ENDLIST\n".encode()


def concat(*parts):
    return ("ffconcat version 1.0\n" + "".join(f"file '{part}'\n" for part in parts)).encode()


def dash(*parts):
    return f'<?xml version="1.0"?>\n<MPD><BaseURL>{parts[0]}</BaseURL></MPD>'.encode()


def sdp(*_):
    return (
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        b"m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    )


LISTS = [
    (hls, "HLS playlist (m3u8)"),
    (concat, "playlist (ffconcat)"),
    (dash, "playlist (DASH)"),
    (sdp, "stream description (SDP)"),
]


@pytest.mark.parametrize("name", ["a.mp4", "a.m3u8", "a.ffconcat", "a.ts", "a.sdp", "a.mpd"])
@pytest.mark.parametrize(("written", "called"), LISTS)
def test_a_list_that_names_files_and_addresses_is_refused(tmp_path, secret, written, called, name):
    path = tmp_path / name
    with site({}) as (address, asked):
        for part in (secret, secret.as_uri(), f"{address}/x.ts", f"concat:{secret}|{secret}"):
            path.write_bytes(written(part, part))
            with pytest.raises(MediaError) as caught:
                Video(path)
            assert caught.value.reason.startswith(f"{called}, not a video that is read. Give MP4")
        assert asked == []


def test_the_command_line_says_so_in_one_line(tmp_path, secret):
    path = tmp_path / "party.mp4"
    path.write_bytes(hls(secret))
    ran = CliRunner().invoke(app, ["analyze", str(path)])
    assert ran.exit_code == 1
    assert f"{path}: HLS playlist (m3u8), not a video that is read" in ran.stderr


@pytest.mark.parametrize(
    "name",
    [
        "concat:{secret}|{secret}",
        "subfile,,start,0,end,0,,:{secret}",
        "file:{secret}",
        "data:video/mp2t;base64,AAAA",
        "lavfi:testsrc",
        "pipe:0",
        "crypto:{secret}",
        "ffrtmphttp://127.0.0.1:9/x.mp4",
    ],
)
def test_a_name_is_never_one_of_ffmpegs_protocols(secret, name):
    with pytest.raises(MediaError, match="no such file"):
        Video(name.format(secret=secret))


def test_a_file_that_is_called_like_a_protocol_is_that_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "party.mp4", GREY)
    (tmp_path / "party.mp4").rename("concat:party.mp4")
    with Video("concat:party.mp4") as video:
        assert len(list(video.frames())) == 12


def test_a_file_that_is_called_like_a_pattern_is_that_file(tmp_path):
    path = write_video(tmp_path / "100%d.mp4", GREY)
    with Video(path) as video:
        assert len(list(video.frames())) == 12


def test_numbered_images_are_of_the_promised_formats(tmp_path):
    (tmp_path / "shot_1.dpx").write_bytes(b"SDPX")
    with pytest.raises(MediaError, match=r"numbered images end in .*\.png.*found \.dpx"):
        Video(tmp_path / "shot_%d.dpx")


def first_frame(address):
    frames = LiveSource(address, give_up_s=0.0).frames()
    with contextlib.closing(frames):
        return next(frames)


def test_an_hls_stream_at_an_address_is_read(secret):
    answers = {
        "/live.m3u8": ("application/vnd.apple.mpegurl", hls("part.ts")),
        "/part.ts": ("video/mp2t", secret.read_bytes()),
    }
    with site(answers) as (address, asked):
        frame = first_frame(f"{address}/live.m3u8")
        assert (frame.width, frame.height) == (64, 64)
    assert "/part.ts" in asked


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png"])
def test_a_cameras_single_image_is_read(samples, tmp_path, name):
    from PIL import Image

    Image.open(samples / "grace_hopper.jpg").save(tmp_path / name)
    answers = {f"/{name}": ("image/jpeg", (tmp_path / name).read_bytes())}
    with site(answers) as (address, _):
        assert first_frame(f"{address}/{name}").width > 64


@pytest.mark.parametrize("written", [hls, concat, dash, sdp])
def test_an_address_cannot_make_it_open_files_of_this_machine(secret, written):
    for part in (secret, secret.as_uri(), f"subfile,,start,0,end,0,,:{secret}"):
        answers = {"/live": ("application/octet-stream", written(part))}
        answers["/live.m3u8"] = ("application/vnd.apple.mpegurl", written(part))
        with site(answers) as (address, _):
            for path in answers:
                with pytest.raises(MediaError, match=r"cannot be opened|which is not read"):
                    first_frame(address + path)


@pytest.mark.parametrize("data", [b"8BPS\0\x01" + bytes(500), b"P6 8 8 255 " + bytes(192)])
def test_other_images_at_an_address_are_not_read(data):
    answers = {f"/{name}": ("application/octet-stream", data) for name in ("a", "a.psd", "a.jpg")}
    with site(answers) as (address, _):
        for path in answers:
            with pytest.raises(MediaError, match=r"cannot be opened|which is not read"):
                first_frame(address + path)
