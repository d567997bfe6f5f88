"""The shipped network with a spec that says what a baseline is measured from, for tests."""

import dataclasses
import shutil

import numpy as np

from mien.emotions import SIX
from mien.export.onnx_file import write_spec
from mien.inference import EmotionModel
from mien.inference.model import SHIPPED
from mien.spec import BaselineSpec

__all__ = ["BASELINE", "model_with_baseline", "model_without_baseline"]

_ROWS = (6 * np.eye(len(SIX)) - 1).tolist()
BASELINE = BaselineSpec(
    centres=tuple(map(tuple, _ROWS)), neutral=(-1.2, 2.3, 1.1, -0.1, -0.5, -1.6)
)


def _with(path, baseline):
    shutil.copy(SHIPPED, path)
    spec = EmotionModel(path).spec
    six = dataclasses.replace(spec.six, baseline=baseline)
    write_spec(path, dataclasses.replace(spec, six=six))
    return path


def model_with_baseline(path):
    """Write the shipped network with `BASELINE` and return the path."""
    return _with(path, BASELINE)


def model_without_baseline(path):
    """Write the shipped network without what a baseline is measured from; return the path."""
    return _with(path, None)
