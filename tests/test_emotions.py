import numpy as np
import pytest

from mien.emotions import (
    COLOURS,
    FER2013_7,
    FERPLUS_8,
    SIX,
    canonical_label,
    label_set,
    mapping_matrix,
)
from mien.errors import InputError


def test_the_six_are_the_ones_that_users_see():
    assert SIX.labels == ("happy", "neutral", "sad", "angry", "fear", "surprise")
    assert tuple(COLOURS) == SIX.labels


@pytest.mark.parametrize(
    ("source", "label", "goes_to"),
    [
        (FER2013_7, "disgust", "angry"),
        (FER2013_7, "surprise", "surprise"),
        (FERPLUS_8, "disgust", "angry"),
        (FERPLUS_8, "contempt", None),
        (FERPLUS_8, "neutral", "neutral"),
    ],
)
def test_labels_go_where_the_protocol_says(source, label, goes_to):
    row = mapping_matrix(source, SIX)[source.index(label)]
    expected = np.zeros(6)
    if goes_to is not None:
        expected[SIX.index(goes_to)] = 1
    np.testing.assert_array_equal(row, expected)


def test_a_set_maps_onto_itself_unchanged():
    np.testing.assert_array_equal(mapping_matrix(FERPLUS_8, FERPLUS_8), np.eye(8))


def test_a_target_that_nothing_reaches_is_refused():
    with pytest.raises(InputError, match="contempt"):
        mapping_matrix(FER2013_7, FERPLUS_8)


@pytest.mark.parametrize(
    ("spelling", "label"),
    [("Anger", "angry"), ("fearful", "fear"), (" happiness ", "happy"), ("contempt", "contempt")],
)
def test_spellings_are_translated(spelling, label):
    assert canonical_label(spelling) == label


def test_an_unknown_spelling_names_what_is_known():
    with pytest.raises(InputError, match=r"'wut'.*happy.*wut=angry"):
        canonical_label("wut")


def test_an_unknown_label_set_names_the_known():
    with pytest.raises(InputError, match=r"'five'.*six.*fer2013-7"):
        label_set("five")


def test_an_unknown_label_names_the_sets():
    with pytest.raises(InputError, match="contempt"):
        SIX.index("contempt")
