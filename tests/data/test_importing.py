import dataclasses
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mien.data import import_dataset, read_dataset, read_manifest, read_sources
from mien.emotions import FER2013_7
from mien.errors import DatasetError, InputError, OutputError
from tests.conftest import USAGE, VOTE_HEADER, fer_lines, vote_lines

SPELLINGS = {"angry": "anger", "fear": "fearful", "surprise": "Surprised", "happy": "happiness"}


def encoded(image, kind="PNG"):
    packed = io.BytesIO()
    Image.fromarray(image).save(packed, kind)
    return packed.getvalue()


def same_images(found, expected):
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.split, expected.split)


def write_tree(root, data, *, names=SPELLINGS, suffix="png"):
    subsets = ("train", "validation", "test")
    for row, (image, label, subset) in enumerate(
        zip(data.images, data.labels, data.split, strict=True)
    ):
        name = FER2013_7.labels[label]
        folder = root / subsets[subset] / names.get(name, name)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"fer{row:07}.{suffix}")


def test_the_published_csv_comes_in_as_it_is(tmp_path, fer_csv, votes_csv, toy_dataset):
    done = import_dataset([fer_csv, votes_csv], tmp_path / "fer")
    found = read_dataset(tmp_path / "fer")
    same_images(found, toy_dataset)
    np.testing.assert_array_equal(found.votes, toy_dataset.votes)
    assert found.names[3] == "fer0000003.png"
    assert found.sha256() == done.manifest.sha256 == toy_dataset.sha256()
    assert done.manifest.voted == done.manifest.rows == len(toy_dataset)
    assert [source.kind for source in done.manifest.sources] == ["csv", "votes"]
    table = pq.read_table(tmp_path / "fer" / "dataset.parquet")
    assert table["source"][0].as_py() == "fer2013.csv, line 2"


def test_paths_may_be_text(tmp_path, fer_csv):
    import_dataset([str(fer_csv)], str(tmp_path / "fer"))
    assert read_manifest(str(tmp_path / "fer")).rows == len(read_dataset(str(tmp_path / "fer")))
    assert len(read_sources([str(fer_csv)]).records) == read_manifest(tmp_path / "fer").rows


def test_a_single_source_needs_no_list(tmp_path, fer_csv):
    assert import_dataset(fer_csv, tmp_path / "fer").manifest.rows == 96
    assert import_dataset(str(fer_csv), tmp_path / "fer").unchanged
    assert len(read_sources(str(fer_csv)).records) == 96
    with pytest.raises(InputError, match="sources: expected a path, found int"):
        read_sources([1])


def test_the_competitions_csv_has_spaces_in_its_header(tmp_path, toy_dataset):
    lines = [
        f"{label},{USAGE[subset]},{' '.join(map(str, image.ravel()))}"
        for image, label, subset in zip(
            toy_dataset.images, toy_dataset.labels, toy_dataset.split, strict=True
        )
    ]
    path = tmp_path / "icml_face_data.csv"
    path.write_text("\n".join(["emotion, Usage, pixels", *lines]))
    import_dataset([path], tmp_path / "fer")
    same_images(read_dataset(tmp_path / "fer"), toy_dataset)


def test_a_folder_gives_what_is_in_it_and_ignores_the_rest(
    tmp_path, fer_csv, votes_csv, toy_dataset
):
    (tmp_path / "test.csv").write_text("pixels\n1 2 3\n")
    (tmp_path / "README.csv").write_text("hello\n")
    import_dataset([tmp_path], tmp_path / "out" / "fer")
    same_images(read_dataset(tmp_path / "out" / "fer"), toy_dataset)


def test_class_folders_come_in_whatever_their_spelling(tmp_path, toy_dataset, votes_csv):
    write_tree(tmp_path / "tree", toy_dataset)
    (tmp_path / "tree" / "train" / "Thumbs.db").write_bytes(b"no image")
    done = import_dataset([tmp_path / "tree", votes_csv], tmp_path / "fer")
    found = read_dataset(tmp_path / "fer")
    order = np.array([int(name[3:-4]) for name in found.names])
    same_images(found, toy_dataset.select(order))
    np.testing.assert_array_equal(found.votes, toy_dataset.votes[order])
    assert any("joined by image name to 96 of 96" in note for note in done.notes)


def test_a_name_that_says_its_part_wins_over_the_folder(tmp_path, toy_dataset):
    folder = tmp_path / "tree" / "test" / "happy"
    folder.mkdir(parents=True)
    for name in ("PublicTest_1.png", "PrivateTest_2.png", "Training_3.png"):
        Image.fromarray(toy_dataset.images[0]).save(folder / name)
    import_dataset([tmp_path / "tree"], tmp_path / "fer")
    assert read_dataset(tmp_path / "fer").split.tolist() == [2, 1, 0]


@pytest.mark.parametrize("name", [".ipynb_checkpoints", "@eaDir", "__MACOSX"])
def test_what_programs_leave_in_a_class_folder_does_not_hide_its_images(
    tmp_path, toy_dataset, name
):
    write_tree(tmp_path / "tree", toy_dataset)
    left = tmp_path / "tree" / "train" / "neutral" / name / "deeper"
    left.mkdir(parents=True)
    Image.fromarray(toy_dataset.images[0]).save(left / "a.png")
    (left / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *fer_lines(toy_dataset)]))
    done = import_dataset([tmp_path / "tree"], tmp_path / "fer")
    assert done.manifest.rows == len(toy_dataset)
    assert not any("left out" in note for note in done.notes)


def test_a_folder_of_both_images_and_folders_is_a_fault(tmp_path, toy_dataset):
    write_tree(tmp_path / "tree", toy_dataset, names={})
    inner = tmp_path / "tree" / "test" / "happy" / "blurred"
    inner.mkdir()
    Image.fromarray(toy_dataset.images[0]).save(inner / "a.png")
    count = len(list(inner.parent.glob("*.png")))
    with pytest.raises(DatasetError, match="1 fault") as caught:
        import_dataset([tmp_path / "tree"], tmp_path / "fer")
    expected = f"tree/test/happy: expected images or folders, found {count} image"
    assert expected in str(caught.value)
    assert "beside the folder blurred" in str(caught.value)


def test_files_that_are_passed_over_are_counted(tmp_path, toy_dataset):
    write_tree(tmp_path / "tree", toy_dataset)
    for number in range(3):
        (tmp_path / "tree" / "train" / "neutral" / f"{number}.XCF").write_bytes(b"new")
    (tmp_path / "tree" / "train" / "neutral" / ".DS_Store").write_bytes(b"hidden")
    Image.fromarray(toy_dataset.images[0]).save(tmp_path / "tree" / "train" / "a.png")
    done = import_dataset([tmp_path / "tree"], tmp_path / "fer")
    assert done.notes == ("tree: left out: 3 .xcf, 1 image beside the class folders",)
    empty = tmp_path / "other" / "happy"
    empty.mkdir(parents=True)
    (empty / "a.xcf").write_bytes(b"new")
    with pytest.raises(DatasetError, match=r"expected images, found 1 \.xcf"):
        import_dataset([tmp_path / "other"], tmp_path / "b")


def test_own_class_names_are_mapped_or_left_out(tmp_path, toy_dataset):
    for name in ("wut", "happy", "unsure"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        Image.fromarray(toy_dataset.images[0]).save(tmp_path / "mine" / name / "a.png")
    with pytest.raises(DatasetError, match=r"unknown class 'unsure'.*--map unsure=LABEL") as caught:
        import_dataset([tmp_path / "mine"], tmp_path / "fer", label_map={"wut": "angry"})
    assert "mine/unsure" in str(caught.value)
    assert not (tmp_path / "fer").exists()
    mapping = {"wut": "angry", "unsure": "-"}
    done = import_dataset([tmp_path / "mine"], tmp_path / "fer", label_map=mapping)
    assert done.manifest.subsets == {"train": {"angry": 1, "happy": 1}}
    assert any("mien data split" in note for note in done.notes)
    with pytest.raises(InputError, match="unknown emotion 'cross'"):
        import_dataset([tmp_path / "mine"], tmp_path / "b", label_map={"wut": "cross"})


def test_large_colour_and_turned_images_become_upright_grey(tmp_path):
    folder = tmp_path / "mine" / "sad"
    folder.mkdir(parents=True)
    bright_top = np.zeros((96, 96, 3), np.uint8)
    bright_top[:48] = 200
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(bright_top).save(folder / "a.png", exif=exif)
    import_dataset([tmp_path / "mine"], tmp_path / "fer", align="never")
    image = read_dataset(tmp_path / "fer").images[0]
    assert image.shape == (48, 48)
    assert image[:20].max() == 0
    assert image[-20:].min() == 200


def test_hugging_faces_layout_brings_its_own_class_names(tmp_path, toy_dataset):
    names = list(reversed(FER2013_7.labels))
    features = {"label": {"names": names, "_type": "ClassLabel"}}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    folder = tmp_path / "hf"
    folder.mkdir()
    for subset, file in enumerate(("train-00000-of-00001", "valid-00000-of-00001", "test-0")):
        chosen = toy_dataset.select(toy_dataset.split == subset)
        images = [
            {"bytes": encoded(image), "path": f"{i}.png"} for i, image in enumerate(chosen.images)
        ]
        table = pa.table({"image": images, "label": [6 - int(x) for x in chosen.labels]})
        pq.write_table(table.replace_schema_metadata(metadata), folder / f"{file}.parquet")
    import_dataset([folder], tmp_path / "fer")
    found = read_dataset(tmp_path / "fer")
    order = np.argsort(toy_dataset.split[::1], kind="stable")
    assert sorted(found.split.tolist()) == sorted(toy_dataset.split.tolist())
    for subset in range(3):
        np.testing.assert_array_equal(
            found.labels[found.split == subset], toy_dataset.labels[toy_dataset.split == subset]
        )
    assert len(order) == len(found)


def test_the_same_sources_a_second_time_change_nothing(tmp_path, fer_csv, toy_dataset):
    first = import_dataset([fer_csv], tmp_path / "fer")
    written = (tmp_path / "fer" / "dataset.parquet").stat().st_mtime_ns
    again = import_dataset([fer_csv], tmp_path / "fer")
    assert (first.unchanged, again.unchanged) == (False, True)
    assert (tmp_path / "fer" / "dataset.parquet").stat().st_mtime_ns == written
    fer_csv.write_text("\n".join(["emotion,pixels,Usage", *fer_lines(toy_dataset)[:50]]))
    with pytest.raises(OutputError, match=r"another dataset.*overwrite=True"):
        import_dataset([fer_csv], tmp_path / "fer")
    assert read_manifest(tmp_path / "fer").rows == 96
    assert import_dataset([fer_csv], tmp_path / "fer", overwrite=True).manifest.rows == 50
    assert read_manifest(tmp_path / "fer").rows == 50
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["fer"]


def test_a_folder_of_something_else_is_not_written_over(tmp_path, fer_csv):
    (tmp_path / "fer").mkdir()
    (tmp_path / "fer" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="exists and is not a dataset"):
        import_dataset([fer_csv], tmp_path / "fer")
    assert (tmp_path / "fer" / "thesis.txt").read_text() == "years of work"


def test_overwriting_spares_a_folder_that_is_no_dataset(tmp_path, fer_csv):
    (tmp_path / "fer").mkdir()
    (tmp_path / "fer" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="exists and is not a dataset"):
        import_dataset([fer_csv], tmp_path / "fer", overwrite=True)
    assert (tmp_path / "fer" / "thesis.txt").exists()


def test_what_lies_in_or_beside_a_dataset_outlasts_the_next_import(tmp_path, fer_csv, toy_dataset):
    import_dataset([fer_csv], tmp_path / "fer")
    mine = [tmp_path / "fer" / "notes.txt"]
    for name in ("fer.partial", "fer.old"):
        (tmp_path / name).mkdir()
        mine.append(tmp_path / name / "thesis.txt")
    for path in mine:
        path.write_text("years of work")
    fer_csv.write_text("\n".join(["emotion,pixels,Usage", *fer_lines(toy_dataset)[:50]]))
    import_dataset([fer_csv], tmp_path / "fer", overwrite=True)
    assert len(read_dataset(tmp_path / "fer")) == 50
    assert [path.read_text() for path in mine] == ["years of work"] * 3
    assert not list(tmp_path.glob(".fer*"))


def test_an_import_that_fails_leaves_the_dataset_before(
    tmp_path, fer_csv, toy_dataset, monkeypatch
):
    from mien.data import store

    def full(*_):
        raise OSError(28, "No space left on device")

    import_dataset([fer_csv], tmp_path / "fer")
    fer_csv.write_text("\n".join(["emotion,pixels,Usage", *fer_lines(toy_dataset)[:50]]))
    monkeypatch.setattr(store, "_write_table", full)
    with pytest.raises(OutputError, match="No space left"):
        import_dataset([fer_csv], tmp_path / "fer", overwrite=True)
    assert len(read_dataset(tmp_path / "fer")) == 96
    assert not list(tmp_path.glob(".fer*"))


GOOD = "3," + " ".join(["7"] * 2304) + ",Training"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "3," + " ".join(["7"] * 2303) + ",Training",
            "pixels: expected 2304 values (48x48), found 2303",
        ),
        ("3," + " ".join(["7"] * 2303) + " 256,Training", "expected values of 0 to 255, found 256"),
        ("3," + " ".join(["7"] * 2303) + " -1,Training", "expected values of 0 to 255, found -1"),
        ("3," + " ".join(["7"] * 2303) + " x,Training", "expected whole numbers, found 'x'"),
        ("3,,Training", "expected 2304 values (48x48), found 0"),
        ("7," + GOOD[2:], "emotion: expected 0 to 6, found '7'"),
        ("cross," + GOOD[2:], "emotion: unknown class 'cross'"),
        ("," + GOOD[2:], "emotion: expected 0 to 6 or the name of a class, found ''"),
        ("3.5," + GOOD[2:], "emotion: unknown class '3.5'"),
        (
            GOOD.replace("Training", "Trainig"),
            "Usage: expected Training, PublicTest or PrivateTest",
        ),
        (GOOD[:1000], "expected 3 columns, found 2; was the file cut?"),
        ("\0\0\0", "expected 3 columns, found 1"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(tmp_path, line, reason):
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", GOOD, line, GOOD]))
    with pytest.raises(DatasetError, match="1 fault, nothing was imported") as caught:
        import_dataset([path], tmp_path / "fer")
    assert "fer2013.csv, line 3" in str(caught.value)
    assert reason in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fer2013.csv"]
    rows = read_sources([path])
    assert (len(rows.records), len(rows.faults)) == (2, 1)


def test_all_faults_are_counted_and_the_first_ones_shown(tmp_path):
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *(["9,1,Training"] * 30)]))
    with pytest.raises(DatasetError, match="30 faults") as caught:
        import_dataset([path], tmp_path / "fer")
    assert "line 21:" in str(caught.value)
    assert "line 22:" not in str(caught.value)
    assert "and 10 more" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("emotion,pixels,Usage\n", "expected rows of images below the header, found 0"),
        ("a,b\n1,2\n", "unknown form, expected FER-2013's CSV"),
        ("", "unknown form"),
    ],
)
def test_a_file_without_images_is_refused(tmp_path, content, reason):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(DatasetError, match=reason):
        import_dataset([tmp_path / "x.csv"], tmp_path / "fer")


def test_damaged_parquet_empty_classes_and_broken_images_are_named(tmp_path, toy_dataset):
    (tmp_path / "cut.parquet").write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(DatasetError, match=r"cut.parquet: cannot be read as Parquet"):
        import_dataset([tmp_path / "cut.parquet"], tmp_path / "fer")
    write_tree(tmp_path / "tree", toy_dataset)
    (tmp_path / "tree" / "train" / "neutral").mkdir(exist_ok=True)
    shutil.rmtree(tmp_path / "tree" / "test" / "sad", ignore_errors=True)
    (tmp_path / "tree" / "test" / "sad").mkdir()
    broken = next((tmp_path / "tree" / "train").rglob("*.png"))
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(DatasetError, match="2 faults") as caught:
        import_dataset([tmp_path / "tree"], tmp_path / "fer")
    assert "tree/test/sad: an empty class" in str(caught.value)
    assert f"{broken.relative_to(tmp_path).as_posix()}: damaged or cut off" in str(caught.value)
    with pytest.raises(DatasetError, match="no such file or folder"):
        import_dataset([tmp_path / "gone"], tmp_path / "fer")


def test_votes_of_other_images_are_refused(tmp_path, fer_csv, votes_csv, toy_dataset):
    lines = vote_lines(toy_dataset)
    votes_csv.write_text("\n".join([VOTE_HEADER, *lines[:-1]]))
    with pytest.raises(DatasetError, match="expected 96 lines, as the images have, found 95"):
        import_dataset([fer_csv, votes_csv], tmp_path / "fer")
    lines[10] = lines[10].replace("Training", "PublicTest")
    votes_csv.write_text("\n".join([VOTE_HEADER, *lines]))
    with pytest.raises(DatasetError, match=r"fer2013new.csv, line 12: expected subset train"):
        import_dataset([fer_csv, votes_csv], tmp_path / "fer")
    lines[10] = "Training,fer.png,1,2,3"
    votes_csv.write_text("\n".join([VOTE_HEADER, *lines]))
    with pytest.raises(DatasetError, match="line 12: expected 12 columns, found 5"):
        import_dataset([fer_csv, votes_csv], tmp_path / "fer")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_text_are_escaped(tmp_path, toy_dataset):
    root = tmp_path / os.fsdecode(b"tree\xe9")
    for number, name in enumerate((b"caf\xe9.png", "caf\u00e9.png".encode())):
        for folder in (b"happy", b"gr\xfcn"):
            own = root / os.fsdecode(folder) / os.fsdecode(b"j\xf6rg")
            own.mkdir(parents=True, exist_ok=True)
            Image.fromarray(toy_dataset.images[number]).save(own / os.fsdecode(name))
    green = {os.fsdecode(b"gr\xfcn"): "green"}
    options = {"own_classes": True, "align": "never", "label_map": green}
    out = tmp_path / os.fsdecode(b"out\xe9")
    assert not import_dataset([root], out, **options).unchanged
    data = read_dataset(out)
    assert set(data.names.tolist()) == {"caf\\udce9.png", "caf\u00e9.png"}
    assert set(data.groups.tolist()) == {"j\\udcf6rg"}
    assert data.source == "out\\udce9"
    assert import_dataset([root], out, **options).unchanged
    del options["label_map"]
    import_dataset([root], out, **options, overwrite=True)
    assert "gr\\udcfcn" in read_dataset(out).label_names


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_dataset_whose_table_is_damaged_is_imported_again(tmp_path, fer_csv, overwrite):
    out = tmp_path / "fer"
    import_dataset([fer_csv], out)
    table = out / "dataset.parquet"
    whole = table.read_bytes()
    for damage in (lambda: table.write_bytes(whole[:-100]), table.unlink):
        damage()
        with pytest.raises(DatasetError, match="Import it again"):
            read_dataset(out)
        assert not import_dataset([fer_csv], out, overwrite=overwrite).unchanged
        read_dataset(out)
    assert import_dataset([fer_csv], out, overwrite=overwrite).unchanged is not overwrite


def test_a_dataset_whose_manifest_is_damaged_is_replaced_if_that_is_allowed(tmp_path, fer_csv):
    out = tmp_path / "fer"
    import_dataset([fer_csv], out)
    (out / "manifest.json").write_text("{}")
    with pytest.raises(OutputError, match="overwrite=True"):
        import_dataset([fer_csv], out)
    import_dataset([fer_csv], out, overwrite=True)
    read_dataset(out)


def all_in_train(data):
    return dataclasses.replace(data, split=np.zeros(len(data), np.int8))


def test_votes_of_files_in_folders_are_joined_by_name_even_if_all_are_in_one_subset(
    tmp_path, votes_csv, toy_dataset
):
    data = all_in_train(toy_dataset)
    write_tree(tmp_path / "tree", data)
    votes_csv.write_text("\n".join([VOTE_HEADER, *vote_lines(data)]))
    done = import_dataset([tmp_path / "tree", votes_csv], tmp_path / "fer")
    found = read_dataset(tmp_path / "fer")
    order = np.array([int(name[3:-4]) for name in found.names])
    np.testing.assert_array_equal(found.votes, data.votes[order])
    assert any("joined by image name to 96 of 96" in note for note in done.notes)
    for number, file in enumerate(sorted((tmp_path / "tree").rglob("*.png"))):
        file.rename(file.with_name(f"Training_{number}.png"))
    with pytest.raises(DatasetError, match="no image has one of its image names, as fer0000000"):
        import_dataset([tmp_path / "tree", votes_csv], tmp_path / "other")


@pytest.mark.parametrize(
    ("paths", "lines", "said"),
    [
        (("happy/a", "sad/a"), ("a",), "2 images, tree/happy/a.png, tree/sad/a.png"),
        (("happy/a", "sad/b"), ("a", "b", "a"), "2 lines of votes, line 2, line 4"),
    ],
)
def test_votes_of_a_name_that_occurs_twice_are_refused(tmp_path, toy_dataset, paths, lines, said):
    for number, path in enumerate(paths):
        file = tmp_path / "tree" / f"{path}.png"
        file.parent.mkdir(parents=True)
        Image.fromarray(toy_dataset.images[number]).save(file)
    votes = [f"Training,{name}.png,0,10,0,0,0,0,0,0,0,0" for name in lines]
    (tmp_path / "votes.csv").write_text("\n".join([VOTE_HEADER, *votes]))
    with pytest.raises(DatasetError, match=f"votes.csv: a.png is the name of {said}"):
        import_dataset([tmp_path / "tree", tmp_path / "votes.csv"], tmp_path / "fer")


def test_images_and_lines_without_a_name_are_no_namesakes(tmp_path, toy_dataset):
    (tmp_path / "tree" / "happy").mkdir(parents=True)
    Image.fromarray(toy_dataset.images[0]).save(tmp_path / "tree" / "happy" / "a.png")
    images = [encoded(image) for image in toy_dataset.images[1:3]]
    pq.write_table(pa.table({"image": images, "label": [3, 3]}), tmp_path / "x.parquet")
    votes = [f"Training,{name},0,10,0,0,0,0,0,0,0,0" for name in ("", "", "", "a.png")]
    (tmp_path / "votes.csv").write_text("\n".join([VOTE_HEADER, *votes]))
    rows = read_sources([tmp_path / "tree", tmp_path / "x.parquet", tmp_path / "votes.csv"])
    assert not rows.faults
    assert rows.votes[:, 1].tolist() == [10, 0, 0]


def test_votes_in_another_order_are_refused(tmp_path, toy_dataset):
    data = all_in_train(toy_dataset)
    lines = ["emotion,pixels,Usage", *fer_lines(data)]
    (tmp_path / "fer2013.csv").write_text("\n".join(lines) + "\n")
    turned = data.select(np.arange(len(data))[::-1])
    (tmp_path / "votes.csv").write_text("\n".join([VOTE_HEADER, *vote_lines(turned)]))
    sources = [tmp_path / "fer2013.csv", tmp_path / "votes.csv"]
    with pytest.raises(DatasetError, match=r"label of only \d+% of 96 images: they are of other"):
        import_dataset(sources, tmp_path / "fer")


def test_a_dataset_that_was_tampered_with_is_not_read(tmp_path, fer_csv, votes_csv):
    import_dataset([fer_csv], tmp_path / "a")
    import_dataset([fer_csv, votes_csv], tmp_path / "b")
    shutil.copy(tmp_path / "a" / "dataset.parquet", tmp_path / "b")
    with pytest.raises(DatasetError, match=r"has another hash than manifest.json says"):
        read_dataset(tmp_path / "b")
    with pytest.raises(
        DatasetError, match=r"not an imported dataset\. Import one with: mien data import"
    ):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "is nested too deeply"),
        ("\0", "is no JSON"),
        ("[]", "format: expected 3, found None"),
        ('{"format": 3}', "field 'rows' is missing"),
        ('{"format": 3, "rows": "many"}', "field 'rows': expected int, found 'many'"),
    ],
)
def test_a_damaged_manifest_is_named_with_what_is_wrong(tmp_path, text, reason):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DatasetError, match=rf"(?s)manifest\.json: .*{reason}"):
        read_dataset(tmp_path)


def test_a_dataset_whose_table_was_damaged_says_so(tmp_path, fer_csv):
    out = tmp_path / "fer"
    import_dataset([fer_csv], out=out)
    table = out / "dataset.parquet"
    whole = bytearray(table.read_bytes())
    for place in range(200, len(whole) - 200, len(whole) // 12):
        damaged = whole.copy()
        damaged[place : place + 16] = bytes(byte ^ 0xFF for byte in damaged[place : place + 16])
        table.write_bytes(damaged)
        with pytest.raises(DatasetError, match=r"Import it again|Copy it again"):
            read_dataset(out)


def test_a_kill_in_the_middle_leaves_nothing_under_the_final_name(tmp_path, toy_dataset):
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *(fer_lines(toy_dataset) * 60)]))
    code = (
        "from pathlib import Path; from mien.data import import_dataset; print('go', flush=True);"
        f"import_dataset([Path({str(path)!r})], Path({str(tmp_path / 'fer')!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"go\n"
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (tmp_path / "fer").exists()
    assert import_dataset([path], tmp_path / "fer").manifest.rows == 60 * 96
