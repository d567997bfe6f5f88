import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mien
from mien.cluster import Predictor, spark_schema
from mien.columns import COLUMNS
from mien.errors import ArtefactError, InputError, OptionsError

NAMES = [column.name for column in COLUMNS]


@pytest.fixture(scope="module")
def predictor():
    return Predictor()


@pytest.fixture
def images(samples, tmp_path):
    """A portrait, an image without a face, one that is none, and one that is missing."""
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    names = [tmp_path / each for each in ("black.png", "broken.png", "missing.png")]
    return [samples / "eileen_collins.jpg", *names]


def test_paths_become_the_rows_of_parquet(predictor, images, tmp_path):
    table = predictor({"path": np.array(list(map(str, images)))})
    mien.analyze_to(tmp_path / "out", images, options=mien.RunOptions(formats=["parquet"]))
    written = pa.parquet.read_table(tmp_path / "out" / "results.parquet")
    assert table.schema == written.schema
    rows = table.to_pylist()
    assert [row["source"] for row in rows] == list(map(str, images))
    assert [row["face"] for row in rows] == [0, None, None, None]
    assert [row["error"] is not None for row in rows] == [False, False, True, True]
    # The file has no row for an image without a face.
    assert [row for row in rows if row["error"] or row["face"] is not None] == written.to_pylist()


def test_bytes_give_the_same_answers_and_are_called_by_their_path(predictor, images):
    portrait, _, broken, _ = images
    data = [portrait.read_bytes(), broken.read_bytes(), None, "text"]
    by_path = predictor({"path": [str(portrait)]}).to_pylist()
    names = [str(portrait), "b", None, "d"]
    rows = predictor(pa.table({"path": names, "bytes": pa.array([*data[:3], None])})).to_pylist()
    assert rows[0] == by_path[0]
    assert [row["source"] for row in rows[1:]] == ["b", "bytes", "d"]
    assert "has no value" in rows[2]["error"]
    (text,) = predictor({"bytes": ["text"]}).to_pylist()
    assert text["error"] == "expected the bytes of an image file, found str"


def test_spark_maps_it_over_batches_of_pandas(predictor, images):
    sent = pickle.loads(pickle.dumps(predictor))  # noqa: S301 - it was made here

    def analyze(batches):
        return map(sent, batches)

    frame = pd.DataFrame({"path": list(map(str, images)), "label": range(4)})
    found = list(analyze(iter([frame[:1], frame[1:], frame[:0]])))
    assert [list(each.columns) for each in found] == [NAMES] * 3
    assert [len(each) for each in found] == [1, 3, 0]
    assert found[0].dtypes.equals(found[1].dtypes)
    assert found[0].dtypes.equals(found[2].dtypes)
    assert found[0]["emotion"][0] == "happy"
    missing = sent(pd.DataFrame({"path": [None, np.nan, pd.NA]}))
    assert missing["error"].to_list() == ["the column 'path' has no value in this row"] * 3


def test_the_schema_for_spark_names_each_column():
    fields = dict(field.split(" ") for field in spark_schema().split(", "))
    assert list(fields) == NAMES
    assert fields["source"] == fields["emotion"] == "string"
    assert fields["face"] == "bigint"
    assert fields["p_happy"] == "double"
    assert fields["unsure"] == "boolean"


def test_units_have_their_columns_in_every_batch(images):
    reading = Predictor(units=True)
    names = [field.split(" ")[0] for field in spark_schema(units=True).split(", ")]
    table = reading({"path": [str(path) for path in images]})
    assert table.column_names == names
    assert max(value or 0.0 for value in table["unit_mouthSmileLeft"].to_pylist()) > 0.6
    assert reading({"path": []}).column_names == names


def test_networks_are_loaded_where_the_first_batch_is(predictor, images):
    predictor({"path": [str(images[0])]})
    assert len(pickle.dumps(predictor)) < 2000
    wrong = Predictor("no such.onnx")
    assert wrong({"path": []}).num_rows == 0
    with pytest.raises(ArtefactError, match=r"no such\.onnx"):
        wrong({"path": ["a.png"]})


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({"image": [1]}, "expected a column 'path' or 'bytes', found image"),
        (pd.DataFrame(), "expected a column 'path' or 'bytes', found none"),
        (["a.png"], "expected columns of pandas, pyarrow or a mapping, found list"),
        ({"path": ["a", "b"], "bytes": [b"a"]}, "found 2 of 'path' and 1 of 'bytes'"),
    ],
)
def test_batches_without_images_are_refused(predictor, batch, message):
    with pytest.raises(InputError, match=message):
        predictor(batch)


@pytest.mark.parametrize("options", [{"threads": 0}, {"workers": 0}, {"face_options": {}}])
def test_options_that_cannot_be_are_refused_at_once(options):
    kind = OptionsError if "face_options" in options else InputError
    with pytest.raises(kind, match=next(iter(options))):
        Predictor(**options)


@pytest.mark.filterwarnings("ignore")
def test_ray_data_maps_it_over_batches_in_two_actors(images, tmp_path):
    ray = pytest.importorskip("ray", reason="needs the extra 'cluster'")
    pytest.importorskip("ray.data")
    from mien.cluster.connection import cluster, require_ray

    require_ray("ray.data")
    with cluster("local", cpus=2):
        paths = ray.data.from_items([{"path": str(path)} for path in images])
        faces = paths.map_batches(
            Predictor, batch_size=2, compute=ray.data.ActorPoolStrategy(size=2)
        )
        rows = faces.take_all()
    assert sorted(row["source"] for row in rows) == sorted(map(str, images))
    assert [list(row) for row in rows] == [NAMES] * 4
