import dataclasses
import importlib.metadata
import io
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mien.cli import app
from mien.errors import OutputError, SpecError
from mien.export.onnx_file import write_spec
from mien.inference import EmotionModel
from mien.media import Video, read_image
from mien.runs import folder as folder_module
from tests.broken import png_that_declares
from tests.test_structures import CONTRACT_FIELDS
from tests.videos import write_video


def run(*arguments, **options):
    return CliRunner().invoke(app, ["analyze", *map(str, arguments)], **options)


def test_the_version_is_that_of_the_package():
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.strip() == importlib.metadata.version("mien")


def test_one_line_per_face_says_emotion_confidence_and_box(samples):
    result = run(samples / "eileen_collins.jpg")
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert line.startswith(str(samples / "eileen_collins.jpg"))
    assert "happy" in line
    assert "%" in line
    assert "box " in line


def test_json_prints_one_object_per_face_with_the_contracts_fields(samples):
    result = run(samples, "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [os.path.basename(row["source"]) for row in rows] == [  # noqa: PTH119
        "eileen_collins.jpg",
        "grace_hopper.jpg",
    ]
    assert all(list(row) == CONTRACT_FIELDS for row in rows)


def test_units_are_printed_below_each_face_if_they_are_asked_for(samples):
    result = run(samples / "eileen_collins.jpg", "--units")
    assert result.exit_code == 0, result.stderr
    first, units = result.stdout.splitlines()
    assert "happy" in first
    assert units.startswith("  mouthSmile 0.")
    assert "yaw " in units
    result = run(samples / "eileen_collins.jpg", "--units", "--json")
    row = json.loads(result.stdout)
    assert row["units"]["mouthSmileLeft"] > 0.6
    assert row["units_missing"] is None


def test_a_file_without_units_is_refused_and_the_message_says_which_file_has_them(samples):
    photo, other = samples / "eileen_collins.jpg", EmotionModel().path
    result = run(photo, "--units", "--unit-model", other)
    assert result.exit_code == 1
    assert isinstance(result.exception, SpecError)
    assert "no expression units. The shipped network has them, --units" in str(result.exception)
    result = run(photo, "--unit-model", other)
    assert result.exit_code == 2
    assert "--unit-model does nothing without --units" in result.stderr


def test_saving_writes_all_that_was_asked_for_and_names_it(samples, tmp_path):
    out = tmp_path / "out"
    result = run(samples, "--out", out, "--format", "jsonl,csv,parquet", "--draw")
    assert result.exit_code == 0
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*.*"))
    assert names == [
        "drawn/eileen_collins.jpg",
        "drawn/grace_hopper.jpg",
        "results.csv",
        "results.jsonl",
        "results.parquet",
        "results.run.json",
    ]
    for name in ("results.jsonl", "results.csv", "results.parquet", "drawn"):
        assert f"wrote {out / name}" in result.stderr
    again = run(samples, "--out", out)
    assert again.exit_code == 1
    assert "exists already" in str(again.exception)


def test_paths_come_from_stdin(samples):
    paths = f"{samples / 'grace_hopper.jpg'}\n\n{samples / 'eileen_collins.jpg'}\n"
    result = run("-", "--json", input=paths)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["source"] for row in rows] == paths.split()


def test_names_of_any_kind_have_their_line_and_the_others_go_on(samples):
    sound = samples / "grace_hopper.jpg"
    given = b"\xff.jpg\n" + b"x" * 5000 + b"\na\0b.jpg\n" + bytes(sound) + b"\n"
    result = run("-", "--json", input=given)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [("error" in row) for row in rows] == [True, True, True, False]
    assert result.exit_code == 1


@pytest.mark.parametrize("option", [["--draw"], ["--out", "out", "--draw"]])
def test_a_camera_is_not_drawn(tmp_path, monkeypatch, option):
    monkeypatch.chdir(tmp_path)
    result = run("camera:0", *option)
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_only_jsonl_is_continued(samples, tmp_path):
    result = run(samples, "--out", tmp_path / "out", "--format", "csv", "--resume")
    assert result.exit_code == 2
    assert "jsonl" in result.output


def test_an_image_without_a_face_has_its_line_and_is_no_failure(tmp_path):
    path = tmp_path / "plain.png"
    Image.fromarray(np.full((100, 100, 3), 120, np.uint8)).save(path)
    result = run(path)
    assert result.exit_code == 0
    assert f"{path}  no face found" in result.stdout


def half_a_jpeg(samples):
    return (samples / "grace_hopper.jpg").read_bytes()[:20_000]


def huge_png(_samples):
    return png_that_declares(30_000, 30_000)


def one_pixel(_samples):
    data = io.BytesIO()
    Image.new("RGB", (1, 1)).save(data, "PNG")
    return data.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gone.jpg", None, "no such file or folder. Check the path"),
        ("empty.jpg", lambda _: b"", "the file is empty. Copy or download it again"),
        ("half.jpg", half_a_jpeg, "damaged or cut off"),
        ("text.jpg", lambda _: b"just words\n", "not an image, the file holds text. Use a JPEG"),
        ("dot.png", one_pixel, "only 1 x 1 pixels"),
        ("huge.png", huge_png, "more than the limit of 100 million pixels"),
    ],
)
def test_bad_input_has_its_line_and_the_others_are_still_analysed(
    tmp_path, samples, name, content, reason
):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content(samples))
    result = run(path, samples / "eileen_collins.jpg", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert f"{path}: " in result.stderr
    assert reason in result.stderr
    assert "happy" in result.stdout
    saved = (tmp_path / "out" / "results.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in saved.splitlines()]
    assert [row.get("error", "")[:5] for row in rows] == [reason[:5], ""]


def test_an_unreadable_folder_has_its_line(tmp_path, samples, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path) == str(tmp_path):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result = run(tmp_path, samples / "eileen_collins.jpg")
    assert result.exit_code == 1
    assert f"{tmp_path}: the folder cannot be read: Permission denied" in result.stderr
    assert "happy" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [[], ["a.jpg", "--format", "xls"], ["a.jpg", "--draw"], ["a.jpg", "--min-face-px", "0"]],
)
def test_wrong_usage_exits_with_two(arguments):
    assert run(*arguments).exit_code == 2


def test_parquet_without_its_extra_names_the_command(samples, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    result = run(samples, "--out", tmp_path, "--format", "jsonl,parquet")
    assert result.exit_code == 1
    assert 'pip install ".[tables]"' in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_drawn_is_said_and_the_others_are(samples, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    for name, size_hw in (("a", (64, 64)), ("b", (1, 1)), ("c", (65, 63))):
        frames = ((number / 10, photo[: size_hw[0], : size_hw[1]]) for number in range(3))
        codec = "libx264" if name == "a" else "ffv1"
        write_video(folder / f"{name}.mkv", frames, codec=codec)
    long = "\N{HIRAGANA LETTER A}" * 83
    for name in (long + ".jpg", "d.jpg"):
        (folder / name).write_bytes((samples / "eileen_collins.jpg").read_bytes())
    result = run(folder, "--out", out, "--draw")
    assert result.exit_code == 0, result.output
    drawn = sorted(path.name for path in (out / "drawn").iterdir())
    assert drawn[:4] == ["a.mp4", "b.mp4", "c.mp4", "d.jpg"]
    assert drawn[4].startswith(long[:60])
    with Video(out / "drawn" / "b.mp4") as video:
        assert (video.width, video.height) == (2, 2)


def test_one_copy_that_cannot_be_written_does_not_end_the_run(samples, tmp_path, monkeypatch):
    def refused(image, path):
        if path.stem == "eileen_collins":
            raise OutputError(f"{path}: cannot write: too odd")
        write(image, path)

    write = folder_module.write_image
    monkeypatch.setattr(folder_module, "write_image", refused)
    result = run(samples, "--out", tmp_path / "out", "--draw")
    assert result.exit_code == 0
    assert "eileen_collins.jpg: is not drawn:" in result.stderr
    assert [path.name for path in (tmp_path / "out" / "drawn").iterdir()] == ["grace_hopper.jpg"]


def test_a_video_says_what_is_unsure_and_that_nobody_was_in_it(samples, tmp_path):
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    dim = (photo[:400, 40:440].astype(float) * 0.02).astype(np.uint8)
    write_video(tmp_path / "a.mp4", ((number / 10, dim * 0) for number in range(5)))
    result = run(tmp_path, samples / "eileen_collins.jpg")
    assert f"{tmp_path / 'a.mp4'}  no face found" in result.stdout
    assert "2 read, 1 with faces" in result.stderr
    model = EmotionModel()
    sure = dataclasses.replace(model.spec.six, unsure_below=1.0)
    shutil.copy(model.path, tmp_path / "never sure.onnx")
    write_spec(tmp_path / "never sure.onnx", dataclasses.replace(model.spec, six=sure))
    video = write_video(
        tmp_path / "b.mp4", ((number / 10, photo[:400, 40:440]) for number in range(3))
    )
    (line,) = run(video, "--model", tmp_path / "never sure.onnx").stdout.splitlines()
    assert line.endswith("unsure")


@pytest.mark.parametrize("name", ["file/report.html", "folder"])
def test_a_report_that_could_not_be_written_is_refused_before_the_work(samples, tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    video = write_video(tmp_path / "a.mp4", ((0.0, photo[:64, :64]),))
    with pytest.raises(OutputError, match="is a f"):
        run(video, "--report", tmp_path / name, "--overwrite", catch_exceptions=False)


def test_a_file_is_no_folder_for_results(samples, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, expected a folder"):
        run(samples, "--out", tmp_path / "file", catch_exceptions=False)


def test_no_verb_writes_over_what_it_reads(samples, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes((samples / "eileen_collins.jpg").read_bytes())
    before = photo.read_bytes()
    for arguments in (
        ("explain", photo, "--out", photo),
        ("similar", photo, samples, "--out", photo),
        ("similar", samples / "eileen_collins.jpg", photo, "--out", photo),
    ):
        result = CliRunner().invoke(app, [*map(str, arguments), "--overwrite"])
        assert "is one of the inputs" in str(result.exception)
    assert photo.read_bytes() == before
