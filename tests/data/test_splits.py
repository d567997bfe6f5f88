import dataclasses
import json
import math

import numpy as np
import pytest

from mien.data import (
    Dataset,
    check_dataset,
    exact_groups,
    fer_pp_split,
    group_folds,
    leak_free_split,
    published_split,
    read_split,
    split_groups,
    stratified_split,
)
from mien.errors import DatasetError, InputError, OutputError


@pytest.fixture
def leaking(toy_dataset):
    """Rows 0 and 1 of train also in test, row 2 in val, row 70 of val in test, 0 and 5 alike."""
    images = toy_dataset.images.copy()
    images[[85, 86, 66, 87, 5]] = images[[0, 1, 2, 70, 0]]
    return dataclasses.replace(toy_dataset, images=images)


def test_test_stays_and_copies_leave_the_other_subsets(leaking):
    split = leak_free_split(leaking)
    assert np.flatnonzero(split.assignment < 0).tolist() == [0, 1, 2, 5, 70]
    assert split.counts() == {"train": 60, "val": 15, "test": 16, "left out": 5}
    divided = split.apply(leaking)
    groups = exact_groups(leaking.images)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not np.isin(groups[divided.split == a], groups[divided.split == b]).any()


def test_near_copies_leave_too_if_asked(leaking):
    images = leaking.images.copy()
    images[90] = images[20][:, ::-1]
    data = dataclasses.replace(leaking, images=images)
    assert leak_free_split(data).assignment[20] == 0
    assert leak_free_split(data, near=True).assignment[20] == -1


def test_a_chain_of_near_copies_within_a_subset_is_no_leak(toy_dataset):
    rng = np.random.default_rng(0)
    first = rng.integers(60, 200, (48, 48))
    steps = rng.normal(0, 10.6, (2, 48, 48)).cumsum(axis=0)  # 0.967 to the next, 0.936 over two
    chain = np.stack([first, *(first + steps)]).astype(np.uint8)
    data = dataclasses.replace(toy_dataset.select(slice(0, 3)), images=chain)
    data = dataclasses.replace(data, split=np.array([1, 0, 0], np.int8))
    assert leak_free_split(data, near=True).assignment.tolist() == [1, -1, 0]
    (leak,) = check_dataset(data).leaks
    assert (leak.exact, leak.near) == (0, 1)


def test_folds_hold_all_and_no_copies_cross_them(leaking):
    split = group_folds(leaking, folds=4, seed=3)
    assert split.subsets == ("fold 0", "fold 1", "fold 2", "fold 3")
    assert np.flatnonzero(split.assignment < 0).tolist() == [0, 1, 5, 70, *range(80, 96)]
    assert split.assignment[2] == split.assignment[66]
    assert split.sha256() == group_folds(leaking, folds=4, seed=3).sha256()
    assert split.sha256() != group_folds(leaking, folds=4, seed=4).sha256()
    divided = split.apply(leaking, fold=1)
    assert (divided.split == 1).sum() == (split.assignment == 1).sum()
    assert len(divided.subset("test")) == 0
    with pytest.raises(InputError, match="expected a fold of 0 to 3, found None"):
        split.apply(leaking)
    with pytest.raises(InputError, match="expected 0 to 3, found 4"):
        split.apply(leaking, fold=4)
    with pytest.raises(InputError, match="expected no fold, found 0"):
        published_split(leaking).apply(leaking, fold=0)
    with pytest.raises(InputError, match="more than toy has different images"):
        group_folds(leaking.select(np.arange(3)), folds=10)


@pytest.mark.parametrize("near", [False, True])
def test_a_stratified_split_has_its_shares_of_every_class_and_no_copies_cross(near):
    rng = np.random.default_rng(5)
    labels = np.repeat(np.array([0, 3, 4], np.int8), [100, 40, 20])
    images = rng.integers(0, 256, (160, 48, 48)).astype(np.uint8)
    images[30:50] = images[:20]
    images[100] = images[101][:, ::-1]
    data = Dataset(
        images=images, labels=labels, votes=np.zeros((160, 10), np.uint8),
        split=np.zeros(160, np.int8), rows=np.arange(160), source="mine",
    )  # fmt: skip
    split = stratified_split(data, val=0.2, test=0.1, near=near)
    assignment = split.assignment
    for label, (val, test) in {0: (20, 10), 3: (8, 4), 4: (4, 2)}.items():
        assert (assignment[labels == label] == 1).sum() == pytest.approx(val, abs=1)
        assert (assignment[labels == label] == 2).sum() == pytest.approx(test, abs=1)
    np.testing.assert_array_equal(assignment[30:50], assignment[:20])
    seeds = [stratified_split(data, seed=seed, near=near) for seed in range(12)]
    apart = [each.assignment[100] != each.assignment[101] for each in seeds]
    assert any(apart) == (not near)
    assert len({each.sha256() for each in seeds}) == len(seeds)
    assert split.sha256() == stratified_split(data, val=0.2, test=0.1, near=near).sha256()
    assert "test" in stratified_split(data, test=0).subsets
    assert stratified_split(data, test=0).counts()["test"] == 0


def test_a_stratified_split_gives_the_few_of_a_class_to_train_then_val_then_test(toy_dataset):
    few = [np.flatnonzero(toy_dataset.labels == label)[:count] for label, count in
           ((0, 1), (3, 2), (4, 3))]  # fmt: skip
    data = toy_dataset.select(np.concatenate(few))
    assignment = stratified_split(data).assignment
    assert [sorted(assignment[data.labels == label]) for label in (0, 3, 4)] == [
        [0],
        [0, 1],
        [0, 1, 2],
    ]
    with pytest.raises(InputError, match="no class has two different images"):
        stratified_split(data.select(np.array([0, 1])))
    with pytest.raises(InputError, match=r"below 1 together, found 0\.5 and 0\.5"):
        stratified_split(data, val=0.5, test=0.5)
    with pytest.raises(InputError, match="val: expected 0 to 1, found nan"):
        stratified_split(data, val=math.nan, test=0)


def test_datasets_that_are_too_small_for_a_split_are_told_so(toy_dataset):
    few = toy_dataset.select(np.concatenate([
        np.flatnonzero((toy_dataset.labels == label) & (toy_dataset.split == 0))[:3]
        for label in range(4)
    ]))  # fmt: skip
    with pytest.raises(InputError, match=r"5 are more than the 3 images of the largest class"):
        group_folds(few, folds=5)
    assert group_folds(few, folds=3).counts() == {f"fold {number}": 4 for number in range(3)}
    with pytest.raises(InputError, match=r"too small for FER-PP's split.*found 3 happy, 6 angry"):
        fer_pp_split(few)
    with pytest.raises(InputError, match=r"selection: 0\.99 of \d+ different images leaves none"):
        fer_pp_split(toy_dataset, selection=0.99)


@pytest.mark.parametrize("own", [1, 2])
def test_fer_pps_split_of_own_classes_is_refused(toy_dataset, own):
    names = (*toy_dataset.label_names, "bored", "shy")
    labels = toy_dataset.labels.copy()
    labels[:own] = np.arange(own) + 7
    data = dataclasses.replace(toy_dataset, labels=labels, label_names=names)
    with pytest.raises(InputError, match="needs a label of FER-2013 for every image"):
        fer_pp_split(data)


def test_a_split_comes_back_from_its_file_and_damage_is_noticed(tmp_path, leaking):
    split = leak_free_split(leaking)
    path = tmp_path / "deep" / "split.json"
    split.write(path)
    again = read_split(str(path))
    assert again.sha256() == split.sha256()
    np.testing.assert_array_equal(again.assignment, split.assignment)
    np.testing.assert_array_equal(again.apply(leaking).split, split.assignment)
    with pytest.raises(OutputError, match="overwrite=True"):
        split.write(path)
    fields = json.loads(path.read_text())
    fields["assignment"] = fields["assignment"][::-1]
    path.write_text(json.dumps(fields))
    with pytest.raises(DatasetError, match="damaged, its hash is another one"):
        read_split(path)
    path.write_text(json.dumps(fields | {"format": 1}))
    with pytest.raises(DatasetError, match="format: expected 2, found 1"):
        read_split(path)
    path.write_text("{}")
    with pytest.raises(DatasetError, match="format: expected 2, found None"):
        read_split(path)


def test_exact_copies_stay_together_where_their_class_hangs_together(toy_dataset):
    data, random = toy_dataset, np.random.default_rng(1)
    images = random.integers(0, 256, data.images.shape, np.uint8)
    alike, others = np.flatnonzero(data.labels == 3), np.flatnonzero(data.labels != 3)
    images[alike] = images[alike[0]] // 2 + random.integers(0, 9, images[alike].shape, np.uint8)
    images[others[0]] = images[alike[0]]
    groups = split_groups(dataclasses.replace(data, images=images))
    assert len(np.unique(groups[alike])) == len(alike)
    assert groups[others[0]] == groups[alike[0]]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"assignment": [0, 1]}, "'assignment': expected str"),
        ({"assignment": "0ä9"}, "'assignment': expected one of 012- per image, found '9ä'"),
        ({"subsets": ["a", "b"]}, "'subsets': expected names of train, val, test, or fold 0"),
        ({"subsets": ["train", "train"]}, "'subsets': expected names"),
        ({"subsets": []}, "'subsets': expected names"),
        ({"kind": None}, "'kind': expected str"),
        ({"format": "9" * 50}, "format: expected 2, found '99"),
        ({"more": 1}, "'more' is unknown"),
    ],
)
def test_a_split_with_a_fault_is_refused_by_its_field(tmp_path, leaking, fields, message):
    path = tmp_path / "split.json"
    leak_free_split(leaking).write(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    with pytest.raises(DatasetError, match=rf"split\.json: .*{message}"):
        read_split(path)


def test_a_split_with_fewer_images_is_refused(leaking):
    split = leak_free_split(leaking)
    short = dataclasses.replace(split, assignment=split.assignment[:-1])
    with pytest.raises(DatasetError, match="made for the dataset"):
        short.apply(leaking)


def test_a_split_of_another_dataset_is_refused(leaking, toy_dataset):
    with pytest.raises(DatasetError, match="made for the dataset"):
        leak_free_split(leaking).apply(toy_dataset)


def test_fer_pps_validation_can_be_kept_for_the_end(toy_dataset):
    images = toy_dataset.images.copy()
    images[40:60] = images[20:40]
    data = dataclasses.replace(toy_dataset, images=images)
    plain, kept = fer_pp_split(data), fer_pp_split(data, selection=0.2)
    np.testing.assert_array_equal(kept.assignment == 2, plain.assignment == 1)
    train, val = (kept.assignment == subset for subset in range(2))
    assert val.sum() / (train | val).sum() == pytest.approx(0.2, abs=0.08)
    groups = exact_groups(data.images)
    assert not np.isin(groups[val], groups[train]).any()
    with pytest.raises(InputError, match="below 1"):
        fer_pp_split(data, selection=1.0)


@pytest.mark.parametrize(
    ("split", "options", "said"),
    [
        (group_folds, {"seed": -1}, "seed: expected a whole number from 0 to 4294967295, found -1"),
        (group_folds, {"folds": 2.5}, "folds: expected 2 to 36, found 2.5"),
        (stratified_split, {"seed": 2**40}, "seed: expected a whole number from 0 to 4294967295"),
        (stratified_split, {"val": "0.1"}, "val: expected 0 to 1, found '0.1'"),
        (stratified_split, {"val": math.nan}, "val: expected 0 to 1, found nan"),
        (fer_pp_split, {"selection": math.nan}, "selection: expected 0 or more and below 1, found"),
        (fer_pp_split, {"selection": 0.2, "seed": 1.5}, "seed: expected a whole number from 0"),
    ],
)
def test_numbers_that_cannot_be_are_named(toy_dataset, split, options, said):
    with pytest.raises(InputError, match=said):
        split(toy_dataset, **options)
