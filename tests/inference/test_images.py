import numpy as np
import pytest
from PIL import Image

from mien import Analyzer
from mien.inference.images import predict_images


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.mark.parametrize("workers", [1, 3])
def test_many_images_come_in_order_and_as_one_by_one(analyzer, samples, tmp_path, workers):
    photos = sorted(samples.glob("*.jpg"))
    paths = []
    for number in range(23):
        path = tmp_path / f"{number:03}.png"
        if number % 7 == 3:
            path.write_bytes(b"no image")
        elif number % 7 == 5:
            Image.new("RGB", (200, 150), (number, 90, 160)).save(path)
        else:
            with Image.open(photos[number % len(photos)]) as image:
                image.reduce(1 + number % 2).save(path)
        paths.append(str(path))
    results = [each.result for each in predict_images(analyzer.pipeline, paths, workers=workers)]
    assert [result.source for result in results] == paths
    for number, result in enumerate(results):
        assert (result.error is not None) == (number % 7 == 3)
        assert bool(result.faces) == (number % 7 not in (3, 5))
        if result.error is None:
            alone = analyzer.analyze(paths[number])
            assert len(alone.faces) == len(result.faces)
            for a, b in zip(alone.faces, result.faces, strict=True):
                assert a.box_xyxy == b.box_xyxy
                np.testing.assert_allclose(
                    list(a.probabilities.values()), list(b.probabilities.values()), atol=1e-5
                )


def test_only_few_images_are_read_ahead(analyzer, samples):
    asked = []

    def paths():
        for number in range(1000):
            asked.append(number)
            yield str(samples / "eileen_collins.jpg")

    results = predict_images(analyzer.pipeline, paths(), workers=2)
    next(results)
    results.close()
    assert len(asked) <= 32
