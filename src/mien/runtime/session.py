"""Opening an ONNX file: a session, and the spec that the file carries."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mien.errors import ArtefactError, DeviceError
from mien.runtime.devices import providers_of
from mien.runtime.library import onnxruntime
from mien.spec import METADATA_KEY, Graph, ModelSpec

__all__ = ["Session", "open_session"]

_LOG = logging.getLogger(__name__)


class Session:
    """A network that is ready to run; when unpickled, it is opened again from its file.

    Args:
        path: An ONNX file.
        threads: Threads of one run.
        device: Where it runs, one of `DEVICES`, or the name of an execution provider.

    Attributes:
        metadata: What the file carries beside the graph.
        graph: The graph's inputs and outputs.

    Raises:
        ArtefactError: The file is missing or no ONNX file.
        DeviceError: The device is not available, or the network cannot run there.
    """

    metadata: dict[str, str]
    graph: Graph

    def __init__(self, path: Path, threads: int, device: str = "cpu") -> None:
        if path.is_dir():
            inside = sorted(path.glob("*.onnx"))
            advice = f"Give {inside[0]}" if len(inside) == 1 else "Give the file in it"
            raise ArtefactError(f"{path}: a folder, expected a model file. {advice}")
        if not path.is_file():
            raise ArtefactError(f"{path}: no such model file. Check the path")
        providers = providers_of(device)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised, and said once
        self._opened = (path, threads, device)
        try:
            # Without the fallback of onnxruntime's own, which prints to stdout.
            self._session = onnxruntime.InferenceSession(
                path, sess_options=options, providers=providers, enable_fallback=0
            )
            # Names and metadata of a damaged file may be no text.
            self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
            self.graph = Graph(
                inputs={each.name: tuple(each.shape) for each in self._session.get_inputs()},
                outputs={each.name: tuple(each.shape) for each in self._session.get_outputs()},
            )
        except Exception as error:  # onnxruntime's own errors share no narrower base
            if isinstance(error, RuntimeError) and len(providers) > 1:
                raise DeviceError(
                    f"device: {device!r} could not be started: {_first_line(error)}. Install its "
                    "driver and libraries, or take another device"
                ) from error
            raise ArtefactError(
                f"{path}: not an ONNX file that can be run: {_first_line(error)}"
            ) from error
        if providers[0] not in self._session.get_providers():
            # onnxruntime falls back to the processor, where the driver's libraries are missing.
            raise DeviceError(
                f"device: {device!r} could not be started; see onnxruntime's message. "
                "Install its driver and libraries, or take another device"
            )
        _LOG.debug("opened %s on %s with %d threads", path, providers[0], threads)

    def run(
        self, names: list[str], inputs: dict[str, NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """Return the named outputs.

        Raises:
            ArtefactError: The network cannot be run, or an output is no array of float32 or has a
                value that is not finite.
        """
        path = self._opened[0]
        try:
            values: list[NDArray[np.float32]] = self._session.run(names, inputs)
        except Exception as error:  # onnxruntime's own errors share no narrower base
            raise ArtefactError(f"{path}: cannot be run: {_first_line(error)}") from error
        for name, value in zip(names, values, strict=True):
            kind = getattr(value, "dtype", type(value).__name__)
            if kind != np.float32:
                raise ArtefactError(f"{path}: output {name!r}: expected float32, found {kind}")
            if not np.isfinite(value).all():
                count = np.count_nonzero(~np.isfinite(value))
                raise ArtefactError(
                    f"{path}: output {name!r}: expected finite numbers, found {count:,} of "
                    f"{value.size:,} that are not. The file is damaged, or its training diverged"
                )
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
    spec.check_graph(session.graph, str(path))
    return session, spec


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
