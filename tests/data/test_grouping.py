import dataclasses
import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mien.data import (
    Dataset,
    check_dataset,
    dataset_from_rows,
    group_folds,
    import_dataset,
    read_dataset,
    read_sources,
    split_groups,
    stratified_split,
)
from mien.data.grouping import Grouping
from mien.errors import DatasetError, InputError


def put(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (48, 48)).astype(np.uint8)
    Image.fromarray(noise).save(path)


@pytest.fixture
def pictures(tmp_path):
    """Two classes, three people: `happy/anna_01.png`, ..."""
    for seed, (label, name) in enumerate(
        (label, name)
        for label in ("happy", "sad")
        for name in ("anna_01", "anna_02", "ben_01", "cleo_07")
    ):
        put(tmp_path / "src" / label / f"{name}.png", seed)
    return tmp_path / "src"


def groups_of(folder):
    return read_dataset(folder).groups.tolist()


def test_a_pattern_over_the_path_says_who_it_is(tmp_path, pictures):
    done = import_dataset([pictures], tmp_path / "out", group=r"([a-z]+)_\d+\.png$")
    assert groups_of(tmp_path / "out") == ["anna", "anna", "ben", "cleo"] * 2
    assert done.manifest.people == 3
    assert "3 people: `mien data split` keeps each on one side" in done.notes


def test_a_pattern_that_fits_some_images_leaves_the_others_unknown(tmp_path, pictures):
    done = import_dataset([pictures], tmp_path / "out", group=r"(anna)_")
    assert groups_of(tmp_path / "out") == ["anna", "anna", "", ""] * 2
    assert any("1 person, 4 images of unknown ones" in note for note in done.notes)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("([a-z]+", "no regular expression"),
        ("anna", "expected a regular expression with one group in parentheses, found 0"),
        ("(a)(b)", "found 2"),
        ("(dora)_", "says of no image who it shows; images are src/happy/anna_01.png"),
        ("folder", "says of no image who it shows"),
        ("(" + "x" * 5000 + ")", "says of no image who it shows"),
        ("(a)\0", "says of no image who it shows"),
        ("", "found 0"),
    ],
)
def test_a_pattern_that_says_nothing_is_refused(tmp_path, pictures, given, said):
    with pytest.raises(InputError, match=said.replace("(", r"\(")):
        import_dataset([pictures], tmp_path / "out", group=given)


@pytest.mark.parametrize("name", ["happy/dora_01.png", "dora_01.png", "dora_01", "dora_01.PNG"])
@pytest.mark.parametrize("sep", [",", ";"])
def test_a_csv_says_who_it_is(tmp_path, pictures, name, sep):
    put(pictures / "happy" / "dora_01.png", 99)
    (tmp_path / "who.csv").write_text(f"Name {sep} Person\n{name}{sep}Dora M\nx.png{sep}Ben\n")
    done = import_dataset([pictures], tmp_path / "out", group=str(tmp_path / "who.csv"))
    assert [group for group in groups_of(tmp_path / "out") if group] == ["Dora M"]
    assert f"{tmp_path / 'who.csv'}: 1 of 2 names used" in done.notes


@pytest.mark.parametrize("name", ["anna_01.png", "anna_01"])
def test_a_name_of_several_images_is_refused(tmp_path, pictures, name):
    (tmp_path / "who.csv").write_text(f"name,person\n{name},Anna\n")
    expected = f"{name} is the name of 2 images, src/happy/anna_01.png, src/sad/anna_01.png"
    with pytest.raises(InputError, match=expected):
        import_dataset([pictures], tmp_path / "out", group=str(tmp_path / "who.csv"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "expected the columns name and person, found a, b"),
        ("name,person\na,x\na,y\n", "line 3: a is of two people, x and y"),
        ("name,person\na\n", "line 2: expected 2 columns, found 1"),
    ],
)
def test_a_csv_of_people_with_a_fault_is_refused(tmp_path, pictures, text, said):
    (tmp_path / "who.csv").write_text(text)
    with pytest.raises(DatasetError, match=said):
        import_dataset([pictures], tmp_path / "out", group=str(tmp_path / "who.csv"))
    with pytest.raises(DatasetError, match=r"gone\.csv: no such file"):
        import_dataset([pictures], tmp_path / "out", group=str(tmp_path / "gone.csv"))


def test_folders_below_the_class_are_people_unless_none_are_wanted(tmp_path):
    for seed, path in enumerate(("happy/anna/1", "sad/anna/1", "sad/ben/1")):
        put(tmp_path / "src" / f"{path}.png", seed)
    done = import_dataset([tmp_path / "src"], tmp_path / "a")
    assert groups_of(tmp_path / "a") == ["anna", "anna", "ben"]
    said = "src: the folders below the classes are taken for people: anna, ben. Pass --group none"
    assert any(note.startswith(said) for note in done.notes)
    unknown = import_dataset([tmp_path / "src"], tmp_path / "b", group="none")
    assert not any("taken for people" in note for note in unknown.notes)
    assert read_dataset(tmp_path / "b").groups is None


def test_the_folder_above_the_class_is_the_person_if_asked(tmp_path):
    for seed, path in enumerate(("train/anna/happy/1", "train/ben/sad/1", "test/cleo/sad/1")):
        put(tmp_path / "src" / f"{path}.png", seed)
    import_dataset([tmp_path / "src"], tmp_path / "a", group="folder")
    assert sorted(groups_of(tmp_path / "a")) == ["anna", "ben", "cleo"]


def test_a_pattern_works_on_the_paths_in_a_parquet(tmp_path, pictures):
    files = sorted(pictures.rglob("*.png"))
    images = [{"bytes": f.read_bytes(), "path": f.name} for f in files]
    table = pa.table({"image": images, "label": [f.parent.name for f in files]})
    pq.write_table(table, tmp_path / "a.parquet")
    import_dataset([tmp_path / "a.parquet"], tmp_path / "out", group=r"^(\w+)_")
    assert groups_of(tmp_path / "out") == ["anna", "anna", "ben", "cleo"] * 2


def rows_of(path, pictures, column):
    """Write a Parquet of images without paths, and a column of people."""
    files = sorted(pictures.rglob("*.png"))
    columns = {
        "image": [f.read_bytes() for f in files],
        "label": [f.parent.name for f in files],
        column: [f.name.partition("_")[0] for f in files],
    }
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("column", "given"),
    [
        ("person", None),
        ("Subject ID", None),
        ("Person-ID", None),
        ("Who it is", "who_it is"),
        ("Model", "model"),
    ],
)
def test_a_column_says_who_it_is(tmp_path, pictures, column, given):
    source = rows_of(tmp_path / "a.parquet", pictures, column)
    import_dataset([source], tmp_path / "out", group=given)
    assert groups_of(tmp_path / "out") == ["anna", "anna", "ben", "cleo"] * 2


def numbered(path, people):
    """Write a CSV of noise with a column of people."""
    rng = np.random.default_rng(len(path.name))
    lines = [
        f"{number % 2 + 3},{' '.join(map(str, rng.integers(0, 256, 2304)))},{person}"
        for number, person in enumerate(people)
    ]
    path.write_text("\n".join(["emotion,pixels,person", *lines]))


def test_a_person_is_one_however_the_number_is_written(tmp_path):
    numbered(tmp_path / "train.csv", ["1.0", "2.0", "", "nan"])
    numbered(tmp_path / "test.csv", ["1", "002", "NA", "Nan"])
    rows = read_sources([tmp_path / "test.csv", tmp_path / "train.csv"])
    people = [record.group for record in rows.records]
    assert people == ["1", "002", "", "Nan", "1", "002", "", ""]
    found = check_dataset(dataset_from_rows(rows, "x"), near=False)
    assert any("people in test who are in train" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("values", "people"),
    [
        ([1.0, float("nan"), None, float("nan")], ["1", "", "", ""]),
        ([b"a", "J\u00f6rg".encode(), b" ", b"NaN"], ["a", "J\u00f6rg", "", ""]),
        (["Anna  B", "anna b", "<NA>", "1e3"], ["Anna B", "anna b", "", "1e3"]),
    ],
)
def test_a_cell_without_a_person_is_of_nobody(tmp_path, pictures, values, people):
    files = sorted(pictures.rglob("*.png"))[:4]
    table = pa.table(
        {"image": [f.read_bytes() for f in files], "label": [3, 3, 4, 4], "id": values}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    rows = read_sources(tmp_path / "a.parquet", group="id")
    assert [record.group for record in rows.records] == people


def test_text_in_bytes_that_is_no_text_is_a_fault(tmp_path, pictures):
    files = sorted(pictures.rglob("*.png"))[:2]
    columns = {"image": [f.read_bytes() for f in files], "label": [b"happy", b"sad"]}
    table = pa.table(columns | {"person": [b"a", b"J\xf6rg"]})
    pq.write_table(table, tmp_path / "a.parquet")
    rows = read_sources(tmp_path / "a.parquet")
    assert [record.label for record in rows.records] == ["happy"]
    (fault,) = rows.faults
    assert str(fault) == "a.parquet, row 1: expected text in UTF-8, found b'J\\xf6rg'"


def test_a_list_of_people_reads_numbers_and_missing_ones_as_a_column_does(tmp_path, pictures):
    lines = [
        "happy/anna_01,1.0",
        "./happy/anna_02.png,01",
        "sad\\\\ben_01,nan",
        "././sad/cleo_07,2",
    ]
    (tmp_path / "who.csv").write_text("\n".join(["path,person", *lines]).replace("\\\\", "\\"))
    rows = read_sources(pictures, group=str(tmp_path / "who.csv"))
    assert [record.group for record in rows.records] == ["1", "1", "", "", "", "", "", "2"]
    assert f"{tmp_path / 'who.csv'}: 4 of 4 names used" in rows.notes


def test_names_in_decomposed_letters_are_those_in_composed_ones(tmp_path):
    composed, decomposed = "jos\u00e9", "jose\u0301"
    put(tmp_path / "src" / "train" / "happy" / composed / "1.png", 1)
    put(tmp_path / "src" / "test" / "happy" / decomposed / f"{decomposed}.png", 2)
    rows = read_sources(tmp_path / "src")
    assert [record.group for record in rows.records] == [composed] * 2
    assert not any(decomposed in note for note in rows.notes)
    for listed in (composed, decomposed):
        (tmp_path / "who.csv").write_text(f"name,person\n{listed}.png,Jos\n", encoding="utf-8")
        rows = read_sources(tmp_path / "src", group=str(tmp_path / "who.csv"))
        assert sorted(record.group for record in rows.records) == ["", "Jos"]
        rows = read_sources(tmp_path / "src", group=f"({listed})\\.png")
        assert sorted(record.group for record in rows.records) == ["", composed]


def test_rows_without_paths_have_nothing_for_a_pattern(tmp_path, pictures):
    source = rows_of(tmp_path / "a.parquet", pictures, "person")
    with pytest.raises(InputError, match=r"neither paths nor names.*the name of the column"):
        import_dataset([source], tmp_path / "out", group=r"(\d+)")
    with pytest.raises(InputError, match="The tables have the columns image, label, person"):
        import_dataset([source], tmp_path / "out", group="who")


def people_dataset(sizes, *, classes=3, seed=0):
    """Noise of people; each person shows the classes in turn."""
    groups = np.repeat([f"p{number}" for number in range(len(sizes))], sizes)
    count = len(groups)
    labels = np.concatenate([np.arange(size) % classes for size in sizes]).astype(np.int8)
    return Dataset(
        images=np.random.default_rng(seed).integers(0, 256, (count, 48, 48)).astype(np.uint8),
        labels=labels,
        votes=np.zeros((count, 10), np.uint8),
        split=np.zeros(count, np.int8),
        rows=np.arange(count),
        source="people",
        groups=groups,
    )


def sides(split, groups):
    return {name: set(split.assignment[groups == name].tolist()) for name in set(groups.tolist())}


def test_each_person_is_on_one_side_and_the_classes_stay_balanced():
    data = people_dataset(np.random.default_rng(1).integers(3, 13, 40))
    split = stratified_split(data, val=0.2, test=0.2)
    assert all(len(each) == 1 for each in sides(split, data.groups).values())
    for label in range(3):
        own = split.assignment[data.labels == label]
        for subset, share in ((0, 0.6), (1, 0.2), (2, 0.2)):
            assert (own == subset).mean() == pytest.approx(share, abs=0.04)
    assert split.kind.endswith("people together")
    assert split.sha256() == stratified_split(data, val=0.2, test=0.2).sha256()
    assert split.sha256() != stratified_split(data, val=0.2, test=0.2, seed=2).sha256()


@pytest.mark.parametrize(
    ("sizes", "expected"), [([6, 6], {0, 1}), ([6, 6, 6], {0, 1, 2}), ([30, 3, 3], {0, 1, 2})]
)
def test_few_people_are_divided_as_well_as_possible(sizes, expected):
    data = people_dataset(sizes)
    split = stratified_split(data, val=0.2, test=0.2)
    assert all(len(each) == 1 for each in sides(split, data.groups).values())
    assert set(split.assignment.tolist()) == expected


def test_one_person_cannot_be_divided():
    with pytest.raises(InputError, match="all images show one person"):
        stratified_split(people_dataset([9]))


def test_images_of_unknown_people_may_go_anywhere_but_their_copies():
    data = people_dataset([6, 6, 6, 6, 40])
    groups = np.where(data.groups == "p4", "", data.groups)
    images = data.images.copy()
    images[63] = images[0]  # an unknown one is a copy of p0's
    data = dataclasses.replace(data, groups=groups, images=images)
    split = stratified_split(data, val=0.25, test=0.25)
    assert all(len(sides(split, groups)[name]) == 1 for name in ("p0", "p1", "p2", "p3"))
    assert len(sides(split, groups)[""]) == 3
    assert split.assignment[63] == split.assignment[0]


def test_folds_keep_people_together():
    data = people_dataset([5] * 12)
    split = group_folds(data, folds=4)
    assert all(len(each) == 1 for each in sides(split, data.groups).values())
    assert split.kind == "4 folds, seed 1, people together"
    with pytest.raises(InputError, match="more than people has people in train and val"):
        group_folds(people_dataset([9, 9]), folds=3)


def test_without_people_close_faces_are_kept_together():
    rng = np.random.default_rng(3)
    faces = rng.integers(0, 256, (30, 48, 48)).astype(np.float32)
    close = 0.8 * faces + 0.2 * rng.integers(0, 256, faces.shape)
    images = np.concatenate((faces, close)).round().astype(np.uint8)
    correlation = np.corrcoef(images[0].ravel(), images[30].ravel())[0, 1]
    assert correlation > 0.92
    data = dataclasses.replace(people_dataset([60]), images=images, groups=None)
    split = stratified_split(data)
    np.testing.assert_array_equal(split.assignment[:30], split.assignment[30:])
    assert split.kind.endswith("near copies too")
    apart = stratified_split(data, near=False).assignment
    assert (apart[:30] != apart[30:]).any()


def test_a_class_whose_images_all_hang_together_is_divided_all_the_same(toy_dataset):
    groups = split_groups(toy_dataset)
    assert len(np.unique(groups)) > 7
    assert stratified_split(toy_dataset).counts()["val"] > 7


def test_people_on_both_sides_are_warned_of():
    data = people_dataset([6, 6])
    split = np.array([0] * 8 + [2] * 4, np.int8)
    found = check_dataset(dataclasses.replace(data, split=split), near=False)
    assert found.people == 2
    assert any("4 images show people in test who are in train, too" in w for w in found.warnings)
    unknown = check_dataset(dataclasses.replace(data, split=split, groups=None), near=False)
    assert unknown.notes == ["no people are known, so one person may be in several subsets"]
    apart = dataclasses.replace(data, split=np.repeat(np.array([0, 1], np.int8), 6))
    assert not any("people" in warning for warning in check_dataset(apart, near=False).warnings)


def test_a_list_of_people_that_is_cut_or_no_text_is_refused(tmp_path):
    lines = "".join(f"fer{row:07}.png,anna\n" for row in range(2000))
    whole = gzip.compress(f"name,person\n{lines}".encode())
    (tmp_path / "names.csv.gz").write_bytes(whole[: 2 * len(whole) // 3])
    with pytest.raises(DatasetError, match=r"names.csv.gz, line \d+: "):
        Grouping(str(tmp_path / "names.csv.gz"))
    names = "name,person\na.png,J\u00f6rg\nb.png,J\u00fcrg\n"
    (tmp_path / "names.csv").write_text(names, "utf-8")
    assert Grouping(str(tmp_path / "names.csv")).description.startswith("2 names")
    (tmp_path / "names.csv").write_text(names, "cp1252")
    with pytest.raises(DatasetError, match=r"names.csv, line 2: .*Save the table as UTF-8"):
        Grouping(str(tmp_path / "names.csv"))
