from PIL import ImageColor

from mien.emotions import COLOURS
from mien.reports.html.charts import SERIES

PAPERS = ("#ffffff", "#14161a")


def luminance(colour):
    """The relative luminance of WCAG 2."""
    parts = [part / 255 for part in ImageColor.getrgb(colour)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_series_are_seen_on_light_and_dark_paper_and_are_no_expression():
    for colour in SERIES:
        for paper in PAPERS:
            low, high = sorted((luminance(colour), luminance(paper)))
            assert (high + 0.05) / (low + 0.05) >= 3, (colour, paper)
    assert not {colour.lower() for colour in COLOURS.values()} & set(SERIES)
