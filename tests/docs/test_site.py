"""The site builds without a warning, holds every page, and its links lead somewhere."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer

import mien
from mien.cli import app
from tests.docs.pages import PAGES, ROOT

SITE_ONLY = {"genindex", "search"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    # In a process of its own: Sphinx sets up logging, warnings and the path for the whole process.
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-qEW", "--keep-going", "-b", "html",
         "-d", folder / "doctrees", ROOT / "docs", folder / "html"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {page.stem: Read(page) for page in (folder / "html").glob("*.html")}


class Read(HTMLParser):
    """The links, the anchors and the text of a page."""

    def __init__(self, page):
        super().__init__()
        self.path, self.links, self.fetched, self.anchors, self.words = page, [], [], {""}, []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.anchors.add(named.get("id"))
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        elif target := named.get("src") or (tag == "link" and named.get("href")):
            self.fetched.append(target)

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)


def test_every_page_is_built(site):
    assert set(site) == {page.stem for page in PAGES if page.stem != "README"} | SITE_ONLY


def test_links_inside_the_site_lead_to_a_page_and_a_place_on_it(site):
    pages = {page.path: page for page in site.values()}
    for page in site.values():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            address, _, place = unquote(link).partition("#")
            target = (page.path.parent / address).resolve() if address else page.path
            assert target.exists(), f"{page.path.name}: {link}"
            if target in pages:
                assert place in pages[target].anchors, f"{page.path.name}: {link}"


def test_a_page_fetches_nothing_from_elsewhere(site):
    for page in site.values():
        for address in page.fetched:
            assert not re.match(r"([a-z]+:)?//", address), f"{page.path.name}: {address}"


def test_links_of_the_readme_lead_to_files():
    for name in ("README.md", "CONTRIBUTING.md", "MODEL_CARD.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#:]+)[^)]*\)", text):
            assert (ROOT / link).exists(), f"{name}: {link}"


def test_every_command_and_its_options_stand_in_the_reference(site):
    def walk(command, path):
        yield path, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, (*path, name))

    text = site["cli"].text
    for path, command in walk(typer.main.get_command(app), ("mien",)):
        assert f"Usage: {' '.join(path)} " in text
        for parameter in command.params:
            if parameter.param_type_name == "option" and not getattr(parameter, "hidden", False):
                assert parameter.opts[0] in text, (path, parameter.opts)


def test_every_public_name_stands_in_the_python_reference(site):
    names = {name for name in mien.__all__ if name != "__version__"}
    assert names <= {(anchor or "").removeprefix("mien.") for anchor in site["python"].anchors}


def test_the_rest_reference_is_of_the_server(site):
    for address in ("POST /v1/analyze", "DELETE /v1/jobs/{job_id}", "GET /readyz"):
        assert address in site["rest"].text
    assert "min_face_px" in site["rest"].text


def test_the_messages_that_are_explained_are_those_of_the_program():
    texts = [
        node.value
        for path in Path(mien.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^### `(.+)`$", page, re.MULTILINE)
    assert len(messages) > 25
    for message in messages:
        assert any(message in text for text in texts), message
