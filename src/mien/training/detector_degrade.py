"""What makes faces hard to find: something over them, light, blur, noise and compression."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from mien.media import open_image
from mien.training.detector_recipe import DetectorAugmentation

__all__ = ["camera_effects", "cover_face"]

_MASKS = ((235, 238, 240), (150, 195, 225), (25, 25, 30), (120, 175, 170), (240, 205, 210))
"""Colours of most face masks: white, light blue, black, green, pink."""


def cover_face(
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


def camera_effects(
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
    # What changes each value by itself is worked out once for each of 256 values and each channel.
    tones = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    tones = (tones - 0.5) * rng.uniform(0.65, 1.3) + 0.5 + rng.uniform(-0.15, 0.15)
    tones = tones * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    tones = tones.clip(0, 1) ** np.float32(2 ** rng.uniform(-0.6, 0.6))
    light: NDArray[np.float32] | None = None
    if rng.random() < options.backlight:
        ramp = Image.linear_gradient("L").rotate(float(rng.uniform(0, 360))).resize(canvas.size)
        across: NDArray[np.float32] = np.asarray(ramp, np.float32)[..., None] / np.float32(255)
        light = np.float32(rng.uniform(0.15, 0.6)) + np.float32(rng.uniform(0.7, 1.6)) * across
    noise = 0.0
    if rng.random() < options.dark:
        tones = tones * np.float32(rng.uniform(0.08, 0.4))
        noise = rng.uniform(0.0, 0.02)
    elif rng.random() < options.noise:
        noise = rng.uniform(0.01, 0.07)
    if light is None and not noise:
        table = (255 * tones).round().clip(0, 255).astype(np.uint8)
        image = np.asarray(canvas.point(table.T.ravel().tolist()))
    else:
        pixels = np.asarray(canvas)
        values = np.stack([tones[pixels[..., n], n] for n in range(3)], axis=2)
        if light is not None:
            values = values * light
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
