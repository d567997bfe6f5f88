import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from mien.data import Dataset, import_dataset, measure_framing, read_dataset
from mien.detect import OnnxDetector
from mien.errors import DatasetError, InputError
from mien.evaluation import open_predictor
from mien.inference import Analyzer
from mien.preprocess import FER_CROP, crop_faces

PHOTOS = ("eileen_collins.jpg", "grace_hopper.jpg")


def dataset_of(images, **fields):
    count = len(images)
    return Dataset(
        images=images,
        labels=np.zeros(count, np.int8),
        votes=np.zeros((count, 10), np.uint8),
        split=np.zeros(count, np.int8),
        rows=np.arange(count),
        source="made",
        **fields,
    )


@pytest.fixture(scope="module")
def photos(samples, tmp_path_factory):
    """The two sample photos in a folder of one class."""
    folder = tmp_path_factory.mktemp("photos") / "mine" / "happy"
    folder.mkdir(parents=True)
    for name in PHOTOS:
        with Image.open(samples / name) as photo:
            photo.convert("RGB").save(folder / name)
    return folder.parent


@pytest.fixture(scope="module")
def aligned(photos):
    done = import_dataset([photos], photos.parent / "aligned")
    return done, read_dataset(done.path)


@pytest.fixture(scope="module")
def squeezed(photos):
    done = import_dataset([photos], photos.parent / "squeezed", align="never")
    return read_dataset(done.path)


def test_whole_photos_become_the_faces_that_analyze_sees(aligned, photos):
    done, data = aligned
    assert done.manifest.framed == {"given": 0, "aligned": 2, "whole": 0}
    analyzer = Analyzer()
    predicted = open_predictor(None).probabilities(data)["six"]
    for row, name in enumerate(PHOTOS):
        seen = analyzer.analyze(photos / "happy" / name).faces[0]
        np.testing.assert_allclose(predicted[row], list(seen.probabilities.values()), atol=0.03)


def test_an_aligned_face_is_kept_larger_and_in_colour(aligned):
    _, data = aligned
    assert data.faces.shape == (2, 112, 112, 3)
    assert (data.faces[..., 0] != data.faces[..., 2]).any()
    assert data.framed.tolist() == [1, 1]


def test_crops_of_another_frame_come_out_of_the_larger_face(aligned, photos):
    _, data = aligned
    wide = dataclasses.replace(FER_CROP.zoomed(0.85), size=64)
    with Image.open(photos / "happy" / PHOTOS[0]) as photo:
        frame = np.asarray(photo.convert("RGB"))
    faces = OnnxDetector().detect(frame)
    expected = crop_faces(frame, faces.landmarks_xy[:1], wide)[0]
    found = data.crops(wide)[0].astype(float)
    assert found.shape == (64, 64)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99
    assert data.crops(FER_CROP) is data.images


def test_crops_of_given_images_are_cut_out_of_them():
    images = np.arange(48, dtype=np.uint8)[None, None].repeat(48, axis=1) * 5
    closer = dataset_of(images).crops(FER_CROP.zoomed(2.0))
    np.testing.assert_allclose(closer[0, 24, [0, 24]].astype(int), [60, 120], atol=2)


def test_images_of_48_pixels_are_face_crops_already(tmp_path, toy_dataset):
    folder = tmp_path / "mine" / "happy"
    folder.mkdir(parents=True)
    Image.fromarray(toy_dataset.images[0]).save(folder / "grey.png")
    colour = np.random.default_rng(0).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    Image.fromarray(colour).save(folder / "colour.png")
    done = import_dataset([tmp_path / "mine"], tmp_path / "a")
    assert done.manifest.framed == {"given": 2, "aligned": 0, "whole": 0}
    data = read_dataset(tmp_path / "a")
    np.testing.assert_array_equal(data.images[1], toy_dataset.images[0])
    assert data.faces is None
    with pytest.raises(DatasetError, match="no face was found in any"):
        import_dataset([tmp_path / "mine"], tmp_path / "b", align="always")


def test_a_small_crop_that_the_face_fills_is_aligned_too(tmp_path, aligned):
    folder = tmp_path / "mine" / "sad"
    folder.mkdir(parents=True)
    Image.fromarray(aligned[1].faces[0, 16:96, 16:96]).save(folder / "a.png")
    done = import_dataset([tmp_path / "mine"], tmp_path / "a")
    assert done.manifest.framed["aligned"] == 1
    again = read_dataset(tmp_path / "a").images[0].astype(float)
    first = aligned[1].images[0].astype(float)
    assert np.corrcoef(again.ravel(), first.ravel())[0, 1] > 0.9


def test_of_several_faces_the_largest_is_taken_and_that_is_said(tmp_path, photos):
    two = Image.new("RGB", (900, 600), "white")
    with (
        Image.open(photos / "happy" / PHOTOS[0]) as large,
        Image.open(photos / "happy" / PHOTOS[1]) as small,
    ):
        two.paste(large.resize((500, 600)), (0, 0))
        two.paste(small.resize((150, 190)), (700, 200))
    folder = tmp_path / "mine" / "happy"
    folder.mkdir(parents=True)
    two.save(folder / "two.png")
    done = import_dataset([tmp_path / "mine"], tmp_path / "a")
    said = "1 image shows several faces, the largest was taken: mine/happy/two.png"
    assert said in done.notes
    with Image.open(folder / "two.png") as both:
        alone = np.asarray(both)[:, :600]
    face = crop_faces(alone, OnnxDetector().detect(alone).landmarks_xy[:1])[0]
    found = read_dataset(tmp_path / "a").images[0].astype(float)
    assert np.corrcoef(found.ravel(), face.ravel())[0, 1] > 0.9


@pytest.fixture
def with_a_landscape(tmp_path, photos):
    folder = tmp_path / "mine" / "happy"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes((photos / "happy" / PHOTOS[0]).read_bytes())
    hills = np.linspace(0, 255, 200 * 300).reshape(200, 300).astype(np.uint8)
    Image.fromarray(hills).save(folder / "hills.png")
    return folder.parent


def test_images_without_a_face_are_left_out_and_listed(tmp_path, with_a_landscape):
    done = import_dataset([with_a_landscape], tmp_path / "a")
    assert done.manifest.rows == 1
    assert "1 image without a face left out: mine/happy/hills.png" in done.notes


def test_images_without_a_face_are_kept_as_a_whole_if_asked(tmp_path, with_a_landscape):
    done = import_dataset([with_a_landscape], tmp_path / "a", no_face="keep")
    assert done.manifest.framed == {"given": 0, "aligned": 1, "whole": 1}
    assert "1 image without a face kept as a whole: mine/happy/hills.png" in done.notes
    data = read_dataset(tmp_path / "a")
    assert data.framed.tolist() == [1, 2]
    assert not data.faces[1].any()


def test_images_without_a_face_are_a_fault_if_asked(tmp_path, with_a_landscape):
    with pytest.raises(DatasetError, match=r"mine/happy/hills\.png: no face was found"):
        import_dataset([with_a_landscape], tmp_path / "a", no_face="error")
    with pytest.raises(InputError, match="align: expected one of auto, always, never"):
        import_dataset([with_a_landscape], tmp_path / "a", align="maybe")


def test_another_way_of_import_is_another_dataset(tmp_path, with_a_landscape):
    first = import_dataset([with_a_landscape], tmp_path / "a")
    assert import_dataset([with_a_landscape], tmp_path / "a").unchanged
    kept = import_dataset([with_a_landscape], tmp_path / "a", no_face="keep", overwrite=True)
    assert not kept.unchanged
    assert kept.manifest.sha256 != first.manifest.sha256


def test_squeezed_photos_are_said_to_be_framed_wrongly(squeezed, aligned):
    found = measure_framing(squeezed)
    assert found.fill < 0.5
    assert f"faces fill {found.fill:.0%} of the images that were not" in found.warnings[0]
    crops = dataset_of(aligned[1].images)
    assert measure_framing(crops).warnings == []
    assert measure_framing(aligned[1]).images == 0
    blank = measure_framing(dataset_of(np.zeros((3, 48, 48), np.uint8)))
    assert "in 100% of 3 images that were not aligned no face is found" in blank.warnings[0]


def test_the_hash_of_face_crops_is_that_of_before(toy_dataset):
    as_before = toy_dataset.sha256()
    count = len(toy_dataset)
    framed = dataclasses.replace(toy_dataset, framed=np.ones(count, np.int8))
    people = dataclasses.replace(toy_dataset, groups=np.array(["a"] * count))
    classes = dataclasses.replace(toy_dataset, label_names=(*toy_dataset.label_names, "wink"))
    hashes = {as_before, *(each.sha256() for each in (framed, people, classes))}
    assert len(hashes) == 4
    assert dataclasses.replace(toy_dataset, framed=np.zeros(count, np.int8)).sha256() == as_before


def test_arrays_of_other_shapes_are_refused(images):
    with pytest.raises(DatasetError, match=r"faces: expected \(6, 112, 112, 3\)"):
        dataset_of(images, faces=np.zeros((6, 64, 64, 3), np.uint8))
    with pytest.raises(DatasetError, match=r"groups: expected \(6,\), found \(2,\)"):
        dataset_of(images, groups=np.array(["a", "b"]))


def test_images_in_a_parquet_are_aligned_too(tmp_path, photos):
    import pyarrow as pa
    import pyarrow.parquet as pq

    packed = io.BytesIO()
    with Image.open(photos / "happy" / PHOTOS[0]) as photo:
        photo.save(packed, "PNG")
    table = pa.table({"image": [packed.getvalue()], "label": ["happy"]})
    pq.write_table(table, tmp_path / "a.parquet")
    done = import_dataset([tmp_path / "a.parquet"], tmp_path / "a")
    assert done.manifest.framed["aligned"] == 1
