"""The one place that imports onnxruntime: with its usage events off.

From 1.29 on onnxruntime reports its use to Microsoft. It decides so while it is being imported: it
notes a first event, makes a device's number in the home folder and sends both ten seconds later.
Only a variable that is set before that prevents it, and its decision lasts as long as the process.
See docs/privacy.md.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["onnxruntime", "quantization"]

_VARIABLE = "ORT_DISABLE_TELEMETRY"
_OFF = ("1", "true", "yes", "on")  # "0" and "" leave the events on

_TOO_LATE = (
    "onnxruntime was imported before mien could turn its usage events off: it may look up a server "
    f"of Microsoft and keeps a device number in the home folder. Set {_VARIABLE}=1 before Python "
    "starts, or write `import mien.runtime` before the first `import onnxruntime`"
)


def _load() -> Any:
    """Import onnxruntime; warn where somebody else did before and left its events on."""
    late = "onnxruntime" in sys.modules and os.environ.get(_VARIABLE, "").lower() not in _OFF
    with _events_off():
        import onnxruntime as library  # noqa: TID251
    # What is left to do if this comes too late: no further events. On Windows builds that do not
    # read the variable it is all that can be done.
    library.disable_telemetry_events()
    if late:
        logging.getLogger("mien").warning(_TOO_LATE)
    return library


def quantization() -> Any:
    """Return the module `onnxruntime.quantization`, which needs onnx."""
    import onnxruntime.quantization as quantizer  # noqa: TID251

    return quantizer


@contextlib.contextmanager
def _events_off() -> Iterator[None]:
    """Set the variable, and leave the environment as it was."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


onnxruntime: Any = _load()
"""The module `onnxruntime`."""
