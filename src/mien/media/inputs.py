"""One image in any of the forms that programs hold images in, as a `Frame`."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.errors import FrameError, InputError, MediaError
from mien.media.depth import scale_deep
from mien.media.images import MIN_SIDE_PX, convert_image, decode_image, read_image, to_rgb
from mien.media.live_source import is_live
from mien.structures import Frame, FrameRGB
from mien.structures.frame import plain_array, uint8_advice

__all__ = ["Channels", "ImageInput", "TensorLike", "as_frame", "check_channels"]


class TensorLike(Protocol):
    """A torch tensor, for annotations without torch."""

    def detach(self) -> Any:
        """Return the tensor without its gradient."""
        ...


ImageInput = (
    str
    | Path
    | bytes
    | BinaryIO
    | Image.Image
    | Frame
    | NDArray[np.uint8]
    | NDArray[np.uint16]
    | TensorLike
)
"""What `as_frame` takes."""

Channels = Literal["rgb", "bgr", "grey", "rgba", "bgra"]
"""What the channels of an array or tensor are, in their order."""

_COUNTS: dict[str, int] = {"rgb": 3, "bgr": 3, "grey": 1, "rgba": 4, "bgra": 4}
_DEFAULTS: dict[int, Channels] = {3: "rgb", 1: "grey", 4: "rgba"}

_SHARES_AS_LEVELS = (
    "its brightest level is 1 of 255: if its numbers were shares of 0 to 1, multiply them by 255 "
    "before they become uint8"
)

_FORMS = (
    "a path, the bytes of a file, a file opened in binary mode, a Pillow image, a Frame, "
    "a numpy array or a torch tensor"
)


def as_frame(
    image: ImageInput, *, channels: Channels | None = None, source: str | None = None
) -> Frame:
    """Bring an image of any usual form into the one that networks are fed from.

    Args:
        image: A path; the bytes of an image file, or a file object that is open for reading bytes;
            a Pillow image of any mode; a `Frame`, which stays as it is; an array `(H, W)`,
            `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)` of uint8, or of uint16, which is scaled by the
            smallest of 8 to 16 bits that hold its largest number; or a uint8 torch tensor
            `(3, H, W)` or `(1, H, W)` on any device.
        channels: What the channels of an array or tensor are; None takes `rgb` for three, `grey`
            for one or none, and `rgba` for four. OpenCV's images are `bgr`. Transparent parts
            become white.
        source: What results and messages call it; None takes the path, the file's name, or the
            kind of thing that it is, for example `array`.

    Raises:
        MediaError: The file cannot be read as an image; the reason says what to do.
        FrameError: The array or tensor has another shape or type, and the message says how to
            convert it; or it has a side of fewer than 8 pixels.
        InputError: It is something else, or `channels` does not fit.
    """
    check_channels(channels)
    if isinstance(image, np.ndarray):
        pixels, notes = _array_rgb(plain_array(image, "image"), channels)
        return _large_enough(Frame(frame_rgb=pixels, source=source or "array", notes=notes))
    if _is_tensor(image):
        pixels = _tensor_rgb(image, channels)
        return _large_enough(Frame(frame_rgb=pixels, source=source or "tensor"))
    if channels is not None:
        found = type(image).__name__
        raise InputError(f"channels: only arrays and tensors need it, found it with a {found}")
    frame = _decoded(image, source)
    return frame if source is None else dataclasses.replace(frame, source=source)


def check_channels(channels: object) -> None:
    """Check the order of channels that a caller gave; None is one, too.

    Raises:
        InputError: It is none of `Channels`.
    """
    if channels is not None and (not isinstance(channels, str) or channels not in _COUNTS):
        raise InputError(f"channels: expected one of {', '.join(_COUNTS)}, found {channels!r}")


def _decoded(image: object, source: str | None) -> Frame:
    """Return the frame of what knows its own channels."""
    if isinstance(image, Frame):
        return _large_enough(image)
    if isinstance(image, str | Path):
        if is_live(str(image)):
            reason = "a camera or stream, not an image. Use Analyzer.stream or `mien live`"
            raise MediaError(str(image), reason)
        return read_image(image)
    if isinstance(image, bytes | bytearray | memoryview):
        return decode_image(bytes(image), source or "bytes")
    if isinstance(image, Image.Image):
        return convert_image(image, source or getattr(image, "filename", "") or "image")
    if callable(getattr(image, "read", None)):
        return _read_file(image, source)
    found = type(image).__name__
    hint = ". Give one image at a time" if isinstance(image, list | tuple) else ""
    raise InputError(f"image: expected {_FORMS}, found {found}{hint}")


def _large_enough(frame: Frame) -> Frame:
    """Refuse what is refused as a file, too: an image in which no face can be.

    Raises:
        FrameError: A side has too few pixels.
    """
    if min(frame.width, frame.height) < MIN_SIDE_PX:
        raise FrameError(
            f"image: only {frame.width} x {frame.height} pixels, expected at least {MIN_SIDE_PX} "
            "on each side"
        )
    return frame


def _read_file(file: Any, source: str | None) -> Frame:
    name = source or getattr(file, "name", None)
    name = name if isinstance(name, str) else "file"
    try:
        data = file.read()
    except (OSError, ValueError) as error:
        raise MediaError(name, f"the file object cannot be read: {error}") from error
    if isinstance(data, str):
        raise MediaError(name, 'the file is open for reading text. Open it with open(path, "rb")')
    if not isinstance(data, bytes | bytearray | memoryview):
        found = type(data).__name__
        raise MediaError(name, f"expected read() to return bytes, it returned {found}")
    if not data and _was_read(file):
        raise MediaError(name, "the file was read to its end before. Call file.seek(0) first")
    return decode_image(bytes(data), name)


def _was_read(file: Any) -> bool:
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return bool(file.tell() > 0)
    return False


def _array_rgb(array: NDArray[Any], channels: Channels | None) -> tuple[FrameRGB, tuple[str, ...]]:
    """Return an array's pixels as RGB, and what a reader should know of their range.

    Raises:
        FrameError: It has another shape or type.
        InputError: `channels` does not fit its shape.
    """
    shape = array.shape
    fits = array.ndim == 2 or (array.ndim == 3 and shape[2] in _DEFAULTS)
    if not fits or array.dtype not in (np.uint8, np.uint16):
        advice = _array_advice(array)
        raise FrameError(
            "image: expected an array (H, W, 3), (H, W, 4), (H, W, 1) or (H, W) of uint8 or "
            f"uint16, found {shape} of {array.dtype}. {advice}"
        )
    pixels = array if array.ndim == 3 else array[..., None]
    if array.dtype == np.uint8:
        notes = (_SHARES_AS_LEVELS,) if array.size and array.max() == 1 else ()
        return _channels_to_rgb(pixels, channels), notes
    scaled = scale_deep(pixels, alpha=shape[-1] == 4 and array.ndim == 3)
    return _channels_to_rgb(scaled.values, channels), scaled.notes


def _array_advice(array: NDArray[Any]) -> str:
    """Return how to convert an array that is not an image: first its shape, then its numbers."""
    code, shape = "image", array.shape
    if array.ndim == 1 and array.dtype == np.uint8:
        return "If it holds the bytes of an image file, give image.tobytes()"
    if array.ndim == 4 and shape[0] != 1:
        return "It is a batch. Give one image at a time: for image in batch"
    if array.ndim == 4:
        code, shape = "image[0]", shape[1:]
    if len(shape) == 3 and shape[2] not in _DEFAULTS and shape[0] in _DEFAULTS:
        code, shape = f"{code}.transpose(1, 2, 0)", (*shape[1:], shape[0])
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in _DEFAULTS):
        return "Give the pixels of one image, row by row, channels last"
    if array.dtype == np.bool_:
        return f"Convert it: {code}.astype(np.uint8) * 255"
    if array.dtype == np.uint8:
        return f"Convert it: {code}"
    if not (np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)):
        return "Give its pixels as numbers of 0 to 255"
    if array.size == 0:
        return "It has no pixels"
    low, high = float(array.min()), float(array.max())
    whole = bool(np.issubdtype(array.dtype, np.integer))
    return uint8_advice(low, high, whole=whole, code=code, cast=".astype(np.uint8)")


def _is_tensor(image: object) -> bool:
    """Return whether this is a torch tensor, without importing torch."""
    known = sys.modules.get("torch")
    return known is not None and isinstance(image, known.Tensor)


def _tensor_rgb(tensor: Any, channels: Channels | None) -> FrameRGB:
    """Return a tensor's pixels as RGB; see `_array_rgb`."""
    shape = tuple(tensor.shape)
    is_uint8 = str(tensor.dtype) == "torch.uint8"
    if len(shape) != 3 or shape[0] not in (1, 3) or not is_uint8:
        raise FrameError(
            "image: expected a tensor (3, H, W) or (1, H, W) of torch.uint8, "
            f"found {shape} of {tensor.dtype}. {_tensor_advice(tensor, shape)}"
        )
    return _channels_to_rgb(tensor.detach().cpu().numpy().transpose(1, 2, 0), channels)


def _tensor_advice(tensor: Any, shape: tuple[int, ...]) -> str:
    """Return how to convert a tensor that is not an image: first its shape, then its numbers."""
    code = "image"
    if len(shape) == 4 and shape[0] != 1:
        return "It is a batch. Give one image at a time: for image in batch"
    if len(shape) == 4:
        code, shape = "image[0]", shape[1:]
    if len(shape) == 2:
        code, shape = f"{code}[None]", (1, *shape)
    elif len(shape) == 3 and shape[0] not in (1, 3) and shape[2] in (1, 3):
        code, shape = f"{code}.permute(2, 0, 1)", (shape[2], *shape[:2])
    elif len(shape) == 3 and shape[0] == 4:
        code, shape = f"{code}[:3]", (3, *shape[1:])
    if len(shape) != 3 or shape[0] not in (1, 3):
        return "Give the pixels of one image, channels first"
    kind = str(tensor.dtype)
    if kind == "torch.uint8":
        return f"Convert it: {code}"
    if kind == "torch.bool":
        return f"Convert it: {code}.to(torch.uint8) * 255"
    if tensor.numel() == 0:
        return "It has no pixels"
    if tensor.is_complex():
        return "Give its pixels as numbers of 0 to 255"
    low, high = tensor.min().item(), tensor.max().item()
    whole = not tensor.is_floating_point()
    return uint8_advice(low, high, whole=whole, code=code, cast=".to(torch.uint8)")


def _channels_to_rgb(pixels: NDArray[np.uint8], channels: Channels | None) -> FrameRGB:
    """Turn pixels `(H, W, C)` into RGB."""
    count = pixels.shape[2]
    order = channels or _DEFAULTS[count]
    if _COUNTS[order] != count:
        fitting = " or ".join(name for name, number in _COUNTS.items() if number == count)
        raise InputError(
            f"channels: {order!r} means {_COUNTS[order]} of them, the image has {count} "
            f"({pixels.shape}). Give {fitting}"
        )
    if pixels.size == 0:
        raise FrameError(f"image: it has no pixels, its shape is {pixels.shape}")
    if order == "grey":
        return pixels.repeat(3, axis=2)
    if order in ("bgr", "bgra"):
        pixels = np.concatenate((pixels[..., 2::-1], pixels[..., 3:]), axis=2)
    if count == 3:
        return pixels
    if not pixels[..., 3].any():
        other = "bgr" if order == "bgra" else "rgb"
        raise FrameError(
            "image: every pixel is transparent, the fourth channel is 0. If that is meaningless, "
            f"give image[..., :3] with channels={other!r}"
        )
    return np.asarray(to_rgb(Image.fromarray(np.ascontiguousarray(pixels), "RGBA")))
