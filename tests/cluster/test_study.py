"""Studies on Ray; what an actor does is tested without it."""

import os
import pickle
import signal
import sys
import warnings
from pathlib import Path

import polars as pl
import pytest

import mien
from mien.cluster import ray_unit_runner
from mien.cluster.study import _Stopped, _UnitActor
from mien.detect import OnnxDetector
from mien.errors import InputError, MissingExtraError, OptionsError, OutputError
from mien.media import read_image
from mien.study import StudyOptions, analysis, study_to
from mien.study.record import read_record
from mien.study.unit_analysis import UnitPlan, settings_row
from mien.study.units import Unit
from tests.videos import swaying, write_video


@pytest.fixture(autouse=True)
def _library_warnings():
    # Ray warns of its own dependencies and leaves sockets and files to the end of the process.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(autouse=True)
def _without_report(monkeypatch):
    monkeypatch.setattr(analysis, "write_report", lambda *_: None)


@pytest.fixture(scope="module")
def analyzer():
    return mien.Analyzer()


@pytest.fixture(scope="module")
def videos(samples, tmp_path_factory):
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    folder = tmp_path_factory.mktemp("videos")
    for number in range(3):
        write_video(folder / f"{number}.mp4", swaying(photo, frames=4 + number))
    (folder / "empty.mp4").write_bytes(b"")
    return folder


class Place:
    """What an actor is told, and a video of which it is told."""

    def __init__(self, analyzer, videos, folder):
        folder.mkdir()
        (folder / "seen").touch()
        self.plan = UnitPlan.of(folder, analyzer, StudyOptions())
        self.unit = Unit("v", (str(videos / "1.mp4"),), True)
        self.pickled = pickle.dumps((analyzer, self.plan))
        self.settings = settings_row(analyzer, self.plan)

    def actor(self, *, working_folder=None, seen="seen", **settings):
        working_folder = working_folder or Path.cwd()
        return _UnitActor((self.pickled, working_folder, seen, self.settings | settings))


@pytest.fixture
def place(analyzer, videos, tmp_path):
    return Place(analyzer, videos, tmp_path / "study")


def test_an_actor_writes_the_files_of_its_unit(place):
    actor = place.actor()
    record = actor.analyze(place.unit, [True])
    assert record == read_record(place.plan.record_path("v"))
    assert pl.read_parquet(place.plan.frames_path("v")).height == record.frames_rows == 5
    assert actor.part() == 0


def test_an_actor_that_is_told_to_stop_leaves_nothing_of_its_unit(place):
    actor = place.actor()
    actor.stop()
    with pytest.raises(_Stopped):
        actor.analyze(place.unit, [True])
    assert [path.name for path in place.plan.folder.rglob("*") if path.is_file()] == ["seen"]


def test_an_actor_works_where_the_driver_does(place, tmp_path, monkeypatch, videos):
    monkeypatch.chdir("/")
    unit = Unit("v", ("1.mp4",), True)
    assert place.actor(working_folder=videos).analyze(unit, [True]).failures == {}


def test_a_machine_that_lacks_what_the_driver_has_is_named(place, videos):
    with pytest.raises(OutputError, match=r"study: a worker on .+ does not see this folder"):
        place.actor(seen="another").analyze(place.unit, [True])
    with pytest.raises(InputError, match=r"differs from this machine in av_version .+ \(here 1\)"):
        place.actor(av_version="1").analyze(place.unit, [True])
    hidden = Unit("v", (str(videos / "hidden.mp4"),), True)
    with pytest.raises(InputError, match=r"hidden\.mp4: a worker on .+ does not see it"):
        place.actor().analyze(hidden, [True])
    assert list(place.actor().analyze(hidden, [False]).failures) == [*hidden.sources]


def test_without_ray_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match="a Ray cluster needs the extra 'cluster'"):
        ray_unit_runner("local")


@pytest.mark.parametrize("numbers", [{"actors": 0}, {"cpus": 0}, {"gpus": -1}])
def test_numbers_out_of_range_are_refused(numbers):
    (name,) = numbers
    with pytest.raises(InputError, match=f"{name}: expected"):
        ray_unit_runner("local", **numbers)


def test_processes_and_a_runner_exclude_each_other(videos, tmp_path, analyzer):
    options = StudyOptions(workers=2)
    with pytest.raises(OptionsError, match="workers: are processes of this machine"):
        study_to(tmp_path, videos, options=options, analyzer=analyzer, runner=lambda *_: iter(()))


def tables(folder):
    paths = [folder / f"{name}.parquet" for name in ("people", "events", "videos", "groups")]
    frames = sorted((folder / "frames").glob("*"))
    return {
        path.name: pl.read_parquet(path).drop("analysis_s", strict=False).to_dicts()
        for path in (*paths, *frames)
    }


def deadly_detector(marker, *, deaths):
    """Return a detector that ends its process, if that is another one, so many times."""

    driver = os.getpid()

    class Deadly:
        def __init__(self):
            self.inner = OnnxDetector()

        def detect(self, frame_rgb, *, min_face_px=24):
            died = len(list(marker.iterdir()))
            if died < deaths and os.getpid() != driver:
                (marker / str(died)).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return self.inner.detect(frame_rgb, min_face_px=min_face_px)

    return Deadly()


@pytest.mark.filterwarnings("ignore")
def test_two_actors_make_the_tables_of_one_process_though_a_worker_is_lost(videos, tmp_path):
    pytest.importorskip("ray", reason="needs the extra 'cluster'")
    marker = tmp_path / "marker"
    marker.mkdir()
    analyzer = mien.Analyzer(detector=deadly_detector(marker, deaths=1))
    alone = study_to(tmp_path / "alone", videos, analyzer=analyzer)
    parts = []
    made = study_to(
        tmp_path / "ray",
        videos,
        analyzer=analyzer,
        runner=ray_unit_runner("local", actors=2),
        on_progress=lambda done, total: parts.append((done, total)),
    )
    assert len(list(marker.iterdir())) == 1
    assert tables(tmp_path / "ray") == tables(tmp_path / "alone")
    assert made.failures == alone.failures
    assert list(made.failures) == [str(videos / "empty.mp4")]
    assert parts[-1] == (4, 4)
    assert not list(tmp_path.glob("ray/**/*.partial"))
    # With nothing to do, no cluster is begun.
    again = StudyOptions(resume=True)
    nobody = ray_unit_runner("nowhere")
    assert study_to(tmp_path / "ray", videos, analyzer=analyzer, options=again, runner=nobody)


@pytest.mark.filterwarnings("ignore")
def test_a_unit_that_no_worker_survives_ends_the_study(videos, tmp_path):
    pytest.importorskip("ray", reason="needs the extra 'cluster'")
    marker = tmp_path / "marker"
    marker.mkdir()
    analyzer = mien.Analyzer(detector=deadly_detector(marker, deaths=99))
    with pytest.raises(OutputError, match=r"1\.mp4: 3 workers were lost with it one after"):
        study_to(
            tmp_path / "ray",
            videos / "1.mp4",
            analyzer=analyzer,
            runner=ray_unit_runner("local", actors=1),
        )
    assert len(list(marker.iterdir())) == 3
    assert not list(tmp_path.glob("ray/.mien-*"))


def test_an_address_without_a_cluster_is_one_clear_line_before_anything_is_made():
    pytest.importorskip("ray", reason="needs the extra 'cluster'")
    with pytest.raises(InputError, match="no Ray cluster can be reached there"):
        ray_unit_runner("127.0.0.1:1")
