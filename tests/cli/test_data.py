import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from mien.cli import app
from mien.data import import_dataset, read_dataset, read_split
from mien.emotions import FER2013_7
from mien.errors import MienError
from tests.commands import run_mien
from tests.conftest import fer_lines


def run(*arguments):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if isinstance(result.exception, MienError):
        raise result.exception
    return result


def test_importing_says_what_came_in_and_the_second_time_that_nothing_changed(
    tmp_path, fer_csv, votes_csv
):
    result = run("data", "import", fer_csv, votes_csv, "--out", tmp_path / "fer")
    assert result.exit_code == 0, result.output
    assert "96 images (train 64, val 16, test 16), 96 with votes" in result.output
    result = run("data", "import", fer_csv, votes_csv, "--out", tmp_path / "fer")
    assert "nothing had changed" in result.output


def test_importing_lists_the_classes(tmp_path):
    for number, name in enumerate(("happy", "hapy", "sad")):
        folder = tmp_path / "src" / name
        folder.mkdir(parents=True)
        Image.fromarray(np.full((48, 48), number, np.uint8)).save(folder / "a.png")
    result = run("data", "import", tmp_path / "src", "--own-classes", "--out", tmp_path / "out")
    assert "classes: happy 1, hapy 1 (own class), sad 1\n" in result.output


def test_splitting_two_people_says_that_test_is_empty(tmp_path):
    rng = np.random.default_rng(0)
    for person in ("happy/anna", "sad/anna", "happy/ben", "sad/ben"):
        folder = tmp_path / "src" / person
        folder.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 256, (48, 48)).astype(np.uint8)).save(folder / "a.png")
    run("data", "import", tmp_path / "src", "--out", tmp_path / "out")
    split = ("data", "split", tmp_path / "out", "--kind", "stratified")
    assert "WARNING: test is empty" in run(*split, "--out", tmp_path / "a.json").output
    asked = run(*split, "--test", 0, "--out", tmp_path / "b.json")
    assert "WARNING" not in asked.output


def test_check_exits_with_3_when_something_should_be_looked_at(dataset):
    result = run("data", "check", dataset, "--no-near", "--json")
    found = json.loads(result.output)
    assert result.exit_code == (3 if found["warnings"] else 0)
    assert sum(found["counts"]["train"].values()) == 64
    told = run("data", "check", dataset, "--no-near")
    assert told.exit_code == result.exit_code
    for sentence in found["warnings"]:
        assert sentence.split()[0] in told.output


def test_a_check_that_fails_has_another_exit_status_than_one_that_finds(tmp_path):
    status, stdout, stderr = run_mien(tmp_path, "data", "check", tmp_path / "gone")
    assert (status, stdout) == (1, "")
    assert "no such file or folder" in stderr


def test_check_reads_sources_and_names_their_bad_lines(tmp_path, fer_csv):
    fer_csv.write_text(fer_csv.read_text() + "3,1 2 3,Training\n")
    result = run("data", "check", fer_csv, "--no-near", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["unreadable"] == [
        {"where": "fer2013.csv, line 98", "what": "pixels: expected 2304 values (48x48), found 3"}
    ]


def test_check_names_the_bad_lines_where_there_is_no_good_one(tmp_path):
    (tmp_path / "bad.csv").write_text("emotion,pixels,Usage\n3,1 2 3,Training\n")
    result = run("data", "check", tmp_path / "bad.csv", "--json")
    assert result.exit_code == 3
    assert [each["where"] for each in json.loads(result.output)["unreadable"]] == [
        "bad.csv, line 2"
    ]


@pytest.mark.parametrize("kind", ["published", "leak-free", "stratified", "fer-pp", "folds"])
def test_every_kind_of_split_becomes_a_file(dataset, tmp_path, kind):
    path = tmp_path / "split.json"
    result = run("data", "split", dataset, "--kind", kind, "--out", path)
    assert result.exit_code == 0, result.output
    split = read_split(path)
    assert split.sha256() in result.output
    assert len(split.assignment) == len(read_dataset(dataset))
    assert np.isin(split.assignment, np.arange(-1, len(split.subsets))).all()


def test_a_dataset_of_one_subset_leads_to_a_split_that_can_be_checked(tmp_path, toy_dataset):
    for row, (image, label) in enumerate(zip(toy_dataset.images, toy_dataset.labels, strict=True)):
        folder = tmp_path / "faces" / FER2013_7.labels[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{row}.png")
    imported = run("data", "import", tmp_path / "faces", "--out", tmp_path / "mine")
    assert "`mien data split --kind stratified` divides them" in imported.stderr
    checked = run("data", "check", tmp_path / "mine", "--no-near", "--json")
    assert any("val is empty" in each for each in json.loads(checked.stdout)["warnings"])
    path = tmp_path / "split.json"
    empty = run("data", "split", tmp_path / "mine", "--out", path)
    assert "WARNING: val is empty" in empty.stderr
    made = run(
        "data", "split", tmp_path / "mine", "--kind", "stratified", "--out", path, "--overwrite"
    )
    assert "WARNING" not in made.stderr
    divided = ("--split", path)
    checked = run("data", "check", tmp_path / "mine", "--no-near", "--json", *divided)
    assert set(json.loads(checked.stdout)["counts"]) == {"train", "val", "test"}
    report = run("data", "report", tmp_path / "mine", "--out", tmp_path / "a.html", *divided)
    assert report.exit_code == 0, report.output
    assert "val is empty" not in (tmp_path / "a.html").read_text(encoding="utf-8")
    sources = run("data", "check", tmp_path / "faces", *divided)
    assert sources.exit_code == 2


def test_a_map_without_a_label_is_explained(tmp_path, fer_csv):
    with pytest.raises(MienError, match="expected NAME=LABEL"):
        run("data", "import", fer_csv, "--out", tmp_path / "x", "--map", "wut")


def test_a_name_that_is_mapped_twice_is_refused(tmp_path, fer_csv):
    twice = ("--map", "wut=angry", "--map", "wut=sad")
    with pytest.raises(MienError, match="--map wut=angry and --map wut=sad: are of one class"):
        run("data", "import", fer_csv, "--out", tmp_path / "x", *twice)
    with pytest.raises(MienError, match="--map =sad: expected NAME=LABEL"):
        run("data", "import", fer_csv, "--out", tmp_path / "x", "--map", "=sad")


def test_photos_beside_the_manifest_of_another_program_are_checked(tmp_path):
    folder = tmp_path / "photos" / "happy"
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((48, 48), np.uint8)).save(folder / "a.png")
    (tmp_path / "photos" / "manifest.json").write_text('{"name": "My app"}')
    found = json.loads(run("data", "check", tmp_path / "photos", "--no-near", "--json").stdout)
    assert found["counts"]["train"]["happy"] == 1


def test_the_report_is_written_with_its_figures(dataset, tmp_path):
    result = run(
        "data", "report", dataset, "--out", tmp_path / "a.html", "--figures", tmp_path / "figures"
    )
    assert result.exit_code == 0, result.output
    assert "Augmentation, step by step" in (tmp_path / "a.html").read_text()
    assert len(list((tmp_path / "figures").glob("*.svg"))) >= 7


@pytest.fixture
def own_photos(tmp_path, samples):
    """One photo of each of two classes, and a picture without a face."""
    for label, name in (("happy", "eileen_collins.jpg"), ("wut", "grace_hopper.jpg")):
        folder = tmp_path / "photos" / label / name.partition("_")[0]
        folder.mkdir(parents=True)
        (folder / name).write_bytes((samples / name).read_bytes())
    hills = np.linspace(0, 255, 120 * 200).reshape(120, 200).astype(np.uint8)
    Image.fromarray(hills).save(folder / "hills.png")
    return tmp_path / "photos"


def test_own_photos_come_in_by_one_command_and_what_was_done_is_said(tmp_path, own_photos):
    out = tmp_path / "mine"
    result = run("data", "import", own_photos, "--map", "wut=angry", "--out", out)
    assert result.exit_code == 0, result.output
    assert "2 images (train 2), 0 with votes, 2 people" in result.output
    assert "2 with the face found and aligned" in result.output
    assert "1 image without a face left out: photos/wut/grace/hills.png" in result.output
    kept = run(
        *("data", "import", own_photos, "--map", "wut=-", "--own-classes", "--align", "never"),
        *("--no-face", "keep", "--group", "none", "--out", tmp_path / "other"),
    )
    assert "1 image (train 1), 0 with votes\nclasses: happy 1\n1 taken as" in kept.output


def test_check_and_evaluate_warn_of_whole_photos(tmp_path, own_photos):
    run("data", "import", own_photos, "--map", "wut=angry", "--align", "never",
        "--out", tmp_path / "mine")  # fmt: skip
    (own_photos / "wut" / "grace" / "hills.png").unlink()
    run("data", "import", own_photos, "--map", "wut=angry", "--align", "never",
        "--out", tmp_path / "mine", "--overwrite")  # fmt: skip
    checked = run("data", "check", tmp_path / "mine", "--no-near", "--json")
    found = json.loads(checked.stdout)
    warning = f"faces fill {found['framing']['fill']:.0%} of the images that were not"
    assert any(warning in each for each in found["warnings"])
    measured = run(
        "evaluate", "--data", tmp_path / "mine", "--subset", "train", "--protocol", "six"
    )
    assert f"WARNING: {warning}" in measured.stderr


def test_the_split_says_who_may_be_on_both_sides(tmp_path, dataset):
    split = run(
        "data", "split", dataset, "--kind", "stratified", "--no-near", "--out", tmp_path / "a.json"
    )
    assert "no people are known, so one person may be on both sides" in split.stderr


def test_rows_are_picked_by_where(tmp_path, toy_dataset):
    packed = io.BytesIO()
    Image.fromarray(toy_dataset.images[0]).save(packed, "PNG")
    table = pa.table(
        {"set": ["a", "b"], "label": ["happy", "sad"], "image": [packed.getvalue()] * 2}
    )
    pq.write_table(table, tmp_path / "sets.parquet")
    out = tmp_path / "b"
    result = run("data", "import", tmp_path / "sets.parquet", "--where", "set=b", "--out", out)
    assert "1 image (train 1)" in result.output
    both = ("--where", "set=b", "--where", "set=a")
    result = run("data", "import", tmp_path / "sets.parquet", *both, "--out", tmp_path / "c")
    assert "2 images (train 2)" in result.output
    with pytest.raises(MienError, match="expected COLUMN=VALUE"):
        run("data", "import", tmp_path / "sets.parquet", "--where", "set", "--out", out)


@pytest.mark.parametrize(
    "option",
    [
        ("--own-classes",),
        ("--align", "never"),
        ("--no-face", "keep"),
        ("--group", "none"),
        ("--where", "set=ck48"),
        ("--map", "joy=happy"),
    ],
)
def test_options_of_an_import_are_refused_for_a_dataset(dataset, option):
    result = run("data", "check", dataset, *option)
    assert result.exit_code == 2
    assert f"{option[0]} does nothing for a DATASET" in " ".join(result.output.split())


def test_a_split_that_leaves_people_on_both_sides_says_so(tmp_path, toy_dataset):
    lines = fer_lines(toy_dataset)
    people = [f"{line},{('anna', 'ben')[row % 2]}" for row, line in enumerate(lines)]
    (tmp_path / "fer.csv").write_text("\n".join(["emotion,pixels,Usage,person", *people]))
    import_dataset([tmp_path / "fer.csv"], tmp_path / "fer", align="never")
    said = run("data", "split", tmp_path / "fer", "--out", tmp_path / "a.json")
    assert "32 images show people in val or test who are in train, too" in said.stderr
