"""Opening an ONNX file: a session for the CPU, and the spec that the file carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from mien.errors import ArtefactError
from mien.spec import METADATA_KEY, ModelSpec

__all__ = ["open_session"]


def open_session(path: Path, *, threads: int) -> tuple[Any, ModelSpec | None]:
    """Open a network for the CPU.

    Args:
        path: An ONNX file.
        threads: Threads of one run.

    Returns:
        The onnxruntime session, and the file's spec held against the graph; None where the file
        has none.

    Raises:
        ArtefactError: The file is missing or no ONNX file.
        SpecError: The file has a spec with a fault; the message names the field.
    """
    if not path.is_file():
        raise ArtefactError(f"{path}: no such model file. Check the path")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            path, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own errors share no narrower base
        raise ArtefactError(f"{path}: not an ONNX file that can be run: {error}") from error
    metadata = session.get_modelmeta().custom_metadata_map
    if METADATA_KEY not in metadata:
        return session, None
    spec = ModelSpec.from_metadata(metadata, str(path))
    shapes = {output.name: tuple(output.shape) for output in session.get_outputs()}
    spec.check_outputs(shapes, str(path))
    return session, spec
