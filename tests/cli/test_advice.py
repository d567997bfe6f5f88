"""What the command line says is one line, is right, and nothing that was given is ignored."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mien import media
from mien.cli import app
from mien.errors import InputError, MediaError, OutputError


def run(*arguments, **options):
    return CliRunner().invoke(app, [str(each) for each in arguments], **options)


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "plain.png"
    Image.fromarray(np.full((40, 40, 3), 120, np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["models", "-q", "-v"], "--quiet and --verbose exclude each other"),
        (["analyze", "a.jpg", "--format", "csv"], "--format does nothing without --out FOLDER"),
        (["analyze", "a.jpg", "--overwrite"], "--overwrite does nothing without --out FOLDER"),
        (["analyze", "a.jpg", "--without-faces"], "does nothing without --report FILE.html"),
        (["explain", "a.jpg", "--overwrite"], "--overwrite does nothing without --out OUT.png"),
        (["similar", "a.jpg", "b", "--overwrite"], "does nothing without --out FILE.png"),
        (["evaluate", "--data", "fer", "--overwrite"], "--overwrite does nothing without --report"),
        (["live", "--headless", "--mirror"], "--mirror does nothing with --headless"),
        (["live", "--headless", "--out", "x"], "--out does nothing with --headless"),
        (
            ["data", "split", "fer", "--out", "x", "--val", "0.2"],
            "--val does nothing with --kind leak-free",
        ),
        (
            ["data", "split", "fer", "--out", "x", "--kind", "published", "--near"],
            "--near does nothing with --kind published",
        ),
        (["data", "check", "faces", "--fold", "2"], "--fold does nothing without --split FILE"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in re.sub(r"[\s│]+", " ", result.stderr)


def test_a_default_that_is_given_is_refused_as_well(plain):
    assert run("analyze", plain, "--format", "jsonl").exit_code == 2
    assert run("analyze", plain).exit_code == 0


def test_the_map_of_a_dataset_that_was_imported_is_refused(dataset):
    result = run("data", "check", dataset, "--map", "wut=angry")
    assert result.exit_code == 2
    assert "--map does nothing for a DATASET" in re.sub(r"[\s│]+", " ", result.stderr)


def test_the_library_advises_in_python_and_the_command_line_in_options(samples, tmp_path):
    from mien.drawing import check_image_name

    drawn = tmp_path / "drawn.png"
    drawn.touch()
    with pytest.raises(OutputError, match=r"or pass overwrite=True$"):
        check_image_name(drawn, overwrite=False)
    refused = run("explain", samples / "eileen_collins.jpg", "--out", drawn)
    assert str(refused.exception).endswith("Choose another name or pass --overwrite")
    assert (
        run("explain", samples / "eileen_collins.jpg", "--out", drawn, "--overwrite").exit_code == 0
    )


def test_a_run_is_continued_and_replaced_as_it_is_advised(samples, tmp_path):
    from mien import RunOptions, analyze_to

    photo, out = samples / "eileen_collins.jpg", tmp_path / "out"
    analyze_to(out, photo)
    with pytest.raises(OutputError, match="overwrite=True"):
        analyze_to(out, photo)
    analyze_to(out, photo, options=RunOptions(overwrite=True))
    assert "--overwrite" in str(run("analyze", photo, "--out", out).exception)
    assert run("analyze", photo, "--out", out, "--overwrite").exit_code == 0


@pytest.mark.parametrize("verb", ["explain", "similar"])
def test_a_folder_in_the_place_of_an_image_is_named(tmp_path, verb):
    result = run(verb, tmp_path, *([tmp_path] if verb == "similar" else []))
    assert isinstance(result.exception, MediaError)
    expected = "a folder, not an image. `mien analyze` and Analyzer.stream take folders"
    assert result.exception.reason == expected


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("0", "0: no such video. A camera is called camera:0"),
        (".", ".: a folder, expected a camera, a stream or a video. `mien analyze` takes folders"),
    ],
)
def test_live_says_what_it_takes(source, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("live", source, "--headless")
    assert isinstance(result.exception, InputError)
    assert str(result.exception) == said


def test_no_camera_is_said(monkeypatch):
    monkeypatch.setattr(media, "cameras", list)
    result = run("live", "--list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "no camera was found; connect one, or check who may use it\n"


@pytest.mark.parametrize("verb", [["analyze"], ["similar", "query.jpg"]])
def test_an_empty_list_on_stdin_is_said(verb):
    result = run(*verb, "-", input="\n")
    assert str(result.exception).startswith("-: stdin holds no path")


@pytest.mark.parametrize("verb", [["analyze"], ["similar", "query.jpg"]])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\n", "holds a file of the format JPEG"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "holds a file of the format PNG"),
        (b"\0\0\0\x18ftypisom\0\0\0\0\n", "holds a video"),
        (b"\x01\0\x02\n\x03\0\n", "holds no text"),
        ("p/A.png\np/B.png".encode("utf-16-le"), "single characters"),
        ("p/A.png".encode("utf-32-be"), "single characters"),
    ],
    ids=["jpeg", "png", "mp4", "other", "utf-16 without a line break", "utf-32 likewise"],
)
def test_what_is_no_list_on_stdin_is_said(verb, data, said):
    result = run(*verb, "-", input=data)
    assert isinstance(result.exception, InputError)
    assert said in str(result.exception)
    assert "\n" not in str(result.exception)


NAMES = ["first.png", "zweites Bild äöü.png", "третье.png"]


@pytest.mark.parametrize(
    "encode",
    [
        lambda names: "\n".join(names).encode(),
        lambda names: "\r\n".join(names).encode("utf-8-sig"),
        lambda names: "\r\n".join(names).encode("utf-16"),
        lambda names: "\r\n".join(names).encode("utf-32"),
        lambda names: "\n".join((*names, "")).encode("utf-32-le"),
        lambda names: "\ufeff".encode("utf-16-be") + "\r\n".join(names).encode("utf-16-be"),
        lambda names: "\0".join((*names, "")).encode(),
        lambda names: "\0".join(names).encode(),
    ],
    ids=[
        "utf-8",
        "utf-8 with mark",
        "utf-16",
        "utf-32",
        "utf-32 bare",
        "utf-16 big",
        "print0",
        "zero between",
    ],
)
def test_lists_of_any_usual_form_are_read(plain, tmp_path, monkeypatch, encode):
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        (tmp_path / name).write_bytes(plain.read_bytes())
    result = run("analyze", "-", input=encode(NAMES))
    assert result.exit_code == 0, result.stderr
    assert [line.partition("  ")[0] for line in result.stdout.splitlines()] == NAMES


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_list_of_utf_16_without_a_mark_is_read(plain, tmp_path, monkeypatch, encoding):
    monkeypatch.chdir(tmp_path)
    result = run("analyze", "-", input="plain.png\r\n".encode(encoding))
    assert result.stdout.startswith("plain.png  ")


def test_a_name_with_a_line_break_comes_from_print0(plain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two\nlines.png").write_bytes(plain.read_bytes())
    result = run("analyze", "-", input=b"two\nlines.png\0gone\n.png\0")
    assert (
        result.stdout == r"two\nlines.png  no face found; --min-face-px finds smaller ones" + "\n"
    )
    assert result.stderr.splitlines() == [
        r"gone\n.png: no such file or folder. Check the path",
        "1 read, none with a face, 1 not read or damaged",
    ]


def test_the_names_of_a_model_keep_apart_from_their_values():
    lines = run("models").stdout.splitlines()
    block = [line for line in lines[1 : lines.index("")] if "--figures" not in line]
    column = max(len(line.split("  ")[1]) for line in block) + 4
    assert column > 15
    assert all(line[column - 2 : column] == "  " and line[column] != " " for line in block)


def test_the_script_of_completion_is_for_the_command():
    command = [sys.executable, "-m", "mien", "--show-completion", "bash"]
    # Otherwise Typer looks for a shell among the processes above this one.
    env = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    shown = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    assert " _MIEN_COMPLETE=complete_bash $1" in shown
    assert shown.endswith("complete -o default -F _mien_completion mien\n")


def test_names_that_look_like_markup_are_printed_as_they_are(plain, tmp_path):
    faces = tmp_path / "faces" / "happy"
    faces.mkdir(parents=True)
    (faces / "a.png").write_bytes(plain.read_bytes())
    (faces / "[red]b.png").write_bytes(b"no image")
    result = run("data", "check", tmp_path / "faces", "--no-near")
    assert "happy/[red]b.png" in result.stdout.replace("\n", "")
    assert result.exit_code == 3


def test_a_name_with_a_line_break_is_one_line_in_every_error(plain, tmp_path):
    broken = tmp_path / "a\n\x1b[31mb.png"
    broken.write_bytes(plain.read_bytes()[:40])
    result = run("explain", broken)
    assert r"a\n\x1b[31mb.png: damaged or cut off" in str(result.exception)
    assert "\n" not in str(result.exception)
    refused = run("explain", plain, "--out", tmp_path / "x\ny.txt")
    assert r"x\ny.txt: expected a name that ends in" in str(refused.exception)
