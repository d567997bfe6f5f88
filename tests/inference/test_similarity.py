import dataclasses

import numpy as np
import pytest
from PIL import Image, ImageChops

from mien import Analyzer
from mien.errors import InputError, MediaError, SpecError
from mien.inference import EmotionModel, find_similar
from mien.media import find_media, read_image
from tests.videos import gliding, write_video


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.fixture
def album(samples, tmp_path):
    for name in ("eileen_collins", "grace_hopper"):
        with Image.open(samples / f"{name}.jpg") as photo:
            for degrees in (0, 8, -8):
                photo.rotate(degrees).save(tmp_path / f"{name}{degrees}.png")
    Image.new("RGB", (80, 80)).save(tmp_path / "nobody.png")
    return tmp_path


def test_the_most_similar_come_first_and_only_so_many_are_kept(analyzer, album):
    (album / "broken.png").write_bytes(b"no image")
    query = album / "eileen_collins8.png"
    results = []
    found = find_similar(
        analyzer.pipeline, query, find_media([album, album / "missing*"]), on_result=results.append
    )
    names = [each.prediction.source.rsplit("/", 1)[1] for each in found.faces]
    assert found.compared == 5
    assert query.name not in names
    assert {name[:6] for name in names[:2]} == {"eileen"}
    assert {name[:5] for name in names[2:]} == {"grace"}
    likeness = [each.similarity for each in found.faces]
    assert likeness == sorted(likeness, reverse=True)
    assert sorted(result.source for result in results if result.error) == [
        str(album / "broken.png"), str(album / "missing*"),
    ]  # fmt: skip
    two = find_similar(analyzer.pipeline, query, find_media([album]), max_faces=2)
    assert [each.similarity for each in two.faces] == pytest.approx(likeness[:2])
    assert two.compared == 5


def test_likeness_is_the_cosine_of_the_embeddings(analyzer, album):
    query, other = album / "eileen_collins0.png", album / "grace_hopper0.png"
    crops = [analyzer.explain(path)[0].crop for path in (query, other)]
    first, second = analyzer.model.run(np.stack(crops))["embedding"]
    (found,) = find_similar(analyzer.pipeline, query, [str(other)]).faces
    assert found.similarity == pytest.approx(float(first @ second), abs=1e-5)


def test_a_query_has_to_have_a_face_and_the_network_an_embedding(analyzer, album):
    with pytest.raises(InputError, match="no face was found in the image"):
        find_similar(analyzer.pipeline, album / "nobody.png", [])
    with pytest.raises(MediaError, match="no such file"):
        find_similar(analyzer.pipeline, album / "gone.png", [])
    model = EmotionModel()
    outputs = tuple(each for each in model.spec.outputs if each.name != "embedding")
    model.spec = dataclasses.replace(model.spec, outputs=outputs)
    with pytest.raises(SpecError, match="no 'embedding'"):
        find_similar(Analyzer(model).pipeline, album / "eileen_collins0.png", [])


def test_in_a_video_a_person_counts_once_in_any_five_seconds(analyzer, samples, tmp_path):
    photos = [
        read_image(samples / f"{name}.jpg").frame_rgb for name in ("eileen_collins", "grace_hopper")
    ]
    height, width = (min(photo.shape[axis] for photo in photos) // 2 * 2 for axis in (0, 1))
    eileen, grace = (photo[:height, :width] for photo in photos)
    path = tmp_path / "video.mp4"
    seconds = [eileen] * 9 + [grace] * 3
    write_video(path, ((number / 4, seconds[number // 4]) for number in range(4 * len(seconds))))
    query = samples / "eileen_collins.jpg"
    found = find_similar(analyzer.pipeline, query, find_media([path])).faces
    times = [each.prediction.timestamp_s for each in found if each.prediction.emotion == "happy"]
    assert len(times) == 2
    assert abs(times[0] - times[1]) > 5
    (other,) = (each for each in found if each.prediction.emotion != "happy")
    assert found[-1] is other
    assert other.prediction.timestamp_s >= 9
    assert other.prediction.source == str(path)
    (nearest,) = find_similar(analyzer.pipeline, query, find_media([path]), max_faces=1).faces
    assert nearest.similarity == found[0].similarity
    assert nearest.similarity > 0.9
    assert nearest.image.size == found[0].image.size == (160, 160)
    apart = np.asarray(ImageChops.difference(nearest.image, other.image))
    assert apart.mean() > 10, "each has an image of its own"


def test_a_damaged_video_keeps_what_it_gave_and_streams_are_refused(analyzer, samples, tmp_path):
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    whole = write_video(tmp_path / "whole.mkv", gliding(photo, seconds=3, per_second=10))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    results = []
    found = find_similar(
        analyzer.pipeline,
        samples / "eileen_collins.jpg",
        find_media([cut, "camera:0"]),
        on_result=results.append,
    )
    errors = {result.source: result.error for result in results if result.error is not None}
    assert list(errors) == [str(cut), "camera:0"]
    assert "cut off" in errors[str(cut)]
    assert "cannot be searched" in errors["camera:0"]
    assert [each.prediction.source for each in found.faces] == [str(cut)]


def test_the_result_is_a_sequence_of_its_faces(analyzer, samples):
    found = analyzer.find_similar(samples / "eileen_collins.jpg", samples)
    assert len(found) == len(found.faces) == 1
    assert list(found) == [found[0]] == list(found[:5])
