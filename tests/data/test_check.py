import dataclasses

import numpy as np
import pytest

from mien.data import Dataset, Fault, check_dataset, conflicting_groups, mostly_not_a_face
from mien.structures import Faces


def dataset(images, labels, split, votes=None):
    count = len(images)
    return Dataset(
        images=images,
        labels=np.array(labels, np.int8),
        votes=np.zeros((count, 10), np.uint8) if votes is None else np.array(votes, np.uint8),
        split=np.array(split, np.int8),
        rows=np.arange(count),
        source="made by hand",
    )


def test_copies_leaks_and_conflicts_as_counted_by_hand(images):
    images = images[[0, 0, 1, 1, 0, 2, 3]]
    data = dataset(images, [0, 1, 2, 2, 0, 3, 4], [0, 0, 0, 2, 2, 1, 2])
    found = check_dataset(data)
    assert (found.copies, found.copy_groups, found.conflicts) == (3, 2, 1)
    assert [rows.tolist() for rows in conflicting_groups(data, found.groups)] == [[0, 1, 4]]
    by_pair = {(leak.other, leak.subset): leak for leak in found.leaks}
    assert (by_pair["train", "test"].exact, by_pair["train", "test"].images) == (2, 3)
    assert (by_pair["train", "val"].exact, by_pair["val", "test"].exact) == (0, 0)
    assert any("2 of 3 images of test have an exact copy in train" in s for s in found.warnings)


def test_a_clean_balanced_dataset_needs_no_attention():
    images = np.random.default_rng(0).integers(0, 256, (14, 48, 48)).astype(np.uint8)
    labels = [*range(7), *range(7)]
    assert check_dataset(dataset(images, labels, [0] * 7 + [1] * 7)).warnings == []


def test_a_dataset_without_val_is_said_to_be_no_use_for_training(images):
    said = "\n".join(check_dataset(dataset(images, range(6), [0] * 6), near=False).warnings)
    assert "val is empty, and training needs it: make a split with `mien data split" in said
    assert "train is empty" not in said


def test_blanks_missing_classes_imbalance_and_faults_are_named(images):
    images = images[[0] * 1].repeat(8, axis=0)
    images[:] += np.arange(8, dtype=np.uint8)[:, None, None] * 9
    images[7] = 3
    data = dataset(images, [0] * 6 + [1, 1], [0] * 8)
    found = check_dataset(data, near=False, faults=[Fault("a.csv, line 3", "cut")])
    said = "\n".join(found.warnings)
    assert found.blank.tolist() == [7]
    assert "1 row or file cannot be read" in said
    assert "train has no image of fear, happy, sad, surprise, neutral" in said
    unbalanced = dataset(images, [0] * 6 + [1, 1], [0] * 8)
    unbalanced = dataclasses.replace(unbalanced, labels=np.array([0, 0, 0, 0, 0, 0, 0, 1], np.int8))
    assert any("7.0 times" in s for s in check_dataset(unbalanced, near=False).warnings)


def test_votes_against_labels_as_counted_by_hand(images):
    votes = [
        [0, 10, 0, 0, 0, 0, 0, 0, 0, 0],  # happy, labelled happy
        [6, 0, 0, 4, 0, 0, 0, 0, 0, 0],  # neutral, labelled sad: four agree
        [10, 0, 0, 0, 0, 0, 0, 0, 0, 0],  # neutral, labelled fear: nobody
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 10],  # no face
        [5, 0, 0, 0, 0, 0, 0, 0, 0, 5],  # undecided
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],  # not voted on
    ]
    data = dataset(images, [3, 4, 2, 3, 6, 0], [0] * 6, votes)
    names = np.array(["a", "b", "c", "", "e", "f"])
    found = check_dataset(dataclasses.replace(data, names=names), near=False).votes
    assert (found.voted, found.with_majority, found.unsupported) == (5, 3, 2)
    assert found.agreement == pytest.approx(1 / 3)
    assert found.agreement_by_label == {"happy": 1.0, "sad": 0.0, "fear": 0.0}
    assert (found.not_a_face, found.mostly_not_a_face, found.unnamed) == (1, 2, 1)


def test_nobody_can_tell_is_no_vote_for_an_expression():
    votes = np.zeros((5, 10), np.uint8)
    votes[0, [8, 9]] = (7, 3)  # unknown, no face
    votes[1, [0, 9]] = (4, 3)
    votes[2, [0, 9]] = (5, 5)
    votes[3, 8] = 10
    assert mostly_not_a_face(votes).tolist() == [True, False, True, False, False]


def test_nothing_can_be_checked_too(images):
    found = check_dataset(dataset(images[:0], [], []))
    assert found.copies == 0
    assert len(found.near) == 0
    assert found.blank.tolist() == []


def test_a_detector_finds_the_images_without_a_face(images):
    class SeesBright:
        def detect(self, frame_rgb, *, min_face_px=24):
            count = int(frame_rgb.mean() > 128)
            return Faces(
                boxes_xyxy=np.tile(np.float32([[0, 0, 9, 9]]), (count, 1)),
                landmarks_xy=np.zeros((count, 5, 2), np.float32),
                detection_scores=np.ones(count, np.float32),
            )

    images = np.stack([np.full((48, 48), value, np.uint8) for value in (250, 10, 200)])
    found = check_dataset(
        dataset(images, [0, 1, 2], [0] * 3), near=False, detector=SeesBright(), find_faces=True
    )
    assert found.faceless.tolist() == [1]
    assert "in 1 image no face is found" in found.warnings
