import asyncio
import csv
import dataclasses
import io
import json
import shutil
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx2 as httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

import mien
from mien.server import KeyFile, ServerOptions, create_app
from mien.server.runner import UPLOAD
from mien.server.store import JobStore
from tests import coroutines
from tests.server.conftest import PORTRAIT, listening
from tests.videos import gliding, write_video

MP4 = {"content-type": "video/mp4"}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    with Image.open(PORTRAIT) as portrait:
        photo = np.asarray(portrait.convert("RGB"))
    path = tmp_path_factory.mktemp("videos") / "portrait.mp4"
    return write_video(path, gliding(photo, seconds=3, per_second=15))


@pytest.fixture(scope="module")
def expected(video):
    rows = [row for result in mien.Analyzer().stream(video) for row in result.to_rows()]
    assert len(rows) > 10
    return [row | {"source": "portrait.mp4"} for row in rows]


def hand_in(client, video, query="", **headers):
    answer = client.post(
        f"/v1/videos?name=portrait.mp4{query}", content=video.read_bytes(), headers=MP4 | headers
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def ended(client, job_id, **headers):
    for _ in range(600):
        job = client.get(f"/v1/jobs/{job_id}", headers=headers).json()
        if job["state"] in ("done", "failed"):
            return job
        time.sleep(0.05)
    raise AssertionError(job)


def lines(client, job_id):
    return [json.loads(line) for line in client.get(f"/v1/jobs/{job_id}/result").text.splitlines()]


def test_a_video_becomes_a_job_and_its_rows_are_those_of_python(client, video, expected, tmp_path):
    job_id = hand_in(client, video)
    early = client.get(f"/v1/jobs/{job_id}/result")
    assert early.status_code in (200, 409)
    job = ended(client, job_id)
    assert (job["state"], job["share"], job["frames"]) == ("done", 1.0, 45)
    assert job["duration_s"] == pytest.approx(3, abs=0.2)
    assert lines(client, job_id) == expected
    table = list(csv.DictReader(io.StringIO(
        client.get(f"/v1/jobs/{job_id}/result?format=csv").text
    )))  # fmt: skip
    assert [float(row["confidence"]) for row in table] == [row["confidence"] for row in expected]
    parquet = client.get(f"/v1/jobs/{job_id}/result?format=parquet").content
    assert parquet[:4] == b"PAR1"
    part = client.get(f"/v1/jobs/{job_id}?after=2&rows=3").json()["rows"]
    assert part == expected[2:5]
    assert not (tmp_path / "jobs" / job_id / UPLOAD).exists()


def test_a_job_with_units_has_them_in_its_rows_and_its_table(client, video):
    job_id = hand_in(client, video, "&units=true&max_fps=4")
    assert ended(client, job_id)["state"] == "done"
    rows = lines(client, job_id)
    expected = [row["units"]["jawOpen"] for row in rows]
    assert rows
    text = client.get(f"/v1/jobs/{job_id}/result?format=csv").text
    table = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["unit_jawOpen"]) for row in table] == expected


def test_a_video_may_come_as_the_file_of_a_form_which_also_names_it(client, video, expected):
    form = {"file": ("portrait.mp4", video.read_bytes(), "video/mp4")}
    answer = client.post("/v1/videos", files=form)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["id"]
    assert ended(client, job_id)["name"] == "portrait.mp4"
    assert lines(client, job_id) == expected
    named = client.post("/v1/videos?name=party", files=form)
    assert named.json()["name"] == "party"
    head = b"Content-Disposition: form-data; name=\"file\"; filename*=utf-8''%C3%A9.mp4"
    body = b"--x\r\n" + head + b"\r\n\r\n" + video.read_bytes() + b"\r\n--x--\r\n"
    kind = {"content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/videos", content=body, headers=kind)
    assert answer.json()["name"] == "\u00e9.mp4"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"--x--\r\n", "multipart/form-data; boundary=x", 400),
        (b"junk", "multipart/form-data; boundary=x", 400),
        (b"junk", "multipart/form-data", 400),
        (b"junk", "text/html", 415),
    ],
)
def test_a_form_without_a_video_is_refused_and_leaves_nothing(client, tmp_path, body, kind, status):
    answer = client.post("/v1/videos", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert [path for path in (tmp_path / "jobs").iterdir() if path.is_dir()] == []


def test_the_upload_stays_if_the_server_keeps_it(client_of, video, tmp_path):
    client = client_of(keep_videos=True)
    job_id = hand_in(client, video, "&max_fps=3")
    ended(client, job_id)
    assert (tmp_path / "jobs" / job_id / UPLOAD).read_bytes() == video.read_bytes()


def test_a_removed_job_leaves_nothing(client, video, tmp_path):
    first, second = hand_in(client, video), hand_in(client, video)
    for job_id in (second, first):
        assert client.delete(f"/v1/jobs/{job_id}").status_code == 204
        assert client.get(f"/v1/jobs/{job_id}").status_code == 404
        assert client.delete(f"/v1/jobs/{job_id}").status_code == 404
    for _ in range(100):
        left = [path for path in (tmp_path / "jobs").iterdir() if path.is_dir()]
        if not left:
            break
        time.sleep(0.05)
    assert left == []


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 422, "of no known format, not a video"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\nhttp://127.0.0.1:9/x.ts\n", 422, "HLS playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", 422, "playlist (ffconcat), not a video"),
        (b"\0\0\0\x20ftypisom" + bytes(100), 422, "no video that can be read"),
    ],
)
def test_what_is_no_video_is_refused_at_once_and_not_kept(client, tmp_path, body, status, says):
    answer = client.post("/v1/videos", content=body, headers=MP4)
    assert answer.status_code == status
    assert says in answer.json()["error"]["message"]
    assert str(tmp_path) not in answer.text
    assert [path for path in (tmp_path / "jobs").iterdir() if path.is_dir()] == []


def test_limits_on_videos(client_of, video):
    client = client_of(max_video_bytes=1000, jobs=video.parent / "a")
    assert client.post("/v1/videos", content=video.read_bytes(), headers=MP4).status_code == 413
    client = client_of(max_video_s=1.0, jobs=video.parent / "b")
    answer = client.post("/v1/videos", content=video.read_bytes(), headers=MP4)
    assert answer.json()["error"]["message"] == "the video is longer than 1 s"
    client = client_of(max_jobs=1, concurrent_jobs=0, jobs=video.parent / "c")
    hand_in(client, video)
    assert client.post("/v1/videos", content=video.read_bytes(), headers=MP4).status_code == 503
    wrong = {"content-type": "text/html"}
    assert client.post("/v1/videos", content=b"x", headers=wrong).status_code == 503


def test_one_caller_cannot_take_all_places(client_of, video, tmp_path):
    path = tmp_path / "keys.json"
    mine, other = (f"Bearer {KeyFile(path).add(name)}" for name in ("mine", "other"))
    client = client_of(keys=path, max_jobs_per_caller=1)
    job_id = hand_in(client, video, authorization=mine)
    body = video.read_bytes()
    refused = client.post("/v1/videos", content=body, headers=MP4 | {"authorization": mine})
    assert refused.status_code == 429
    assert "1 of your jobs" in refused.json()["error"]["message"]
    assert "Retry-After" in refused.headers
    hand_in(client, video, authorization=other)
    ended(client, job_id, authorization=mine)
    hand_in(client, video, authorization=mine)


def test_a_video_counts_from_the_begin_of_its_upload(video, tmp_path):
    options = ServerOptions(jobs=tmp_path / "jobs", max_jobs_per_caller=1)

    async def ask(host):
        async with httpx.AsyncClient(base_url=host, timeout=30) as client:
            body = video.read_bytes()
            begun, goes_on = asyncio.Event(), asyncio.Event()

            async def slowly():
                yield body[:1000]
                begun.set()
                await goes_on.wait()
                yield body[1000:]

            first = asyncio.create_task(client.post("/v1/videos", content=slowly(), headers=MP4))
            await begun.wait()
            while not list((tmp_path / "jobs").glob("*/" + UPLOAD)):
                await asyncio.sleep(0.01)
            second = await client.post("/v1/videos", content=body, headers=MP4)
            goes_on.set()
            return (await first).status_code, second.status_code

    with listening(options) as host:
        assert coroutines.run(ask(host)) == (202, 429)


def test_a_job_that_works_too_long_fails_and_says_so(client_of, video):
    client = client_of(max_job_s=0.0)
    job = ended(client, hand_in(client, video))
    assert job["state"] == "failed"
    assert job["error"] == "the video took longer than 0 s of work"


def test_the_time_that_a_server_before_spent_counts(video, tmp_path):
    options = ServerOptions(jobs=tmp_path / "jobs", max_job_s=3600.0, concurrent_jobs=0)
    with TestClient(create_app(options)) as client:
        job_id = hand_in(client, video)
    store = JobStore(tmp_path / "jobs" / "jobs.sqlite")
    store.set_progress(job_id, frames=1, time_s=0.0, worked_s=3601.0)
    store.close()
    with TestClient(create_app(dataclasses.replace(options, concurrent_jobs=1))) as client:
        assert ended(client, job_id)["error"] == "the video took longer than 3600 s of work"


def test_a_disk_without_room_stops_no_worker(client_of, video, monkeypatch):
    from mien.server import runner, store

    ends, end = [], store.JobStore.set_state

    def full_at_first(self, *given):
        ends.append(given)
        if len(ends) < 3:
            raise sqlite3.OperationalError("database or disk is full")
        return end(self, *given)

    monkeypatch.setattr(runner, "_RETRY_INTERVAL_S", 0.01)
    monkeypatch.setattr(store.JobStore, "set_state", full_at_first)
    claims, claim = [], store.JobStore.claim

    def full_once(self):
        claims.append(1)
        if len(claims) == 1:
            raise sqlite3.OperationalError("database or disk is full")
        return claim(self)

    monkeypatch.setattr(store.JobStore, "claim", full_once)
    client = client_of()
    assert ended(client, hand_in(client, video, "&max_fps=2"))["state"] == "done"
    assert len(ends) == 3
    assert ended(client, hand_in(client, video, "&max_fps=2"))["state"] == "done"


def test_two_callers_get_the_same_whole_table(client_of, video):
    client = client_of()
    job_id = hand_in(client, video)
    ended(client, job_id)
    with ThreadPoolExecutor(4) as pool:
        address = f"/v1/jobs/{job_id}/result?format=csv"
        answers = list(pool.map(lambda _: client.get(address), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert b"\0" not in answers[0].content


def test_jobs_belong_to_the_key_that_handed_them_in(client_of, video, tmp_path):
    path = tmp_path / "keys.json"
    mine, other = (f"Bearer {KeyFile(path).add(name)}" for name in ("mine", "other"))
    client = client_of(keys=path)
    job_id = hand_in(client, video, "&max_fps=2", authorization=mine)
    ended(client, job_id, authorization=mine)
    for address in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/result"):
        assert client.get(address, headers={"authorization": other}).status_code == 404
        assert client.get(address, headers={"authorization": mine}).status_code == 200


def test_a_caller_finds_the_own_jobs_again_newest_first(client_of, video, tmp_path):
    path = tmp_path / "keys.json"
    mine, other = (f"Bearer {KeyFile(path).add(name)}" for name in ("mine", "other"))
    client = client_of(keys=path)

    def listed(caller, query=""):
        answer = client.get(f"/v1/jobs{query}", headers={"authorization": caller})
        return [job["id"] for job in answer.json()["jobs"]]

    assert listed(mine) == []
    first, second = (hand_in(client, video, "&max_fps=2", authorization=mine) for _ in range(2))
    assert listed(mine) == [second, first]
    assert listed(mine, "?most=1") == [second]
    assert listed(other) == []


def test_a_job_goes_on_after_the_server_was_started_again(video, expected, tmp_path, monkeypatch):
    from mien.runs import analysis, journal
    from mien.server.runner import JobRunner

    renamed, close, ending, started = analysis._renamed, JobRunner.close, Event(), []

    def waiting(*given):
        started.append(1)
        if len(started) == 4:
            assert ending.wait(60)
        return renamed(*given)

    def closing(self):
        ending.set()
        close(self)

    monkeypatch.setattr(journal, "_INTERVAL_S", 0.0)
    options = ServerOptions(jobs=tmp_path / "jobs")
    with monkeypatch.context() as patch, TestClient(create_app(options)) as client:
        patch.setattr(analysis, "_renamed", waiting)
        patch.setattr(JobRunner, "close", closing)
        job_id = hand_in(client, video)
        while not client.get(f"/v1/jobs/{job_id}?rows=9").json()["rows"]:
            time.sleep(0.005)
    # The server ended while the job was running.
    before = (tmp_path / "jobs" / job_id / "results.jsonl.partial").read_bytes()
    assert 0 < before.count(b"\n") < len(expected)
    with TestClient(create_app(options)) as client:
        assert ended(client, job_id)["state"] == "done"
        assert lines(client, job_id) == expected


def test_old_jobs_go(client_of, video, tmp_path):
    client = client_of(retention_s=0.0)
    job_id = hand_in(client, video, "&max_fps=2")
    folder = tmp_path / "jobs" / job_id
    for _ in range(200):
        # It leaves the list first, and then the disk.
        gone = client.get(f"/v1/jobs/{job_id}").status_code == 404
        if gone and not folder.exists():
            break
        time.sleep(0.05)
    assert gone
    assert not folder.exists()


def server_on(folder, **options):
    return TestClient(create_app(ServerOptions(jobs=folder / "jobs", workers=2, **options)))


def test_a_job_whose_checkpoint_is_damaged_starts_again(video, expected, tmp_path):
    with server_on(tmp_path) as client:
        job_id = hand_in(client, video)
        ended(client, job_id)
    folder = tmp_path / "jobs" / job_id
    shutil.copy(video, folder / UPLOAD)
    (folder / "results.jsonl").rename(folder / "results.jsonl.partial")
    (folder / "results.unfinished.json").write_text("{")
    store = JobStore(tmp_path / "jobs" / "jobs.sqlite")
    store.set_state(job_id, "queued")
    store.close()
    with server_on(tmp_path) as client:
        assert ended(client, job_id)["state"] == "done"
        assert lines(client, job_id) == expected
    assert not list(folder.glob("results.unfinished*"))


def test_the_video_of_a_job_that_had_ended_is_deleted_by_the_next_server(video, tmp_path):
    with server_on(tmp_path) as client:
        job_id = hand_in(client, video)
        ended(client, job_id)
    upload = tmp_path / "jobs" / job_id / UPLOAD
    upload.write_bytes(b"as after a kill between the two")
    with server_on(tmp_path, keep_videos=True):
        assert upload.exists()
    with server_on(tmp_path):
        assert not upload.exists()
