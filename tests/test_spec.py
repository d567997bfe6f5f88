import dataclasses
import json

import numpy as np
import pytest

from mien.emotions import FER2013_7, FERPLUS_8, SIX
from mien.errors import SpecError
from mien.preprocess import FER_CROP
from mien.spec import METADATA_KEY, DetectionSpec, Graph, InputSpec, ModelSpec, OutputSpec, SixSpec

EMOTION = ModelSpec(
    task="emotion",
    name="toy",
    input=InputSpec(name="faces", colour="grey", height=48, width=48, mean=(129.5,), std=(65.0,)),
    outputs=(
        OutputSpec(name="logits", labels="ferplus-8"),
        OutputSpec(name="fer2013_logits", labels="fer2013-7"),
        OutputSpec(name="embedding", meaning="(B, 16)"),
    ),
    crop=FER_CROP,
    six=SixSpec(
        weights={"logits": 0.25, "fer2013_logits": 0.75},
        bias=(0.0, 0.1, 0.2, -0.1, -0.2, 0.0),
        temperature=1.5,
        unsure_below=0.4,
    ),
    provenance={"data": "toy"},
    figures={"accuracy": 0.5},
)
DETECTION = ModelSpec(
    task="detection",
    name="toy",
    input=InputSpec(
        name="input",
        colour="bgr",
        height=None,
        width=None,
        multiple_of=32,
        mean=(0.0,) * 3,
        std=(1.0,) * 3,
    ),
    outputs=(OutputSpec(name="cls_8"),),
    detection=DetectionSpec(strides=(8,), score_threshold=0.6, nms_iou=0.3),
)


def test_a_zoomed_crop_has_larger_faces_about_its_centre():
    larger = np.array(FER_CROP.zoomed(1.1).landmarks_xy)
    np.testing.assert_allclose(larger - 0.5, 1.1 * (np.array(FER_CROP.landmarks_xy) - 0.5))
    assert FER_CROP.zoomed(1.0) == FER_CROP


def changed(**fields):
    """The emotion spec's metadata with some of its JSON changed; `a__b` reaches into a."""
    document = json.loads(EMOTION.to_metadata()[METADATA_KEY])
    for path, value in fields.items():
        *parents, last = path.split("__")
        place = document
        for parent in parents:
            place = place[parent]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return {METADATA_KEY: json.dumps(document)}


@pytest.mark.parametrize("spec", [EMOTION, DETECTION])
def test_a_spec_comes_back_from_metadata_as_it_went_in(spec):
    assert ModelSpec.from_metadata(spec.to_metadata(), "toy.onnx") == spec


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, r"toy\.onnx: not a mien model.*mien\.spec"),
        ({METADATA_KEY: "{"}, "'mien.spec' is no JSON: Expecting"),
        ({METADATA_KEY: "[" * 100_000}, "'mien.spec' is nested too deeply"),
        ({METADATA_KEY: '{"spec_version": ' + "9" * 5000 + "}"}, "a number of too many digits"),
        ({METADATA_KEY: '{"spec_version": 1, "name": NaN}'}, "NaN is no number there"),
        (changed(spec_version=[[]] * 1000), r"the file has \[\[\], \[\], .*\.\.\.\]"),
        ({METADATA_KEY: "[]"}, "'spec_version': this release reads 1, the file has None"),
        (changed(spec_version=2), "'spec_version': this release reads 1, the file has 2"),
        (changed(name=...), "field 'name' is missing"),
        (changed(colour="red"), "field 'colour' is unknown"),
        (changed(temperatur=1), "field 'temperatur' is unknown"),
        (changed(six__temperatur=1), r"'six\.temperatur' is unknown; did you mean 'temperature'"),
        (changed(six__temperature="warm"), r"'six\.temperature': expected a finite number"),
        (
            changed(six__temperature=0),
            r"'six\.temperature': expected a number from 0.01 to 100, found 0",
        ),
        (changed(six__temperature=5e-324), r"'six\.temperature'.* found 5e-324"),
        (changed(six__temperature=10**400), r"'six\.temperature': expected a finite number"),
        (changed(six__bias=[1e308] * 6), r"'six\.bias': expected numbers from -100 to 100"),
        (
            changed(six__weights={"logits": 5, "fer2013_logits": -4}),
            r"'six\.weights': expected numbers from 0 to 1, found \(5\.0, -4\.0\)",
        ),
        (changed(six__weights={}), r"'six\.weights': expected a sum of 1, found 0"),
        (changed(six__bias=[0.0]), r"'six\.bias': expected 6 numbers"),
        (changed(six__weights={"logits": 0.5}), r"'six\.weights': expected a sum of 1, found 0\.5"),
        (changed(six__weights={"x": 1.0}), r"'six\.weights': expected heads with labels"),
        (changed(six__unsure_below=2), r"'six\.unsure_below': expected a number from 0 to 1"),
        (changed(six=None), "'six': expected the six-way output, found None"),
        (changed(crop=None), "'crop': expected the face's frame, found None"),
        (changed(crop__landmarks_xy=[[0.1, 0.2]]), r"'crop\.landmarks_xy': expected five points"),
        (
            changed(crop__landmarks_xy=[[1 - x, y] for x, y in FER_CROP.landmarks_xy]),
            r"'crop\.landmarks_xy': expected the person's right eye .* not mirrored",
        ),
        (
            changed(crop__landmarks_xy=[[x, 1 - y] for x, y in FER_CROP.landmarks_xy]),
            r"'crop\.landmarks_xy': expected eyes above the nose",
        ),
        (changed(crop__landmarks_xy=[[0.5, 0.5]] * 5), r"'crop\.landmarks_xy': expected the pers"),
        (
            changed(crop__landmarks_xy=[[1e30, 0]] * 5),
            r"'crop\.landmarks_xy': expected numbers from -1 to 2",
        ),
        (changed(crop__size=48.5), r"'crop\.size': expected int, found 48\.5"),
        (
            changed(task="dancing"),
            "'task': expected one of emotion, detection, units, found 'dancing'",
        ),
        (changed(task="detection"), "'detection': expected the decoder's settings"),
        (changed(task="units"), "'outputs': expected 'units' with labels"),
        (changed(input__mean=[1, 2]), r"'input\.mean': expected 1 numbers"),
        (changed(input__std=[0]), r"'input\.std': expected numbers from 0.001 to 10000"),
        (changed(input__std=[1e-46]), r"'input\.std': .*found \(1e-46,\)"),
        (changed(input__mean=[1e300]), r"'input\.mean': expected numbers from 0 to 255"),
        (
            changed(input__multiple_of=10**9),
            r"'input\.multiple_of': expected a number from 1 to 256",
        ),
        (
            changed(input__multiple_of=10**30),
            r"'input\.multiple_of': expected a whole number of at",
        ),
        (changed(input__name=""), r"'input\.name': expected the name of the graph's, found ''"),
        (changed(input__name="\ud800"), r"'input\.name': expected text that is valid Unicode"),
        (changed(input__height=64), r"'input\.height': expected 48, as crop\.size says, found 64"),
        (
            changed(input__colour="rgb", input__mean=[0] * 3, input__std=[1] * 3),
            r"'input\.colour': expected grey for a network of crops, found 'rgb'",
        ),
        (changed(outputs=[]), "'outputs': expected at least one output"),
        (changed(**{f"k{number}": 1 for number in range(99)}), "and 79 more faults"),
        (changed(input__height=-1), r"'input\.height': expected a size in pixels"),
        (changed(outputs=[{"name": "a"}, {"name": "a"}]), "'outputs': expected different names"),
        (
            changed(outputs=[{"name": "a", "labels": "x"}]),
            r"'outputs\[0\]\.labels': expected one of",
        ),
    ],
)
def test_a_spec_with_a_fault_is_refused_by_the_name_of_its_field(metadata, message):
    with pytest.raises(SpecError, match=message):
        ModelSpec.from_metadata(metadata, "toy.onnx")


def test_all_faults_of_a_spec_are_named_together():
    with pytest.raises(SpecError, match=r"(?s)input\.name.*crop\.size"):
        ModelSpec.from_metadata(changed(crop__size="x", input__name=1), "toy.onnx")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"strides": [8, 8, 8]}, r"'detection\.strides': expected different strides, found \(8, 8"),
        ({"strides": [0]}, r"'detection\.strides': expected numbers from 1 to 256, found \(0,\)"),
        ({"strides": []}, r"'detection\.strides': expected at least one stride"),
        (
            {"strides": [12]},
            r"'input\.multiple_of': expected a multiple of the strides 12",
        ),
        (
            {"strides": [16, 32]},
            r"'detection\.strides': expected all strides that outputs have, 8 ",
        ),
        (
            {"score_threshold": 1.5},
            r"'detection\.score_threshold': expected a number from 0\.1 to 1",
        ),
        ({"score_threshold": 0}, r"'detection\.score_threshold': expected a number from 0\.1 to 1"),
        ({"nms_iou": -1}, r"'detection\.nms_iou': expected a number from 0\.1 to 0\.8"),
        ({"nms_iou": 1}, r"'detection\.nms_iou': expected a number from 0\.1 to 0\.8"),
    ],
)
def test_a_detectors_settings_are_held_to_their_ranges(fields, message):
    document = json.loads(DETECTION.to_metadata()[METADATA_KEY])
    document["detection"].update(fields)
    with pytest.raises(SpecError, match=message):
        ModelSpec.from_metadata({METADATA_KEY: json.dumps(document)}, "toy.onnx")


@pytest.mark.parametrize("field", ["height", "width"])
def test_a_detector_takes_images_of_any_size(field):
    document = json.loads(DETECTION.to_metadata()[METADATA_KEY])
    document["input"][field] = 320
    with pytest.raises(SpecError, match=rf"'input\.{field}': expected null: .* found 320"):
        ModelSpec.from_metadata({METADATA_KEY: json.dumps(document)}, "toy.onnx")


def graph(outputs, inputs=None):
    return Graph(inputs=inputs or {"faces": ("B", 1, 48, 48)}, outputs=outputs)


FITTING = {"logits": ("B", 8), "fer2013_logits": ("B", 7), "embedding": ("B", 16)}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": ("B", 1, 48, 48)}, r"'input\.name': .* found 'faces'; the graph has x"),
        (
            {"faces": ("B", 1, 48, 48), "y": ("B",)},
            r"'input\.name': expected the graph's one input, found 'faces'; the graph has faces, y",
        ),
        (
            {"faces": (1, 1, 48, 48)},
            r"'input': expected a graph that takes \(any, 1, 48, 48\), found \(1, 1, 48, 48\)",
        ),
        ({"faces": ("B", 3, 48, 48)}, r"'input': .*found \(any, 3, 48, 48\)"),
        ({"faces": ("B", 1, 64, 64)}, r"'input': .*found \(any, 1, 64, 64\)"),
        ({"faces": ("B", 2304)}, r"'input': .*found \(any, 2304\)"),
    ],
)
def test_a_graph_with_another_input_is_refused(inputs, message):
    with pytest.raises(SpecError, match=message):
        EMOTION.check_graph(graph(FITTING, inputs), "toy.onnx")


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"logits": ("B", 8), "fer2013_logits": ("B", 7)}, "no output 'embedding'"),
        (
            {"logits": ("B", 7), "fer2013_logits": ("B", 7), "embedding": ("B", 16)},
            r"'outputs\.logits\.labels': ferplus-8 has 8 labels, the graph's output has 7 channels",
        ),
    ],
)
def test_labels_that_do_not_fit_the_graph_are_refused(shapes, message):
    with pytest.raises(SpecError, match=message):
        EMOTION.check_graph(graph(shapes), "toy.onnx")


def test_outputs_that_fit_are_accepted():
    assert EMOTION.check_graph(graph(FITTING), "toy.onnx") is None
    free = {"faces": ("B", "C", None, None)}
    assert EMOTION.check_graph(graph(FITTING, free), "toy.onnx") is None


def six(**changes):
    plain = SixSpec(weights={"a": 1.0}, bias=(0.0,) * 6, temperature=1.0, unsure_below=0.0)
    return dataclasses.replace(plain, **changes)


def test_disgust_adds_to_angry_and_contempt_is_left_out():
    shares = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.1, 0.2])  # sums to 1
    logits = np.log(shares)[None].astype(np.float32)
    found = six().probabilities({"a": logits}, {"a": FERPLUS_8.name})[0]
    expected = np.array([0.1, 0.1, 0.1, 0.3, 0.1, 0.1]) / 0.8
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_bias_divides_priors_out():
    posterior = np.array([0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1])
    logits = np.log(posterior)[None].astype(np.float32)
    bias = [0.0] * 6
    bias[SIX.index("happy")] = -np.log(4.0)
    found = six(bias=tuple(bias)).probabilities({"a": logits}, {"a": FER2013_7.name})[0]
    expected = np.array([0.1, 0.1, 0.1, 0.2, 0.1, 0.1]) / 0.7  # angry holds disgust too
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_temperature_two_takes_square_roots():
    posterior = np.array([0.16, 0.0, 0.09, 0.25, 0.25, 0.16, 0.09])
    logits = np.log(np.maximum(posterior, 1e-30))[None].astype(np.float32)
    found = six(temperature=2.0).probabilities({"a": logits}, {"a": FER2013_7.name})[0]
    expected = np.sqrt([0.25, 0.09, 0.25, 0.16, 0.09, 0.16])
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-5)


def test_two_heads_are_averaged_in_the_logarithm():
    a, b = np.zeros((1, 7), np.float32), np.zeros((1, 8), np.float32)
    a[0, FER2013_7.index("happy")] = 40.0
    b[0, FERPLUS_8.index("sad")] = 40.0
    half = six(weights={"a": 0.5, "b": 0.5})
    found = half.probabilities({"a": a, "b": b}, {"a": FER2013_7.name, "b": FERPLUS_8.name})[0]
    np.testing.assert_allclose(found[[SIX.index("happy"), SIX.index("sad")]], 0.5, atol=1e-3)


def test_probabilities_sum_to_one_and_extremes_do_not_overflow():
    logits = np.random.default_rng(0).normal(0, 500, (50, 8)).astype(np.float32)
    found = six().probabilities({"a": logits}, {"a": FERPLUS_8.name})
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_no_faces_give_no_probabilities():
    found = six().probabilities({"a": np.zeros((0, 8), np.float32)}, {"a": FERPLUS_8.name})
    assert found.shape == (0, 6)


def with_own(labels=("bored", "keen"), **fields):
    outputs = (*EMOTION.outputs, OutputSpec(name="own_logits", labels="own"))
    return dataclasses.replace(EMOTION, outputs=outputs, label_sets={"own": labels}, **fields)


def test_labels_of_a_models_own_come_back_from_its_file():
    restored = ModelSpec.from_metadata(with_own().to_metadata(), "a.onnx")
    assert restored.labels_of("own_logits") == ("bored", "keen")
    assert restored.labels_of("fer2013_logits") == FER2013_7.labels
    outputs = {"logits": ("b", 8), "fer2013_logits": ("b", 7), "embedding": ("b", 16)}
    restored.check_graph(graph(outputs | {"own_logits": ("b", 2)}), "a.onnx")


@pytest.mark.parametrize(
    ("labels", "message"),
    [(("bored",), "two labels or more"), (("bored", "bored"), "different labels")],
)
def test_labels_of_a_models_own_must_tell_classes_apart(labels, message):
    with pytest.raises(ValueError, match=message):
        with_own(labels)


def test_the_six_cannot_come_from_labels_of_a_models_own():
    six = dataclasses.replace(EMOTION.six, weights={"own_logits": 1.0})
    with pytest.raises(ValueError, match=r"six.weights.*logits, fer2013_logits"):
        with_own(six=six)


ROW = (1.0, -0.2, -0.2, -0.2, -0.2, -0.2)


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ({"centres": [ROW] * 5, "neutral": ROW}, r"'six\.baseline\.centres': expected 6 rows of 6"),
        ({"centres": [ROW[:5]] * 6, "neutral": ROW}, r"'six\.baseline\.centres': expected 6 rows"),
        (
            {"centres": [(99.0, *ROW[1:])] * 6, "neutral": ROW},
            r"'six\.baseline\.centres': expected numbers from -50 to 50, found \(99\.0",
        ),
        ({"centres": [ROW] * 6, "neutral": ROW[:2]}, r"'six\.baseline\.neutral': expected 6 numb"),
        ({"centres": [ROW] * 6}, r"'six\.baseline\.neutral' is missing"),
        ([], r"'six\.baseline': expected a table"),
    ],
)
def test_what_a_baseline_is_measured_from_is_six_by_six(baseline, message):
    with pytest.raises(SpecError, match=message):
        ModelSpec.from_metadata(changed(six__baseline=baseline), "toy.onnx")


def test_a_spec_may_say_what_a_baseline_is_measured_from_or_not():
    given = {"centres": [ROW] * 6, "neutral": ROW}
    spec = ModelSpec.from_metadata(changed(six__baseline=given), "toy.onnx")
    assert ModelSpec.from_metadata(spec.to_metadata(), "toy.onnx") == spec
    assert spec.six.baseline.centres == (ROW,) * 6
    document = json.loads(EMOTION.to_metadata()[METADATA_KEY])
    del document["six"]["baseline"]
    earlier = ModelSpec.from_metadata({METADATA_KEY: json.dumps(document)}, "toy.onnx")
    assert earlier.six.baseline is None
