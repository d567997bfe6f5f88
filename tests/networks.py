"""Small networks with any weights, for tests of model files."""

import dataclasses
import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mien.detect import YUNET_OUTPUTS, yunet_spec
from mien.export.units import units_spec
from mien.spec import METADATA_KEY
from mien.units import UNITS
from tests.test_spec import EMOTION


def changed(spec, **fields):
    """The metadata of a spec with some of its JSON changed; `a__b` reaches into a."""
    document = json.loads(spec.to_metadata()[METADATA_KEY])
    for path, value in fields.items():
        *parents, last = path.split("__")
        place = document
        for parent in parents:
            place = place[parent]
        place[last] = value
    return {METADATA_KEY: json.dumps(document)}


def _save(path, nodes, weights, inputs, outputs, metadata):
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def emotion_file(path, metadata=None, *, bias=0.0, batch="b", name="faces", sizes=(8, 7, 16)):
    """An emotion network that answers the same to every face: each output is `bias`."""
    outputs = [output.name for output in EMOTION.outputs]
    nodes, weights = [], {}
    for output, size in zip(outputs, sizes, strict=True):
        weights[f"{output}.w"] = np.zeros((size, 1, 48, 48), np.float32)
        weights[f"{output}.b"] = np.full(size, bias, np.float32)
        inputs = [name, f"{output}.w", f"{output}.b"]
        nodes += [
            helper.make_node("Conv", inputs, [f"{output}.c"]),
            helper.make_node("Flatten", [f"{output}.c"], [output]),
        ]
    shapes = [(output, [batch, size]) for output, size in zip(outputs, sizes, strict=True)]
    metadata = EMOTION.to_metadata() if metadata is None else metadata
    return _save(path, nodes, weights, [(name, [batch, 1, 48, 48])], shapes, metadata)


def units_file(path, *, units=None, pose=(0.0, 0.0, 0.0), labels=UNITS):
    """A network of units that answers the same to every face.

    `units` are coefficients by name, the others 0; `pose` is yaw, pitch and roll in degrees.
    """
    spec = units_spec({})
    if labels != UNITS:
        spec = dataclasses.replace(spec, label_sets={**spec.label_sets, "arkit-51": labels})
    values = {"units": np.zeros(len(labels), np.float32), "pose_deg": np.float32(pose)}
    for name, value in (units or {}).items():
        values["units"][labels.index(name)] = value
    nodes, weights = [], {}
    for output, value in values.items():
        weights[f"{output}.w"] = np.zeros((len(value), 1, 48, 48), np.float32)
        weights[f"{output}.b"] = value
        nodes += [
            helper.make_node("Conv", ["faces", f"{output}.w", f"{output}.b"], [f"{output}.c"]),
            helper.make_node("Flatten", [f"{output}.c"], [output]),
        ]
    shapes = [(output, ["b", len(value)]) for output, value in values.items()]
    return _save(path, nodes, weights, [("faces", ["b", 1, 48, 48])], shapes, spec.to_metadata())


def detector_file(path, metadata=None, *, values=None, outputs=YUNET_OUTPUTS, sizes=None):
    """A detector of YuNet's layout that sees the same in every cell.

    `values` and the numbers of channels, `sizes`, are by kind of output.
    """
    sizes = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10} | (sizes or {})
    nodes, weights = [], {"shape.1": np.array([0, -1, 1], np.int64)}
    for output in outputs:
        kind, stride = output.split("_")
        size, stride = sizes[kind], int(stride)
        weights[f"{output}.w"] = np.zeros((size, 3, stride, stride), np.float32)
        value = np.asarray((values or {}).get(kind, 0.0), np.float32)
        weights[f"{output}.b"] = np.broadcast_to(value, size).copy()
        weights[f"shape.{size}"] = np.array([0, -1, size], np.int64)
        nodes += [
            helper.make_node(
                "Conv",
                ["input", f"{output}.w", f"{output}.b"],
                [f"{output}.c"],
                strides=[stride, stride],
            ),
            helper.make_node("Transpose", [f"{output}.c"], [f"{output}.t"], perm=[0, 2, 3, 1]),
            helper.make_node("Reshape", [f"{output}.t", f"shape.{size}"], [output]),
        ]
    shapes = [(name, ["b", None, sizes[name.split("_")[0]]]) for name in outputs]
    metadata = yunet_spec("toy").to_metadata() if metadata is None else metadata
    return _save(path, nodes, weights, [("input", ["b", 3, "h", "w"])], shapes, metadata)
