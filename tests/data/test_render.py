import numpy as np
import pytest

from mien.data.render import read_head
from mien.data.render.expressions import ACTION_UNITS, PROTOTYPES, draw_expression
from mien.data.render.raster import rasterise, vertex_normals
from mien.emotions import FERPLUS_8
from mien.errors import DatasetError


def square(z):
    return [[1, 1, z], [5, 1, z], [5, 5, z], [1, 5, z]]


def test_the_nearer_of_two_squares_is_seen_and_values_are_interpolated():
    points = np.array(square(0) + square(1), np.float32)
    points[4:, 0] += 2
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    seen = rasterise(points, triangles, 8)
    image = np.full(64, -1)
    image[seen.pixel] = seen.triangle // 2
    expected = np.full((8, 8), -1)
    expected[1:5, 1:3] = 0
    expected[1:5, 3:7] = 1
    assert image.reshape(8, 8).tolist() == expected.tolist()
    x = seen.interpolate(triangles, points)[:, 0]
    np.testing.assert_allclose(x, seen.pixel % 8 + 0.5, atol=1e-5)


def test_normals_of_a_flat_square_stand_upright():
    points = np.array(square(0), np.float32)
    normals = vertex_normals(points, np.array([[0, 1, 2], [0, 2, 3]]))
    np.testing.assert_allclose(normals, np.tile([0, 0, 1], (4, 1)), atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(PROTOTYPES) - {"neutral"}))
def test_from_a_third_of_the_strength_on_an_expression_is_not_neutral(name):
    neutral = FERPLUS_8.labels.index("neutral")
    drawn = {s: draw_expression(name, s, np.random.default_rng(1)) for s in (0.1, 0.34, 1.0)}
    likeliest = {s: int(each.distribution().argmax()) for s, each in drawn.items()}
    assert likeliest == {0.1: neutral} | dict.fromkeys((0.34, 1.0), FERPLUS_8.labels.index(name))
    assert all(each.distribution().sum() == pytest.approx(1) for each in drawn.values())
    assert drawn[0.1].fer2013_label() is None


def test_prototypes_name_known_expressions_and_action_units():
    assert set(PROTOTYPES) == set(FERPLUS_8.labels)
    for prototype in (each for several in PROTOTYPES.values() for each in several):
        assert set(prototype.units) | set(prototype.sometimes) <= set(ACTION_UNITS)


def test_a_unit_moves_its_own_side(tmp_path):
    np.savez(
        tmp_path / "head.npz",
        vertices=np.array([[-1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32),
        quads=np.array([[0, 1, 2, 3]]),
        quad_group=np.array([0]),
        groups=np.array(["body"]),
        target_names=np.array(["up"]),
        target_start=np.array([0, 3]),
        target_vertex=np.array([0, 1, 2]),
        target_delta=np.array([[0, 1, 0]] * 3, np.float16),
    )
    head = read_head(tmp_path)
    moved = head.shaped({"up": 1.0}, {"up": 0.0})[:, 1]
    assert moved.tolist() == [0, 0.5, 1, 1]


def test_another_file_is_no_head(tmp_path):
    (tmp_path / "head.npz").write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(DatasetError, match=r"head\.npz: expected a head as an npz with vertices"):
        read_head(tmp_path)
