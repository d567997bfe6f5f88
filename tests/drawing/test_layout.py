import dataclasses
import itertools

import numpy as np
import pytest

from mien.drawing.layout import FaceText, lay_out

WIDTH, HEIGHT = 640, 480


def text(box, label="surprise? 100 %", word="surprise?"):
    return FaceText(box_xyxy=box, label=label, word=word, bars=6, unit_rows=6)


def meet(first, second):
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


def within(area, width=WIDTH, height=HEIGHT):
    return area[0] >= 0 and area[1] >= 0 and area[2] <= width and area[3] <= height


def scattered(seed, count):
    """Return boxes of any size, some of which overlap or leave the image."""
    rng = np.random.default_rng(seed)
    sides = rng.uniform(10, 10 + 400 / count**0.5, count)
    centres = rng.uniform(0, (WIDTH, HEIGHT), (count, 2))
    boxes = [(*(c - s / 2), *(c + s / 2)) for c, s in zip(centres, sides, strict=True)]
    return sorted(boxes, key=lambda box: box[0] - box[2])


@pytest.mark.parametrize("count", [1, 2, 5, 12, 40])
def test_nothing_covers_another_face_and_texts_never_meet(count):
    labelled = 0
    for seed in range(20):
        boxes = scattered(seed, count)
        places = lay_out([text(box) for box in boxes], WIDTH, HEIGHT)
        labels = [place.label for place in places if place.text]
        cards = [place.card.area for place in places if place.card is not None]
        cards += [place.units.area for place in places if place.units is not None]
        for number, place in enumerate(places):
            others = [box for other, box in enumerate(boxes) if other != number]
            if place.text:
                assert within(place.label)
                assert not any(meet(place.label, box) for box in others)
        for card in cards:
            assert within(card)
            assert not any(meet(card, box) for box in boxes)
        assert not any(meet(*pair) for pair in itertools.combinations([*labels, *cards], 2))
        labelled += len(labels)
    assert labelled >= 0.8 * 20 * count


def test_a_label_covers_its_own_face_only_where_there_is_no_other_place():
    roomy = (200.0, 150.0, 400.0, 350.0)
    place = lay_out([text(roomy)], WIDTH, HEIGHT)[0]
    assert place.label[3] <= roomy[1]
    assert place.label[0] == roomy[0]
    assert place.card is not None
    filling = (-5.0, -5.0, WIDTH + 5.0, HEIGHT + 5.0)
    place = lay_out([text(filling)], WIDTH, HEIGHT)[0]
    assert place.text == "surprise? 100 %"
    assert place.label[1] < 0.05 * HEIGHT
    assert place.card is None


def test_where_there_is_little_room_cards_have_smaller_text():
    face = dataclasses.replace(text((191.0, 121.0, 380.0, 375.0)), unit_rows=6)
    place = lay_out([face], 572, 562)[0]
    assert place.card.text_px < place.text_px
    assert 11 <= place.units.text_px < place.text_px


def test_a_label_at_the_upper_edge_goes_below_its_face():
    box = (200.0, 2.0, 300.0, 110.0)
    label = lay_out([text(box)], WIDTH, HEIGHT)[0].label
    assert label[1] >= box[3]


def test_in_a_row_without_room_words_stand_for_labels():
    boxes = [(56.0 * n, 0.0, 56.0 * n + 54, 50.0) for n in range(8)]
    places = lay_out([text(box, "happy 93 %", "happy") for box in boxes], 448, 72)
    assert {place.text for place in places} == {"happy 93 %", "happy"}
    assert sum(place.text == "happy" for place in places) >= 4


@pytest.mark.parametrize(
    ("height", "least", "most"), [(240, 11, 11), (480, 11, 18), (2160, 27, 83)]
)
def test_text_grows_with_the_face_and_the_image(height, least, most):
    width = 16 * height // 9
    small = (height / 2, height / 2, height / 2 + 20, height / 2 + 20)
    large = (0.0, 0.1 * height, 0.8 * height, 0.9 * height)
    sizes = [lay_out([text(box)], width, height)[0].text_px for box in (small, large)]
    assert sizes == [least, most]
