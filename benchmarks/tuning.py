"""What tuning gains: FER-PP's network by every sampler with an equal budget, and our own recipe.

    python benchmarks/tuning.py fer-pp --data fer --write docs/benchmarks.md
    python benchmarks/tuning.py emotion --data fer --write docs/benchmarks.md

What was interrupted goes on; without `--data` nothing is run, and the figures are drawn anew from
the studies in `benchmarks/tuning/`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import altair as alt
import optuna
import polars as pl
import vl_convert
from marked import markdown_table, write_marked

from mien.training import EmotionRecipe, read_recipe
from mien.tuning import open_storage, read_space
from mien.tuning.record import study_record

HERE = Path(__file__).parent / "tuning"
COLOURS = {"grid": "#8C8C8C", "random": "#E69F00", "tpe": "#0b6e99", "gp": "#009E73"}
DRAWN = ("history", "importance", "parallel-coordinates", "gain")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A recipe that is tuned.

    Attributes:
        name: Its folder, which holds `start.toml`, and the beginning of its studies' names.
        spaces: By sampler a space in the folder, or a shipped one.
        budget: Of every sampler, as options of `mien tune`; the start's own point comes first.
        measure: What the gain is a share of.
    """

    name: str
    spaces: Mapping[str, str]
    budget: Mapping[str, float]
    measure: str

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return HERE / self.name

    @property
    def start(self) -> Path:
        """The recipe that is tuned."""
        return self.folder / "start.toml"

    @property
    def storage(self) -> str:
        """The studies."""
        return str(self.folder / "studies.db")

    def space(self, sampler: str) -> str:
        """Return the space as `mien tune` takes it."""
        named = self.folder / self.spaces[sampler]
        return str(named) if named.exists() else self.spaces[sampler]


CASES = {
    "fer-pp": Case(
        name="fer-pp",
        spaces=dict.fromkeys(("random", "tpe", "gp"), "space.toml") | {"grid": "grid.toml"},
        budget={"trials": 20, "epochs": 4, "max-images": 4000, "selection-share": 0.1},
        measure="of PublicTest's {val_images:,} images",
    ),
    "emotion": Case(
        name="emotion",
        spaces={"tpe": "emotion"},
        budget={"trials": 12, "epochs": 4, "max-images": 6000, "selection-share": 0.1},
        measure="as the mean of both heads' accuracy on PublicTest",
    ),
}


def search(
    case: Case, sampler: str, *, data: Path, runs: Path, seeds: int = 0, workers: int = 1
) -> None:
    """Run one sampler's study, or go on with it; `seeds` above 0 measure the gain, too."""
    study = f"{case.name}-{sampler}"
    command = [str(Path(sys.executable).parent / "mien"), "tune", "--data", str(data)]
    command += ["--recipe", str(case.start), "--space", case.space(sampler)]
    command += ["--sampler", sampler, "--study", study, "--storage", case.storage]
    command += ["--out", str(runs / study), "--seeds", str(seeds)]
    command += ["--workers", str(workers)]
    for name, value in case.budget.items():
        command += [f"--{name}", str(value)]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def found(case: Case, sampler: str) -> tuple[list[float], int, int, float]:
    """Return a study's best value so far by trial, how many were pruned and failed, and hours."""
    space = read_space(case.space(sampler), read_recipe(EmotionRecipe, case.start))
    kept = open_storage(case.storage)
    name = f"{case.name}-{sampler}"
    study = study_record(optuna.load_study(study_name=name, storage=kept), space)
    best: list[float] = []
    ended = [trial for trial in study.trials if trial.state != "lost"]
    for trial in ended:
        best.append(max([*best[-1:], trial.value or 0.0]))
    states = [trial.state for trial in ended]
    hours = sum(trial.seconds or 0.0 for trial in ended) / 3600
    return best, states.count("pruned"), states.count("failed"), hours


def samplers(case: Case) -> list[str]:
    """Return the samplers whose study has been begun."""
    begun = optuna.get_all_study_names(open_storage(case.storage))
    return [sampler for sampler in COLOURS if f"{case.name}-{sampler}" in begun]


def draw(case: Case, path: Path) -> None:
    """Draw the best value so far of every sampler by trial."""
    rows = [
        {"sampler": sampler, "trial": number, "best so far": value}
        for sampler in samplers(case)
        for number, value in enumerate(found(case, sampler)[0])
    ]
    scale = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    dashes = alt.Scale(
        domain=list(COLOURS), range=[[7, 7] if s == "gp" else [1, 0] for s in COLOURS]
    )
    chart = (
        alt.Chart(pl.DataFrame(rows))
        .mark_line(interpolate="step-after", point=True)
        .encode(
            alt.X("trial:Q", axis=alt.Axis(tickMinStep=1, format="d")),
            alt.Y(
                "best so far:Q",
                title="best on the selection subset",
                axis=alt.Axis(format=".0%"),
                scale=alt.Scale(zero=False),
            ),
            alt.Color("sampler:N", title=None, scale=scale),
            # Where two run together, as random and gp do at first, the gaps show the one below.
            alt.StrokeDash("sampler:N", title=None, scale=dashes),
        )
        .properties(width=620, height=280, background="white", padding=16)
    )
    path.write_text(vl_convert.vegalite_to_svg(chart.to_dict()), encoding="utf-8")


def table(case: Case) -> str:
    """Return what was found as Markdown."""
    rows = []
    for sampler in samplers(case):
        best, pruned, failed, hours = found(case, sampler)
        counts = [str(len(best)), str(pruned), str(failed), f"{60 * hours:.0f} min"]
        rows.append([sampler, *counts, f"{best[0]:.1%}", f"{best[-1]:.1%}"])
    head = ["sampler", "trials", "pruned", "failed", "time", "start", "best"]
    text = markdown_table(head, rows)
    noted = case.folder / "gain.json"
    if noted.exists():
        gain = json.loads(noted.read_text(encoding="utf-8"))
        start, best = (100 * sum(gain[name]) / len(gain[name]) for name in ("start", "best"))
        text += (
            f"\n\nThe best recipe of all, trained on all {gain['training_images']:,} training "
            f"images for {gain['epochs'][1]} epochs with {len(gain['best'])} seeds: {best:.1f} % "
            f"{case.measure.format(**gain)} instead of {start:.1f} %, a gain of "
            f"{100 * gain['difference']:+.1f} points ({100 * gain['low']:+.1f} to "
            f"{100 * gain['high']:+.1f}, 95 %)."
        )
    return text


def main() -> None:
    """Run, print, draw, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES, help="what is tuned")
    parser.add_argument("--data", type=Path, help="FER-2013 as `mien data import` made it")
    parser.add_argument("--runs", type=Path, default=Path("runs/tuning"), help="for the runs")
    parser.add_argument("--workers", type=int, default=1, help="processes that measure the gain")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    case = CASES[arguments.case]
    if arguments.data:
        for sampler in case.spaces:
            search(case, sampler, data=arguments.data, runs=arguments.runs)
        best = max(case.spaces, key=lambda sampler: found(case, sampler)[0][-1])
        wanted = {"seeds": 3, "workers": arguments.workers}
        search(case, best, data=arguments.data, runs=arguments.runs, **wanted)
        folder = arguments.runs / f"{case.name}-{best}"
        for name in ("best.toml", "gain.json"):
            shutil.copyfile(folder / name, case.folder / name)
        for name in DRAWN:
            drawn = folder / "figures" / f"{name}.svg"
            if drawn.exists():
                shutil.copyfile(drawn, case.folder / drawn.name)
    if len(case.spaces) > 1:
        draw(case, case.folder / "samplers.svg")
    text = table(case)
    print(text)
    for path in arguments.write:
        write_marked(path, f"tuning-{case.name}", text)


if __name__ == "__main__":
    main()
