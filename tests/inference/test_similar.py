import dataclasses

import numpy as np
import pytest
from PIL import Image

from mien import Analyzer
from mien.errors import InputError, MediaError, SpecError
from mien.inference import EmotionModel, find_similar
from mien.media import find_pictures


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


def test_the_likest_come_first_and_only_so_many_are_kept(analyzer, album):
    (album / "broken.png").write_bytes(b"no picture")
    query = album / "eileen_collins8.png"
    results = []
    found = find_similar(
        analyzer, query, find_pictures([album, album / "missing*"]), on_result=results.append
    )
    names = [each.prediction.source.rsplit("/", 1)[1] for each in found.found]
    assert found.compared == 5
    assert query.name not in names
    assert {name[:6] for name in names[:2]} == {"eileen"}
    assert {name[:5] for name in names[2:]} == {"grace"}
    likeness = [each.similarity for each in found.found]
    assert likeness == sorted(likeness, reverse=True)
    assert sorted(result.source for result in results if result.error) == [
        str(album / "broken.png"), str(album / "missing*"),
    ]  # fmt: skip
    two = find_similar(analyzer, query, find_pictures([album]), most=2)
    assert [each.similarity for each in two.found] == pytest.approx(likeness[:2])
    assert two.compared == 5


def test_likeness_is_the_cosine_of_the_embeddings(analyzer, album):
    query, other = album / "eileen_collins0.png", album / "grace_hopper0.png"
    crops = [analyzer.explain(path)[0].crop for path in (query, other)]
    first, second = analyzer.model.run(np.stack(crops))["embedding"]
    (found,) = find_similar(analyzer, query, [str(other)]).found
    assert found.similarity == pytest.approx(float(first @ second), abs=1e-5)


def test_a_query_has_to_have_a_face_and_the_network_an_embedding(analyzer, album):
    with pytest.raises(InputError, match="no face was found"):
        find_similar(analyzer, album / "nobody.png", [])
    with pytest.raises(MediaError, match="no such file"):
        find_similar(analyzer, album / "gone.png", [])
    model = EmotionModel()
    outputs = tuple(each for each in model.spec.outputs if each.name != "embedding")
    model.spec = dataclasses.replace(model.spec, outputs=outputs)
    with pytest.raises(SpecError, match="no 'embedding'"):
        find_similar(Analyzer(model), album / "eileen_collins0.png", [])
