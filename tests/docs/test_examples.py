"""Every code block of README and documentation is run, top to bottom, or says why it is not."""

from __future__ import annotations

import contextlib
import functools
import importlib
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps

from mien.data import import_dataset
from mien.media import read_image
from mien.server import ServerOptions
from tests.conftest import SAMPLES, VOTE_HEADER, fer_lines, vote_lines
from tests.docs.pages import PAGES, ROOT, Block, Reader, blocks, check_command, inline_commands
from tests.server.conftest import listening
from tests.videos import gliding, two_people, write_video

SMILE, SERIOUS = SAMPLES / "eileen_collins.jpg", SAMPLES / "grace_hopper.jpg"
MOST_BLOCKS_NOT_RUN = 0.35


@pytest.fixture(scope="session")
def given(tmp_path_factory, toy_dataset):
    """What a reader has before the first line: photos, videos, FER-2013 in small."""
    # Lightning logs to the stderr of its import, which must not be one that a command is given.
    importlib.import_module("mien.training")
    folder = tmp_path_factory.mktemp("given")
    for name in ("photo.jpg", "smile.jpg", "a.jpg"):
        shutil.copy(SMILE, folder / name)
    (folder / "holiday").mkdir()
    shutil.copy(SMILE, folder / "holiday" / "beach.jpg")
    shutil.copy(SERIOUS, folder / "holiday" / "dinner.jpg")
    Image.open(SERIOUS).save(folder / "b.png")
    photo = read_image(SMILE).frame_rgb
    write_video(folder / "video.mp4", gliding(photo, seconds=0.8, per_second=10), sound=True)
    (folder / "interviews").mkdir()
    for number, face in enumerate(two_people(), start=1):
        frames = [(frame / 10, face) for frame in range(10)]
        write_video(folder / "interviews" / f"interview0{number}.mp4", frames)
    (folder / "groups.csv").write_text(
        "video,condition\ninterview01.mp4,control\ninterview02.mp4,treatment\n"
    )
    lines = {
        "fer2013.csv": ["emotion,pixels,Usage", *fer_lines(toy_dataset)],
        "fer2013new.csv": [VOTE_HEADER, *vote_lines(toy_dataset)],
    }
    for name, text in lines.items():
        (folder / name).write_text("\n".join(text) + "\n")
    import_dataset([folder / name for name in lines], folder / "fer")
    for kind, photo in (("happy", SMILE), ("wut", SERIOUS)):
        for number, look in enumerate((1.0, 0.8, 1.2)):
            image = ImageEnhance.Brightness(Image.open(photo)).enhance(look)
            for turn, face in enumerate((image, ImageOps.mirror(image))):
                for parent, name in (("photos", kind), ("images", kind.replace("wut", "angry"))):
                    (folder / parent / name).mkdir(parents=True, exist_ok=True)
                    face.save(folder / parent / name / f"s{number}{turn}_face.jpg")
    return folder


@pytest.fixture
def reader_of(given, tmp_path, monkeypatch):
    """Return a reader of a page, in a folder of their own."""
    folder = tmp_path / "reader"
    shutil.copytree(given, folder)
    monkeypatch.chdir(folder)
    with contextlib.ExitStack() as stack:

        @functools.cache
        def serve() -> str:
            return stack.enter_context(listening(ServerOptions(jobs=tmp_path / "jobs", workers=1)))

        def reader_of(page: Path) -> Reader:
            if "--out fer " in page.read_text(encoding="utf-8"):
                shutil.rmtree(folder / "fer")
            return Reader(page, folder, serve)

        yield reader_of


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_works_from_top_to_bottom(page, reader_of):
    reader = reader_of(page)
    for block in blocks(page):
        reader.do(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_sentences_have_verbs_and_options_that_there_are(page):
    for command in inline_commands(page):
        check_command(command)


def test_most_blocks_are_run():
    runnable = [
        each
        for page in PAGES
        if page.name != "install.md"  # of which test_install.py is
        for each in blocks(page)
        if each.language in ("sh", "python")
    ]
    marked = [each for each in runnable if each.not_run]
    assert len(marked) < MOST_BLOCKS_NOT_RUN * len(runnable), f"{len(marked)} of {len(runnable)}"


@pytest.mark.parametrize(
    "line",
    [
        "mien analyse photo.jpg",
        "mien analyze photo.jpg --ot results",
        "mien data chekc fer",
        "find . | mien analyze - --jsn",
        "make everything",
        'pip install ".[everything]"',
        "pip install mien",
        "pip install 'mien[data]'",
        "pip install '.[data]'",
    ],
)
def test_a_command_that_cannot_work_is_found(line):
    with pytest.raises(AssertionError):
        check_command(line)


@pytest.mark.parametrize(
    ("language", "code", "not_run", "output"),
    [
        ("sh", "mien analyze missing.jpg\n", None, None),
        ("sh", "false | cat\n", None, None),
        ("sh", "mien analyze photo.jpg --camera\n", "needs a camera", None),
        ("python", "print(1)\n", None, "2\n"),
        ("python", "print(\n", "needs a camera", None),
        ("toml", "epochs = \n", None, None),
        ("r", "library(arrow)\n", None, None),
    ],
)
def test_a_block_that_does_not_work_is_found(reader_of, language, code, not_run, output):
    reader = reader_of(ROOT / "README.md")
    with pytest.raises((AssertionError, SyntaxError, ValueError)):
        reader.do(Block(language, code, 1, not_run, output))


def test_the_readme_is_short_and_names_every_page_for_readers():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 150
    for name in ("student", "developer", "researcher", "operator"):
        assert f"docs/start-{name}.md" in readme
