"""One rendered head: shape, pose, what is painted on it, light and camera."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mien.data.render.expressions import Expression
from mien.data.render.head import Head
from mien.data.render.person import Camera, Person
from mien.data.render.raster import Fragments, rasterise, vertex_normals
from mien.preprocess import FER_CROP, similarity_transforms

__all__ = ["Renderer"]

Floats = NDArray[np.float32]

SUPERSAMPLING = 3
_SKIN, _EYE, _LASH, _LOWER_LASH, _TEETH, _TONGUE, _HAIR, _FRAME, _LENS = range(9)
_MATERIALS = {
    "body": _SKIN, "helper-l-eye": _EYE, "helper-r-eye": _EYE,
    "helper-l-eyelashes-1": _LOWER_LASH, "helper-l-eyelashes-2": _LASH,
    "helper-r-eyelashes-1": _LOWER_LASH, "helper-r-eyelashes-2": _LASH,
    "helper-lower-teeth": _TEETH, "helper-upper-teeth": _TEETH, "helper-tongue": _TONGUE,
}  # fmt: skip
_EYE_DM = np.array([0.31, 7.285, 1.245], np.float32)
"""Centre of the left eye of the head at rest."""
_MOUTH_CORNER_DM = np.array([0.262, 6.61, 1.417])


@dataclasses.dataclass(frozen=True, slots=True)
class _Mesh:
    vertices: Floats
    rest: Floats
    triangles: NDArray[np.int64]
    material: NDArray[np.int64]


class Renderer:
    """Renders one head after the other.

    Args:
        head: The head.
    """

    def __init__(self, head: Head) -> None:
        self._head = head
        self._material = np.array([_MATERIALS[str(name)] for name in head.groups])
        eyes = [head.triangles[head.groups == f"helper-{side}-eye"] for side in "rl"]
        self._eyes = [np.unique(each) for each in eyes]
        body = np.unique(head.triangles[head.groups == "body"])
        rest = head.rest[body]
        middle = body[np.abs(rest[:, 0]) < 0.03]
        self._nose = int(middle[head.rest[middle, 2].argmax()])
        corners = [
            np.array([side * _MOUTH_CORNER_DM[0], *_MOUTH_CORNER_DM[1:]]) for side in (-1, 1)
        ]
        self._corners = [int(body[((rest - at) ** 2).sum(1).argmin()]) for at in corners]
        self._body_vertices = np.zeros(len(head.rest), np.bool_)
        self._body_vertices[body] = True
        self._normals_at_rest = vertex_normals(head.rest, head.triangles)

    def render(self, person: Person, expression: Expression, camera: Camera) -> NDArray[np.uint8]:
        """Return the image, `(48, 48)` uint8 luma in `FER_CROP`."""
        rng = np.random.default_rng(camera.seed)
        vertices = self._shape(person, expression)
        landmarks = self._landmarks(vertices)
        mesh, unit = self._with_hair(person, vertices, landmarks, rng)
        side = FER_CROP.size * SUPERSAMPLING
        points, scale = _projected(mesh.vertices, landmarks, camera, expression, side)
        seen = rasterise(points, mesh.triangles, side)
        normals = vertex_normals(points, mesh.triangles)
        image = _background(side, rng)
        image.ravel()[seen.pixel] = _paint(
            mesh, seen, normals, person, expression, camera, scale, rng
        )
        if person.glasses != "none":
            worn = _glasses(person, landmarks, unit, rng)
            points, _ = _projected(worn.vertices, landmarks, camera, expression, side)
            _put_on(image, worn, rasterise(points, worn.triangles, side), seen.depth, rng)
        return _photographed(image, camera, rng)

    def _shape(self, person: Person, expression: Expression) -> Floats:
        left, right = dict(person.left), dict(person.right)
        for weights, drawn in ((left, expression.left), (right, expression.right)):
            for name, weight in drawn.items():
                parts = [name] if "*" not in name else self._sides(name)
                for part in parts:
                    if part in self._head.targets:
                        weights[part] = weights.get(part, 0.0) + weight
                        continue
                    for origin, share in person.ethnicity.items():
                        full = f"expression/units/{origin}/{part}"
                        weights[full] = weights.get(full, 0.0) + weight * share
        for weights in (left, right):
            for name in weights:
                if "closure" in name:
                    weights[name] = min(weights[name], 1.0)
                elif "slit" in name:
                    weights[name] = min(weights[name], 0.8)
        return self._head.shaped(left, right)

    @staticmethod
    def _sides(name: str) -> list[str]:
        if name.startswith("cheek/"):
            return [name.replace("*", side) for side in ("l", "r")]
        return [name.replace("*", side) for side in ("left", "right")]

    def _landmarks(self, vertices: Floats) -> Floats:
        """Return right eye, left eye, nose, right and left mouth corner, `(5, 3)`."""
        eyes = [vertices[index].mean(0) for index in self._eyes]
        for eye in eyes:
            eye[2] += 0.14
        return np.stack([*eyes, vertices[self._nose], *vertices[self._corners]])

    def _with_hair(
        self, person: Person, vertices: Floats, landmarks: Floats, rng: np.random.Generator
    ) -> tuple[_Mesh, float]:
        """Add hair to the mesh; the head's size beside that of the head at rest comes along."""
        head, unit = self._head, float(landmarks[1, 0] - landmarks[0, 0]) / (2 * float(_EYE_DM[0]))
        mesh = _Mesh(vertices, head.rest, head.triangles, self._material)
        if person.hair_style == "bald":
            return mesh, unit
        amount = _hair_amount(head.rest, person) * self._body_vertices
        thick = person.hair_volume * (0.6 if person.hair_style == "tied" else 1)
        bumps = 1 + 0.25 * np.sin(head.rest @ rng.normal(0, 9, 3) + rng.uniform(0, 6))
        push = np.clip(amount * 4, 0, 1) * thick * unit * bumps
        vertices += self._normals_at_rest * push[:, None].astype(np.float32)
        if person.hair_style not in ("long", "covered"):
            return mesh, unit
        hanging = _curtain(person, landmarks, unit, rng)
        return _Mesh(
            np.concatenate([vertices, hanging.vertices]),
            np.concatenate([head.rest, hanging.rest]),
            np.concatenate([head.triangles, hanging.triangles + len(vertices)]),
            np.concatenate([self._material, hanging.material]),
        ), unit


def _hair_amount(rest: Floats, person: Person | None = None) -> Floats:
    """Return how far places of the head at rest lie inside of the hair, in dm; below 0 outside."""
    hairline = parting = 0.0
    if person is not None:
        hairline, parting = person.hairline, person.parting
        if person.hair_style == "bald":
            hairline = 0.9
        if person.hair_style == "covered":
            hairline, parting = hairline - 0.12, 0.0
    x, y, z = rest[:, 0], rest[:, 1], rest[:, 2]
    # The face is an ellipse seen from the front; hair is what lies above and behind it.
    across, up = (x - parting * np.clip(y - 7.5, 0, 1)) / 0.68, (y - 7.15) / (0.86 + hairline)
    face = (np.sqrt(across**2 + np.clip(up, 0, None) ** 2) - 1) * 0.7
    behind = 0.42 - z - 0.9 * np.clip(7.35 - y, 0, None)
    temple = np.minimum(face, y - 7.32)
    result: Floats = np.maximum(temple, np.minimum(behind, y - 6.75)).astype(np.float32)
    return result


def _grid(rows: int, columns: int) -> NDArray[np.int64]:
    index = np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1)
    quads = quads.reshape(-1, 4)
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _curtain(person: Person, landmarks: Floats, unit: float, rng: np.random.Generator) -> _Mesh:
    """Return long hair: a sheet about the sides and the back of the head."""
    rows, columns = 9, 30
    opening = rng.uniform(0.7, 1.25) if person.hair_style == "long" else 0.5
    angle = np.linspace(opening, 2 * np.pi - opening, columns)
    height = np.linspace(8.15, person.hair_length, rows)
    fall = np.linspace(0, 1, rows)[:, None]
    radius = 0.72 + (0.1 + person.hair_volume) * np.sqrt(fall)
    wave = 0.04 * np.sin(angle * rng.integers(3, 9) + rng.uniform(0, 6) + fall * rng.uniform(0, 9))
    radius = radius + wave * np.sqrt(fall)
    own = np.stack(
        [radius * np.sin(angle), np.broadcast_to(height[:, None], radius.shape),
         0.35 + 1.05 * radius * np.cos(angle) * 0.9], -1
    ).reshape(-1, 3)  # fmt: skip
    # Placed by the eyes, whose middle lies at (0, 7.285, 1.385) at rest.
    middle = landmarks[:2].mean(0)
    placed = (own - [0, _EYE_DM[1], _EYE_DM[2] + 0.14]) * unit + middle
    triangles = _grid(rows, columns)
    rest = own.astype(np.float32)
    return _Mesh(placed.astype(np.float32), rest, triangles, np.full(len(triangles), _HAIR))


def _glasses(person: Person, landmarks: Floats, unit: float, rng: np.random.Generator) -> _Mesh:
    """Return the frame of glasses, and lenses where they are dark."""
    steps = 20
    turn = np.linspace(0, 2 * np.pi, steps + 1)
    square = rng.uniform(1.6, 4)
    wide, high = unit * rng.uniform(0.21, 0.27), unit * rng.uniform(0.15, 0.22)
    thick = unit * (0.012 if person.glasses == "thin" else 0.028)
    cosine, sine = np.cos(turn), np.sin(turn)
    ring_x = np.sign(cosine) * np.abs(cosine) ** (2 / square)
    ring_y = np.sign(sine) * np.abs(sine) ** (2 / square)
    pieces, kinds, front = [], [], float(landmarks[:2, 2].max()) + 0.12 * unit
    for side, eye in zip((-1, 1), landmarks[:2], strict=True):
        centre = np.array([eye[0] + side * 0.015 * unit, eye[1] - 0.03 * unit, front])
        rim = [
            np.stack([ring_x * (wide + d), ring_y * (high + d), -0.25 * np.abs(ring_x) * wide], -1)
            + centre
            for d in (-thick, thick)
        ]
        pieces.append((np.stack(rim), _FRAME))
        far = np.array([side * 0.78 * unit, centre[1] + 0.05 * unit, front - 1.0 * unit])
        near = centre + np.array([side * (wide + thick), 0.05 * unit, -0.06 * unit])
        pieces.append((_bar(near, far, thick * 1.2), _FRAME))
        if person.glasses == "dark":
            pieces.append((np.stack([rim[0] * 0 + centre, rim[0]]), _LENS))
    left, right = (landmarks[i, 0] - s * wide for i, s in ((0, -1), (1, 1)))
    y = float(landmarks[:2, 1].mean())
    pieces.append((_bar(np.array([left, y, front]), np.array([right, y, front]), thick), _FRAME))
    vertices, triangles, offset = [], [], 0
    for sheet, material in pieces:
        found = _grid(*sheet.shape[:2])
        triangles.append(found + offset)
        kinds.append(np.full(len(found), material))
        vertices.append(sheet.reshape(-1, 3))
        offset += len(vertices[-1])
    points = np.concatenate(vertices).astype(np.float32)
    return _Mesh(points, points, np.concatenate(triangles), np.concatenate(kinds))


def _bar(start: Floats, end: Floats, thick: float) -> NDArray[np.float64]:
    line = np.stack([start, end])
    half = np.array([0, thick, 0])
    return np.stack([line - half, line + half])


def _projected(
    vertices: Floats, landmarks: Floats, camera: Camera, expression: Expression, side: int
) -> tuple[Floats, float]:
    """Return the vertices in pixels with y down, `(V, 3)`, and the pixels of a decimetre."""
    pitch = camera.pitch_deg - 10 * expression.looks_down
    turn = _rotation(camera.yaw_deg, pitch)
    centre = landmarks.mean(0) - [0, 0, 0.5]

    def seen(points: Floats) -> NDArray[np.float64]:
        turned = (points - centre) @ turn.T
        result: NDArray[np.float64] = (
            turned * (camera.distance / (camera.distance - turned[:, 2:])) * [1, -1, 1]
        )
        return result

    # Aligned as every face is, then tilted and moved by what alignment leaves.
    crop = FER_CROP.zoomed(camera.zoom)
    aligned = similarity_transforms(seen(landmarks)[None, :, :2].astype(np.float32), crop)[0]
    factor, shift = (complex(each) * side / crop.size for each in aligned)
    points = seen(vertices)
    flat = factor * (points[:, 0] + 1j * points[:, 1]) + shift
    middle = (0.5 + 0.5j) * side
    flat = (flat - middle) * np.exp(1j * np.deg2rad(camera.roll_deg)) + middle
    flat += complex(*camera.shift) * side
    scale = abs(factor)
    return np.stack([flat.real, flat.imag, points[:, 2] * scale], -1).astype(np.float32), scale


def _rotation(yaw_deg: float, pitch_deg: float) -> NDArray[np.float64]:
    """Return the matrix that turns the head to its left and lifts it."""
    yaw, pitch = np.deg2rad([yaw_deg, pitch_deg])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    result: NDArray[np.float64] = about_x @ about_y
    return result


def _smooth(value: NDArray[np.floating], low: float, high: float) -> Floats:
    """Return 0 below `low`, 1 above `high` and a smooth step between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    result: Floats = (t * t * (3 - 2 * t)).astype(np.float32)
    return result


def _line(distance: NDArray[np.floating], width: float) -> Floats:
    result: Floats = np.exp(-((distance / width) ** 2)).astype(np.float32)
    return result


def _paint(
    mesh: _Mesh,
    seen: Fragments,
    normals: Floats,
    person: Person,
    expression: Expression,
    camera: Camera,
    scale: float,
    rng: np.random.Generator,
) -> Floats:
    """Return the luma of the covered pixels, `(P,)`, 0 to about 1."""
    values = seen.interpolate(mesh.triangles, np.concatenate([mesh.rest, normals], 1))
    rest, normal = values[:, :3], values[:, 3:]
    normal = normal * np.where(normal[:, 2:] < 0, -1, 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6
    material = mesh.material[seen.triangle]
    albedo = np.empty(len(rest), np.float32)
    relief = np.zeros(len(rest), np.float32)
    skin = np.flatnonzero(material == _SKIN)
    albedo[skin], relief[skin] = _skin(rest[skin], person, expression, rng)
    eye = np.flatnonzero(material == _EYE)
    albedo[eye] = _eyeball(rest[eye], person, expression, camera)
    albedo[material == _LASH] = 0.05 + (1 - person.lashes) * person.skin * 0.6
    albedo[material == _LOWER_LASH] = person.skin * (0.85 - 0.4 * person.lashes)
    albedo[material == _TEETH] = 0.7
    albedo[material == _TONGUE] = 0.2
    hair = np.flatnonzero(material == _HAIR)
    albedo[hair] = person.hair * _strands(rest[hair], rng, person)
    shade = _shading(normal, camera)
    hidden = _occlusion(seen.depth, scale).ravel()[seen.pixel]
    # Eyes and teeth are wet and shine out of their hollows.
    shade *= 1 - hidden * np.where(np.isin(material, (_EYE, _TEETH)), 0.35, 1)
    half = np.array(camera.light) + np.array([0, 0, 1])
    half /= np.linalg.norm(half)
    half[1] *= -1
    gloss = camera.gloss * np.clip(normal @ half.astype(np.float32), 0, 1) ** 24
    shiny = np.isin(material, (_SKIN, _EYE, _HAIR))
    lit = albedo * shade * (1 - relief) + np.where(shiny, gloss * 0.6, 0)
    return (lit * camera.exposure).astype(np.float32)


def _shading(normal: Floats, camera: Camera) -> Floats:
    """Return the light on surfaces by their normals, y down."""
    total = np.full(len(normal), camera.ambient, np.float32)
    total += 0.12 * -normal[:, 1]
    for direction, power in ((camera.light, 1.0), (camera.second_light, camera.second)):
        x, y, z = direction
        facing = normal @ np.array([x, -y, z], np.float32)
        total += power * np.clip((facing + 0.2) / 1.2, 0, None)
    return np.clip(total, 0.03, None)


def _occlusion(depth: Floats, scale: float) -> Floats:
    """Return how much of the light of a hollow is hidden, `(size, size)`, 0 to 0.7."""
    floor = np.where(np.isfinite(depth), depth, 0)
    covered = np.isfinite(depth)
    floor[~covered] = floor[covered].min() if covered.any() else 0
    hidden = np.zeros_like(floor)
    for radius_dm, weight in ((0.05, 1.2), (0.16, 0.9)):
        width = max(1, round(radius_dm * scale))
        mean = ndimage.uniform_filter(floor, 2 * width + 1, mode="nearest")
        mean = ndimage.uniform_filter(mean, width + 1, mode="nearest")
        hidden += weight * np.clip((mean - floor) / (radius_dm * scale) - 0.05, 0, 0.6)
    return np.clip(hidden, 0, 0.75)


def _skin(
    rest: Floats, person: Person, expression: Expression, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the reflectance of the body's surface, and how much its folds darken it."""
    x, y, z = rest.T
    across = np.abs(x)
    units = expression.action_units
    front = z > 0.9
    tone = np.full(len(rest), person.skin, np.float32)
    tone *= 1 + person.skin_spots * _noise(rest, rng, 14.0) + 0.05 * _noise(rest, rng, 5.0)
    tone *= 1 - 0.1 * _line(np.hypot((across - 0.3) / 0.2, (y - 7.2) / 0.12), 1.0) * front
    # Lips.
    upper = 6.61 + 0.075 * np.clip(1 - (across / 0.265) ** 1.6, 0, None)
    upper -= 0.018 * _line(x, 0.035)
    lower = 6.61 - 0.115 * np.sqrt(np.clip(1 - (across / 0.26) ** 2, 0, None))
    lip = _smooth(upper - y, -0.01, 0.012) * _smooth(y - lower, -0.012, 0.015) * (z > 1.36)
    lip *= across < 0.275
    tone *= 1 - lip * (1 - person.lips)
    # Inside of the mouth.
    surface = 1.49 - 1.6 * x**2
    mouth = (np.abs(y - 6.61) < 0.12) & (z < surface) & (across < 0.24)
    mouth |= (z < 1.25) & (z > 0.4) & (across < 0.3) & (y > 6.35) & (y < 6.95)
    deep = _smooth(surface - z, -0.02, 0.14)
    tone = np.where(mouth, tone * (0.75 - 0.68 * deep), tone)
    # Brows.
    t = np.clip((across - 0.09) / 0.43, -0.2, 1.2)
    arch = (
        7.43
        + person.brow_height
        + 0.085 * person.brow_arch * (np.sin(np.pi * (t * 0.78 + 0.17)) - 0.3)
    )
    width = person.brow_width * np.clip(1.15 - 0.85 * t, 0.2, 1)
    brow = _smooth(width * 1.4 - np.abs(y - arch), 0, 0.025)
    brow *= _smooth(across, 0.05, 0.11) * _smooth(0.56 - across, 0, 0.06) * front
    hair = min(person.hair if person.hair_style != "covered" else 0.08, 0.35)
    rough = 1 + 0.2 * _noise(rest, rng, 30.0)
    tone += (hair - tone) * np.clip(brow * person.brow * rough, 0, 1)
    # Beard.
    if person.beard != "none":
        tone += (min(person.hair, 0.5) - tone) * _beard(rest, person, rng)
    # Hair on the scalp, and clothes.
    amount = _hair_amount(rest, person)
    grown = _smooth(amount, -0.02, 0.07)
    strands = person.hair * _strands(rest, rng, person)
    tone += (strands - tone) * grown * (0.25 if person.hair_style == "bald" else 1)
    worn = _smooth(5.98 - y + 0.12 * across - 0.1 * (z - 0.5), 0, 0.03)
    tone += (person.clothes - tone) * worn
    return tone, _folds(rest, person, units) * (front & ~mouth)


def _folds(rest: Floats, person: Person, units: dict[int, float]) -> Floats:
    """Return how dark the folds of the skin are that the mesh is too coarse for, 0 to 0.6."""
    x, y, _ = rest.T
    across = np.abs(x)

    def unit(*numbers: int) -> float:
        return float(np.clip(sum(units.get(number, 0.0) for number in numbers), 0, 1.3))

    age = person.wrinkles
    folds = np.zeros(len(rest), np.float32)
    # From the nose's wings past the mouth's corners.
    run = np.clip((6.95 - y) / 0.38, 0, 1)
    smile = 0.18 + 0.15 * run + 0.04 * np.sin(np.pi * run)
    ends = _smooth(6.97 - y, 0, 0.06) * _smooth(y - 6.5, 0, 0.12)
    strength = 0.3 * unit(12, 112) + 0.35 * unit(9, 10) + 0.12 * unit(20) + 0.14 * age
    folds += min(strength, 0.42) * _line(across - smile, 0.026) * ends
    # Between the brows, across the nose's root, on the forehead.
    strength = 0.4 * unit(4) + 0.12 * age
    folds += strength * _line(across - 0.055, 0.018) * _smooth(0.1 - np.abs(y - 7.47), 0, 0.08)
    strength = 0.35 * unit(9)
    root = _line(np.sin((y - 7.3) * 60) - 1, 0.7) * _smooth(0.1 - np.abs(y - 7.3), 0, 0.06)
    folds += strength * root * _smooth(0.12 - across, 0, 0.05)
    rows = _line(np.sin((y - 7.6 - 0.03 * np.cos(across * 5)) * 46) - 1, 0.6)
    rows *= _smooth(0.15 - np.abs(y - 7.74), 0, 0.1)
    folds += 0.24 * (unit(2) + 0.6 * age) * rows * _smooth(0.5 - across, 0, 0.15)
    folds += 0.3 * unit(1) * rows * _smooth(0.22 - across, 0, 0.12)
    # Beside and below the eyes.
    outer = _smooth(across, 0.5, 0.54) * _smooth(0.66 - across, 0, 0.08)
    outer *= _smooth(0.12 - np.abs(y - 7.27), 0, 0.06)
    folds += 0.3 * (unit(6) + 0.6 * age) * outer * _line(np.sin((y - 7.27) * 70) - 1, 0.6)
    bag = 7.17 - 0.05 * np.cos((across - 0.31) * 5)
    strength = 0.16 * unit(6, 7) + 0.12 * age
    folds += strength * _line(y - bag, 0.02) * _smooth(0.2 - np.abs(across - 0.31), 0, 0.08)
    # Below the lips, from the mouth's corners down.
    strength = 0.25 * unit(17) + 0.06
    folds += strength * _line(y - 6.42 + across * 0.15, 0.03) * _smooth(0.2 - across, 0, 0.1)
    run = np.clip((6.6 - y) / 0.25, 0, 1)
    ends = _smooth(6.6 - y, 0, 0.05) * _smooth(y - 6.35, 0, 0.1)
    folds += (0.3 * unit(15) + 0.1 * age) * _line(across - 0.28 - 0.05 * run, 0.022) * ends
    return np.clip(folds, 0, 0.45)


def _beard(rest: Floats, person: Person, rng: np.random.Generator) -> Floats:
    """Return how much of the skin a beard covers, 0 to 1."""
    x, y, z = rest.T
    across = np.abs(x)
    below = 6.62 + 0.9 * np.clip(across - 0.3, 0, None) ** 1.5
    cheeks = _smooth(below - y, -0.03, 0.08) * _smooth(y - 6.05, 0, 0.12)
    chin = _smooth(6.5 - y, 0, 0.06) * _smooth(0.24 - across, 0, 0.06) * _smooth(y - 6.1, 0, 0.1)
    lip = _smooth(y - 6.675 + across * 0.25, 0, 0.02) * _smooth(6.82 - y - across * 0.2, 0, 0.05)
    lip *= _smooth(0.31 - across, 0, 0.06)
    shaved = (y < 6.685) & (y > 6.485) & (across < 0.22)
    covered = {"stubble": np.maximum(cheeks, lip) * 0.35, "full": np.maximum(cheeks, lip),
               "moustache": lip, "goatee": np.maximum(chin, lip)}[person.beard]  # fmt: skip
    covered = covered * (z > 0.35) * ~shaved * person.beard_density
    result: Floats = np.clip(covered * (1 + 0.15 * _noise(rest, rng, 25.0)), 0, 1).astype(
        np.float32
    )
    return result


def _eyeball(rest: Floats, person: Person, expression: Expression, camera: Camera) -> Floats:
    mirrored = np.where(rest[:, 0] < 0, -1.0, 1.0)
    own = rest - _EYE_DM * np.stack([mirrored, np.ones_like(mirrored), np.ones_like(mirrored)], 1)
    own /= np.linalg.norm(own, axis=1, keepdims=True) + 1e-6
    # Eyes keep looking roughly at the camera while the head turns.
    across = camera.gaze[0] - 0.5 * np.deg2rad(camera.yaw_deg)
    up = camera.gaze[1] - 0.25 * expression.looks_down + 0.3 * np.deg2rad(camera.pitch_deg)
    look = np.array([np.sin(across), np.sin(up), 1.0])
    angle = np.arccos(np.clip(own @ (look / np.linalg.norm(look)), -1, 1))
    white = 0.72 - 0.1 * _smooth(angle, 0.5, 0.9)
    iris = person.iris * (0.6 + 0.5 * _smooth(0.4 - angle, 0, 0.25))
    value = white + (iris - white) * _smooth(0.45 - angle, 0, 0.05)
    value = value + (0.02 - value) * _smooth(0.2 - angle, 0, 0.04)
    glint = own @ np.array([camera.light[0] * 0.35, 0.25, 0.93]) > 0.992
    return np.where(glint, 1.2, value).astype(np.float32)


def _strands(rest: Floats, rng: np.random.Generator, person: Person) -> Floats:
    angle = np.arctan2(rest[:, 0], rest[:, 2] - 0.4)
    lines = np.sin(angle * rng.uniform(20, 45) + 2 * _noise(rest, rng, 6.0))
    rough = 0.05 if person.hair_style == "covered" else 0.3
    result: Floats = (1 + rough * lines + 0.2 * _noise(rest, rng, 8.0)).astype(np.float32)
    return result


def _noise(points: Floats, rng: np.random.Generator, frequency: float) -> Floats:
    """Return a smooth random function of places, about -1 to 1: a sum of waves."""
    waves = rng.normal(0, frequency, (3, 4)).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, 4).astype(np.float32)
    result: Floats = np.sin(points @ waves + phase).sum(1) / 2.5
    return result


def _background(side: int, rng: np.random.Generator) -> Floats:
    """Return a blurred place: a gradient, blotches, and edges of things."""
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    turn, level = rng.uniform(0, 2 * np.pi), rng.uniform(0.02, 0.9)
    image = level + rng.normal(0, 0.25) * (np.cos(turn) * (x - 0.5) + np.sin(turn) * (y - 0.5))
    for cells in (3, 8):
        coarse = rng.normal(0, rng.uniform(0, 0.15), (cells, cells)).astype(np.float32)
        image += ndimage.zoom(coarse, side / cells, order=1)[:side, :side]
    for _ in range(rng.integers(0, 5)):
        a, b = np.sort(rng.integers(0, side, 2)), np.sort(rng.integers(0, side, 2))
        image[a[0] : a[1], b[0] : b[1]] += rng.normal(0, 0.2)
    result: Floats = ndimage.uniform_filter(np.clip(image, 0, 1), int(rng.integers(1, 9))).astype(
        np.float32
    )
    return result


def _put_on(
    image: Floats, worn: _Mesh, seen: Fragments, behind: Floats, rng: np.random.Generator
) -> None:
    """Draw glasses into an image, where they are not behind the head."""
    nearer = seen.depth.ravel()[seen.pixel] > behind.ravel()[seen.pixel]
    pixel, lens = seen.pixel[nearer], (worn.material[seen.triangle] == _LENS)[nearer]
    flat = image.ravel()
    flat[pixel[lens]] = 0.15 * flat[pixel[lens]] + 0.03
    flat[pixel[~lens]] = rng.uniform(0.02, 0.15)


def _photographed(image: Floats, camera: Camera, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return what a camera makes of the light, at the crop's size."""
    blurred = ndimage.gaussian_filter(image, camera.blur_px * SUPERSAMPLING)
    size = FER_CROP.size
    small = blurred.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING).mean((1, 3))
    # About sRGB's curve, then what a camera does to contrast.
    luma = np.clip(small, 0, None) ** (camera.gamma / 1.6)
    luma = 0.5 + (luma / max(0.2, np.percentile(luma, 97)) * 0.85 - 0.5) * camera.contrast
    low, high = np.percentile(luma, [1, 99])
    stretched = (luma - low) / max(high - low, 0.05)
    luma = luma + camera.stretch * (stretched - luma)
    luma = luma * 255 + rng.normal(0, camera.noise, luma.shape)
    result: NDArray[np.uint8] = np.clip(luma, 0, 255).round().astype(np.uint8)
    return result
