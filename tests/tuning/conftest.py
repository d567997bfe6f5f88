import warnings

import numpy as np
import pytest
import sqlalchemy

from mien.data import Dataset
from mien.training import EmotionRecipe
from mien.tuning import run
from mien.tuning.keys import with_values


@pytest.fixture(autouse=True)
def _library_warnings():
    # Lightning warns of its own dependencies and of short trainings.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(autouse=True)
def _unsynced():
    """Have SQLite not wait for the disk, which takes most of a study's time."""

    def switch_off(connection, _):
        connection.execute("PRAGMA synchronous=OFF")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", switch_off)
    yield
    sqlalchemy.event.remove(sqlalchemy.Engine, "connect", switch_off)


@pytest.fixture
def real_report():
    """Asked for by tests that need a study's report with its charts, which take seconds."""


@pytest.fixture(autouse=True)
def _empty_reports(request, monkeypatch):
    if "real_report" not in request.fixturenames:
        monkeypatch.setattr(run, "tuning_report", empty_report)


def empty_report(study, path, **_):
    path.write_text("")
    return [path]


@pytest.fixture(scope="session")
def images() -> Dataset:
    """Images like the toy ones, but so noisy that no two are near copies."""
    rng = np.random.default_rng(0)
    count = 160
    labels = rng.integers(0, 7, count)
    images = rng.integers(0, 160, (count, 48, 48)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[np.arange(48) // (label + 1) % 2 == 0] += 60
    votes = np.zeros((count, 10), np.uint8)
    votes[np.arange(count), np.array([4, 5, 6, 1, 3, 2, 0])[labels]] = 8
    return Dataset(
        images=images,
        labels=labels.astype(np.int8),
        votes=votes,
        split=np.repeat(np.array([0, 1, 2], np.int8), [128, 16, 16]),
        rows=np.arange(count, dtype=np.int64),
        source="images",
    )


@pytest.fixture(scope="session")
def recipe() -> EmotionRecipe:
    """A recipe whose training takes well under a second an epoch."""
    return with_values(
        EmotionRecipe(),
        {
            "network.widths": [4, 8],
            "network.depths": [1, 1],
            "epochs": 2,
            "batch_size": 32,
            "ema_decay": 0.5,
            "mixup": 0.0,
        },
    )
