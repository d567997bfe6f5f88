import dataclasses

import numpy as np
import pytest

from mien.errors import InputError
from mien.tuning.selection import selection_part


def pixels(data, subset):
    return {image.tobytes() for image in data.subset(subset).images}


def test_the_selection_part_is_carved_out_of_train_alone(images):
    found = selection_part(images, share=0.25, images=None, seed=1, near=False)
    assert pixels(found, "train") | pixels(found, "val") <= pixels(images, "train")
    assert not pixels(found, "train") & pixels(found, "val")
    assert len(found.subset("val")) == pytest.approx(32, abs=1)
    assert len(found.subset("test")) == 0


def test_copies_stand_on_one_side_and_copies_of_val_and_test_on_none(images):
    images = images.images.copy()
    images[1::2] = images[::2]  # every image twice, next to each other
    images[127] = images[126] = images[130]  # and one of val in train
    data = dataclasses.replace(images, images=images)
    for seed in range(5):
        found = selection_part(data, share=0.3, images=None, seed=seed, near=False)
        assert not pixels(found, "train") & pixels(found, "val")
        assert images[130].tobytes() not in pixels(found, "train") | pixels(found, "val")


def test_near_and_mirrored_copies_count_as_copies(images):
    images = images.images.copy()
    images[64:128] = np.clip(images[:64, :, ::-1].astype(int) + 2, 0, 255)
    data = dataclasses.replace(images, images=images)
    found = selection_part(data, share=0.3, images=None, seed=1, near=True)
    rows = {subset: set(found.subset(subset).rows % 64) for subset in ("train", "val")}
    assert not rows["train"] & rows["val"]


def test_the_same_seed_gives_the_same_images(images):
    one, same, other = (
        selection_part(images, share=0.2, images=20, seed=seed, near=False).sha256()
        for seed in (1, 1, 2)
    )
    assert one == same != other


def test_fewer_images_to_learn_from_leave_the_judging_ones_as_they_are(images):
    whole = selection_part(images, share=0.2, images=None, seed=1, near=False)
    some = selection_part(images, share=0.2, images=20, seed=1, near=False)
    assert len(some.subset("train")) == 20
    assert pixels(some, "val") == pixels(whole, "val")


def test_too_few_images_are_refused_with_numbers(images):
    with pytest.raises(InputError, match=r"images: expected at most \d+.*found 1000"):
        selection_part(images, share=0.2, images=1000, seed=1, near=False)
    with pytest.raises(InputError, match="has 1 image without copies"):
        selection_part(
            images.select(np.arange(127, 160)), share=0.2, images=None, seed=1, near=False
        )
