"""The server deletes what it made, and nothing else that lies in or beside its folder."""

import sqlite3
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from mien.cli import app
from mien.errors import OutputError
from mien.server import ServerOptions, create_app
from mien.server.jobs_folder import MARKER, RECORD, JobsFolder, new_job_id
from mien.server.runner import UPLOAD
from mien.server.store import Job, JobStore
from tests.server.test_jobs import ended, hand_in
from tests.videos import write_video

LOOKS_LIKE_A_JOB = "Qm0bq1VqfY0dE3pA2c4x1w"


def contents(folder):
    """Map every path below a folder to its bytes, its link or None for a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    frames = [(number / 10, np.full((120, 160, 3), 90, np.uint8)) for number in range(5)]
    return write_video(tmp_path_factory.mktemp("videos") / "portrait.mp4", frames)


@pytest.fixture
def foreign(tmp_path):
    """A folder of somebody else, in which a name looks like that of a job."""
    folder = tmp_path / "images"
    (folder / LOOKS_LIKE_A_JOB).mkdir(parents=True)
    (folder / LOOKS_LIKE_A_JOB / "wedding.jpg").write_bytes(b"dear")
    (folder / "notes.txt").write_text("mine")
    return folder


def test_a_folder_of_somebody_else_is_refused_and_untouched(foreign):
    before = contents(foreign)
    with pytest.raises(OutputError) as caught:
        create_app(ServerOptions(jobs=foreign))
    assert str(caught.value) == (
        f"{foreign}: holds {LOOKS_LIKE_A_JOB}, notes.txt, and no mien-jobs.txt, so it is not a "
        "folder of jobs. Choose a new or empty folder with jobs=FOLDER"
    )
    ran = CliRunner().invoke(app, ["serve", "--jobs", str(foreign), "--port", "0"])
    assert isinstance(ran.exception, OutputError)
    assert contents(foreign) == before


def test_neither_a_list_of_jobs_nor_a_marker_that_is_none_makes_it_ours(foreign, tmp_path):
    JobStore(foreign / "jobs.sqlite").close()
    with pytest.raises(OutputError, match="not a folder of jobs"):
        create_app(ServerOptions(jobs=foreign))
    (foreign / MARKER.name).write_text("my own words")
    with pytest.raises(OutputError, match="not a folder of jobs"):
        create_app(ServerOptions(jobs=foreign))
    (foreign / MARKER.name).unlink()
    (foreign / MARKER.name).symlink_to(JobsFolder(tmp_path / "real").path / MARKER.name)
    with pytest.raises(OutputError, match="not a folder of jobs"):
        create_app(ServerOptions(jobs=foreign))
    assert (foreign / LOOKS_LIKE_A_JOB / "wedding.jpg").read_bytes() == b"dear"


def test_a_folder_that_becomes_somebody_elses_before_the_first_job_is_untouched(
    client_of, video, foreign, tmp_path
):
    client = client_of(jobs=tmp_path / "later")
    foreign.rename(tmp_path / "later")
    before = contents(tmp_path / "later")
    answer = client.post("/v1/videos", content=video.read_bytes())
    assert answer.status_code == 503
    assert contents(tmp_path / "later") == before


def test_a_new_or_an_empty_folder_is_marked_and_known_again(tmp_path):
    for path in (tmp_path / "new" / "jobs", tmp_path / "empty"):
        if path.name == "empty":
            path.mkdir()
        assert not MARKER.check(path)
        JobsFolder(path)
        assert list(contents(path)) == [MARKER.name]
        assert MARKER.check(path)
        JobsFolder(path)  # as the next server does


def test_what_others_put_among_the_jobs_stays(client_of, video, tmp_path, foreign):
    jobs = tmp_path / "jobs"
    client = client_of()
    job_id = hand_in(client, video)
    ended(client, job_id)
    client.__exit__(None, None, None)
    (foreign / LOOKS_LIKE_A_JOB).rename(jobs / LOOKS_LIKE_A_JOB)
    (jobs / "notes.txt").write_text("mine")
    again = client_of(retention_s=0.0)
    for _ in range(200):
        if not (jobs / job_id).exists():
            break
        time.sleep(0.05)
    assert not (jobs / job_id).exists()
    assert again.get(f"/v1/jobs/{job_id}").status_code == 404
    assert (jobs / LOOKS_LIKE_A_JOB / "wedding.jpg").read_bytes() == b"dear"
    assert (jobs / "notes.txt").read_text() == "mine"


def test_what_a_killed_server_left_of_an_upload_goes(client_of, video, tmp_path):
    folder = JobsFolder(tmp_path / "jobs")
    store = JobStore(folder.path / "jobs.sqlite")
    half, bare, unmade, odd = (new_job_id() for _ in range(4))
    for job_id in (half, bare, unmade, odd):
        store.add_folder(job_id)
    (folder.make(half) / UPLOAD).write_bytes(b"half a video")
    folder.job(bare).mkdir()  # it was killed before it could write the record
    folder.job(odd).mkdir()
    (folder.job(odd) / "wedding.jpg").write_bytes(b"dear")
    store.close()
    client = client_of()
    assert sorted(path.name for path in folder.path.iterdir() if path.is_dir()) == [odd]
    assert (folder.job(odd) / "wedding.jpg").read_bytes() == b"dear"
    client.__exit__(None, None, None)
    with sqlite3.connect(folder.path / "jobs.sqlite") as database:
        assert database.execute("SELECT id FROM folders").fetchall() == [(odd,)]
    database.close()


def test_links_are_not_followed(tmp_path, foreign):
    folder = JobsFolder(tmp_path / "jobs")
    before = contents(foreign)
    inside = folder.make("inside")
    (inside / "folder").symlink_to(foreign)
    (inside / "file").symlink_to(foreign / "notes.txt")
    (inside / "deeper").mkdir()
    (inside / "deeper" / "folder").symlink_to(foreign)
    assert folder.delete("inside")
    assert not inside.exists()
    record = folder.make("real") / RECORD
    (foreign / RECORD).write_bytes(record.read_bytes().replace(b"real", b"link"))
    folder.job("link").symlink_to(foreign)
    assert not folder.owns("link")
    assert not folder.delete("link")
    folder.delete_file("link", "notes.txt")
    assert folder.job("link").is_symlink()
    (foreign / RECORD).unlink()
    assert contents(foreign) == before


@pytest.mark.parametrize("name", ["..", "../images", ".", "", "sub/../../images"])
def test_an_id_that_leads_elsewhere_deletes_nothing(tmp_path, foreign, name):
    folder = JobsFolder(tmp_path / "jobs")
    (folder.path / "sub").mkdir()
    (foreign / RECORD).write_text(f"mien job {name}\n")
    (folder.path / RECORD).write_text(f"mien job {name}\n")
    (tmp_path / RECORD).write_text(f"mien job {name}\n")
    before = contents(tmp_path)
    assert not folder.delete(name)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder, job: (job / RECORD).unlink(),
        lambda folder, job: (job / RECORD).write_text("mien job another\n"),
        lambda folder, job: (folder / MARKER.name).unlink(),
        lambda folder, job: (folder / MARKER.name).write_text("no longer"),
    ],
)
def test_without_either_sign_nothing_is_deleted(tmp_path, harm):
    folder = JobsFolder(tmp_path / "jobs")
    (folder.make("job") / UPLOAD).write_bytes(b"video")
    harm(folder.path, folder.job("job"))
    assert not folder.delete("job")
    folder.delete_file("job", UPLOAD)
    assert (folder.job("job") / UPLOAD).read_bytes() == b"video"


def test_what_could_not_be_deleted_is_tried_again_by_the_next_server(
    client_of, video, tmp_path, monkeypatch
):
    from mien.server import jobs_folder

    def busy(_):
        raise PermissionError(13, "in use")

    client = client_of()
    job_id = hand_in(client, video)
    ended(client, job_id)
    with monkeypatch.context() as patch:
        patch.setattr(jobs_folder, "_delete", busy)
        assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert (tmp_path / "jobs" / job_id / RECORD).exists()
    assert client.get(f"/v1/jobs/{job_id}").status_code == 404
    client.__exit__(None, None, None)
    client_of()
    assert not (tmp_path / "jobs" / job_id).exists()


def test_a_job_whose_folder_was_replaced_fails_and_touches_nothing(client_of, video, foreign):
    jobs = foreign.parent / "jobs"
    JobsFolder(jobs)
    store = JobStore(jobs / "jobs.sqlite")
    options = {
        "max_fps": None,
        "detect_every": None,
        "smoothing_s": 0.4,
        "min_duration_s": None,
        "min_face_px": None,
        "min_score": None,
    }
    store.add_folder("abc")
    store.add(
        Job(id="abc", owner="testclient", name="a", options=options, state="queued", created=0.0)
    )
    store.close()
    (foreign / UPLOAD).write_bytes(video.read_bytes())
    (jobs / "abc").symlink_to(foreign)
    before = contents(foreign)
    client = client_of()
    assert "was removed or replaced" in ended(client, "abc")["error"]
    assert client.delete("/v1/jobs/abc").status_code == 204
    assert contents(foreign) == before
