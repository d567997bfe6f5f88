"""Opening an ONNX file: a session, and the spec that the file carries."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from mien.errors import ArtefactError, DeviceError
from mien.runtime.devices import providers_of
from mien.runtime.library import onnxruntime
from mien.spec import METADATA_KEY, ModelSpec

__all__ = ["Session", "open_session"]

_LOG = logging.getLogger(__name__)


class Session:
    """A network that is ready to run; when unpickled, it is opened again from its file.

    Args:
        path: An ONNX file.
        threads: Threads of one run.
        device: Where it runs, one of `DEVICES`, or the name of an execution provider.

    Raises:
        ArtefactError: The file is missing or no ONNX file.
        DeviceError: The device is not available, or the network cannot run there.
    """

    def __init__(self, path: Path, threads: int, device: str = "cpu") -> None:
        if not path.is_file():
            raise ArtefactError(f"{path}: no such model file. Check the path")
        providers = providers_of(device)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._opened = (path, threads, device)
        try:
            self._session = onnxruntime.InferenceSession(
                path, sess_options=options, providers=providers
            )
        except Exception as error:  # onnxruntime's own errors share no narrower base
            raise ArtefactError(f"{path}: not an ONNX file that can be run: {error}") from error
        if providers[0] not in self._session.get_providers():
            # onnxruntime falls back to the processor, where the driver's libraries are missing.
            raise DeviceError(
                f"device: {device!r} could not be started; see onnxruntime's message. "
                "Install its driver and libraries, or take another device"
            )
        _LOG.debug("opened %s on %s with %d threads", path, providers[0], threads)

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

    def __reduce__(self) -> tuple[type[Self], tuple[Path, int, str]]:
        return type(self), self._opened


def open_session(
    path: Path, *, threads: int = 1, device: str = "cpu"
) -> tuple[Session, ModelSpec | None]:
    """Open a network.

    Args:
        path: An ONNX file.
        threads: Threads of one run.
        device: Where it runs, one of `DEVICES`, or the name of an execution provider.

    Returns:
        The session, and the file's spec held against the graph; None where the file
        has none.

    Raises:
        ArtefactError: The file is missing or no ONNX file.
        DeviceError: The device is not available.
        SpecError: The file has a spec with a fault; the message names the field.
    """
    session = Session(path, threads, device)
    if METADATA_KEY not in session.metadata:
        return session, None
    spec = ModelSpec.from_metadata(session.metadata, str(path))
    spec.check_outputs(session.shapes, str(path))
    return session, spec
