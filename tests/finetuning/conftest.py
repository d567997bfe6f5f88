import dataclasses

import numpy as np
import pytest

from mien.data import Dataset
from mien.emotions import FER2013_7
from mien.finetuning import fine_tune, learning, run, search

STRIPES = {"happy": 1, "sad": 3, "bored": 6}


def striped(labels, people, *, names=FER2013_7.labels, split=0):
    """Images whose class is the fineness of their stripes."""
    rng = np.random.default_rng(0)
    images = rng.integers(90, 130, (len(labels), 48, 48)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[np.arange(48) // STRIPES[names[label]] % 2 == 0] += 100
    return Dataset(
        images=images,
        labels=np.asarray(labels, np.int8),
        votes=np.zeros((len(labels), 10), np.uint8),
        split=np.full(len(labels), split, np.int8),
        rows=np.arange(len(labels)),
        source="stripes",
        groups=np.asarray(people).astype(np.str_),
        label_names=names,
    )


@pytest.fixture(scope="session")
def mixed():
    """Two expressions and a class of the user's own, by twelve people, four of them in test."""
    names = (*FER2013_7.labels, "bored")
    kinds = [names.index(name) for name in STRIPES]
    labels, people = np.tile(kinds, 24), np.repeat(np.arange(12), 6)
    data = striped(labels, people, names=names)
    return dataclasses.replace(data, split=np.where(people < 8, 0, 2).astype(np.int8))


def shorten(patch, *, steps):
    """Let a fine-tuning try one way of learning, on few copies and with few steps."""
    for module in (run, search):
        patch.setattr(module, "CANDIDATES", search.CANDIDATES[-1:])
    patch.setattr(learning, "_COPIES", 100)
    patch.setattr(run, "steps_for", lambda count, classes: steps)


@pytest.fixture(scope="session")
def tuned(mixed, tmp_path_factory):
    """The result of fine-tuning on them, and what was said."""
    said = []
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch, steps=60)
        out = tmp_path_factory.mktemp("tuned")
        result = fine_tune(mixed, out=out, threads=1, on_message=said.append)
    return result, said
