"""The cores that a process may use: a mask and a container's share of time count."""

import os
import sys

import pytest

from mien import _cores
from mien._cores import usable_cores

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="masks of cores are Linux's here")


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 6), ("250000 100000", 3), ("50000 100000", 1), ("900000 100000", 6), ("", 6)],
)
def test_the_smaller_of_the_mask_and_the_share_of_time_counts(
    monkeypatch, tmp_path, quota, expected
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    monkeypatch.setattr(_cores, "_QUOTA", tmp_path / "cpu.max")
    assert usable_cores() == 6
    (tmp_path / "cpu.max").write_text(quota)
    assert usable_cores() == expected
