import json
import threading

import pytest
from PIL import Image

import mien
from mien.errors import InputError, OptionsError, OutputError
from mien.media import read_image
from mien.options import FaceOptions, VideoOptions
from mien.runs import RunOptions, analyze_to, is_interrupted, journal
from tests.videos import gliding, write_video


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
        (tmp_path, inputs / "c.mp4", {"draw": True, "resume": True}),
    ):
        with pytest.raises(OptionsError):
            analyze_to(folder, [given], options=RunOptions(**options), analyzer=analyzer)
    assert not list(tmp_path.iterdir())


def test_runs_that_fail_in_the_middle_of_a_video_leave_no_thread(analyzer, inputs):
    """Threads that went on reading closed videos crashed Python after some dozens."""
    before = threading.active_count()
    failures = []
    for _ in range(200):
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
