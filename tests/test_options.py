"""Options say which of their values has another type, before anything is done with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.errors import InputError
from mien.options import DeviceOptions, TuneOptions
from mien.runs import RunOptions
from mien.server import KeyFile, ServerOptions, create_app
from mien.study import StudyOptions


@pytest.mark.parametrize(
    ("kind", "name", "value", "found"),
    [
        (ServerOptions, "jobs", 5, "expected str or Path, found int"),
        (ServerOptions, "keys", b"keys.json", "expected str or Path or None, found bytes"),
        (ServerOptions, "allowed_origins", "http://a", "expected tuple of str, found 'http://a'"),
        (ServerOptions, "trusted_proxies", [1], r"expected tuple of str, found \[1\]"),
        (ServerOptions, "faces", {}, "expected FaceOptions, found dict"),
        (ServerOptions, "keep_videos", 1, "expected bool, found int"),
        (ServerOptions, "max_images", 2.0, "expected int, found float"),
        (ServerOptions, "max_images", -1, "expected 0 or more, found -1"),
        (ServerOptions, "retention_s", float("nan"), "expected 0 or more, found nan"),
        (ServerOptions, "workers", 0, "expected a whole number from 1 on, found 0"),
        (RunOptions, "formats", [1], r"expected tuple of str, found \[1\]"),
        (RunOptions, "names", ["a"], r"expected Mapping, found \['a'\]"),
        (StudyOptions, "shard", "1/3", "expected tuple of int, int or None, found '1/3'"),
        (StudyOptions, "covariates", 3, "expected str or Path or None, found int"),
        (TuneOptions, "trials", "5", "expected int or None, found '5'"),
        (TuneOptions, "sampler", "gird", "expected grid or random or tpe or gp, found 'gird'"),
        (DeviceOptions, "nodes", "2", "expected int, found str"),
        (DeviceOptions, "threads", -1, "expected a whole number from 0"),
    ],
)
def test_a_value_of_another_type_is_named(kind, name, value, found):
    with pytest.raises(InputError, match=f"^{name}: {found}"):
        kind(**{name: value})


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
