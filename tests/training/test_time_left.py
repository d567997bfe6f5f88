"""A training says once, after its first seconds, how long it will still take."""

from __future__ import annotations

import types

import pytest

from mien import _estimate
from mien.training.run import TimeLeft


def trainer(step, *, first=True):
    return types.SimpleNamespace(
        is_global_zero=first, global_step=step, estimated_stepping_batches=100
    )


@pytest.fixture
def said(monkeypatch, caplog):
    """Return a function that trains from a step on, with 2 s for each, and gives what was said."""
    now_s = [0.0]
    monkeypatch.setattr(_estimate.TimeEstimate.__init__, "__kwdefaults__", {
        "done": 0.0, "clock": lambda: now_s[0]
    })  # fmt: skip

    def said(first_step, *, first=True):
        callback = TimeLeft()
        with caplog.at_level("INFO", "mien.time"):
            callback.on_train_start(trainer(first_step, first=first), None)
            for step in range(first_step + 1, 101):
                now_s[0] += 2.0
                callback.on_train_batch_end(trainer(step, first=first), None)
        return [record.getMessage() for record in caplog.records]

    return said


def test_a_training_says_it_once(said):
    assert said(0) == ["training: about 3 min left"]  # 97 steps of 2 s


def test_what_a_resumed_training_did_before_does_not_count(said):
    assert said(50) == ["training: about 2 min left"]  # 47 steps of 2 s


def test_only_one_of_several_processes_says_it(said):
    assert said(0, first=False) == []
