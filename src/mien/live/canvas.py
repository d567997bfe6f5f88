"""The window's contents as one image: the frame, its results, and the window's own messages."""

from __future__ import annotations

import dataclasses

from PIL import Image

from mien.drawing import draw, fill_rounded, outline_rounded, text_width, write_text
from mien.live.feed import LiveFrame
from mien.structures import FacePrediction, FrameResult
from mien.units import merged_sides, strongest_units

__all__ = ["View", "render"]

_BACKGROUND = (17, 20, 26)
_PANEL = (17, 20, 26, 205)
_CARD = (24, 28, 36, 250)
_KEY, _KEY_EDGE = (44, 50, 61), (92, 100, 114)
_INK = (240, 242, 245)
_QUIET = (166, 174, 184)
_RED, _AMBER = (226, 62, 62), (240, 178, 50)
_UNIT = (102, 178, 214)
_MAX_UNITS = 10
_DIMMED = 0.6
_SMALLEST_TEXT_PX, _LARGEST_TEXT_PX = 10, 22
_TEXT_SHARE = 1 / 45
"""Text of the window itself, of its shorter side."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the window shows; two that are equal give the same image.

    Attributes:
        size_wh: Of the window in pixels.
        shown: The frame; None before the first.
        mirror: Whether it is mirrored.
        status: Short texts for the lower left corner, for example `30 fps`.
        recording: Whether a red dot is drawn before them.
        message: What just happened; empty for nothing.
        problem: What is wrong with the source; empty for nothing.
        keys: The keys and what they do, while help is shown.
    """

    size_wh: tuple[int, int]
    shown: LiveFrame | None = None
    mirror: bool = False
    status: tuple[str, ...] = ()
    recording: bool = False
    message: str = ""
    problem: str = ""
    keys: tuple[tuple[str, str], ...] = ()

    @property
    def text_px(self) -> int:
        """Size of the window's own text."""
        wanted = min(self.size_wh) * _TEXT_SHARE
        return round(min(max(wanted, _SMALLEST_TEXT_PX), _LARGEST_TEXT_PX))


def render(view: View) -> Image.Image:
    """Draw a view.

    Returns:
        An RGB image of the window's size.
    """
    canvas = Image.new("RGB", view.size_wh, _BACKGROUND)
    if view.shown is not None:
        _draw_frame(canvas, view.shown, mirror=view.mirror)
        if view.problem or view.keys:
            dark = Image.new("RGB", canvas.size, _BACKGROUND)
            canvas = Image.blend(canvas, dark, _DIMMED)
        _draw_status(canvas, view)
        _draw_units(canvas, view, view.shown.result)
    if view.message:
        _draw_message(canvas, view)
    if view.keys:
        _draw_help(canvas, view)
    elif view.problem:
        _draw_problem(canvas, view)
    return canvas


def _draw_frame(canvas: Image.Image, shown: LiveFrame, *, mirror: bool) -> None:
    """Fit the frame into the window, and draw the results at the window's resolution."""
    frame = shown.frame
    scale = min(canvas.width / frame.width, canvas.height / frame.height)
    size_hw = (max(1, round(frame.height * scale)), max(1, round(frame.width * scale)))
    image = Image.fromarray(frame.rgb(size_hw))
    if mirror:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    # Units have a panel of their own, which stays in its place.
    faces = _faces_in_window(shown.result, scale, size_hw[1] if mirror else None)
    draw(image, faces, units=False)
    place = ((canvas.width - image.width) // 2, (canvas.height - image.height) // 2)
    canvas.paste(image, place)


def _draw_status(canvas: Image.Image, view: View) -> None:
    text, px = "   ".join(view.status), view.text_px
    dot = 1.4 * px if view.recording else 0.0
    width, height = text_width(text, px) + dot + 1.8 * px, 2.1 * px
    left, bottom = px, canvas.height - px
    area = (left, bottom - height, left + width, bottom)
    fill_rounded(canvas, area, radius=height / 2, colour=_PANEL)
    middle = bottom - height / 2
    if view.recording:
        _draw_dot(canvas, (left + 1.2 * px, middle), 0.42 * px, _RED)
    write_text(canvas, text, (left + 0.9 * px + dot, middle), px, _INK)


def _draw_units(canvas: Image.Image, view: View, result: FrameResult) -> None:
    """List the most active units of the largest face at the right, if units are read."""
    face = next(iter(result.faces), None)
    if face is None or (face.units is None and face.units_missing is None):
        return
    px = view.text_px
    row_px, bar_px, width = 1.5 * px, 5 * px, 17 * px
    shown = {} if face.units is None else strongest_units(merged_sides(face.units), _MAX_UNITS)
    height = (max(1, len(shown)) + 2) * row_px + px
    left, top = canvas.width - width - px, 3.8 * px
    fill_rounded(canvas, (left, top, left + width, top + height), radius=0.9 * px, colour=_PANEL)
    text, middle = left + px, top + px / 2 + row_px / 2
    write_text(canvas, _turn(face), (text, middle), px, _QUIET)
    if not shown:
        write_text(
            canvas, "at rest" if face.units else "no units", (text, middle + row_px), px, _INK
        )
    right = left + width - px
    for row, (name, value) in enumerate(shown.items(), start=1):
        y = middle + row * row_px
        write_text(canvas, name, (text, y), px, _INK)
        track = (right - bar_px, y - 0.25 * px, right, y + 0.25 * px)
        fill_rounded(canvas, track, radius=0.25 * px, colour=_KEY)
        end = right - bar_px + max(value * bar_px, 0.5 * px)
        fill_rounded(canvas, (*track[:2], end, track[3]), radius=0.25 * px, colour=_UNIT)
    whose = "left and right are the person's"
    write_text(canvas, whose, (text, top + height - row_px / 2 - px / 3), round(0.85 * px), _QUIET)


def _turn(face: FacePrediction) -> str:
    """Return how the head is turned, or why that is not known."""
    pose = face.pose
    if pose is None:
        return f"{face.units_missing}"
    return f"yaw {pose.yaw_deg:+z.0f}  pitch {pose.pitch_deg:+z.0f}  roll {pose.roll_deg:+z.0f}"


def _draw_message(canvas: Image.Image, view: View) -> None:
    px = view.text_px
    text = _shortened(view.message, canvas.width - 4 * px, px)
    width, height = text_width(text, px) + 2 * px, 2.2 * px
    left = (canvas.width - width) / 2
    fill_rounded(canvas, (left, px, left + width, px + height), radius=height / 2, colour=_PANEL)
    write_text(canvas, text, (left + px, px + height / 2), px, _INK)


def _draw_problem(canvas: Image.Image, view: View) -> None:
    """Write in the middle what is wrong, in several lines if it is long."""
    px = view.text_px
    lines = _wrapped(view.problem, min(canvas.width - 6 * px, 48 * px), px)
    inner = max(text_width(line, px) for line in lines)
    width, height = inner + 5.2 * px, (1.5 * len(lines) + 2) * px
    left, top = (canvas.width - width) / 2, (canvas.height - height) / 2
    area = (left, top, left + width, top + height)
    fill_rounded(canvas, area, radius=0.9 * px, colour=_CARD)
    _draw_dot(canvas, (left + 1.9 * px, top + 1.75 * px), 0.42 * px, _AMBER)
    for row, line in enumerate(lines):
        write_text(canvas, line, (left + 3.2 * px, top + (1.75 + 1.5 * row) * px), px, _INK)


def _draw_help(canvas: Image.Image, view: View) -> None:
    """List the keys in the middle, each drawn as a key of a keyboard."""
    rows = len(view.keys)
    px = round(max(min(view.text_px, canvas.height / (2.1 * rows + 3)), _SMALLEST_TEXT_PX - 2))
    row_height = 2.1 * px
    caps = max(text_width(key, px) for key, _ in view.keys) + 1.6 * px
    width = caps + max(text_width(what, px) for _, what in view.keys) + 4.4 * px
    height = rows * row_height + 2 * px
    left, top = (canvas.width - width) / 2, (canvas.height - height) / 2
    area = (left, top, left + width, top + height)
    fill_rounded(canvas, area, radius=0.9 * px, colour=_CARD)
    for row, (key, what) in enumerate(view.keys):
        middle = top + px + (row + 0.5) * row_height
        text = text_width(key, px)
        cap_width = max(text + 1.2 * px, 1.75 * px)
        x = left + 1.5 * px
        cap = (x, middle - 0.85 * px, x + cap_width, middle + 0.85 * px)
        fill_rounded(canvas, cap, radius=0.35 * px, colour=_KEY)
        outline_rounded(canvas, cap, radius=0.35 * px, line=1, colour=_KEY_EDGE)
        write_text(canvas, key, (x + (cap_width - text) / 2, middle), px, _INK)
        write_text(canvas, what, (x + caps + px, middle), px, _QUIET)


def _draw_dot(
    canvas: Image.Image, xy: tuple[float, float], radius: float, colour: tuple[int, ...]
) -> None:
    x, y = xy
    area = (x - radius, y - radius, x + radius, y + radius)
    fill_rounded(canvas, area, radius=radius, colour=colour)


def _wrapped(text: str, width: float, px: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, px) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [_shortened(line, width, px) for line in lines]


def _shortened(text: str, width: float, px: int) -> str:
    if text_width(text, px) <= width:
        return text
    while text and text_width(text + "…", px) > width:
        text = text[:-1]
    return text + "…"


def _faces_in_window(
    result: FrameResult, scale: float, mirrored_width: int | None
) -> tuple[FacePrediction, ...]:
    """Bring a result's faces into the window's pixels."""

    def x(value: float) -> float:
        return scale * value if mirrored_width is None else mirrored_width - scale * value

    def face(each: FacePrediction) -> FacePrediction:
        left, top, right, bottom = each.box_xyxy
        ends = sorted((x(left), x(right)))
        return dataclasses.replace(
            each,
            box_xyxy=(ends[0], scale * top, ends[1], scale * bottom),
            landmarks_xy=tuple((x(a), scale * b) for a, b in each.landmarks_xy),
        )

    return tuple(face(each) for each in result.faces)
