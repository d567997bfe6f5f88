"""onnxruntime, told to keep to itself, and sessions with the spec that a model file carries."""

from mien.runtime.devices import DEVICES
from mien.runtime.library import onnxruntime, quantization
from mien.runtime.session import Session, open_session

__all__ = ["DEVICES", "Session", "onnxruntime", "open_session", "quantization"]
