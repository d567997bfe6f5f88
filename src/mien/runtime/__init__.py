"""onnxruntime, told to keep to itself, and sessions with the spec that a model file carries."""

from mien.runtime.library import onnxruntime, quantization
from mien.runtime.session import Session, open_session

__all__ = ["Session", "onnxruntime", "open_session", "quantization"]
