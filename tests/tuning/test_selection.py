import dataclasses

import numpy as np
import pytest

from mien.errors import InputError
from mien.tuning.selection import selection_split


def pixels(data, subset):
    return {image.tobytes() for image in data.subset(subset).images}


def test_the_selection_subset_comes_from_train_alone(images):
    found = selection_split(images, share=0.25, max_images=None, seed=1, near=False)
    assert pixels(found, "train") | pixels(found, "val") <= pixels(images, "train")
    assert not pixels(found, "train") & pixels(found, "val")
    assert len(found.subset("val")) == pytest.approx(32, abs=1)
    assert len(found.subset("test")) == 0


def test_copies_stand_on_one_side_and_copies_of_val_and_test_on_none(images):
    copied = images.images.copy()
    copied[1::2] = copied[::2]  # every image twice, next to each other
    copied[127] = copied[126] = copied[130]  # and one of val in train
    data = dataclasses.replace(images, images=copied)
    for seed in range(5):
        found = selection_split(data, share=0.3, max_images=None, seed=seed, near=False)
        assert not pixels(found, "train") & pixels(found, "val")
        assert copied[130].tobytes() not in pixels(found, "train") | pixels(found, "val")


def test_near_and_mirrored_copies_count_as_copies(images):
    copied = images.images.copy()
    copied[64:128] = np.clip(copied[:64, :, ::-1].astype(int) + 2, 0, 255)
    data = dataclasses.replace(images, images=copied)
    found = selection_split(data, share=0.3, max_images=None, seed=1, near=True)
    rows = {part: set(found.subset(part).rows % 64) for part in ("train", "val")}
    assert not rows["train"] & rows["val"]


def test_the_same_seed_gives_the_same_images(images):
    one, same, other = (
        selection_split(images, share=0.2, max_images=20, seed=seed, near=False).sha256()
        for seed in (1, 1, 2)
    )
    assert one == same != other


def test_fewer_training_images_leave_the_selection_subset_as_it_is(images):
    whole = selection_split(images, share=0.2, max_images=None, seed=1, near=False)
    some = selection_split(images, share=0.2, max_images=20, seed=1, near=False)
    assert len(some.subset("train")) == 20
    assert pixels(some, "val") == pixels(whole, "val")


def test_too_few_images_are_refused_with_numbers(images):
    with pytest.raises(InputError, match=r"images: expected at most \d+.*found 1000"):
        selection_split(images, share=0.2, max_images=1000, seed=1, near=False)
    with pytest.raises(InputError, match="has 1 image without copies"):
        selection_split(
            images.select(np.arange(127, 160)), share=0.2, max_images=None, seed=1, near=False
        )
