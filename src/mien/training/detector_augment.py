"""Training squares for the face detector: faces of every size, place, light and disguise."""

from __future__ import annotations

import dataclasses
import io
import itertools
import math
import string
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from mien.media import open_image
from mien.training.pseudo_labels import FLIPPED_LANDMARKS, LabelledPhoto

__all__ = ["DetectorAugmentation", "TrainingSquare", "draw_square"]

_SURE_SCORE = 0.6
"""Faces that the teacher, all views merged, scores at least this are scaled to a drawn size."""

_LARGEST_ZOOM = 1.5
_LETTERS = string.ascii_letters + string.digits + "!?&@$%:;()[]{}*#"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DetectorAugmentation:
    """Shares and strengths; sizes are in pixels of the square.

    Attributes:
        square_px: Side of a training square, a multiple of 32.
        smallest_face_px: Faces are scaled to between this side, drawn evenly in the logarithm, ...
        largest_face_px: ... and this one.
        mosaic: Share of squares made of four photos.
        large_mosaic: Share of squares made of sixteen photos.
        rotation_deg: Largest turn to either side.
        grey: Share of squares without colour.
        dark: Share of squares in low light.
        blur: Share of squares out of focus.
        noise: Share of squares with sensor noise.
        jpeg: Share of squares with the marks of strong compression.
        occlusion: Share of faces with something painted over them.
        clutter: Share of photos that give way to a drawn scene of letters and shapes, and of
            squares over which such things are drawn before the teacher looks.
        crowd: Share of squares over which small faces of a dataset are strewn before the teacher
            looks, where a dataset is given.
    """

    square_px: int = 320
    smallest_face_px: float = 10.0
    largest_face_px: float = 260.0
    mosaic: float = 0.35
    large_mosaic: float = 0.12
    rotation_deg: float = 30.0
    grey: float = 0.15
    dark: float = 0.12
    blur: float = 0.15
    noise: float = 0.2
    jpeg: float = 0.2
    occlusion: float = 0.25
    clutter: float = 0.12
    crowd: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingSquare:
    """One training image twice.

    Attributes:
        clean_rgb: `(S, S, 3)` uint8, what the teacher looks at.
        image_rgb: `(S, S, 3)` uint8, the same with faces covered and the marks of a poor camera:
            what the student looks at.
    """

    clean_rgb: NDArray[np.uint8]
    image_rgb: NDArray[np.uint8]


def draw_square(
    photos: Sequence[LabelledPhoto],
    options: DetectorAugmentation,
    rng: np.random.Generator,
    *,
    crowd: NDArray[np.uint8] | None = None,
) -> TrainingSquare:
    """Draw one training square at random.

    Args:
        photos: The labelled photos.
        options: Shares and strengths.
        rng: The source of chance; the same state gives the same square.
        crowd: `(N, S, S)` uint8 grey faces that may be strewn over a square.
    """
    side = options.square_px
    canvas = Image.new("RGB", (side, side))
    grid = _drawn_grid(options, rng)
    tile_px = side // grid
    parts = []
    for x, y in itertools.product(range(0, side, tile_px), repeat=2):
        if rng.random() < options.clutter:
            _draw_clutter(canvas, (x, y, x + tile_px, y + tile_px), rng, backdrop=True)
            continue
        photo = photos[int(rng.integers(len(photos)))]
        tile, part = _place(photo, tile_px, options, rng)
        canvas.paste(tile, (x, y))
        parts.append(_shifted(part, (x, y)))
    if rng.random() < options.clutter:
        _draw_clutter(canvas, (0, 0, side, side), rng, backdrop=False)
    if crowd is not None and rng.random() < options.crowd:
        _strew(canvas, crowd, rng, smallest_px=options.smallest_face_px)
    boxes = np.concatenate([np.zeros((0, 4)), *(part[0] for part in parts)])
    landmarks = np.concatenate([np.zeros((0, 5, 2)), *(part[1] for part in parts)])
    clean = np.asarray(canvas)
    for box, points in zip(boxes, landmarks, strict=True):
        if rng.random() < options.occlusion:
            _occlude(canvas, box, points, rng)
    return TrainingSquare(clean_rgb=clean, image_rgb=_photographed(canvas, options, rng))


def _drawn_grid(options: DetectorAugmentation, rng: np.random.Generator) -> int:
    """Draw the number of photos along each side: one, two, or four."""
    chance = rng.random()
    if chance < options.large_mosaic:
        return 4
    return 2 if chance < options.large_mosaic + options.mosaic else 1


_Part = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Boxes and landmarks of the sure faces on a tile."""


def _place(
    photo: LabelledPhoto, tile_px: int, options: DetectorAugmentation, rng: np.random.Generator
) -> tuple[Image.Image, _Part]:
    """Turn, mirror, scale and shift a photo onto a tile so that one face gets a drawn size."""
    height, width = photo.image_rgb.shape[:2]
    angle = math.radians(options.rotation_deg) * rng.uniform(-1, 1) * (rng.random() < 0.5)
    mirrored = rng.random() < 0.5
    scale = rng.uniform(0.5, 1.3) * tile_px / max(height, width)
    centre = rng.uniform(0.2, 0.8, 2) * (width, height)
    certain = photo.faces.boxes_xyxy[photo.faces.detection_scores >= _SURE_SCORE]
    if len(certain):
        box = certain[int(rng.integers(len(certain)))]
        side = math.sqrt(float((box[2:] - box[:2]).prod()))
        largest = min(options.largest_face_px, 0.95 * tile_px)
        drawn = math.exp(rng.uniform(math.log(options.smallest_face_px), math.log(largest)))
        # Never so small that the photo leaves most of the tile empty, nor so large that a small
        # face becomes a blob: a network that is told that blobs are faces sees faces in all blobs.
        scale = min(max(drawn / side, 0.6 * tile_px / max(height, width)), _LARGEST_ZOOM)
        centre = (box[:2] + box[2:]) / 2
        room = min(scale * side / 2, tile_px / 2)
        place = rng.uniform(room, tile_px - room, 2)
    else:
        place = rng.uniform(0.3, 0.7, 2) * tile_px
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = scale * turn @ np.diag([-1.0 if mirrored else 1.0, 1.0])  # photo to tile
    offset = place - matrix @ centre
    fill = tuple(rng.integers(0, 256, 3).tolist())
    tile = _warp(photo.image_rgb, (matrix, offset), tile_px, fill)
    return tile, _moved(photo, (matrix, offset), tile_px, angle=angle, mirrored=mirrored)


def _warp(
    image_rgb: NDArray[np.uint8],
    transform: tuple[NDArray[np.float64], NDArray[np.float64]],
    tile_px: int,
    fill: tuple[int, ...],
) -> Image.Image:
    matrix, offset = transform
    image = Image.fromarray(image_rgb)
    factor = max(1, math.floor(1 / math.sqrt(abs(np.linalg.det(matrix)))))
    if factor > 1:
        # Bilinear sampling looks at four pixels; whole squares are averaged first.
        image, matrix = image.reduce(factor), matrix * factor
    back = np.linalg.inv(matrix)
    start = -back @ offset
    data = (back[0, 0], back[0, 1], start[0], back[1, 0], back[1, 1], start[1])
    return image.transform(
        (tile_px, tile_px),
        Image.Transform.AFFINE,
        data,
        Image.Resampling.BILINEAR,
        fillcolor=fill,
    )


def _moved(
    photo: LabelledPhoto,
    transform: tuple[NDArray[np.float64], NDArray[np.float64]],
    tile_px: int,
    *,
    angle: float,
    mirrored: bool,
) -> _Part:
    """Carry the sure faces over; a turned face's box is that of the ellipse inside its old one."""
    matrix, offset = transform
    scale = math.sqrt(abs(np.linalg.det(matrix)))
    faces = photo.faces.select(photo.faces.detection_scores >= _SURE_SCORE)
    boxes = faces.boxes_xyxy
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 @ matrix.T + offset
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * scale
    cos, sin = math.cos(angle), math.sin(angle)
    turned = np.stack(
        (
            np.hypot(half[:, 0] * cos, half[:, 1] * sin),
            np.hypot(half[:, 0] * sin, half[:, 1] * cos),
        ),
        1,
    )
    landmarks = faces.landmarks_xy @ matrix.T + offset
    if mirrored:
        landmarks = landmarks[:, FLIPPED_LANDMARKS]
    in_view = ((centres > 0) & (centres < tile_px)).all(axis=1)
    whole = np.concatenate((centres - turned, centres + turned), axis=1)
    return whole[in_view], landmarks[in_view]


def _shifted(part: _Part, corner: tuple[int, int]) -> _Part:
    boxes, landmarks = part
    return boxes + np.tile(corner, 2), landmarks + np.array(corner)


def _draw_clutter(
    canvas: Image.Image,
    area: tuple[int, int, int, int],
    rng: np.random.Generator,
    *,
    backdrop: bool,
) -> None:
    """Draw letters and shapes: what photos of people have little of, and faces are seen in."""
    left, top, right, bottom = area
    size = (right - left, bottom - top)
    scene = canvas.crop(area)
    if backdrop:
        ramp = Image.linear_gradient("L").rotate(float(rng.uniform(0, 360))).resize(size)
        scene = ImageOps.colorize(ramp, _colour(rng), _colour(rng))
    draw = ImageDraw.Draw(scene)
    for _ in range(int(rng.integers(3, 16 if backdrop else 7))):
        extent = math.exp(rng.uniform(math.log(0.06), math.log(0.5))) * size[0]
        x, y = rng.uniform(-0.1, 1.0, 2) * size
        width, height = extent * rng.uniform(0.4, 1.4, 2) + 2
        box = (x, y, x + width, y + height)
        kind = int(rng.integers(4))
        edge = int(rng.integers(0, 5))
        if kind == 0:
            draw.ellipse(box, fill=_colour(rng), outline=_colour(rng), width=edge)
        elif kind == 1:
            draw.rectangle(box, fill=_colour(rng), outline=_colour(rng), width=edge)
        else:
            letters = "".join(rng.choice(list(_LETTERS), int(rng.integers(1, 9))))
            font = ImageFont.load_default(max(6, round(extent)))
            draw.text(
                (x, y), letters, _colour(rng), font, stroke_width=edge, stroke_fill=_colour(rng)
            )
    if rng.random() < 0.3:
        scene = scene.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3)))
    canvas.paste(scene, (left, top))


def _strew(
    canvas: Image.Image,
    crowd: NDArray[np.uint8],
    rng: np.random.Generator,
    *,
    smallest_px: float,
) -> None:
    """Paste grey faces, toned, turned and with soft or hard edges, at places of the square."""
    largest = _LARGEST_ZOOM * crowd.shape[1]
    for _ in range(int(rng.integers(2, 13))):
        side = round(math.exp(rng.uniform(math.log(smallest_px), math.log(largest))))
        face = Image.fromarray(crowd[int(rng.integers(len(crowd)))])
        if rng.random() < 0.5:
            face = ImageOps.mirror(face)
        light = rng.uniform(160, 255) * np.array([1.0, rng.uniform(0.75, 1), rng.uniform(0.65, 1)])
        shade = light * rng.uniform(0.0, 0.25)
        dark, bright = (tuple(tone.astype(int).tolist()) for tone in (shade, light))
        face = ImageOps.colorize(face, dark, bright)
        face = face.resize((side, side), Image.Resampling.BICUBIC)
        mask = Image.new("L", face.size, 255)
        if rng.random() < 0.7:
            margin = round(0.08 * side)
            mask = ImageOps.expand(ImageOps.crop(mask, margin), margin, 0)
            mask = mask.filter(ImageFilter.GaussianBlur(margin / 2))
        if rng.random() < 0.5:
            angle = float(rng.uniform(-25, 25))
            face, mask = (
                part.rotate(angle, Image.Resampling.BILINEAR, expand=True) for part in (face, mask)
            )
        x, y = (int(value) for value in rng.uniform(-0.2, 0.95, 2) * canvas.width)
        canvas.paste(face, (x, y), mask)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(part) for part in rng.integers(0, 256, 3))
    return red, green, blue


def _occlude(
    canvas: Image.Image,
    box: NDArray[np.float64],
    landmarks: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Paint a mask, glasses or a hand-like patch over one face."""
    draw = ImageDraw.Draw(canvas)
    colour = tuple(rng.integers(0, 256, 3).tolist())
    left, top, right, bottom = (float(side) for side in box)
    width, height = right - left, bottom - top
    right_eye, left_eye, nose = landmarks[:3]
    across = left_eye - right_eye
    kind = rng.integers(3)
    if kind == 0:  # a mask from the nose down
        reach = across * rng.uniform(0.5, 0.75)
        down = np.array([-across[1], across[0]]) * rng.uniform(1.0, 1.5)
        corners = (nose - reach, nose + reach, nose + reach * 0.7 + down, nose - reach * 0.7 + down)
        draw.polygon([tuple(map(float, corner)) for corner in corners], fill=colour)
    elif kind == 1:  # glasses, dark or rims
        radius = float(np.hypot(*across)) * rng.uniform(0.25, 0.4)
        dark = tuple(int(part) // 4 for part in colour)
        rim = None if rng.random() < 0.5 else dark
        for x, y in (right_eye, left_eye):
            area = (float(x) - radius, float(y) - radius, float(x) + radius, float(y) + radius)
            draw.ellipse(
                area, fill=None if rim else dark, outline=dark, width=max(1, int(radius / 6))
            )
        draw.line([tuple(map(float, right_eye)), tuple(map(float, left_eye))], fill=dark)
    else:  # a patch from some side
        for _ in range(int(rng.integers(1, 5))):
            x = left + width * rng.uniform(-0.1, 1.1)
            y = top + height * rng.uniform(0.0, 1.1)
            a, b = width * rng.uniform(0.08, 0.2), height * rng.uniform(0.1, 0.3)
            draw.ellipse((x - a, y - b, x + a, y + b), fill=colour)


def _photographed(
    canvas: Image.Image, options: DetectorAugmentation, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Give the square the light, focus, noise and compression of some camera."""
    if rng.random() < options.blur:
        canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.8)))
    if rng.random() < options.grey:
        canvas = canvas.convert("L").convert("RGB")
    values = np.asarray(canvas, np.float32) / 255
    values = (values - 0.5) * rng.uniform(0.65, 1.3) + 0.5 + rng.uniform(-0.15, 0.15)
    values = values * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    values = values.clip(0, 1) ** np.float32(2 ** rng.uniform(-0.6, 0.6))
    noise = 0.0
    if rng.random() < options.dark:
        values = values * np.float32(rng.uniform(0.08, 0.4))
        noise = rng.uniform(0.0, 0.02)
    elif rng.random() < options.noise:
        noise = rng.uniform(0.01, 0.07)
    if noise:
        values = values + np.float32(noise) * rng.standard_normal(values.shape, np.float32)
    image = (255 * values).round().clip(0, 255).astype(np.uint8)
    if rng.random() < options.jpeg:
        packed = io.BytesIO()
        Image.fromarray(image).save(packed, "JPEG", quality=int(rng.integers(12, 70)))
        packed.seek(0)
        image = np.asarray(open_image(packed, "a JPEG of our own"))
    return image
