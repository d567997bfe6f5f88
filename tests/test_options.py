"""Options say which of their values cannot be, and what can, before anything is done with it."""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mien._checking import Within
from mien.album import AlbumOptions
from mien.cli import app
from mien.errors import InputError, MienError, OptionsError
from mien.media import FORMATS
from mien.options import (
    BaselineOptions,
    DeviceOptions,
    EventOptions,
    FaceOptions,
    SmoothingOptions,
    TuneOptions,
    VideoOptions,
)
from mien.runs import RunOptions
from mien.server import KeyFile, ServerOptions, create_app
from mien.study import StudyOptions

INF, NAN, HUGE = math.inf, math.nan, 10**18

KINDS = (
    *(AlbumOptions, BaselineOptions, DeviceOptions, EventOptions, FaceOptions, RunOptions),
    *(ServerOptions, SmoothingOptions, StudyOptions, TuneOptions, VideoOptions),
)


@pytest.mark.parametrize(
    ("kind", "name", "value", "expected"),
    [
        # Values of another type.
        (ServerOptions, "jobs", 5, "a path, found 5"),
        (ServerOptions, "keys", b"keys.json", "a path or None, found bytes"),
        (ServerOptions, "faces", {}, "FaceOptions, found dict"),
        (ServerOptions, "keep_videos", 1, "bool, found 1"),
        (ServerOptions, "max_images", 2.0, "a whole number from 1 to 10000, found 2.0"),
        (ServerOptions, "trusted_proxies", [1], "tuple of str, found [1]"),
        (RunOptions, "formats", [1], "tuple of jsonl or csv or parquet, found [1]"),
        (RunOptions, "names", ["a"], "Mapping of str, str, found ['a']"),
        (RunOptions, "names", {"a": 1}, "Mapping of str, str, found {'a': 1}"),
        (StudyOptions, "shard", "1/3", "or None, found '1/3'"),
        (StudyOptions, "covariates", 3, "a path or None, found 3"),
        (TuneOptions, "trials", "5", "a whole number from 1 to 1000000000 or None, found '5'"),
        (DeviceOptions, "nodes", "2", "a whole number from 1 to 100000, found '2'"),
        # Values of the right type that make no sense.
        (ServerOptions, "jobs", "", "a path, found ''"),
        (ServerOptions, "keys", "a\0b", r"a path or None, found 'a\x00b'"),
        (ServerOptions, "retention_s", INF, "0 to 1000000000, found inf"),
        (ServerOptions, "retention_s", NAN, "0 to 1000000000, found nan"),
        (ServerOptions, "request_timeout_s", 0, "above 0 and at most 86400, found 0"),
        (ServerOptions, "max_decode_bytes", 10**400, "1000000000000000, found a number of 1329 b"),
        (ServerOptions, "max_images", -1, "a whole number from 1 to 10000, found -1"),
        (ServerOptions, "max_image_requests", 0, "a whole number from 1 to 1000000000, found 0"),
        (ServerOptions, "max_jobs", 0, "a whole number from 1 to 1000000000, found 0"),
        (ServerOptions, "max_streams", 0, "a whole number from 1 to 1000000000, found 0"),
        (ServerOptions, "requests_per_minute", 0, "a whole number from 1 to 1000000000, found 0"),
        (ServerOptions, "workers", HUGE, "a whole number from 1 to 1024 or None, found 1000000000"),
        (ServerOptions, "workers", 0, "a whole number from 1 to 1024 or None, found 0"),
        (ServerOptions, "host_names", ("",), "such as example.org or None, found ('',)"),
        (ServerOptions, "host_names", (), "a name or more, found none"),
        (ServerOptions, "allowed_origins", ("http://a?b",), "without a path or query"),
        (ServerOptions, "host_names", ("a.org:80",), "without a port, such as example.org"),
        (ServerOptions, "host_names", ("http://a",), "a host name or address without a port"),
        (ServerOptions, "allowed_origins", "http://a", "https://example.org, found 'http://a'"),
        (ServerOptions, "allowed_origins", ("*",), "such as https://example.org, found ('*',)"),
        (ServerOptions, "allowed_origins", ("http://a/",), "without a path"),
        (RunOptions, "formats", ("x",), "tuple of jsonl or csv or parquet, found ('x',)"),
        (RunOptions, "formats", (), "at least one of jsonl, csv, parquet"),
        (StudyOptions, "workers", HUGE, "a whole number from 1 to 1024, found"),
        (StudyOptions, "covariates", "", "a path or None, found ''"),
        (AlbumOptions, "groups", HUGE, "a whole number from 1 to 1000 or None, found"),
        (TuneOptions, "sampler", "gird", "grid or random or tpe or gp, found 'gird'"),
        (TuneOptions, "seed", -1, "a whole number from 0 to 4294967295, found -1"),
        (TuneOptions, "hours", INF, "or None, found inf"),
        (TuneOptions, "seeds", 2, "0 or a whole number from 3 to 1000, found 2"),
        (TuneOptions, "selection_share", 1.0, "above 0 and below 1, found 1.0"),
        (TuneOptions, "study", " ", "a name, found ' '"),
        (TuneOptions, "storage", "", "a name or Path or None, found ''"),
        (DeviceOptions, "accelerator", "x", "auto or cpu or gpu or cuda or mps or tpu, found 'x'"),
        (DeviceOptions, "devices", 0, "auto, -1 or numbers such as 0,1, found 0"),
        (DeviceOptions, "devices", "two", "auto, -1 or numbers such as 0,1, found 'two'"),
        (DeviceOptions, "strategy", "", "a strategy such as auto or ddp, found ''"),
        (DeviceOptions, "threads", -1, "a whole number from 0 to 1024, found -1"),
        (FaceOptions, "min_face_px", HUGE, "a whole number from 1 to 100000, found"),
        (FaceOptions, "min_score", 1.5, "0 to 1 or None, found 1.5"),
        (SmoothingOptions, "margin", 2, "0 to 1, found 2"),
        (SmoothingOptions, "time_constant_s", NAN, "0 to 3600, found nan"),
        (VideoOptions, "max_fps", 0, "above 0 and at most 1000 or None, found 0"),
        (VideoOptions, "detect_every", 0, "a whole number from 1 to 1000000 or None, found 0"),
        (EventOptions, "max_gap_s", -1, "0 to 1000000000, found -1"),
        (BaselineOptions, "people", "all", "tracks or one-person, found 'all'"),
        (BaselineOptions, "neutral", (1, 1), "a tuple of 6 probabilities that sum to 1"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_can(kind, name, value, expected):
    with pytest.raises(OptionsError, match=f"^{name}: expected ") as caught:
        kind(**{name: value})
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_count_and_become_those_of_python():
    options = FaceOptions(min_face_px=np.int64(30), min_score=np.float32(0.5))
    assert (type(options.min_face_px), type(options.min_score)) == (int, float)
    neutral = BaselineOptions(people="one-person", neutral=tuple(np.eye(6)[1])).neutral
    assert [type(each) for each in neutral] == [float] * 6
    with pytest.raises(OptionsError, match=r"found 0$"):
        FaceOptions(min_face_px=np.int64(0))
    assert TuneOptions(storage=Path("a.db")).storage == Path("a.db")


def test_a_value_with_a_huge_number_within_is_refused_in_one_line():
    with pytest.raises(OptionsError, match=r"found tuple with a number of too many digits$"):
        ServerOptions(host_names=(10**5000,))


def fields_of(kind):
    """Return the numbers and texts among the fields, with what stands for their range."""
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        for each in (hint, *typing.get_args(hint)):
            marks = getattr(each, "__metadata__", ())
            base = typing.get_args(each)[0] if marks else each
            if base in (int, float, str):
                yield name, marks
                break


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_number_and_text_has_a_range(kind):
    for name, marks in fields_of(kind):
        if name not in ("trusted_proxies", "names"):  # addresses; names are the user's own
            assert marks, f"{kind.__name__}.{name}"
        if marks and isinstance(marks[0], Within):
            for value in (marks[0].high * 1000 + 1, -marks[0].high * 1000 - 1):
                with pytest.raises(OptionsError, match=name):
                    kind(**{name: value})


def test_all_faults_are_said_at_once():
    with pytest.raises(
        OptionsError, match=r"^seed: expected .*; study: expected a name, found ''$"
    ):
        TuneOptions(seed=-1, study="")


def test_the_formats_of_a_run_are_those_that_can_be_written():
    assert RunOptions(formats=tuple(FORMATS)).formats == tuple(FORMATS)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("analyze a.jpg --min-face-px 1000000000000", "min-face-px"),
        ("analyze a.jpg --smoothing-s 1e9", "smoothing-s"),
        ("analyze a.jpg --study s --workers 1000000000000", "workers"),
        ("analyze a.jpg --study s --min-event inf", "--min-event: expected"),
        ("analyze a.jpg --max-fps inf", "--max-fps: expected"),
        ("analyze a.jpg --out out --format x", "format"),
        ("analyze a.jpg --threads 1000000000000", "threads"),
        ("album a.jpg --out album --groups 1000000000000", "groups"),
        ("serve --workers 1000000000000", "workers"),
        ("serve --workers 0", "workers"),
        ("serve --max-upload 1000000000000", "max-upload"),
        ("serve --rate 1000000000000", "--rate: expected a whole number from 1"),
        ("serve --name http://a.org/", "--name: expected tuple of a host name"),
        (
            "serve --name b.org --name http://a.org/",
            "example.org or None, found ('http://a.org/',)",
        ),
        ("serve --cors a.org", "--cors: expected tuple of an origin"),
        ("serve --trust-proxy nowhere", "trust-proxy"),
        ("tune --data fer --out o --seed -1", "seed"),
        ("tune --data fer --out o --hours nan", "hours"),
        ("tune --data fer --out o --seeds 1", "seeds"),
        ("train emotion --data fer --out o --accelerator x", "accelerator"),
        ("train emotion --data fer --out o --threads 1000000000000", "threads"),
    ],
)
def test_the_command_line_refuses_them_too(line, name, tmp_path, samples, monkeypatch):
    if line.startswith("tune"):
        pytest.importorskip("torch", reason="needs the extra train")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_bytes((samples / "eileen_collins.jpg").read_bytes())
    result = CliRunner().invoke(app, line.split())
    said = " ".join(re.sub(r"[│╭╮╰╯─]", " ", result.output).split()) + str(result.exception)
    assert result.exit_code == 2 or isinstance(result.exception, MienError), said
    assert name in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg"]


def test_a_path_may_be_text_and_a_tuple_a_list(tmp_path):
    key = KeyFile(str(tmp_path / "keys.json")).add("phone")
    options = ServerOptions(
        jobs=str(tmp_path / "jobs"),
        keys=str(tmp_path / "keys.json"),
        allowed_origins=["http://a"],
        retention_s=3600,
    )
    assert create_app(options).title == "mien"
    assert KeyFile(Path(tmp_path / "keys.json")).find_name(key) == "phone"
    with pytest.raises(InputError, match="options: expected ServerOptions, found dict"):
        create_app({"jobs": "folder"})
    with pytest.raises(InputError, match="detector: expected a file or a Detector, found int"):
        create_app(detector=3)


def test_a_name_of_the_server_holds_in_whatever_case(tmp_path):
    from starlette.testclient import TestClient

    options = ServerOptions(jobs=tmp_path / "jobs", host_names=("Example.org.", "[::1]"))
    with TestClient(create_app(options)) as client:
        hosts = {"example.ORG:8000": 200, "example.org.": 200, "[::1]:80": 200, "a.org": 400}
        for host, status in hosts.items():
            assert client.get("/v1/model", headers={"Host": host}).status_code == status


def test_every_class_of_options_is_among_those_that_are_checked():
    import mien

    public = [getattr(mien, name) for name in mien.__all__ if name.endswith("Options")]
    assert set(public) <= set(KINDS)
    assert all(dataclasses.is_dataclass(kind) for kind in public)
