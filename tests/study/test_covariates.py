import numpy as np
import pytest

from mien.errors import InputError
from mien.metrics import bootstrap_mean
from mien.study.covariates import Covariates, read_covariates
from mien.study.groups import MAX_GROUPS, group_rows

COMPOSED, DECOMPOSED = "jos\u00e9", "jose\u0301"
SOURCES = ("a/one.mp4", "b/one.mp4", "b/two.mov")


def read(tmp_path, text, sources=SOURCES, encoding="utf-8"):
    path = tmp_path / "groups.csv"
    path.write_bytes(text.encode(encoding))
    return read_covariates(path, sources)


def test_videos_are_found_by_path_name_and_name_without_ending(tmp_path):
    text = "Video ;condition;age\na/one.mp4; calm ;31\nb/one.mp4;loud;\ntwo;calm;40\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        found = read(tmp_path, text, encoding=encoding)
        assert found.columns == ("condition", "age")
        assert found.values["a/one.mp4"] == {"condition": "calm", "age": "31"}
        assert found.values["b/two.mov"]["age"] == "40"
        assert found.notes == ()


@pytest.mark.parametrize("name", ["a/one.mp4", "a/one", "x/a/one.mp4", r"a\one.mp4", "/x/a/one"])
def test_the_end_of_a_path_is_enough_where_it_fits_one_video(tmp_path, name):
    sources = ("/x/a/one.mp4", "/x/b/one.mp4")
    found = read(tmp_path, f"video,condition\n{name},calm\n", sources)
    assert found.values == {"/x/a/one.mp4": {"condition": "calm"}}
    assert read(tmp_path, "video,c\na/one,1\n", (r"x\a\one.mp4",)).values


@pytest.mark.parametrize("path", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("name", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("end", ["", ".mp4"])
def test_accented_names_are_found_whether_a_letter_is_one_character_or_two(
    tmp_path, path, name, end
):
    source = f"v/{path}.mp4"
    found = read(tmp_path, f"video,{name}\n{name}{end},{name}\nb,{path}\n", (source, "v/b.mp4"))
    assert found.columns == (COMPOSED,)
    assert found.values == {source: {COMPOSED: COMPOSED}, "v/b.mp4": {COMPOSED: COMPOSED}}
    assert found.notes == ()


def test_two_files_whose_names_look_the_same_are_told_apart_by_their_paths(tmp_path):
    sources = (f"v/{COMPOSED}.mp4", f"v/{DECOMPOSED}.mp4")
    text = "video,c\n" + "".join(f"{source},{n}\n" for n, source in enumerate(sources))
    assert read(tmp_path, text, sources).values == {
        source: {"c": str(n)} for n, source in enumerate(sources)
    }
    with pytest.raises(InputError, match="is the name of"):
        read(tmp_path, f"video,c\n{COMPOSED},0\n", sources)


def test_names_without_a_counterpart_are_listed(tmp_path):
    found = read(tmp_path, "video,condition\ntwo.mov,calm\nthree.mp4,loud\n")
    assert list(found.values) == ["b/two.mov"]
    assert "not in the study: three.mp4" in found.notes[0]
    assert "does not name a/one.mp4, b/one.mp4; in no group" in found.notes[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a column 'video', found no column"),
        ("name,condition\na,b\n", "expected a column 'video', found 'name', 'condition'"),
        ("video\ntwo\n", "a column beside 'video'"),
        ("video,a,a\ntwo,1,2\n", "a column 'a', or has it twice"),
        ("video,source\ntwo,1\n", "a column 'source'"),
        ("video,a\ntwo\n", "line 2: expected 2 cells, found 1"),
        ("video,a\none,1\n", r"line 2: 'one' is the name of a/one.mp4 and b/one.mp4"),
        ("video,a\ntwo,1\ntwo.mov,2\n", r"line 3: b/two.mov stands in an earlier line"),
        ("video,a\nx,1\n", "names none of the videos. .*'one.mp4', found 'x'"),
        ("video,a\n", "names none of the videos. .*found no row"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.csv"):
        read_covariates(tmp_path / "nothing.csv", SOURCES)


def shares(*happy):
    return {f"{n}.mp4": np.array([h, 1 - h, 0, 0, 0, 0]) for n, h in enumerate(happy)}


def test_groups_are_means_over_videos_with_intervals():
    by_video = {f"{n}.mp4": {"c": "a" if n < 3 else "b"} for n in range(5)}
    known = Covariates(columns=("c",), values=by_video)
    rows = list(group_rows(shares(0.1, 0.2, 0.3, 0.8, 0.9), known))
    assert len(rows) == 3 * 6
    happy = {row["group"]: row for row in rows if row["emotion"] == "happy"}
    assert happy[None]["mean_share"] == pytest.approx(0.46)
    assert happy["a"]["mean_share"] == pytest.approx(0.2)
    assert (happy["a"]["videos"], happy["b"]["videos"]) == (3, 2)
    assert 0.1 <= happy["a"]["low"] < 0.2 < happy["a"]["high"] <= 0.3


def test_one_video_has_no_interval_and_a_covariate_of_many_values_no_groups():
    (row, *_) = group_rows(shares(0.5), Covariates())
    assert (row["videos"], row["low"], row["high"]) == (1, None, None)
    many = MAX_GROUPS + 1
    known = Covariates(columns=("age",), values={f"{n}.mp4": {"age": str(n)} for n in range(many)})
    assert {row["covariate"] for row in group_rows(shares(*[0.5] * many), known)} == {None}
    assert list(group_rows({}, Covariates())) == []


def test_the_interval_of_a_mean_has_the_width_of_theory():
    values = np.random.default_rng(3).normal(size=400)
    found = bootstrap_mean(values)
    expected = 1.96 * values.std() / 20
    assert found.high - values.mean() == pytest.approx(expected, rel=0.1)
    assert values.mean() - found.low == pytest.approx(expected, rel=0.1)
