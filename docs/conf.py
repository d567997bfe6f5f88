"""How Sphinx builds the site, for `make docs` and `tests/docs/test_site.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import references

import mien

project = "mien"
author = "The mien maintainers"
version = release = mien.__version__
copyright = "The mien maintainers, Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = "mien"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
# Nothing is fetched: the theme brings its fonts and scripts, and the search works on files.
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5c67", "color-brand-content": "#0b5c67"},
    "dark_css_variables": {"color-brand-primary": "#6fc7d3", "color-brand-content": "#6fc7d3"},
}
pygments_style, pygments_dark_style = "friendly", "github-dark"

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

# Docstrings write code in single backquotes.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_ivar = True
python_maximum_signature_line_length = 88

DRAWN = {"cli": references.command_line, "rest": references.rest}
"""The pages whose text comes from the program."""


INCLUDED = {"../MODEL_CARD.md": "model-card.md", "../benchmarks/EXPERIMENTS.md": "experiments.md"}
"""Documents outside this folder, and the pages that include them."""


def draw(_: object, name: str, source: list[str]) -> None:
    """Put what is drawn from the program below the head of its page, and lead links to pages."""
    for document, page in INCLUDED.items():
        source[0] = source[0].replace(f"]({document}", f"]({page}")
    if name in DRAWN:
        source[0] = f"{source[0]}\n\n{DRAWN[name]()}\n"


def setup(app: object) -> None:
    """Connect with Sphinx."""
    app.connect("source-read", draw)
