import dataclasses
import errno
import itertools
import json
import os
import shutil
import threading
from pathlib import Path

import pytest
from PIL import Image

import mien
from mien.errors import InputError, OptionsError, OutputError
from mien.media import read_image
from mien.media.writers import CsvWriter
from mien.options import FaceOptions, VideoOptions
from mien.runs import RunOptions, analyze_to, is_interrupted, journal
from mien.runs.fingerprint import fingerprint
from tests.videos import LossyVideo, gliding, write_video


class Stop(Exception):  # noqa: N818
    """What ends a run in the middle."""


@pytest.fixture(scope="module")
def analyzer():
    return mien.Analyzer()


@pytest.fixture(scope="module")
def inputs(samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    for name in ("a", "b"):
        Image.fromarray(photo).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"no image")
    write_video(folder / "c.mp4", gliding(photo, seconds=2, per_second=10))
    Image.fromarray(photo).save(folder / "d.png")
    return folder


@pytest.fixture(scope="module")
def whole(analyzer, inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    run = analyze_to(out, [inputs], analyzer=analyzer)
    return run, (out / "results.jsonl").read_text()


def stopping_after(count):
    results = []

    def on_result(result):
        results.append(result)
        if len(results) == count:
            raise Stop

    return on_result


def test_results_are_saved_and_told_in_the_order_of_the_inputs(whole, inputs):
    run, text = whole
    rows = [json.loads(line) for line in text.splitlines()]
    names = ["a.png", "b.png", "broken.png", "c.mp4", "d.png"]
    assert [source.rpartition("/")[2] for source in run.sources] == names
    assert list(dict.fromkeys(row["source"] for row in rows)) == list(run.sources)
    assert run.checkpoint.inputs == 5
    assert run.written == (run.journal.path.parent / "results.jsonl",)
    assert not run.can_resume


@pytest.mark.parametrize("count", [1, 2, 3, 4, 12, 22])
def test_a_run_that_was_stopped_anywhere_ends_with_the_same_rows(
    analyzer, inputs, whole, tmp_path, monkeypatch, count
):
    monkeypatch.setattr(journal, "_INTERVAL_S", 0.0)
    with pytest.raises(Stop):
        analyze_to(tmp_path, [inputs], analyzer=analyzer, on_result=stopping_after(count))
    assert is_interrupted(tmp_path)
    assert not (tmp_path / "results.jsonl").exists()
    started = []
    run = analyze_to(
        tmp_path,
        [inputs],
        options=RunOptions(resume=True),
        analyzer=analyzer,
        on_start=started.append,
    )
    assert (tmp_path / "results.jsonl").read_text() == whole[1]
    assert started == [run]
    assert run.resumed_after.inputs <= run.checkpoint.inputs == 5
    assert not is_interrupted(tmp_path)
    again = analyze_to(tmp_path, [inputs], options=RunOptions(resume=True), analyzer=analyzer)
    assert again.was_complete


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"faces": FaceOptions(min_score=0.99)}, "the complete run differs in min_score"),
        ({"video": VideoOptions(max_fps=1)}, "the complete run differs in max_fps"),
        ({}, None),
    ],
)
def test_a_complete_run_is_one_of_the_same_options(analyzer, inputs, tmp_path, options, message):
    first = [inputs / "a.png"]
    analyze_to(tmp_path, first, analyzer=analyzer)
    before = (tmp_path / "results.jsonl").read_bytes()
    again = RunOptions(resume=True, **options)
    if message is None:
        assert analyze_to(tmp_path, first, options=again, analyzer=analyzer).was_complete
    else:
        with pytest.raises(OutputError, match=message):
            analyze_to(tmp_path, first, options=again, analyzer=analyzer)
    with pytest.raises(OutputError, match=r"had other inputs: .*b\.png new"):
        analyze_to(tmp_path, [*first, inputs / "b.png"], options=again, analyzer=analyzer)
    assert (tmp_path / "results.jsonl").read_bytes() == before
    # What a run with other options replaces is the measure from then on.
    replaced = RunOptions(overwrite=True, **options)
    analyze_to(tmp_path, first, options=replaced, analyzer=analyzer)
    assert analyze_to(tmp_path, first, options=again, analyzer=analyzer).was_complete
    (tmp_path / "results.run.json").write_text("{}")
    with pytest.raises(OutputError, match=r"results\.run\.json: cannot be read"):
        analyze_to(tmp_path, first, options=again, analyzer=analyzer)


def test_without_a_folder_nothing_is_saved(analyzer, inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = []
    run = analyze_to(None, [inputs / "a.png"], analyzer=analyzer, on_result=results.append)
    assert [len(result) for result in results] == [1]
    assert run.written == ()
    assert not list(tmp_path.iterdir())


def test_sources_may_have_other_names_in_the_results(analyzer, inputs, tmp_path):
    names = {str(inputs / "a.png"): "first", str(inputs / "broken.png"): "second"}
    analyze_to(tmp_path, list(names), options=RunOptions(names=names), analyzer=analyzer)
    text = (tmp_path / "results.jsonl").read_text()
    assert [json.loads(line)["source"] for line in text.splitlines()] == ["first", "second"]
    assert str(inputs) not in text


def test_what_is_drawn_has_the_names_of_the_results(analyzer, inputs, tmp_path):
    names = {str(inputs / "a.png"): "Dr. A/1", str(inputs / "c.mp4"): "c: two.mp4"}
    options = RunOptions(names=names, draw=True, video=VideoOptions(max_fps=5))
    run = analyze_to(tmp_path, list(names), options=options, analyzer=analyzer)
    drawn = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert drawn == ["Dr. A_1.jpg", "c_ two.mp4"]
    assert not any(str(inputs) in note for note in run.notes)


def test_options_of_videos_and_faces_hold(analyzer, inputs, tmp_path):
    options = RunOptions(
        video=VideoOptions(max_fps=5), faces=FaceOptions(min_face_px=400), formats=("jsonl", "csv")
    )
    results = []
    analyze_to(
        tmp_path, [inputs / "c.mp4"], options=options, analyzer=analyzer, on_result=results.append
    )
    assert len(results) == 10
    assert not any(results)
    assert (tmp_path / "results.csv").exists()


def test_existing_results_are_not_replaced_unasked(analyzer, inputs, tmp_path):
    for _ in range(2):
        options = RunOptions(overwrite=True)
        analyze_to(tmp_path, [inputs / "a.png"], options=options, analyzer=analyzer)
    with pytest.raises(OutputError, match="exists already"):
        analyze_to(tmp_path, [inputs / "a.png"], analyzer=analyzer)


def test_replaced_results_leave_none_in_another_format(analyzer, inputs, tmp_path):
    for formats in (("jsonl", "csv"), ("parquet",), ("jsonl",)):
        options = RunOptions(overwrite=True, formats=formats)
        run = analyze_to(tmp_path, [inputs / "a.png"], options=options, analyzer=analyzer)
        assert not run.notes
        found = {path.name for path in tmp_path.glob("results.*")}
        assert found - {"results.run.json"} == {f"results.{name}" for name in formats}


def test_replaced_results_leave_files_of_others_and_say_so(analyzer, inputs, tmp_path):
    others = {"results.csv": "year,profit\n2025,3\n", "results.parquet": "no table"}
    lines = tmp_path / "lines" / "results.jsonl"
    lines.parent.mkdir()
    lines.write_text('{"source": "a", "frame": 0, "timestamp_s": 0.5, "spoken": "yes"}\n')
    table = RunOptions(overwrite=True, formats=("csv",))
    analyze_to(lines.parent, [inputs / "a.png"], options=table, analyzer=analyzer)
    assert "spoken" in lines.read_text()
    for name, text in others.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "mine.png").write_text("mine")
    options = RunOptions(overwrite=True, draw=True)
    run = analyze_to(tmp_path, [inputs / "a.png"], options=options, analyzer=analyzer)
    assert {name: (tmp_path / name).read_text() for name in others} == others
    assert (tmp_path / "drawn" / "mine.png").read_text() == "mine"
    assert [note.partition(": ")[0] for note in run.notes] == [
        str(tmp_path / name) for name in (*others, "drawn")
    ]


def test_what_is_replaced_stays_until_the_new_results_are_whole(analyzer, inputs, tmp_path):
    whole = RunOptions(formats=("jsonl", "csv"))
    analyze_to(tmp_path, [inputs / "a.png"], options=whole, analyzer=analyzer)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    table = RunOptions(overwrite=True, formats=("parquet",))
    with pytest.raises(Stop):
        analyze_to(
            tmp_path,
            [inputs / "a.png"],
            options=table,
            analyzer=analyzer,
            on_result=stopping_after(1),
        )
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {name: after[name] for name in before} == before


def test_an_interrupted_run_that_is_replaced_by_a_table_is_gone(analyzer, inputs, tmp_path):
    with pytest.raises(Stop):
        analyze_to(tmp_path, [inputs], analyzer=analyzer, on_result=stopping_after(1))
    assert is_interrupted(tmp_path)
    table = RunOptions(formats=("csv",))
    with pytest.raises(OutputError, match="interrupted"):
        analyze_to(tmp_path, [inputs / "a.png"], options=table, analyzer=analyzer)
    assert is_interrupted(tmp_path)
    table = RunOptions(formats=("csv",), overwrite=True)
    analyze_to(tmp_path, [inputs / "a.png"], options=table, analyzer=analyzer)
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]


def test_a_resumed_run_removes_what_the_interrupted_one_was_to_replace(analyzer, inputs, tmp_path):
    table = RunOptions(formats=("csv",))
    analyze_to(tmp_path, [inputs / "a.png"], options=table, analyzer=analyzer)
    with pytest.raises(Stop):
        analyze_to(
            tmp_path,
            [inputs],
            options=RunOptions(overwrite=True),
            analyzer=analyzer,
            on_result=stopping_after(1),
        )
    assert (tmp_path / "results.csv").exists()
    analyze_to(tmp_path, [inputs], options=RunOptions(resume=True), analyzer=analyzer)
    assert not (tmp_path / "results.csv").exists()


@pytest.mark.parametrize(
    "options",
    [{"resume": True, "overwrite": True}, {"resume": True, "formats": ("csv",)}],
)
def test_options_that_contradict_each_other_are_refused(options):
    with pytest.raises(OptionsError, match="resume"):
        RunOptions(**options)


def test_what_no_run_can_do_is_refused_before_anything_is_written(analyzer, inputs, tmp_path):
    for folder, given, options in (
        (None, inputs, {"draw": True}),
        (tmp_path, "camera:0", {"draw": True}),
    ):
        with pytest.raises(OptionsError):
            analyze_to(folder, [given], options=RunOptions(**options), analyzer=analyzer)
    assert not list(tmp_path.iterdir())


def test_runs_that_fail_in_the_middle_of_a_video_leave_no_thread(analyzer, inputs):
    """Threads that went on reading closed videos crashed Python after some dozens."""
    before = threading.active_count()
    failures = []
    for _ in range(60):
        with pytest.raises(Stop) as raised:
            analyze_to(None, [inputs / "c.mp4"], analyzer=analyzer, on_result=stopping_after(1))
        failures.append(raised.value)  # as a program that keeps its errors, with their frames
        assert threading.active_count() == before


def test_one_path_is_one_input_and_what_is_no_path_is_refused(analyzer, inputs, tmp_path):
    run = analyze_to(tmp_path / "one", str(inputs / "a.png"), analyzer=analyzer)
    assert run.sources == (str(inputs / "a.png"),)
    for wrong in ([None], [b"a.png"], 3):
        with pytest.raises(InputError, match="expected paths"):
            analyze_to(tmp_path / "none", wrong, analyzer=analyzer)
    assert not (tmp_path / "none").exists()


def test_a_name_of_a_format_is_no_list_of_formats():
    with pytest.raises(OptionsError, match=r"found 'csv'"):
        RunOptions(formats="csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draw": "yes"}, "draw: expected bool, found str"),
        ({"video": FaceOptions()}, "video: expected VideoOptions, found FaceOptions"),
        ({"faces": VideoOptions()}, "faces: expected FaceOptions or None, found VideoOptions"),
        ({"names": {"gone.jpg": "x"}}, "names: 'gone.jpg' is none of the inputs"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(samples, options, message):
    with pytest.raises(OptionsError, match=message):
        analyze_to(None, samples, options=RunOptions(**options))


def test_options_of_another_type_are_refused(samples):
    with pytest.raises(OptionsError, match="options: expected RunOptions, found dict"):
        analyze_to(None, samples, options={"draw": True})


def test_what_failed_before_an_interruption_counts_after_it(analyzer, inputs, whole, tmp_path):
    broken = str(inputs / "broken.png")
    assert set(whole[0].failures) == {broken}
    with pytest.raises(Stop):
        analyze_to(tmp_path, [inputs], analyzer=analyzer, on_result=stopping_after(4))
    run = analyze_to(tmp_path, [inputs], options=RunOptions(resume=True), analyzer=analyzer)
    assert run.failures == whole[0].failures
    again = analyze_to(tmp_path, [inputs], options=RunOptions(resume=True), analyzer=analyzer)
    assert (again.was_complete, again.failures) == (True, whole[0].failures)


def test_a_run_says_where_another_one_goes_on(analyzer, inputs, tmp_path):
    runs = []
    with pytest.raises(Stop):
        analyze_to(
            tmp_path,
            [inputs / "c.mp4"],
            analyzer=analyzer,
            on_start=runs.append,
            on_result=stopping_after(8),
        )
    assert runs[0].can_resume
    expected = runs[0].resumes_after.frame
    analyze_to(
        tmp_path,
        [inputs / "c.mp4"],
        options=RunOptions(resume=True),
        analyzer=analyzer,
        on_start=runs.append,
    )
    assert 0 <= expected == runs[1].resumed_after.frame < 8


def test_a_run_without_a_result_leaves_nothing(analyzer, inputs, tmp_path):
    def refuse(run):
        raise Stop

    with pytest.raises(Stop):
        analyze_to(tmp_path, [inputs], analyzer=analyzer, on_start=refuse)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, 3, 9])
def test_a_full_disk_is_one_error_and_the_run_can_be_resumed(
    analyzer, inputs, tmp_path, monkeypatch, count
):
    """Also where it is the drawn image or the checkpoint that finds no room."""
    options = RunOptions(draw=True, formats=("jsonl", "csv", "parquet"))
    analyze_to(tmp_path / "whole", [inputs], options=options, analyzer=analyzer)
    written = itertools.count(1)
    write_bytes = Path.write_bytes

    def full(path, data):
        if next(written) > count - 1:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write_bytes(path, data)

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        patched.setattr("mien.media.video_writer.VideoWriter.write", no_room)
        with pytest.raises(OutputError, match="No space left"):
            analyze_to(out, [inputs], options=options, analyzer=analyzer)
    assert is_interrupted(out)
    again = dataclasses.replace(options, resume=True)
    analyze_to(out, [inputs], options=again, analyzer=analyzer)
    assert files(out) == files(tmp_path / "whole")


def no_room(writer, frame_rgb, timestamp_s):
    raise OutputError("No space left") from OSError(errno.ENOSPC, "No space left on device")


def files(folder):
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {name: content(path) for name, path in found.items()}


def content(path):
    if path.suffix == ".mp4":
        return LossyVideo(path)
    return path.suffix == ".parquet" or path.read_bytes()


def test_a_disk_that_is_full_at_the_end_keeps_the_run(analyzer, inputs, tmp_path, monkeypatch):
    def full(writer):
        writer._file.close()
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(CsvWriter, "_finish", full)
        with pytest.raises(OutputError, match=r"results\.csv\.partial: cannot write"):
            analyze_to(
                tmp_path,
                [inputs / "a.png"],
                options=RunOptions(formats=("csv", "jsonl")),
                analyzer=analyzer,
            )
    assert (tmp_path / "results.jsonl").exists()
    options = RunOptions(formats=("csv", "jsonl"), resume=True)
    run = analyze_to(tmp_path, [inputs / "a.png"], options=options, analyzer=analyzer)
    assert run.resumed_after.inputs == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("results.csv", "results.jsonl", "results.run.json")
    ]


@pytest.mark.parametrize("formats", [("jsonl",), ("csv",)])
def test_a_folder_that_is_removed_meanwhile_is_said(
    analyzer, inputs, tmp_path, monkeypatch, formats
):
    monkeypatch.setattr(journal, "_INTERVAL_S", 0.0)
    out = tmp_path / "out"

    def remove(result):
        shutil.rmtree(out, ignore_errors=True)

    with pytest.raises(OutputError, match="removed") as raised:
        options = RunOptions(formats=formats)
        analyze_to(out, [inputs], options=options, analyzer=analyzer, on_result=remove)
    assert "stays there" not in str(raised.value)
    assert not out.exists()


def test_a_drawn_video_starts_again_and_its_copy_is_whole(analyzer, inputs, tmp_path):
    options = RunOptions(draw=True)
    media = [inputs / "a.png", inputs / "c.mp4", inputs / "d.png"]
    analyze_to(tmp_path / "whole", media, options=options, analyzer=analyzer)
    out = tmp_path / "out"
    with pytest.raises(Stop):
        on_result = stopping_after(9)
        analyze_to(out, media, options=options, analyzer=analyzer, on_result=on_result)
    again = dataclasses.replace(options, resume=True)
    run = analyze_to(out, media, options=again, analyzer=analyzer)
    assert (run.resumed_after.inputs, run.resumed_after.video) == (1, None)
    assert files(out) == files(tmp_path / "whole")


def test_the_fingerprint_of_a_file_has_size_time_and_both_ends(tmp_path):
    path = tmp_path / "long.mp4"
    path.write_bytes(bytes(300_000))
    known = fingerprint(str(path))
    assert known[0] == 300_000
    for place in (0, 299_999):
        content = bytearray(300_000)
        content[place] = 1
        path.write_bytes(content)
        os.utime(path, ns=(known[1], known[1]))
        assert fingerprint(str(path))[:2] == known[:2]
        assert fingerprint(str(path)) != known
    os.utime(path, ns=(known[1] + 1, known[1] + 1))
    assert fingerprint(str(path))[1] == known[1] + 1
    assert fingerprint(str(tmp_path / "gone.mp4")) is None
    assert fingerprint(str(tmp_path)) is None


def test_the_fingerprint_of_a_sequence_is_that_of_its_images(tmp_path):
    for number in range(3):
        (tmp_path / f"shot_{number:02}.png").write_bytes(b"image %d" % number)
    pattern = str(tmp_path / "shot_%02d.png")
    known = fingerprint(pattern)
    assert known[0] == 3 * len(b"image 0")
    (tmp_path / "shot_01.png").write_bytes(b"other 1")
    assert fingerprint(pattern) != known
    (tmp_path / "other.png").write_bytes(b"no image of it")
    assert fingerprint(str(tmp_path / "none_%02d.png")) is None
