"""Composed training images for the face detector: faces of every size, place, light and cover."""

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

from mien._decode import all_demands, demand
from mien.media import open_image
from mien.training.pseudo_labels import FLIPPED_LANDMARKS, PseudoLabelledImage

__all__ = ["DetectorAugmentation", "TrainingImage", "draw_training_image"]

_CONFIDENT_SCORE = 0.6
"""Lowest merged score of the faces that are scaled to a drawn size and covered."""

_MAX_ZOOM = 1.5
_LETTERS = string.ascii_letters + string.digits + "!?&@$%:;()[]{}*#"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DetectorAugmentation:
    """How training images are composed; sizes are in pixels of the training image.

    Attributes:
        image_px: Side of a training image, a multiple of 32.
        min_face_px: Smallest side to which faces are scaled; sizes are drawn uniformly in the
            logarithm.
        max_face_px: Largest side to which faces are scaled.
        mosaic: Share of training images composed of four images.
        large_mosaic: Share of training images composed of sixteen images.
        rotation_deg: Largest rotation in either direction.
        grey: Share of training images without colour.
        dark: Share of training images in low light.
        blur: Share of training images out of focus.
        noise: Share of training images with sensor noise.
        jpeg: Share of training images with strong compression.
        occlusion: Share of faces that are partly covered.
        clutter: Share of images that are replaced by a drawn scene of letters and shapes, and of
            training images over which these are drawn. The teacher sees them.
        pasted_faces: Share of training images into which small faces of a dataset are pasted, if
            one is given. The teacher sees them.
    """

    image_px: int = 320
    min_face_px: float = 10.0
    max_face_px: float = 260.0
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
    pasted_faces: float = 0.0

    @all_demands()
    def __post_init__(self) -> None:
        inside = self.image_px % 32 == 0 and 32 <= self.image_px <= 2048
        demand(inside, "image_px", "a multiple of 32 from 32 to 2048", self.image_px)
        faces = (self.min_face_px, self.max_face_px)
        ordered = 1 <= faces[0] < faces[1] <= 4096
        demand(ordered, "min_face_px and max_face_px", "1 to 4096, the smaller one first", faces)
        turned = 0 <= self.rotation_deg <= 180
        demand(turned, "rotation_deg", "0 to 180", self.rotation_deg)
        for name in (
            "mosaic", "large_mosaic", "grey", "dark", "blur", "noise", "jpeg", "occlusion",
            "clutter", "pasted_faces",
        ):  # fmt: skip
            demand(0 <= getattr(self, name) <= 1, name, "0 to 1", getattr(self, name))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingImage:
    """One training image in two forms.

    Attributes:
        teacher_rgb: `(S, S, 3)` uint8, the teacher's input.
        student_rgb: `(S, S, 3)` uint8, the student's input: the same image with covered faces and
            camera effects.
    """

    teacher_rgb: NDArray[np.uint8]
    student_rgb: NDArray[np.uint8]


def draw_training_image(
    images: Sequence[PseudoLabelledImage],
    options: DetectorAugmentation,
    rng: np.random.Generator,
    *,
    pasted_faces: NDArray[np.uint8] | None = None,
) -> TrainingImage:
    """Compose one training image at random.

    Args:
        images: The pseudo-labelled images.
        options: How it is composed.
        rng: The random generator; the same state gives the same training image.
        pasted_faces: Grey faces `(N, S, S)` uint8 that may be pasted into it.
    """
    side = options.image_px
    canvas = Image.new("RGB", (side, side))
    grid = _drawn_grid(options, rng)
    tile_px = side // grid
    parts = []
    for x, y in itertools.product(range(0, side, tile_px), repeat=2):
        if rng.random() < options.clutter:
            _draw_clutter(canvas, (x, y, x + tile_px, y + tile_px), rng, backdrop=True)
            continue
        source = images[int(rng.integers(len(images)))]
        tile, part = _place(source, tile_px, options, rng)
        canvas.paste(tile, (x, y))
        parts.append(_shifted(part, (x, y)))
    if rng.random() < options.clutter:
        _draw_clutter(canvas, (0, 0, side, side), rng, backdrop=False)
    if pasted_faces is not None and rng.random() < options.pasted_faces:
        _paste_faces(canvas, pasted_faces, rng, min_px=options.min_face_px)
    boxes = np.concatenate([np.zeros((0, 4)), *(part[0] for part in parts)])
    landmarks = np.concatenate([np.zeros((0, 5, 2)), *(part[1] for part in parts)])
    teacher_rgb = np.asarray(canvas)
    for box, points in zip(boxes, landmarks, strict=True):
        if rng.random() < options.occlusion:
            _occlude(canvas, box, points, rng)
    return TrainingImage(teacher_rgb=teacher_rgb, student_rgb=_camera_effects(canvas, options, rng))


def _drawn_grid(options: DetectorAugmentation, rng: np.random.Generator) -> int:
    """Draw the number of images along each side: one, two, or four."""
    chance = rng.random()
    if chance < options.large_mosaic:
        return 4
    return 2 if chance < options.large_mosaic + options.mosaic else 1


_Part = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Boxes and landmarks of the confident faces on a tile."""


def _place(
    source: PseudoLabelledImage,
    tile_px: int,
    options: DetectorAugmentation,
    rng: np.random.Generator,
) -> tuple[Image.Image, _Part]:
    """Rotate, mirror, scale and shift an image onto a tile so that one face gets a drawn size."""
    height, width = source.image_rgb.shape[:2]
    angle = math.radians(options.rotation_deg) * rng.uniform(-1, 1) * (rng.random() < 0.5)
    mirrored = rng.random() < 0.5
    scale = rng.uniform(0.5, 1.3) * tile_px / max(height, width)
    centre = rng.uniform(0.2, 0.8, 2) * (width, height)
    certain = source.faces.boxes_xyxy[source.faces.detection_scores >= _CONFIDENT_SCORE]
    if len(certain):
        box = certain[int(rng.integers(len(certain)))]
        side = math.sqrt(float((box[2:] - box[:2]).prod()))
        max_px = min(options.max_face_px, 0.95 * tile_px)
        drawn = math.exp(rng.uniform(math.log(options.min_face_px), math.log(max_px)))
        # Not so small that the image leaves most of the tile empty, and not so large that a small
        # face becomes a blob: a network that learns such blobs as faces finds faces in all blobs.
        scale = min(max(drawn / side, 0.6 * tile_px / max(height, width)), _MAX_ZOOM)
        centre = (box[:2] + box[2:]) / 2
        room = min(scale * side / 2, tile_px / 2)
        place = rng.uniform(room, tile_px - room, 2)
    else:
        place = rng.uniform(0.3, 0.7, 2) * tile_px
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = scale * turn @ np.diag([-1.0 if mirrored else 1.0, 1.0])  # image to tile
    offset = place - matrix @ centre
    fill = tuple(rng.integers(0, 256, 3).tolist())
    tile = _warp(source.image_rgb, (matrix, offset), tile_px, fill)
    return tile, _transformed_faces(
        source, (matrix, offset), tile_px, angle=angle, mirrored=mirrored
    )


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
        # Bilinear sampling uses four pixels; larger areas are averaged first.
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


def _transformed_faces(
    source: PseudoLabelledImage,
    transform: tuple[NDArray[np.float64], NDArray[np.float64]],
    tile_px: int,
    *,
    angle: float,
    mirrored: bool,
) -> _Part:
    """Transform the confident faces; a rotated face's box bounds the ellipse in its old box."""
    matrix, offset = transform
    scale = math.sqrt(abs(np.linalg.det(matrix)))
    faces = source.faces.select(source.faces.detection_scores >= _CONFIDENT_SCORE)
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
    """Draw letters and shapes, which are rare in images of people and can be mistaken for faces."""
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


def _paste_faces(
    canvas: Image.Image,
    pasted_faces: NDArray[np.uint8],
    rng: np.random.Generator,
    *,
    min_px: float,
) -> None:
    """Paste grey faces at random places, tinted, rotated, and with soft or hard edges."""
    max_px = _MAX_ZOOM * pasted_faces.shape[1]
    for _ in range(int(rng.integers(2, 13))):
        side = round(math.exp(rng.uniform(math.log(min_px), math.log(max_px))))
        face = Image.fromarray(pasted_faces[int(rng.integers(len(pasted_faces)))])
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
    """Paint a mask, glasses or patches over one face."""
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


def _camera_effects(
    canvas: Image.Image, options: DetectorAugmentation, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Apply random light, blur, noise and compression."""
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
