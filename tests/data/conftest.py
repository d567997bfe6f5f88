import numpy as np
import pytest

USAGE = ("Training", "PublicTest", "PrivateTest")
VOTE_HEADER = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
)


def fer_lines(data, *, sep=","):
    return [
        sep.join((str(label), " ".join(map(str, image.ravel())), USAGE[part]))
        for image, label, part in zip(data.images, data.labels, data.split, strict=True)
    ]


def vote_lines(data):
    return [
        f"{USAGE[part]},fer{row:07}.png,{','.join(map(str, votes))}"
        for row, part, votes in zip(data.rows, data.split, data.votes, strict=True)
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


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 48, 48)).astype(np.uint8)
