"""Opening an ONNX file: a session for the CPU, and the spec that the file carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import onnxruntime
from numpy.typing import NDArray

from mien.errors import ArtefactError
from mien.spec import METADATA_KEY, ModelSpec

__all__ = ["Session", "open_session"]


class Session:
    """A network that is ready to run on the CPU; when unpickled, it is opened again from its file.

    Args:
        path: An ONNX file.
        threads: Threads of one run.

    Raises:
        ArtefactError: The file is missing or no ONNX file.
    """

    def __init__(self, path: Path, threads: int) -> None:
        if not path.is_file():
            raise ArtefactError(f"{path}: no such model file. Check the path")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._opened = (path, threads)
        try:
            self._session = onnxruntime.InferenceSession(
                path, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own errors share no narrower base
            raise ArtefactError(f"{path}: not an ONNX file that can be run: {error}") from error

    @property
    def metadata(self) -> dict[str, str]:
        """What the file carries beside the graph."""
        found: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        return found

    @property
    def shapes(self) -> dict[str, tuple[Any, ...]]:
        """The shape of each output by its name; what varies is a name or None."""
        return {output.name: tuple(output.shape) for output in self._session.get_outputs()}

    def run(self, names: list[str], inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the named outputs."""
        values: list[NDArray[Any]] = self._session.run(names, inputs)
        return values

    def __reduce__(self) -> tuple[type[Self], tuple[Path, int]]:
        return type(self), self._opened


def open_session(path: Path, *, threads: int) -> tuple[Session, ModelSpec | None]:
    """Open a network for the CPU.

    Args:
        path: An ONNX file.
        threads: Threads of one run.

    Returns:
        The session, and the file's spec held against the graph; None where the file
        has none.

    Raises:
        ArtefactError: The file is missing or no ONNX file.
        SpecError: The file has a spec with a fault; the message names the field.
    """
    session = Session(path, threads)
    if METADATA_KEY not in session.metadata:
        return session, None
    spec = ModelSpec.from_metadata(session.metadata, str(path))
    spec.check_outputs(session.shapes, str(path))
    return session, spec
