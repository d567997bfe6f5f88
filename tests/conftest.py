from __future__ import annotations

import os

# One thread each: two on busy cores are slower, and the numbers stay the same from run to run.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import logging
from pathlib import Path

import numpy as np
import pytest

from mien.data import Dataset
from mien.evaluation import Evaluation, evaluate, open_predictor
from mien.structures import FacePrediction, FrameResult, Quality
from tests.predictors import oracle

SAMPLES = Path(__file__).parents[1] / "src" / "mien" / "assets" / "samples"
USAGE = ("Training", "PublicTest", "PrivateTest")
VOTE_HEADER = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
)


# These files take longest; begun last, they would keep one process busy after the others end.
LONGEST = (
    "web/test_page.py",
    "training/test_emotion.py",
    "tuning/test_study.py",
    "docs/test_examples.py",
    "journey/test_course.py",
    "contract/test_nothing_leaves.py",
    "journey/test_fer2013.py",
    "web/test_visit.py",
    "server/test_strangers.py",
    "finetuning/test_fine_tune.py",
    "training/test_detector.py",
    "journey/test_from_data_to_a_drawn_image.py",
    "web/test_video_parity.py",
    "docs/test_site.py",
    "crash/test_crash.py",
    "server/test_jobs.py",
    "server/test_openapi.py",
    "models/test_onnx_weights.py",
    "benchmarks/test_members.py",
    "runs/test_analysis.py",
    "server/test_guard.py",
    "study/test_study.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    first = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(item.path, len(first)))


@pytest.fixture(autouse=True)
def _heard() -> None:
    """Have the library's log heard, which the import linter's own set-up of logging turns off."""
    for name in ("mien", *logging.Logger.manager.loggerDict):
        if name.partition(".")[0] == "mien":
            logging.getLogger(name).disabled = False


@pytest.fixture(scope="session")
def samples() -> Path:
    return SAMPLES


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the project; tests that want it are skipped without it."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("needs the real data beside the project")
    return folder


@pytest.fixture
def prediction() -> FacePrediction:
    return FacePrediction(
        source="a.jpg",
        frame=0,
        timestamp_s=None,
        face=0,
        track=None,
        box_xyxy=(10.0, 20.0, 110.0, 140.0),
        landmarks_xy=((40.0, 60.0), (80.0, 60.0), (60.0, 85.0), (45.0, 105.0), (75.0, 105.0)),
        detection_score=0.9,
        emotion="happy",
        confidence=0.5,
        unsure=True,
        probabilities={
            "happy": 0.5,
            "neutral": 0.25,
            "sad": 0.125,
            "angry": 0.0625,
            "fear": 0.03125,
            "surprise": 0.03125,
        },
        quality=Quality(
            size_px=100.0,
            sharpness=0.5,
            brightness=0.5,
            yaw_proxy=0.0,
            roll_deg=0.0,
            truncation=0.0,
        ),
    )


@pytest.fixture
def result(prediction: FacePrediction) -> FrameResult:
    return FrameResult(source="a.jpg", width=200, height=160, faces=(prediction,))


@pytest.fixture(scope="session")
def toy_dataset() -> Dataset:
    """Images that a network can learn in seconds: the fineness of their stripes is the label."""
    rng = np.random.default_rng(0)
    count = 96
    labels = rng.integers(0, 7, count)
    images = rng.integers(90, 130, (count, 48, 48)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[np.arange(48) // (label + 1) % 2 == 0] += 100
    to_votes = np.array([4, 5, 6, 1, 3, 2, 0])
    votes = np.zeros((count, 10), np.uint8)
    votes[np.arange(count), to_votes[labels]] = 8
    votes[:, 8] = 2
    return Dataset(
        images=images,
        labels=labels.astype(np.int8),
        votes=votes,
        split=np.repeat(np.array([0, 1, 2], np.int8), [64, 16, 16]),
        rows=np.arange(count, dtype=np.int64),
        source="toy",
    )


@pytest.fixture(scope="session")
def robust(toy_dataset) -> Evaluation:
    """The shipped model and a perfect one, evaluated on corrupted images, too."""
    pair = [open_predictor(None), oracle(toy_dataset)]
    return evaluate(pair, toy_dataset, robustness=True)


def fer_lines(data, *, sep=","):
    return [
        sep.join((str(label), " ".join(map(str, image.ravel())), USAGE[subset]))
        for image, label, subset in zip(data.images, data.labels, data.split, strict=True)
    ]


def vote_lines(data):
    return [
        f"{USAGE[subset]},fer{row:07}.png,{','.join(map(str, votes))}"
        for row, subset, votes in zip(data.rows, data.split, data.votes, strict=True)
    ]


@pytest.fixture
def fer_csv(tmp_path, toy_dataset):
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *fer_lines(toy_dataset)]) + "\n")
    return path


@pytest.fixture
def votes_csv(tmp_path, toy_dataset):
    path = tmp_path / "fer2013new.csv"
    path.write_text("\n".join([VOTE_HEADER, *vote_lines(toy_dataset)]) + "\n")
    return path
