"""Who a rendered head is, and how it is photographed: everything that is drawn by chance."""

from __future__ import annotations

import dataclasses

import numpy as np

from mien.data.render.head import Head

__all__ = ["Camera", "Person", "draw_camera", "draw_person"]

_ETHNICITIES = ("african", "asian", "caucasian")

_PAIRS = (
    ("-incr", "-decr"), ("-up", "-down"), ("-in", "-out"), ("-convex", "-concave"),
    ("-forward", "-backward"), ("-compress", "-uncompress"),
)  # fmt: skip
_PARTS = ("cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "nose")


@dataclasses.dataclass(frozen=True, slots=True)
class Person:
    """One drawn person.

    Attributes:
        ethnicity: Weight of each of the three sets of expression units.
        shape: Weights of the head's targets.
        age: 0 child, 1 young, 2 old.
        male: 0 to 1.
        skin: Reflectance of the skin, 0 to 1; other parts likewise.
    """

    ethnicity: dict[str, float]
    left: dict[str, float]
    right: dict[str, float]
    age: float
    male: float
    skin: float
    skin_spots: float
    lips: float
    brow: float
    brow_width: float
    brow_height: float
    brow_arch: float
    lashes: float
    iris: float
    hair: float
    hair_style: str
    hairline: float
    parting: float
    hair_volume: float
    hair_length: float
    beard: str
    beard_density: float
    glasses: str
    clothes: float
    wrinkles: float


@dataclasses.dataclass(frozen=True, slots=True)
class Camera:
    """Pose, light and camera of one image."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    zoom: float
    shift: tuple[float, float]
    distance: float
    gaze: tuple[float, float]
    light: tuple[float, float, float]
    second_light: tuple[float, float, float]
    second: float
    ambient: float
    gloss: float
    exposure: float
    contrast: float
    gamma: float
    stretch: float
    blur_px: float
    noise: float
    seed: int


def draw_person(head: Head, rng: np.random.Generator) -> Person:
    """Draw a person."""
    ethnicity = _mix(_ETHNICITIES, rng)
    age = float(np.clip(rng.choice([rng.uniform(0, 0.9), rng.normal(1.1, 0.25),
                                    rng.uniform(1.2, 2)], p=[0.15, 0.5, 0.35]), 0, 2))  # fmt: skip
    male = float(rng.beta(0.25, 0.25))
    grown = np.clip(age, 0, 1)
    ages = {"child": max(0.0, 1 - age), "young": 1 - abs(age - 1), "old": max(0.0, age - 1)}
    weights: dict[str, float] = {}
    for sex, sex_share in (("male", male), ("female", 1 - male)):
        for name, share in ages.items():
            if share * sex_share < 0.02:
                continue
            for origin, part in ethnicity.items():
                weights[f"macrodetails/{origin}-{sex}-{name}"] = share * sex_share * part
            weight = rng.uniform(-0.6, 0.8)
            key = f"macrodetails/universal-{sex}-{name}-averagemuscle-"
            key += "maxweight" if weight > 0 else "minweight"
            weights[key] = abs(weight) * share * sex_share
    right = dict(weights)
    for plus, minus, mirror in _shape_pairs(head):
        if rng.random() > 0.45:
            continue
        # Brows and mouth say most about the expression, so they differ less.
        spread = 0.2 if plus.startswith(("eyebrows/", "mouth/")) else 0.32
        amount = rng.normal(0, spread)
        each = (amount + rng.normal(0, 0.05), amount + rng.normal(0, 0.05))
        for weights_of, value in zip((weights, right), each, strict=True):
            name = plus if value > 0 else minus
            weights_of[name] = abs(float(np.clip(value, -1, 1)))
            if mirror:
                other = name.replace("/l-", "/r-")
                weights_of[other] = weights_of[name]
    dark = ethnicity.get("african", 0.0)
    skin = 0.62 - 0.36 * dark - 0.08 * ethnicity.get("asian", 0.0) + rng.normal(0, 0.08)
    skin = float(np.clip(skin, 0.12, 0.8))
    grey = np.clip((age - 1.3) * 1.3, 0, 1) * rng.random()
    natural = rng.choice([0.06, 0.12, 0.22, 0.4], p=[0.5, 0.25, 0.15, 0.1])
    natural = natural if ethnicity.get("caucasian", 0) > 0.5 else rng.uniform(0.04, 0.1)
    hair = float(natural * (1 - grey) + 0.6 * grey + rng.normal(0, 0.02))
    style = str(rng.choice(
        ["short", "long", "bald", "tied", "covered"],
        p=[0.7, 0.1, 0.12, 0.04, 0.04] if male > 0.5 else [0.22, 0.55, 0.01, 0.14, 0.08],
    ))  # fmt: skip
    beards = ["none", "stubble", "moustache", "goatee", "full"]
    likely = [0.5, 0.2, 0.08, 0.08, 0.14] if male > 0.6 and age > 0.9 else [1, 0, 0, 0, 0]
    worn = ["none", "thin", "thick", "dark"]
    return Person(
        ethnicity=ethnicity,
        left=weights,
        right=right,
        age=age,
        male=male,
        skin=skin,
        skin_spots=float(rng.uniform(0, 0.08)),
        lips=float(np.clip(rng.normal(0.78 - 0.12 * (1 - male) * grown, 0.1), 0.4, 1.05)),
        brow=float(np.clip(rng.normal(0.75 if hair < 0.3 else 0.5, 0.18), 0.15, 0.95)),
        brow_width=float(rng.uniform(0.02, 0.042) * (0.75 + 0.4 * male)),
        brow_height=float(rng.normal(0, 0.015)),
        brow_arch=float(rng.uniform(0.3, 1.3)),
        lashes=float(rng.uniform(0.2, 0.6) + 0.4 * (1 - male) * grown),
        iris=float(rng.choice([rng.uniform(0.03, 0.12), rng.uniform(0.15, 0.4)], p=[0.7, 0.3])),
        hair=float(np.clip(rng.uniform(0.05, 0.8) if style == "covered" else hair, 0.03, 0.85)),
        hair_style=style,
        hairline=float(rng.normal(0, 0.06) + 0.15 * max(0.0, age - 1.1) * male * rng.random()),
        parting=float(rng.normal(0, 0.14)),
        hair_volume=float(rng.uniform(0.03, 0.2)),
        hair_length=float(rng.uniform(5.7, 6.7)),
        beard=str(rng.choice(beards, p=np.array(likely) / sum(likely))),
        beard_density=float(rng.uniform(0.5, 0.95)),
        glasses=str(rng.choice(worn, p=[0.82, 0.08, 0.08, 0.02])),
        clothes=float(rng.uniform(0.03, 0.9)),
        wrinkles=float(np.clip((age - 1) * rng.uniform(0.3, 1) + rng.uniform(0, 0.15), 0, 1)),
    )


def draw_camera(rng: np.random.Generator) -> Camera:
    """Draw pose, light and camera."""
    azimuth, height = rng.normal(0, 40), rng.normal(30, 20)
    second = rng.uniform(-110, 110), rng.uniform(-20, 50)
    return Camera(
        yaw_deg=float(np.clip(rng.normal(0, 14), -42, 42)),
        pitch_deg=float(np.clip(rng.normal(0, 8), -22, 22)),
        roll_deg=float(rng.normal(0, 5)),
        zoom=float(np.exp(rng.normal(0.03, 0.06))),
        shift=(float(rng.normal(0, 0.02)), float(rng.normal(0, 0.02))),
        distance=float(rng.uniform(5, 18)),
        gaze=(float(rng.normal(0, 0.12)), float(rng.normal(0, 0.06))),
        light=_direction(azimuth, height),
        second_light=_direction(*second),
        second=float(rng.choice([0.0, rng.uniform(0.1, 0.6)])),
        ambient=float(rng.uniform(0.25, 0.6)),
        gloss=float(rng.uniform(0, 0.25)),
        exposure=float(np.exp(rng.normal(0.1, 0.25))),
        contrast=float(rng.uniform(0.75, 1.25)),
        gamma=float(np.exp(rng.normal(0, 0.15))),
        stretch=float(rng.choice([0.0, rng.uniform(0.4, 1)])),
        blur_px=float(rng.choice([0.3, rng.uniform(0.3, 0.9)], p=[0.6, 0.4])),
        noise=float(rng.choice([1.0, rng.uniform(1, 5)], p=[0.6, 0.4])),
        seed=int(rng.integers(2**31)),
    )


def _direction(azimuth_deg: float, height_deg: float) -> tuple[float, float, float]:
    azimuth, height = np.deg2rad([azimuth_deg, np.clip(height_deg, -30, 80)])
    x, y, z = np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)
    return float(x), float(y), float(z)


def _mix(names: tuple[str, ...], rng: np.random.Generator) -> dict[str, float]:
    first, second = rng.permutation(len(names))[:2]
    share = float(rng.beta(0.35, 0.35)) if rng.random() < 0.35 else 0.0
    mixed = {names[first]: 1 - share}
    return mixed | ({names[second]: share} if share > 0.02 else {})


def _shape_pairs(head: Head) -> list[tuple[str, str, bool]]:
    """Return opposite targets of identity, and whether they have a mirror image."""
    found = []
    for name in head.targets:
        part, _, rest = name.partition("/")
        if part not in _PARTS or rest.startswith("r-") or rest.startswith("head-trans"):
            continue
        for plus, minus in _PAIRS:
            opposite = name.removesuffix(plus) + minus
            if name.endswith(plus) and opposite in head.targets:
                found.append((name, opposite, rest.startswith("l-")))
    return found
