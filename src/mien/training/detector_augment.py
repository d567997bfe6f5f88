"""Composed training images for the face detector: faces of every size, place, light and cover."""

from __future__ import annotations

import dataclasses
import io
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from mien._checking import check_options
from mien._decode import all_demands, demand
from mien.detect import box_coverage
from mien.media import open_image
from mien.structures import Faces
from mien.training.detector_scenes import draw_clutter
from mien.training.pseudo_labels import FLIPPED_LANDMARKS, PseudoLabelledImage

__all__ = ["DetectorAugmentation", "TrainingImage", "draw_training_image"]

_CONFIDENT_SCORE = 0.6
"""Lowest merged score of the faces that are scaled to a drawn size and covered."""

_STEP_PX = 8
_MAX_ZOOM = 1.5
_LARGE_FACE_PX, _MAX_LARGE_ZOOM = 64, 4.0
_MASKS = ((235, 238, 240), (150, 195, 225), (25, 25, 30), (120, 175, 170), (240, 205, 210))
"""Colours of most face masks: white, light blue, black, green, pink."""


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
        negatives: Share of images that are replaced by one without a face, if some are given.
        surroundings: Share of images that are placed by any spot instead of by a face.
        cutouts: Share of training images into which faces cut out of other images are pasted,
            among them rows of one size. The teacher sees them.
        backlight: Share of training images with strong light from one side.
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
    negatives: float = 0.0
    surroundings: float = 0.0
    cutouts: float = 0.0
    backlight: float = 0.0
    pasted_faces: float = 0.0

    @all_demands()
    def __post_init__(self) -> None:
        check_options(self)
        inside = self.image_px % 32 == 0 and 32 <= self.image_px <= 2048
        demand(inside, "image_px", "a multiple of 32 from 32 to 2048", self.image_px)
        faces = (self.min_face_px, self.max_face_px)
        ordered = 1 <= faces[0] < faces[1] <= 4096
        demand(ordered, "min_face_px and max_face_px", "1 to 4096, the smaller one first", faces)
        turned = 0 <= self.rotation_deg <= 180
        demand(turned, "rotation_deg", "0 to 180", self.rotation_deg)
        for name in (
            "mosaic", "large_mosaic", "grey", "dark", "blur", "noise", "jpeg", "occlusion",
            "clutter", "negatives", "surroundings", "cutouts", "backlight", "pasted_faces",
        ):  # fmt: skip
            demand(0 <= getattr(self, name) <= 1, name, "0 to 1", getattr(self, name))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingImage:
    """One training image in two forms, and what is known of it without a teacher.

    Attributes:
        teacher_rgb: `(S, S, 3)` uint8, the teacher's input.
        student_rgb: `(S, S, 3)` uint8, the student's input: the same image with covered faces and
            camera effects.
        faces: The faces that are in it by its sources' labels, as far as nothing covers them.
        background: `(S / 8, S / 8)` bool: at which of every eighth pixel is no face but these.
    """

    teacher_rgb: NDArray[np.uint8]
    student_rgb: NDArray[np.uint8]
    faces: Faces
    background: NDArray[np.bool_]


def draw_training_image(
    images: Sequence[PseudoLabelledImage],
    options: DetectorAugmentation,
    rng: np.random.Generator,
    *,
    pasted_faces: NDArray[np.uint8] | None = None,
    negatives: Sequence[NDArray[np.uint8]] = (),
    image_px: int | None = None,
) -> TrainingImage:
    """Compose one training image at random.

    Args:
        images: The pseudo-labelled images.
        options: How it is composed.
        rng: The random generator; the same state gives the same training image.
        pasted_faces: Grey faces `(N, S, S)` uint8 that may be pasted into it.
        negatives: Images without a face `(H, W, 3)` uint8 that may be shown in it.
        image_px: Its side; None takes that of the options.
    """
    side = options.image_px if image_px is None else image_px
    canvas = Image.new("RGB", (side, side))
    grid = _drawn_grid(options, rng)
    tile_px = side // grid
    parts, background = [], np.zeros((side // _STEP_PX, side // _STEP_PX), np.bool_)
    for x, y in itertools.product(range(0, side, tile_px), repeat=2):
        area = (x, y, x + tile_px, y + tile_px)
        chance = rng.random()
        if chance < options.clutter:
            draw_clutter(canvas, area, rng, backdrop=True, pictures=negatives)
            _mark(background, area, value=True)
        elif chance < options.clutter + options.negatives and len(negatives):
            negative = negatives[int(rng.integers(len(negatives)))]
            canvas.paste(_negative_tile(negative, tile_px, rng), (x, y))
            _mark(background, area, value=True)
        else:
            source = images[int(rng.integers(len(images)))]
            tile, part = _place(source, tile_px, options, rng)
            canvas.paste(tile, (x, y))
            parts.append(part.shifted((x, y)))
    faces = Faces.concatenate(parts)
    if rng.random() < options.cutouts:
        faces = _paste_cutouts(canvas, images, faces, background, options, rng)
    if rng.random() < options.clutter:
        covered = draw_clutter(canvas, (0, 0, side, side), rng, backdrop=False, pictures=negatives)
        faces = _uncovered(faces, covered)
        for box in covered:
            _mark(background, box, value=True)
    if pasted_faces is not None and rng.random() < options.pasted_faces:
        _paste_faces(canvas, pasted_faces, background, rng, min_px=options.min_face_px)
    teacher_rgb = np.asarray(canvas)
    for box, points in zip(faces.boxes_xyxy, faces.landmarks_xy, strict=True):
        if rng.random() < options.occlusion:
            _occlude(canvas, box.astype(np.float64), points.astype(np.float64), rng)
    return TrainingImage(
        teacher_rgb=teacher_rgb,
        student_rgb=_camera_effects(canvas, options, rng),
        faces=faces,
        background=background,
    )


def _mark(background: NDArray[np.bool_], box: tuple[int, int, int, int], *, value: bool) -> None:
    left, top, right, bottom = (max(0, -(-edge // _STEP_PX)) for edge in box)
    background[top:bottom, left:right] = value


def _drawn_grid(options: DetectorAugmentation, rng: np.random.Generator) -> int:
    """Draw the number of images along each side: one, two, or four."""
    chance = rng.random()
    if chance < options.large_mosaic:
        return 4
    return 2 if chance < options.large_mosaic + options.mosaic else 1


def _uncovered(faces: Faces, covered: Sequence[tuple[int, int, int, int]]) -> Faces:
    """Leave out the faces of which something covers more than a fifth."""
    areas = np.array(covered, np.float32).reshape(-1, 4)
    hidden = (box_coverage(areas, faces.boxes_xyxy) > 0.2).any(axis=0)
    return faces.select(np.flatnonzero(~hidden))


def _negative_tile(
    negative: NDArray[np.uint8], tile_px: int, rng: np.random.Generator
) -> Image.Image:
    """Show an image without a face, or a part of it, on a whole tile."""
    image = Image.fromarray(negative)
    share = rng.uniform(0.4, 1.0, 2)
    size = np.maximum(share * image.size, 8)
    x, y = rng.uniform(0, 1, 2) * (image.size - size)
    box = (float(x), float(y), float(x + size[0]), float(y + size[1]))
    tile = image.resize((tile_px, tile_px), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    return ImageOps.mirror(tile) if rng.random() < 0.5 else tile


def _place(
    source: PseudoLabelledImage,
    tile_px: int,
    options: DetectorAugmentation,
    rng: np.random.Generator,
) -> tuple[Image.Image, Faces]:
    """Rotate, mirror, scale and shift an image onto a tile so that one face gets a drawn size."""
    height, width = source.image_rgb.shape[:2]
    angle = _drawn_angle(options, rng)
    mirrored = rng.random() < 0.5
    scale = rng.uniform(0.5, 1.3) * tile_px / max(height, width)
    centre = rng.uniform(0.2, 0.8, 2) * (width, height)
    certain = _certain(source.faces).boxes_xyxy
    if len(certain) and rng.random() < options.surroundings:
        # Bodies, hands and backs of heads, as large as faces.
        scale = rng.uniform(0.8, 2.5) * tile_px / max(height, width)
        place = rng.uniform(0.3, 0.7, 2) * tile_px
    elif len(certain):
        box = certain[int(rng.integers(len(certain)))]
        side = _side(box)
        max_px = min(options.max_face_px, 0.95 * tile_px)
        drawn = math.exp(rng.uniform(math.log(options.min_face_px), math.log(max_px)))
        # Not so small that the image leaves most of the tile empty, and not so large that a small
        # face becomes a blob: a network that learns such blobs as faces finds faces in all blobs.
        scale = min(max(drawn / side, 0.6 * tile_px / max(height, width)), _max_zoom(side))
        centre = (box[:2] + box[2:]) / 2
        # Most faces lie whole in the tile, some are cut by its edge.
        room = min(scale * side / 2, tile_px / 2) if rng.random() < 0.85 else 0.0
        place = rng.uniform(room, tile_px - room, 2)
    else:
        place = rng.uniform(0.3, 0.7, 2) * tile_px
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = scale * turn @ np.diag([-1.0 if mirrored else 1.0, 1.0])  # image to tile
    offset = place - matrix @ centre
    fill = tuple(rng.integers(0, 256, 3).tolist())
    tile = _warp(source.image_rgb, (matrix, offset), tile_px, fill)
    faces = _transformed_faces(
        source.faces, (matrix, offset), tile_px, angle=angle, mirrored=mirrored
    )
    return tile, faces


def _drawn_angle(options: DetectorAugmentation, rng: np.random.Generator) -> float:
    return math.radians(options.rotation_deg) * rng.uniform(-1, 1) * (rng.random() < 0.5)


def _certain(faces: Faces) -> Faces:
    return faces.select(np.flatnonzero(faces.detection_scores >= _CONFIDENT_SCORE))


def _side(box: NDArray[np.float32]) -> float:
    return max(1.0, math.sqrt(float((box[2:] - box[:2]).prod())))


def _max_zoom(side_px: float) -> float:
    """Return how far a face may be enlarged: one of many pixels keeps its features."""
    return _MAX_ZOOM if side_px < _LARGE_FACE_PX else _MAX_LARGE_ZOOM


def _paste_cutouts(
    canvas: Image.Image,
    images: Sequence[PseudoLabelledImage],
    faces: Faces,
    background: NDArray[np.bool_],
    options: DetectorAugmentation,
    rng: np.random.Generator,
) -> Faces:
    """Paste faces cut out of images: some at any place and size, or rows of one size."""
    side = canvas.width
    top_px = min(options.max_face_px, 0.6 * side)

    def size_px(largest: float) -> float:
        return math.exp(rng.uniform(math.log(options.min_face_px), math.log(largest)))

    if rng.random() < 0.3:  # as in a photo of a class
        face_px = size_px(0.2 * side)
        pitch = face_px * rng.uniform(1.5, 2.6, 2)
        rows, columns = (int(max(1, min(5, side / step))) for step in (pitch[1], pitch[0]))
        corner = rng.uniform(0.0, 1.0, 2) * face_px
        places = [
            (corner + pitch * (column + 0.5 * (row % 2) + 0.5, row + 0.5), face_px)
            for row in range(min(rows, 3))
            for column in range(columns)
        ]
        jitter = 0.12
    else:
        places = [
            (rng.uniform(0, side, 2), size_px(top_px)) for _ in range(int(rng.integers(1, 8)))
        ]
        jitter = 0.0
    for centre, face_px in places:
        source = images[int(rng.integers(len(images)))]
        certain = _certain(source.faces)
        if not len(certain):
            continue
        face = certain.select(np.array([int(rng.integers(len(certain)))]))
        wanted = face_px * (1 + jitter * rng.uniform(-1, 1))
        own = _side(face.boxes_xyxy[0])
        scale = min(wanted / own, _max_zoom(own))
        tile, cut = _cutout(source, face, scale, options, rng)
        shift = np.round(centre + jitter * face_px * rng.uniform(-1, 1, 2) - tile.width / 2)
        x, y = int(shift[0]), int(shift[1])
        canvas.paste(tile, (x, y), _soft_mask(tile.width, rng))
        _mark(background, (x, y, x + tile.width, y + tile.width), value=False)
        margin = tile.width // 8
        inner = (x + margin, y + margin, x + tile.width - margin, y + tile.width - margin)
        visible = cut.shifted((x, y))
        faces = Faces.concatenate([_uncovered(faces, [inner]), visible])
    return faces


def _cutout(
    source: PseudoLabelledImage,
    face: Faces,
    scale: float,
    options: DetectorAugmentation,
    rng: np.random.Generator,
) -> tuple[Image.Image, Faces]:
    """Cut a square around a face, turned, mirrored and scaled."""
    box = face.boxes_xyxy[0]
    tile_px = max(8, round(scale * float((box[2:] - box[:2]).max()) * rng.uniform(1.3, 2.2)))
    angle, mirrored = _drawn_angle(options, rng), rng.random() < 0.5
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = scale * turn @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    offset = tile_px / 2 - matrix @ ((box[:2] + box[2:]) / 2)
    fill = tuple(rng.integers(0, 256, 3).tolist())
    tile = _warp(source.image_rgb, (matrix, offset), tile_px, fill)
    return tile, _transformed_faces(face, (matrix, offset), tile_px, angle=angle, mirrored=mirrored)


def _soft_mask(side: int, rng: np.random.Generator) -> Image.Image:
    """Draw a mask with soft or hard edges, square or round."""
    mask = Image.new("L", (side, side), 255)
    chance = rng.random()
    if chance < 0.3:
        return mask
    margin = max(1, round(0.08 * side))
    mask = Image.new("L", (side, side))
    draw = ImageDraw.Draw(mask)
    area = (margin, margin, side - margin, side - margin)
    if chance < 0.65:
        draw.rectangle(area, fill=255)
    else:
        draw.ellipse(area, fill=255)
    return mask.filter(ImageFilter.GaussianBlur(margin / 2))


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
    faces: Faces,
    transform: tuple[NDArray[np.float64], NDArray[np.float64]],
    tile_px: int,
    *,
    angle: float,
    mirrored: bool,
) -> Faces:
    """Transform the confident faces; a rotated face's box bounds the ellipse in its old box."""
    matrix, offset = transform
    scale = math.sqrt(abs(np.linalg.det(matrix)))
    faces = _certain(faces)
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
    return Faces(
        boxes_xyxy=whole[in_view].astype(np.float32),
        landmarks_xy=landmarks[in_view].astype(np.float32),
        detection_scores=faces.detection_scores[in_view],
    )


def _paste_faces(
    canvas: Image.Image,
    pasted_faces: NDArray[np.uint8],
    background: NDArray[np.bool_],
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
        _mark(background, (x, y, x + face.width, y + face.height), value=False)


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
    kind = rng.integers(4)
    if kind == 0:  # a mask from the nose down
        if rng.random() < 0.7:
            colour = _MASKS[int(rng.integers(len(_MASKS)))]
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
    elif kind == 2:  # a hat or hair down to the brows
        brow = float(min(right_eye[1], left_eye[1])) - height * rng.uniform(0.05, 0.15)
        area = (left - 0.1 * width, top - 0.3 * height, right + 0.1 * width, brow)
        if area[3] > area[1]:
            draw.rounded_rectangle(area, 0.2 * width, fill=colour)
    else:  # patches from some side, half of them of the colour of skin as hands are
        if rng.random() < 0.5:
            tone = rng.uniform(0.25, 0.95)
            colour = tuple(int(tone * part) for part in (250, 205, 175))
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
        if rng.random() < 0.7:
            canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.8)))
        else:
            canvas = _moved(canvas, rng)
    if rng.random() < options.grey:
        canvas = canvas.convert("L").convert("RGB")
    values = np.asarray(canvas, np.float32) / 255
    values = (values - 0.5) * rng.uniform(0.65, 1.3) + 0.5 + rng.uniform(-0.15, 0.15)
    values = values * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    values = values.clip(0, 1) ** np.float32(2 ** rng.uniform(-0.6, 0.6))
    if rng.random() < options.backlight:
        ramp = Image.linear_gradient("L").rotate(float(rng.uniform(0, 360))).resize(canvas.size)
        light = np.asarray(ramp, np.float32)[..., None] / 255
        values = values * (rng.uniform(0.15, 0.6) + rng.uniform(0.7, 1.6) * light).astype(
            np.float32
        )
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


def _moved(canvas: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Blur an image along one direction, as a moving camera does."""
    reach, angle = rng.uniform(1.5, 6), rng.uniform(0, math.pi)
    steps = np.linspace(-0.5, 0.5, max(3, math.ceil(reach))) * reach
    total = np.zeros((canvas.height, canvas.width, 3), np.float32)
    for step in steps:
        shift = (round(step * math.sin(angle)), round(step * math.cos(angle)))
        total += np.roll(np.asarray(canvas), shift, axis=(0, 1))
    return Image.fromarray((total / len(steps)).astype(np.uint8))
