import logging
import os
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import mien
from mien.errors import MediaError
from mien.media import Video, find_images, find_media, is_video, read_image


@pytest.fixture
def tree(tmp_path):
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "deep/er/c.webp", ".git/d.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "bare").mkdir()
    return tmp_path


def names(tree, *inputs):
    found = find_images(inputs)
    return [
        item.reason if isinstance(item, MediaError) else os.path.relpath(item, tree)
        for item in found
    ]


def test_a_folder_stands_for_all_images_below_it_in_order(tree):
    assert names(tree, tree) == ["a.PNG", "b.jpg", "deep/er/c.webp"]


def test_a_named_file_is_taken_whatever_its_ending(tree):
    assert names(tree, tree / "notes.txt") == ["notes.txt"]


def test_a_glob_stands_for_the_files_that_match(tree):
    assert names(tree, f"{tree}/**/*.webp", f"{tree}/*.jpg") == ["deep/er/c.webp", "b.jpg"]


def test_nothing_is_given_twice(tree):
    assert names(tree, tree / "b.jpg", tree, tree / "b.jpg") == ["b.jpg", "a.PNG", "deep/er/c.webp"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("*.tiff", "the pattern matches no file"),
        ("bare", "the folder holds no image"),
    ],
)
def test_what_stands_for_nothing_is_an_error_that_stops_no_other(tree, given, reason):
    found = names(tree, tree / given, tree / "b.jpg")
    assert reason in found[0]
    assert found[1:] == ["b.jpg"]


def test_an_empty_path_is_an_error():
    (found,) = find_images(["  "])
    assert isinstance(found, MediaError)


def test_a_folder_that_cannot_be_listed_is_an_error(tree, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = names(tree, tree)
    assert found[:2] == ["a.PNG", "b.jpg"]
    assert "cannot be read: Permission denied" in found[2]


def test_a_file_whose_name_looks_like_a_glob_is_taken(tree):
    (tree / "x[1].jpg").write_bytes(b"")
    assert names(tree, tree / "x[1].jpg") == ["x[1].jpg"]


def test_folders_behind_links_are_walked_once(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for name in ("in/a.jpg", "elsewhere/b.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "back").symlink_to(tmp_path / "in")
    found = [Path(each).relative_to(tmp_path) for each in find_images([tmp_path / "in"])]
    assert found == [Path("in/a.jpg"), Path("in/link/b.jpg")]


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").touch()
    (tmp_path / "c.jpg").symlink_to("gone")
    found = [Path(each).name for each in find_images([tmp_path])]
    assert found == ["b.jpg", "c.jpg"]


def test_a_folder_of_results_can_be_passed_over(tmp_path):
    for name in ("a.jpg", "out/drawn/a.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert len(list(find_media([tmp_path]))) == 2
    assert list(find_media([tmp_path], exclude=[tmp_path / "out" / "drawn"])) == [
        str(tmp_path / "a.jpg")
    ]
    pattern, drawn = tmp_path / "**" / "*.jpg", tmp_path / "out" / "drawn" / "a.jpg"
    assert list(find_media([pattern], exclude=[drawn])) == [str(tmp_path / "a.jpg")]
    assert list(find_media([tmp_path, drawn], exclude=[drawn])) == [
        str(tmp_path / "a.jpg"), str(drawn)
    ]  # fmt: skip
    (found,) = find_media([drawn.parent], exclude=[tmp_path / "out"])
    assert isinstance(found, MediaError)
    assert "is where the results go" in found.reason


def test_spellings_of_a_path_are_one_input_and_links_are_their_own(tmp_path, monkeypatch):
    for name in ("in/a.jpg", "other/b.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "in" / "link.jpg").symlink_to("a.jpg")
    (tmp_path / "in" / "other").symlink_to(tmp_path / "other")
    monkeypatch.chdir(tmp_path / "in")
    inputs = ["a.jpg", "./a.jpg", tmp_path / "in" / "a.jpg", "../in", "*.jpg", "other/../a.jpg"]
    # Behind a link `..` leads elsewhere: there is no such file.
    assert list(find_media(inputs)) == [
        "a.jpg", "../in/link.jpg", "../in/other/b.jpg", "other/../a.jpg"
    ]  # fmt: skip


CONTAINERS = {
    "asf": "mpeg4", "avi": "mpeg4", "3g2": "mpeg4", "flv": "flv", "matroska": "mpeg4",
    "mov": "mpeg4", "mpeg": "mpeg1video", "mpeg2video": "mpeg2video", "mpegts": "mpeg2video",
    "mxf": "mpeg2video", "webm": "libvpx", "ogg": "libvpx",
}  # fmt: skip


def clip(path, kind):
    """Write eight plain frames."""
    with av.open(path, "w", format=kind) as container:
        stream = container.add_stream(CONTAINERS[kind], rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(8):
            pixels = np.full((64, 64, 3), 20 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for kind in CONTAINERS:
        clip(str(folder / kind), kind)
    return folder


@pytest.mark.parametrize("suffix", ["", ".dat", ".asf", ".f4v", ".part"])
def test_videos_are_found_whatever_they_are_called(clips, tmp_path, suffix):
    for kind in CONTAINERS:
        (tmp_path / f"{kind}{suffix}").write_bytes((clips / kind).read_bytes())
    found = list(find_media([tmp_path]))
    assert found == sorted(str(tmp_path / f"{kind}{suffix}") for kind in CONTAINERS)
    for path in found:
        assert is_video(path)
        with Video(path) as video:
            assert next(video.frames()).width == 64


def test_images_are_found_whatever_they_are_called(samples, tmp_path):
    with Image.open(samples / "eileen_collins.jpg") as photo:
        small = photo.convert("RGB").resize((32, 32))
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"):
        small.save(tmp_path / kind.lower(), kind)
    found = list(find_media([tmp_path]))
    assert len(found) == 7
    assert list(find_images([tmp_path])) == found
    assert all(read_image(path).frame_rgb.shape == (32, 32, 3) for path in found)


def test_the_content_decides_between_image_and_video(clips, samples, tmp_path):
    video, photo = tmp_path / "really.jpg", tmp_path / "really.mp4"
    video.write_bytes((clips / "matroska").read_bytes())
    photo.write_bytes((samples / "eileen_collins.jpg").read_bytes())
    assert is_video(video)
    assert not is_video(photo)
    found = {Path(each.source).name: each for each in mien.Analyzer().stream(tmp_path)}
    assert (found["really.mp4"].error, len(found["really.mp4"].faces)) == (None, 1)
    assert (found["really.jpg"].error, found["really.jpg"].frame) == (None, 7)


def test_what_is_left_out_is_said(tmp_path, samples, caplog):
    (tmp_path / "photo.jpg").write_bytes((samples / "eileen_collins.jpg").read_bytes())
    (tmp_path / "notes.txt").write_text("Grüße " * 300)
    caplog.set_level(logging.INFO, "mien")
    list(find_media([tmp_path]))
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        ("INFO", f"{tmp_path}: left out what is no image or video: 1 .txt")
    ]
    caplog.clear()
    for name, data in {
        "sound.ogg": b"OggS" + bytes(24) + b"\x01\x1e\x01vorbis" + bytes(40),
        "sound.m4a": b"\0\0\0\x18ftypM4A " + bytes(40),
        "raw.nef": b"II*\0" + bytes(40),
        "design.psd": b"8BPS\0\x01" + bytes(40),
    }.items():
        (tmp_path / name).write_bytes(data)
    assert [Path(each).name for each in find_media([tmp_path])] == ["photo.jpg"]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    said = record.getMessage().rpartition(": ")[2].split(", ")
    assert sorted(said) == ["1 .m4a", "1 .nef", "1 .ogg", "1 .psd", "1 .txt"]


def test_a_folder_of_other_files_says_what_it_holds(tmp_path):
    (tmp_path / "notes.txt").touch()
    (found,) = find_media([tmp_path])
    assert found.reason == "the folder holds no image or video, only 1 .txt. Check the path"


@pytest.mark.parametrize("given", ["a\0b.png", "a\0*.png", "a\0b.mp4", "http://a\0b"])
def test_a_zero_byte_in_a_name_is_an_error_of_its_own(given):
    (found,) = find_media([given])
    assert isinstance(found, MediaError)
    assert "\0" not in found.source
    assert "zero byte" in found.reason


def test_links_that_lead_nowhere_are_errors_and_the_others_are_read(tmp_path, samples):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes((samples / "eileen_collins.jpg").read_bytes())
    for name in ("a.png", "folder", "video.mp4", "shot_%d.png"):
        (tmp_path / name).symlink_to(name)
    (tmp_path / "gone.png").symlink_to("nowhere")
    rows = {Path(each.source).name: each for each in mien.Analyzer().stream(tmp_path)}
    assert sorted(rows) == ["a.png", "folder", "gone.png", "photo.jpg", "shot_%d.png", "video.mp4"]
    assert rows.pop("photo.jpg").faces
    assert rows.pop("gone.png").error.startswith("no such file")
    rows.pop("shot_%d.png")
    assert all("leads back to itself" in each.error for each in rows.values())


def test_what_may_not_be_looked_at_is_an_error_of_its_own(tmp_path, samples, monkeypatch):
    names = ("a.png", "b.mp4", "c", "photo.jpg")
    for name in names:
        (tmp_path / name).write_bytes((samples / "eileen_collins.jpg").read_bytes())
    stat, opens = Path.stat, Path.open

    def forbidden(path, **options):
        if path.name in names[:3]:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    def forbidden_open(path, *arguments, **options):
        forbidden(path)
        return opens(path, *arguments, **options)

    monkeypatch.setattr(Path, "stat", forbidden)
    monkeypatch.setattr(Path, "open", forbidden_open)
    rows = {Path(each.source).name: each for each in mien.Analyzer().stream(tmp_path)}
    assert rows.pop("photo.jpg").faces
    assert sorted(rows) == ["a.png", "b.mp4", "c"]
    assert all("no permission" in each.error for each in rows.values())
