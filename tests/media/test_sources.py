import os
from pathlib import Path

import pytest

from mien.errors import MediaError
from mien.media import find_images, find_media


@pytest.fixture
def tree(tmp_path):
    for name in ("b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "deep/er/c.webp", ".git/d.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "bare").mkdir()
    return tmp_path


def names(tree, *inputs):
    found = find_images(inputs)
    return [
        item.reason if isinstance(item, MediaError) else os.path.relpath(item, tree)
        for item in found
    ]


def test_a_folder_stands_for_all_images_below_it_in_order(tree):
    assert names(tree, tree) == ["a.PNG", "b.jpg", "deep/er/c.webp"]


def test_a_named_file_is_taken_whatever_its_ending(tree):
    assert names(tree, tree / "notes.txt") == ["notes.txt"]


def test_a_glob_stands_for_the_files_that_match(tree):
    assert names(tree, f"{tree}/**/*.webp", f"{tree}/*.jpg") == ["deep/er/c.webp", "b.jpg"]


def test_nothing_is_given_twice(tree):
    assert names(tree, tree / "b.jpg", tree, tree / "b.jpg") == ["b.jpg", "a.PNG", "deep/er/c.webp"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("*.tiff", "the pattern matches no file"),
        ("bare", "the folder holds no image"),
    ],
)
def test_what_stands_for_nothing_is_an_error_that_stops_no_other(tree, given, reason):
    found = names(tree, tree / given, tree / "b.jpg")
    assert reason in found[0]
    assert found[1:] == ["b.jpg"]


def test_an_empty_path_is_an_error():
    (found,) = find_images(["  "])
    assert isinstance(found, MediaError)


def test_a_folder_that_cannot_be_listed_is_an_error(tree, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = names(tree, tree)
    assert found[:2] == ["a.PNG", "b.jpg"]
    assert "cannot be read: Permission denied" in found[2]


def test_a_file_whose_name_looks_like_a_glob_is_taken(tree):
    (tree / "x[1].jpg").write_bytes(b"")
    assert names(tree, tree / "x[1].jpg") == ["x[1].jpg"]


def test_folders_behind_links_are_walked_once(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for name in ("in/a.jpg", "elsewhere/b.jpg"):
        (tmp_path / name).touch()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "back").symlink_to(tmp_path / "in")
    found = [Path(each).relative_to(tmp_path) for each in find_images([tmp_path / "in"])]
    assert found == [Path("in/a.jpg"), Path("in/link/b.jpg")]


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").touch()
    (tmp_path / "c.jpg").symlink_to("gone")
    found = [Path(each).name for each in find_images([tmp_path])]
    assert found == ["b.jpg", "c.jpg"]


def test_a_folder_of_results_can_be_passed_over(tmp_path):
    for name in ("a.jpg", "out/drawn/a.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert len(list(find_media([tmp_path]))) == 2
    assert list(find_media([tmp_path], exclude=tmp_path / "out" / "drawn")) == [
        str(tmp_path / "a.jpg")
    ]
