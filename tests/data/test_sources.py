"""Sources as people have them: spellings, separators, folders in any order, two forms at once."""

import dataclasses
import gzip
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mien.data import (
    Rows,
    dataset_from_rows,
    import_dataset,
    read_dataset,
    read_manifest,
    read_sources,
    repeats,
)
from mien.data.records import Record
from mien.emotions import FER2013_7
from mien.errors import DatasetError, InputError
from tests.conftest import USAGE, fer_lines

LABELS = FER2013_7.labels


@pytest.fixture
def few(toy_dataset):
    """Ten images of each subset."""
    return toy_dataset.select(np.r_[0:10, 64:74, 80:90])


def png(image):
    packed = io.BytesIO()
    Image.fromarray(image).save(packed, "PNG")
    return packed.getvalue()


def put(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def counts(folder):
    return read_manifest(folder).subsets


def write_csv(path, data, *, header="emotion,pixels,Usage", sep=",", encoding="utf-8", end=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [header.replace(",", sep), *fer_lines(data, sep=sep)]
    text = ("\n".join(lines) + "\n" + end).encode(encoding)
    path.write_bytes(gzip.compress(text) if path.name.endswith(".gz") else text)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.csv", {"sep": ";"}),
        ("a.csv", {"sep": "\t"}),
        ("a.tsv", {"sep": "\t"}),
        ("a.csv", {"sep": "|"}),
        ("a.csv", {"encoding": "utf-16"}),
        ("a.csv", {"encoding": "utf-16-le"}),
        ("a.csv", {"encoding": "utf-8-sig"}),
        ("a.csv.gz", {}),
        ("a.csv.gz", {"encoding": "utf-16", "sep": ";"}),
        ("A.CSV", {}),
        ("a.csv", {"end": "\n"}),
        ("a.csv", {"end": ",,\n"}),
        ("a.csv", {"end": "  \n\n"}),
        ("a.csv", {"header": "Emotion , Pixels, USAGE "}),
        ("a.csv", {"header": "label,pixels,split"}),
    ],
)
def test_a_csv_is_read_however_it_was_written(tmp_path, few, name, options):
    write_csv(tmp_path / "fer" / name, few, **options)
    import_dataset([tmp_path / "fer"], tmp_path / "out")
    found = read_dataset(tmp_path / "out")
    np.testing.assert_array_equal(found.images, few.images)
    np.testing.assert_array_equal(found.labels, few.labels)
    np.testing.assert_array_equal(found.split, few.split)


@pytest.mark.parametrize("written", ["3", "3.0", " 3 ", "happy", "Happiness", "JOY", "3.00"])
def test_a_label_is_a_number_or_a_name(tmp_path, few, written):
    pixels = " ".join(map(str, few.images[0].ravel()))
    (tmp_path / "a.csv").write_text(f"emotion,pixels,Usage\n{written},{pixels},Training\n")
    done = import_dataset([tmp_path / "a.csv"], tmp_path / "out")
    assert done.manifest.subsets == {"train": {"happy": 1}}


@pytest.mark.parametrize("column", ["emotion", "person"])
def test_a_class_or_a_person_that_is_not_utf_8_is_a_fault(tmp_path, few, column):
    pixels = " ".join(map(str, few.images[0].ravel()))
    named = {"emotion": "happy", "person": "anna"} | {column: "J\u00f6rg"}
    line = f"{named['emotion']},{pixels},Training,{named['person']}"
    text = f"emotion,pixels,Usage,person\n{line}\n"
    (tmp_path / "a.csv").write_text(text, "cp1252")
    with pytest.raises(DatasetError, match=r"a.csv, line 2: .*Save the table as UTF-8"):
        import_dataset([tmp_path / "a.csv"], tmp_path / "out", own_classes=True)
    (tmp_path / "a.csv").write_text(text, "utf-8")
    import_dataset([tmp_path / "a.csv"], tmp_path / "out", own_classes=True)
    data = read_dataset(tmp_path / "out")
    assert "J\u00f6rg" in data.groups or "j\u00f6rg" in data.label_names


@pytest.mark.parametrize(
    ("name", "subset"), [("train.csv", "train"), ("fer_val.csv", "val"), ("data.csv", "train")]
)
def test_without_usage_the_name_says_the_subset(tmp_path, few, name, subset):
    lines = [line.rpartition(",")[0] for line in fer_lines(few)]
    (tmp_path / name).write_text("\n".join(["emotion,pixels", *lines]))
    done = import_dataset([tmp_path / name], tmp_path / "out")
    assert list(done.manifest.subsets) == [subset]
    assert f"{name}: no column for the subset, all rows go to {subset}" in done.notes


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"0," + b"70 " * 200 + b",Training\n", "an image in its first line"),
        (b"pixels\n1 2 3\n", "found the columns pixels"),
        (b"emotion,file\n1,a.png\n", "found the columns emotion, file"),
        (b"PK\x03\x04" + bytes(60), "an archive. Unpack it"),
        (gzip.compress(bytes(257) + b"ustar" + bytes(300), mtime=0), "an archive. Unpack it"),
        (gzip.compress(b"emotion,pixels\n", mtime=0)[:14], "cannot be read as a table"),
    ],
)
def test_a_table_of_another_form_is_refused_with_what_was_found(tmp_path, content, found):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=found):
        import_dataset([tmp_path / "a.csv"], tmp_path / "out")


@pytest.mark.parametrize("cell", ["9" * 5000, "\N{ARABIC-INDIC DIGIT THREE}", "\0", "nan", "-1"])
def test_a_cell_that_is_no_class_is_named(tmp_path, cell):
    (tmp_path / "x.csv").write_text(f"emotion,pixels,Usage\n{cell},0 0,Training\n")
    with pytest.raises(DatasetError, match=r"x\.csv, line 2: emotion: ") as caught:
        import_dataset([tmp_path / "x.csv"], tmp_path / "out")
    assert len(str(caught.value)) < 600


def test_a_table_with_one_endless_cell_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("x" * 20_000_000)
    with pytest.raises(DatasetError, match=r"x\.csv: unknown form"):
        import_dataset([tmp_path / "x.csv"], tmp_path / "out")


def test_a_parquet_damaged_in_its_rows_is_named(tmp_path):
    table = pa.table({"image": [b"x" * 500] * 96, "label": [0] * 96})
    pq.write_table(table, tmp_path / "a.parquet", compression="none", use_dictionary=False)
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[4:60] = b"\xff" * 56
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(DatasetError, match=r"a\.parquet: cannot be read as Parquet"):
        import_dataset([tmp_path / "a.parquet"], tmp_path / "out")


def test_a_packed_table_that_ends_early_is_a_fault(tmp_path, few):
    path = write_csv(tmp_path / "a.csv.gz", few)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(DatasetError, match=r"a\.csv\.gz, line \d+: not CSV from here on"):
        import_dataset([path], tmp_path / "out")


@pytest.mark.parametrize("key", ["happy", "3", "HAPPY", " Happy ", "3.0"])
def test_a_class_is_mapped_by_name_and_by_number_in_every_form(tmp_path, few, key):
    happy = int((few.labels == 3).sum())
    assert happy
    write_csv(tmp_path / "a.csv", few)
    table = pa.table({"image": [png(i) for i in few.images], "label": few.labels.astype(int)})
    pq.write_table(table, tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        import_dataset([tmp_path / name], tmp_path / f"{name}.out", label_map={key: "-"})
        assert read_manifest(tmp_path / f"{name}.out").rows == len(few) - happy


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({"joy": "surprise"}, {"happy": 1, "surprise": 1, "sad": 1}),
        ({"Joy": "-"}, {"happy": 1, "sad": 1}),
        ({"happy": "fear"}, {"fear": 1, "happy": 1, "sad": 1}),
    ],
)
def test_a_map_is_for_the_written_spelling_alone(tmp_path, few, mapping, expected):
    for number, name in enumerate(("happy", "joy", "sad")):
        put(tmp_path / "src" / name / "a.png", few.images[number])
    import_dataset([tmp_path / "src"], tmp_path / "out", label_map=mapping)
    assert counts(tmp_path / "out") == {"train": expected}
    with pytest.raises(InputError, match="--map happiness=sad: no image is of this class; found"):
        import_dataset([tmp_path / "src"], tmp_path / "b", label_map={"happiness": "sad"})


def test_own_classes_in_composed_and_decomposed_letters_are_one(tmp_path, few):
    put(tmp_path / "src" / "m\u00fcde" / "a.png", few.images[0])
    put(tmp_path / "src" / "mu\u0308de" / "b.png", few.images[1])
    import_dataset([tmp_path / "src"], tmp_path / "out", own_classes=True)
    assert counts(tmp_path / "out") == {"train": {"m\u00fcde": 2}}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_numbers_that_count_from_1_are_mapped_all_or_refused(tmp_path, few, form):
    named = few.select(np.arange(7))
    if form == "csv":
        lines = [line.partition(",")[2] for line in fer_lines(named)]
        numbered = [f"{number},{line}" for number, line in enumerate(lines, start=1)]
        source = tmp_path / "a.csv"
        source.write_text("\n".join(["emotion,pixels,Usage", *numbered]))
    else:
        source = tmp_path / "a.parquet"
        numbers = list(range(1, 8))
        pq.write_table(
            pa.table({"image": [png(i) for i in named.images], "label": numbers}), source
        )
    with pytest.raises(DatasetError, match=r"expected 0 to 6, found .*If the numbers count from 1"):
        import_dataset([source], tmp_path / "out")
    with pytest.raises(
        InputError, match=r"seem to count from 1.*without one are 1, 2, 3, 4, 5, 6$"
    ):
        import_dataset([source], tmp_path / "out", label_map={"7": "neutral"})
    mapping = {str(number): label for number, label in enumerate(LABELS, start=1)}
    done = import_dataset([source], tmp_path / "out", label_map=mapping)
    assert done.manifest.subsets == {"train": dict.fromkeys(LABELS, 1)}


def test_numbers_are_read_as_known_classes_with_a_note_and_not_as_own_ones(tmp_path, few):
    write_csv(tmp_path / "a.csv", few)
    done = import_dataset([tmp_path / "a.csv"], tmp_path / "out")
    assert "a.csv: the numbers in emotion are read as FER-2013's classes" in done.notes
    with pytest.raises(DatasetError, match=r"has no name, and own classes need one. Map every"):
        import_dataset([tmp_path / "a.csv"], tmp_path / "b", own_classes=True)


def test_a_class_folder_is_mapped_by_its_number(tmp_path, few):
    put(tmp_path / "mine" / "1" / "a.png", few.images[0])
    put(tmp_path / "mine" / "4" / "b.png", few.images[1])
    with pytest.raises(DatasetError, match=r"unknown class '1'.*--map 1=LABEL"):
        import_dataset([tmp_path / "mine"], tmp_path / "out")
    mapping = {"1": "surprise", "4": "happy"}
    import_dataset([tmp_path / "mine"], tmp_path / "out", label_map=mapping)
    assert counts(tmp_path / "out") == {"train": {"happy": 1, "surprise": 1}}


@pytest.mark.parametrize("form", ["csv", "parquet", "folders"])
def test_a_map_of_a_class_that_no_image_has_is_refused(tmp_path, few, form):
    if form == "csv":
        source = write_csv(tmp_path / "a.csv", few)
    elif form == "parquet":
        source = tmp_path / "a.parquet"
        names = [LABELS[label] for label in few.labels]
        pq.write_table(pa.table({"image": [png(i) for i in few.images], "label": names}), source)
    else:
        source = tmp_path / "mine"
        put(source / "happy" / "a.png", few.images[0])
    with pytest.raises(InputError, match=r"--map hapy=sad: no image is of this class; found are"):
        import_dataset([source], tmp_path / "out", label_map={"hapy": "sad"})
    assert not (tmp_path / "out").exists()


def test_of_two_columns_of_bytes_the_one_named_image_is_read(tmp_path, few):
    columns = {
        "thumbnail": [png(np.zeros((48, 48), np.uint8))] * 10,
        "Image": [png(image) for image in few.images[:10]],
        "label": [LABELS[label] for label in few.labels[:10]],
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    import_dataset([tmp_path / "a.parquet"], tmp_path / "out")
    np.testing.assert_array_equal(read_dataset(tmp_path / "out").images, few.images[:10])
    columns["large"] = columns.pop("Image")
    pq.write_table(pa.table(columns), tmp_path / "b.parquet")
    with pytest.raises(DatasetError, match=r"several columns with bytes of images, thumbnail, lar"):
        import_dataset([tmp_path / "b.parquet"], tmp_path / "b")


def test_class_folders_beside_a_csv_are_imported_too(tmp_path, few):
    write_csv(tmp_path / "src" / "fer2013.csv", few.select(np.arange(20)))
    for row in range(20, 30):
        put(tmp_path / "src" / "test" / LABELS[few.labels[row]] / f"{row}.png", few.images[row])
    import_dataset([tmp_path / "src"], tmp_path / "out")
    assert read_manifest(tmp_path / "out").rows == 30


def test_a_table_of_something_else_does_not_hide_class_folders(tmp_path, few):
    put(tmp_path / "src" / "happy" / "a.png", few.images[0])
    (tmp_path / "src" / "labels.csv").write_text("file,score\na.png,1\n")
    done = import_dataset([tmp_path / "src"], tmp_path / "out")
    assert done.manifest.rows == 1
    assert any("labels.csv: left out, found the columns file, score" in n for n in done.notes)


def test_the_same_images_in_two_forms_are_imported_once(tmp_path, few):
    write_csv(tmp_path / "src" / "fer2013.csv", few)
    for row, (image, label) in enumerate(zip(few.images, few.labels, strict=True)):
        put(tmp_path / "src" / "images" / LABELS[label] / f"{row:03}.png", image)
    done = import_dataset([tmp_path / "src"], tmp_path / "out")
    assert done.manifest.rows == len(few)
    assert "src: 30 images are in fer2013.csv, too, and imported once" in done.notes
    found = read_dataset(tmp_path / "out")
    np.testing.assert_array_equal(found.split, few.split)
    assert found.names[7] == "007.png"


def test_a_form_that_was_compressed_anew_is_the_same_images(tmp_path, samples):
    with Image.open(samples / "grace_hopper.jpg") as photo:
        grey = photo.convert("L")
    images = [np.asarray(grey.resize((size, size)))[:48, :48] for size in range(60, 120, 10)]
    table = pa.table({"image": [png(image) for image in images], "label": ["happy"] * 6})
    (tmp_path / "src").mkdir()
    pq.write_table(table, tmp_path / "src" / "test.parquet")
    for number, image in enumerate(images):
        put(tmp_path / "src" / "happy" / f"{number}.jpg", image)
    done = import_dataset([tmp_path / "src"], tmp_path / "out")
    assert done.manifest.subsets == {"test": {"happy": 6}}


def test_copies_within_one_form_stay(tmp_path, few):
    images = few.images.copy()
    images[25] = images[0]  # of test, in train, too
    data = dataclasses.replace(few, images=images)
    (tmp_path / "src").mkdir()
    for subset, name in enumerate(("train", "val", "test")):
        own = data.select(data.split == subset)
        table = pa.table({"image": [png(i) for i in own.images], "label": own.labels.astype(int)})
        pq.write_table(table, tmp_path / "src" / f"{name}.parquet")
    assert import_dataset([tmp_path / "src"], tmp_path / "out").manifest.rows == 30


def test_each_image_of_several_sources_is_decoded_once(tmp_path, few, monkeypatch):
    decoded = []
    pixels = repeats._pixels
    monkeypatch.setattr(repeats, "_pixels", lambda record: decoded.append(1) or pixels(record))
    for number in range(5):
        own = few.select(np.arange(6) + 5 * number)  # each has the last image of the one before
        table = pa.table({"image": [png(i) for i in own.images], "label": own.labels.astype(int)})
        pq.write_table(table, tmp_path / f"{number}.parquet")
    assert len(read_sources([tmp_path]).records) == 30
    assert len(decoded) == 30
    for row in range(12):
        put(tmp_path / "faces" / LABELS[few.labels[row]] / f"{row}.png", few.images[row])
    decoded.clear()
    rows = read_sources([tmp_path])
    assert (len(rows.records), len(decoded)) == (30, 42)
    said = [note for note in rows.notes if "imported once" in note]
    assert [note.partition(",")[0].split()[1] for note in said] == ["6", "5", "1"]


def test_a_file_given_twice_is_imported_once(tmp_path, few):
    first = write_csv(tmp_path / "icml.csv", few)
    second = write_csv(tmp_path / "train.csv", few.select(few.split == 0))
    done = import_dataset([first, second], tmp_path / "out")
    assert done.manifest.rows == len(few)
    assert "train.csv: 10 images are in icml.csv, too, and imported once" in done.notes


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("Train_Set", "Valid_Set", "Test_Set"), ""),
        (("FER2013Train", "FER2013Valid", "FER2013Test"), ""),
        (("train2017", "val2017", "test2017"), ""),
        (("Training", "validation", "TESTING"), ""),
        (("Training", "PublicTest", "PrivateTest"), ""),
        (("train-images", "dev", "testset"), ""),
        (("train", "holdout", "test"), "holdout"),
        (("train", "val", "train_test"), "train_test"),
    ],
)
def test_subsets_are_known_by_common_spellings_and_no_unknown_one_becomes_train(
    tmp_path, few, names, missing
):
    for number, name in enumerate(names):
        put(tmp_path / "src" / name / "happy" / "a.png", few.images[number])
    if missing:
        expected = rf"src/{missing}: no subset is known by this name, but beside it are"
        with pytest.raises(DatasetError, match=expected):
            import_dataset([tmp_path / "src"], tmp_path / "out")
        return
    import_dataset([tmp_path / "src"], tmp_path / "out")
    assert {subset: n["happy"] for subset, n in counts(tmp_path / "out").items()} == {
        "train": 1,
        "val": 1,
        "test": 1,
    }


def test_a_folder_says_the_subset_of_its_tables(tmp_path, few):
    for subset, name in enumerate(("train", "validation", "test")):
        own = few.select(few.split == subset)
        table = pa.table({"image": [png(i) for i in own.images], "label": own.labels.astype(int)})
        (tmp_path / "src" / "default" / name).mkdir(parents=True)
        pq.write_table(table, tmp_path / "src" / "default" / name / "0000.parquet")
    done = import_dataset([tmp_path / "src"], tmp_path / "out")
    assert {subset: sum(n.values()) for subset, n in done.manifest.subsets.items()} == {
        "train": 10,
        "val": 10,
        "test": 10,
    }


def test_a_table_of_no_subset_beside_those_of_some_is_refused(tmp_path, few):
    for subset, name in enumerate(("train", "test", "more")):
        own = few.select(few.split == subset)
        lines = [line.rpartition(",")[0] for line in fer_lines(own)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["emotion,pixels", *lines]))
    with pytest.raises(DatasetError, match=r"more\.csv: no subset is known.* train\.csv"):
        import_dataset([tmp_path], tmp_path / "out")


def test_a_class_beside_subsets_is_refused(tmp_path, few):
    put(tmp_path / "src" / "train" / "happy" / "a.png", few.images[0])
    put(tmp_path / "src" / "sad" / "a.png", few.images[1])
    with pytest.raises(DatasetError, match="src/sad: no subset is known by this name"):
        import_dataset([tmp_path / "src"], tmp_path / "out")


@pytest.mark.parametrize(
    ("paths", "subsets", "people"),
    [
        (["happy/anna/1", "sad/anna/1", "sad/ben/1"], {"train"}, ["anna", "anna", "ben"]),
        (["happy/train/1", "happy/test/1", "sad/test/1"], {"train", "test"}, ["", "", ""]),
        (["train/happy/anna/1", "test/sad/ben/1"], {"train", "test"}, ["ben", "anna"]),
        (["happy/val/anna/1", "sad/train/ben/1"], {"train", "val"}, ["anna", "ben"]),
        (["anna/happy/1", "ben/sad/1"], {"train"}, ["", ""]),
        (["set/happy/s1/day 2/1"], {"train"}, ["s1"]),
        (["happy/joy/1", "sad/joy/1", "sad/ben/1"], {"train"}, ["joy", "ben", "joy"]),
    ],
)
def test_folders_may_name_class_subset_and_person_in_any_order(
    tmp_path, few, paths, subsets, people
):
    for number, path in enumerate(paths):
        put(tmp_path / "src" / f"{path}.png", few.images[number])
    rows = read_sources([tmp_path / "src"])
    assert [str(fault) for fault in rows.faults] == []
    for record in rows.records:
        assert record.label in record.origin
    assert {record.subset for record in rows.records} == subsets
    assert [record.group for record in rows.records] == people


def test_two_classes_in_one_path_are_refused(tmp_path, few):
    put(tmp_path / "src" / "happy" / "sad" / "a.png", few.images[0])
    with pytest.raises(DatasetError, match="two classes in one path, happy and sad"):
        import_dataset([tmp_path / "src"], tmp_path / "out")


def test_the_advice_for_an_unknown_class_names_the_class_not_the_person(tmp_path, few):
    put(tmp_path / "src" / "happy" / "anna" / "a.png", few.images[0])
    put(tmp_path / "src" / "wut" / "anna" / "a.png", few.images[1])
    with pytest.raises(DatasetError, match="src/wut/anna: unknown class 'wut'"):
        import_dataset([tmp_path / "src"], tmp_path / "out")


def test_own_classes_are_kept_if_asked(tmp_path, few):
    for number, name in enumerate(("happy", "wink", "Puzzled Look")):
        put(tmp_path / "src" / name / "a.png", few.images[number])
    done = import_dataset([tmp_path / "src"], tmp_path / "out", own_classes=True)
    assert done.manifest.subsets == {"train": {"happy": 1, "puzzled look": 1, "wink": 1}}
    found = read_dataset(tmp_path / "out")
    assert found.label_names == (*LABELS, "puzzled look", "wink")
    assert [found.label_names[label] for label in found.labels] == ["puzzled look", "happy", "wink"]
    assert found.fer2013_labels.tolist() == [-1, 3, -1]


def test_own_classes_are_above_their_people_unless_a_name_says_otherwise(tmp_path, few):
    paths = ["bored/anna", "bored/ben", "calm/anna", "calm/ben", "keen/anna", "keen/ben"]
    for number, path in enumerate(paths):
        put(tmp_path / "src" / "all" / path / "a.png", few.images[number])
    done = import_dataset([tmp_path / "src"], tmp_path / "a", own_classes=True)
    assert done.manifest.subsets == {"train": {"bored": 2, "calm": 2, "keen": 2}}
    assert done.manifest.people == 2
    assert any("taken for the classes: bored, calm, keen" in note for note in done.notes)
    mapped = import_dataset(
        [tmp_path / "src"], tmp_path / "b", own_classes=True, label_map={"anna": "anna"}
    )
    assert mapped.manifest.subsets == {"train": {"anna": 3, "ben": 3}}
    with pytest.raises(DatasetError, match="none of these folders is a known class: bored, calm"):
        import_dataset([tmp_path / "src"], tmp_path / "c", own_classes=True, group="folder")


def test_no_folder_of_a_class_is_dropped_without_a_word(tmp_path, few):
    put(tmp_path / "src" / "happy" / "a.png", few.images[0])
    (tmp_path / "src" / "fear").symlink_to(tmp_path / "nowhere", target_is_directory=True)
    (tmp_path / "src" / "happy" / "b.png").symlink_to(tmp_path / "nowhere.png")
    put(tmp_path / "src" / "__angry" / "a.png", few.images[1])
    put(tmp_path / "src" / "@neutral" / "a.png", few.images[2])
    faults = {fault.where: fault.what for fault in read_sources([tmp_path / "src"]).faults}
    assert list(faults) == ["src/fear", "src/happy/b.png", "src/@neutral", "src/__angry"]
    assert faults["src/fear"] == "a link that leads nowhere. Mend or remove it"
    assert faults["src/__angry"].startswith("unknown class '__angry'")


def test_images_are_known_by_their_content_where_the_name_has_no_ending(tmp_path, few):
    for number in range(3):
        put(tmp_path / "src" / "happy" / f"{number}.png", few.images[number])
        (tmp_path / "src" / "happy" / f"{number}.png").rename(
            tmp_path / "src" / "happy" / f"000{number}"
        )
    import_dataset([tmp_path / "src"], tmp_path / "out")
    assert counts(tmp_path / "out") == {"train": {"happy": 3}}


def test_own_classes_that_are_named_as_subsets_are_mapped(tmp_path, few):
    for number, name in enumerate(("pass", "fail", "test", "valid")):
        put(tmp_path / "src" / name / "a.png", few.images[number])
    expected = "Where test, valid are no subsets: classes are mapped .*--map test=test"
    with pytest.raises(DatasetError, match=expected):
        import_dataset([tmp_path / "src"], tmp_path / "out", own_classes=True)
    mapping = {"test": "test", "valid": "valid"}
    import_dataset([tmp_path / "src"], tmp_path / "out", own_classes=True, label_map=mapping)
    assert counts(tmp_path / "out") == {"train": {"fail": 1, "pass": 1, "test": 1, "valid": 1}}


def test_linked_folders_are_followed_and_cycles_are_cut(tmp_path, few):
    put(tmp_path / "elsewhere" / "happy" / "a.png", few.images[0])
    (tmp_path / "src" / "train").mkdir(parents=True)
    (tmp_path / "src" / "test").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    put(tmp_path / "src" / "train" / "sad" / "b.png", few.images[1])
    (tmp_path / "src" / "train" / "again").symlink_to(tmp_path / "src", target_is_directory=True)
    import_dataset([tmp_path / "src"], tmp_path / "out")
    assert counts(tmp_path / "out") == {"train": {"sad": 1}, "test": {"happy": 1}}


def test_a_dataset_inside_its_source_never_reads_itself(tmp_path, few):
    source = tmp_path / "src"
    put(source / "happy" / "a.png", few.images[0])
    out = source / "out"
    import_dataset([source], out)
    assert import_dataset([source], out).unchanged
    put(source / "sad" / "b.png", few.images[1])
    assert import_dataset([source], out, overwrite=True).manifest.rows == 2
    assert import_dataset([source], source / "second").manifest.rows == 2


def test_rows_are_picked_by_a_column(tmp_path, few):
    table = pa.table(
        {
            "set": ["a", "b", "c"] * 10,
            "person": [f"p{row % 7}" for row in range(30)],
            "label": [LABELS[label] for label in few.labels],
            "image": [png(image) for image in few.images],
        }
    )
    pq.write_table(table, tmp_path / "sets.parquet")
    done = import_dataset([tmp_path / "sets.parquet"], tmp_path / "out", where={"Set": "b"})
    assert (done.manifest.rows, done.manifest.people) == (10, 7)
    assert "sets.parquet: person is read as the person" in done.notes
    assert read_dataset(tmp_path / "out").groups[:2].tolist() == ["p1", "p4"]
    with pytest.raises(DatasetError, match="--where set=d: no row has it; found a, b, c"):
        import_dataset([tmp_path / "sets.parquet"], tmp_path / "b", where={"set": "d"})
    with pytest.raises(DatasetError, match="--where kind=b: no such column; it has set, person"):
        import_dataset([tmp_path / "sets.parquet"], tmp_path / "b", where={"kind": "b"})


def test_rows_of_any_of_several_values_are_picked(tmp_path, few):
    sets = (["a", "b", "c"] * 10, [LABELS[label] for label in few.labels])
    table = pa.table({"Set Name": sets[0], "label": sets[1], "image": [png(i) for i in few.images]})
    pq.write_table(table, tmp_path / "sets.parquet")
    done = import_dataset(
        tmp_path / "sets.parquet", tmp_path / "out", where={"set name": ["c", "a"]}
    )
    assert done.manifest.rows == 20
    assert done.manifest.settings["where"] == "set_name=c, set_name=a"
    spelled = {"Set Name": "a", "set_name": "b"}
    assert len(read_sources(tmp_path / "sets.parquet", where=spelled).records) == 20
    with pytest.raises(DatasetError, match="--where set_name=d: no row has it; found a, b, c"):
        read_sources(tmp_path / "sets.parquet", where={"Set Name": ["a", "d"]})


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"Wut": "angry", "wut": "sad"}, "--map Wut=angry and --map wut=sad: are of one class"),
        ({"3": "angry", "3.0": "sad"}, "--map 3=angry and --map 3.0=sad: are of one class"),
        ({"bored": ""}, "--map bored=: expected a label, or - to leave the class out"),
        ({"bored": " "}, "--map bored= : expected a label, or - to leave the class out"),
    ],
)
def test_a_map_that_contradicts_itself_or_maps_to_nothing_is_refused(tmp_path, few, mapping, said):
    put(tmp_path / "src" / "wut" / "a.png", few.images[0])
    with pytest.raises(InputError, match=said):
        read_sources(tmp_path / "src", own_classes=True, label_map=mapping)


@pytest.mark.parametrize("column", ["label", "image", "person", "set"])
def test_two_columns_of_one_name_are_refused_in_a_parquet_if_one_is_read(tmp_path, few, column):
    cells = {
        "image": [png(image) for image in few.images[:2]],
        "label": ["happy", "sad"],
        "person": ["a", "b"],
        "set": ["x", "y"],
        "other": ["", ""],
    }
    for name in (column, "other"):
        table = pa.table([*cells.values(), cells[name]], names=[*cells, name])
        pq.write_table(table, tmp_path / f"{name}.parquet")
    with pytest.raises(DatasetError, match=f"two columns are named {column}. Rename or remove"):
        read_sources(tmp_path / f"{column}.parquet", where={"set": "x"})
    assert len(read_sources(tmp_path / "other.parquet", where={"set": "x"}).records) == 1


@pytest.mark.parametrize("column", ["emotion", "pixels", "Usage", "person", "Person"])
def test_two_columns_of_one_name_are_refused_in_a_csv_if_one_is_read(tmp_path, few, column):
    lines = [f"{line},a,b,b" for line in fer_lines(few)]
    for name in (column, "x"):
        header = f"emotion,pixels,Usage,person,x,{name}"
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *lines]))
    with pytest.raises(DatasetError, match=r"two columns are named \w+\. Rename or remove one"):
        read_sources(tmp_path / f"{column}.csv")
    assert len(read_sources(tmp_path / "x.csv").records) == 30


def test_too_many_classes_are_counted_all(few):
    image = png(few.images[0])
    rows = Rows([Record(image, f"c{number}", "train", "x") for number in range(121)])
    with pytest.raises(DatasetError, match="at most 127 classes, found 128, 7 of them FER-2013's"):
        dataset_from_rows(rows, "x")


def test_a_condition_needs_a_table(tmp_path, few):
    put(tmp_path / "src" / "happy" / "a.png", few.images[0])
    with pytest.raises(DatasetError, match="no table was read"):
        import_dataset([tmp_path / "src"], tmp_path / "out", where={"set": "a"})


def test_a_csv_may_name_people(tmp_path, few):
    lines = [f"{line},s{row % 3}" for row, line in enumerate(fer_lines(few))]
    (tmp_path / "a.csv").write_text("\n".join(["emotion,pixels,Usage,Subject", *lines]))
    done = import_dataset([tmp_path / "a.csv"], tmp_path / "out")
    assert done.manifest.people == 3
    assert "a.csv: Subject is read as the person" in done.notes


def test_usages_of_a_table_may_be_spelled_as_folders_are(tmp_path, few):
    usage = dict(zip(USAGE, ("train_set", "Validation", "test2017"), strict=True))
    text = "\n".join(["emotion,pixels,Usage", *fer_lines(few)])
    for old, new in usage.items():
        text = text.replace(f",{old}", f",{new}")
    (tmp_path / "a.csv").write_text(text)
    import_dataset([tmp_path / "a.csv"], tmp_path / "out")
    np.testing.assert_array_equal(read_dataset(tmp_path / "out").split, few.split)
