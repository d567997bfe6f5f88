from html.parser import HTMLParser

import altair as alt
import numpy as np
import polars as pl
import pytest

from mien.errors import OutputError
from mien.reports.html.blocks import (
    ImageTable,
    Preformatted,
    Table,
    Tile,
    TileGroups,
    Tiles,
)
from mien.reports.html.page import Figure, Page, Section, write_page

HOSTILE = "</script><b onclick='x'>&amp; \"a\" </pre>"
IMAGE = np.zeros((48, 48), np.uint8)


class Parsed(HTMLParser):
    """Collects tags, their attributes' values, and text."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.values, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.values += [value for _, value in attrs]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data):
        self.texts.append(data)


def page(*figures, text="plain"):
    return Page(
        title=text, lead=text, cards={text: text}, notes_title=text, notes=[text],
        sections=[Section(title=text, lead=text, figures=figures)], provenance=text,
    )  # fmt: skip


def test_names_that_are_no_text_are_written_with_a_mark(tmp_path):
    write_page(page(text="caf\udce9.mp4"), tmp_path / "a.html")
    assert "caf?.mp4" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_text_from_outside_stays_text_wherever_it_stands(tmp_path):
    tile = Tile(image=IMAGE, label=HOSTILE, text=HOSTILE)
    chart = alt.Chart(pl.DataFrame({"a": [HOSTILE], "b": [1]})).mark_bar().encode(x="a:N", y="b:Q")
    figure = Figure(
        title=HOSTILE,
        sentence=HOSTILE,
        chart=chart,
        body=[
            Tiles(tiles=[tile], name=HOSTILE, filterable=True),
            TileGroups([[tile]]),
            Table([HOSTILE], [[HOSTILE]]),
            ImageTable([HOSTILE], [(HOSTILE, IMAGE[None])]),
            Preformatted(HOSTILE),
        ],
    )
    write_page(page(figure, text=HOSTILE), tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    parsed = Parsed()
    parsed.feed(text)
    # The only bold text is that of the two tiles; the charts' own library is left out here.
    assert parsed.tags.count("b") == 2
    assert parsed.tags.count("img") == 3
    assert parsed.texts.count(HOSTILE) >= 12
    assert parsed.values.count(HOSTILE) >= 5
    assert HOSTILE not in text


def test_figures_of_the_same_title_have_addresses_of_their_own(tmp_path):
    same = [Figure(title="Curves", sentence="", body=[Table(["a"], [["b"]])]) for _ in range(3)]
    write_page(page(*same), tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert [text.count(f'id="{name}"') for name in ("curves", "2-curves", "3-curves")] == [1, 1, 1]


def test_a_page_is_not_written_over_and_leaves_nothing_half_done(tmp_path):
    write_page(page(), tmp_path / "deep" / "a.html")
    with pytest.raises(OutputError, match="overwrite=True"):
        write_page(page(), tmp_path / "deep" / "a.html")
    write_page(page(text="new"), tmp_path / "deep" / "a.html", overwrite=True)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.html"]
