"""Where networks run: the processor, or an accelerator that this onnxruntime was built for."""

from __future__ import annotations

from collections.abc import Mapping

from mien.errors import DeviceError
from mien.runtime.library import onnxruntime

__all__ = ["DEVICES", "providers_of"]

DEVICES: Mapping[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
"""The execution provider of each device."""

_PACKAGES = {"cuda": "onnxruntime-gpu", "directml": "onnxruntime-directml"}
"""The packages that take the place of `onnxruntime`."""


def providers_of(device: str) -> list[str]:
    """Return onnxruntime's execution providers for a device, the processor last.

    Args:
        device: One of `DEVICES`, or the name of an execution provider.

    Raises:
        DeviceError: The device is unknown, or this onnxruntime does not have it.
    """
    available = onnxruntime.get_available_providers()
    provider = DEVICES.get(device, device)
    if provider in available:
        return list(dict.fromkeys((provider, DEVICES["cpu"])))
    there = [name for name, each in DEVICES.items() if each in available]
    found = f"device: {device!r} is not available, this onnxruntime has {', '.join(there)}"
    if device in _PACKAGES:
        package = _PACKAGES[device]
        raise DeviceError(
            f"{found}. Replace it: pip uninstall onnxruntime, then pip install {package}"
        )
    if device in DEVICES:
        raise DeviceError(f"{found}. It comes with the packages for other systems")
    raise DeviceError(f"{found}. Known are {', '.join(DEVICES)}, and names of execution providers")
