import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from mien.errors import ArtefactError
from mien.export import multiply_adds, parameter_count


def written(path, *, side=8, kind=np.float32):
    """Two groups of a 3x3 convolution over 8x8, then a linear layer of 4 to 5."""
    weights = {
        "kernel": np.zeros((4, 1, 3, 3), kind),
        "scale": np.zeros((5, 4), kind),
        "axes": np.array([2, 3], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["faces", "kernel"], ["maps"], group=2, pads=[1, 1, 1, 1]),
        helper.make_node("ReduceMean", ["maps", "axes"], ["mean"], keepdims=0),
        helper.make_node("Gemm", ["mean", "scale"], ["logits"], transB=1),
    ]
    element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("faces", element, ["batch", 2, side, side])],
        [helper.make_tensor_value_info("logits", element, ["batch", 5])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_multiply_adds_and_parameters_are_those_counted_by_hand(tmp_path, kind):
    path = written(tmp_path / "a.onnx", kind=kind)
    assert multiply_adds(path) == 4 * 9 * 64 + 5 * 4
    assert parameter_count(path) == 4 * 9 + 5 * 4


def test_a_network_for_images_of_any_size_has_no_such_number(tmp_path):
    with pytest.raises(ArtefactError, match="expected an input of a fixed height and width"):
        multiply_adds(written(tmp_path / "a.onnx", side="side"))
