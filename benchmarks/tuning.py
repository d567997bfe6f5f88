"""FER-PP's network tuned by every strategy with an equal budget, and the gain of the best recipe.

    python benchmarks/tuning.py --data fer --write README.md

What was interrupted goes on; without `--data` nothing is run, and the figures are drawn anew from
the studies in `benchmarks/tuning/`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import altair as alt
import optuna
import polars as pl
import vl_convert
from marked import markdown_table, write_marked

from mien.training import EmotionRecipe, read_recipe
from mien.tuning import open_storage, read_space
from mien.tuning.record import study_record

HERE = Path(__file__).parent / "tuning" / "fer-pp"
STORAGE = HERE / "studies.db"
START = HERE / "start.toml"
SPACES = dict.fromkeys(("random", "tpe", "gp"), "space.toml") | {"grid": "grid.toml"}
COLOURS = {"grid": "#8C8C8C", "random": "#E69F00", "tpe": "#0b6e99", "gp": "#009E73"}
BUDGET = {"trials": 10, "epochs": 3, "pictures": 3000, "share": 0.05}
"""Of every strategy; the start's own point is the first trial of each."""


def search(strategy: str, *, data: Path, runs: Path, seeds: int = 0) -> None:
    """Run one strategy's study, or go on with it."""
    command = [str(Path(sys.executable).parent / "mien"), "tune", "--data", str(data)]
    command += ["--recipe", str(START), "--space", str(HERE / SPACES[strategy])]
    command += ["--strategy", strategy, "--study", f"fer-pp-{strategy}", "--storage", str(STORAGE)]
    command += ["--out", str(runs / f"fer-pp-{strategy}"), "--no-near", "--seeds", str(seeds)]
    for name, value in BUDGET.items():
        command += [f"--{name}", str(value)]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def found(strategy: str) -> tuple[list[float], int, int, float]:
    """Return a study's best value so far by trial, how many were pruned and failed, and hours."""
    space = read_space(HERE / SPACES[strategy], read_recipe(EmotionRecipe, START))
    kept = open_storage(str(STORAGE))
    study = study_record(optuna.load_study(study_name=f"fer-pp-{strategy}", storage=kept), space)
    best: list[float] = []
    ended = [trial for trial in study.trials if trial.state != "lost"]
    for trial in ended:
        best.append(max([*best[-1:], trial.value or 0.0]))
    states = [trial.state for trial in ended]
    hours = sum(trial.seconds or 0.0 for trial in ended) / 3600
    return best, states.count("pruned"), states.count("failed"), hours


def strategies() -> list[str]:
    """Return the strategies whose study has been begun."""
    begun = optuna.get_all_study_names(open_storage(str(STORAGE)))
    return [strategy for strategy in COLOURS if f"fer-pp-{strategy}" in begun]


def draw(path: Path) -> None:
    """Draw the best value so far of every strategy by trial."""
    rows = [
        {"strategy": strategy, "trial": number, "best so far": value}
        for strategy in strategies()
        for number, value in enumerate(found(strategy)[0])
    ]
    scale = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    chart = (
        alt.Chart(pl.DataFrame(rows))
        .mark_line(interpolate="step-after", point=True)
        .encode(
            alt.X("trial:Q", axis=alt.Axis(tickMinStep=1, format="d")),
            alt.Y(
                "best so far:Q",
                title="best on the selection part",
                axis=alt.Axis(format=".0%"),
                scale=alt.Scale(zero=False),
            ),
            alt.Color("strategy:N", title=None, scale=scale),
        )
        .properties(width=620, height=280, background="white", padding=16)
    )
    path.write_text(vl_convert.vegalite_to_svg(chart.to_dict()), encoding="utf-8")


def table() -> str:
    """Return what was found as Markdown."""
    rows = []
    for strategy in strategies():
        best, pruned, failed, hours = found(strategy)
        counts = [str(len(best)), str(pruned), str(failed), f"{60 * hours:.0f} min"]
        rows.append([strategy, *counts, f"{best[0]:.1%}", f"{best[-1]:.1%}"])
    head = ["strategy", "trials", "pruned", "failed", "time", "start", "best"]
    text = markdown_table(head, rows)
    noted = HERE / "gain.json"
    if noted.exists():
        gain = json.loads(noted.read_text(encoding="utf-8"))
        start, best = (100 * sum(gain[name]) / len(gain[name]) for name in ("start", "best"))
        text += (
            f"\n\nThe best recipe of all, trained on all {gain['pictures']:,} training pictures "
            f"for {gain['epochs'][1]} epochs with {len(gain['best'])} seeds: {best:.1f} % of "
            f"PublicTest's {gain['judged']:,} pictures instead of {start:.1f} %, a gain of "
            f"{100 * gain['difference']:+.1f} points ({100 * gain['low']:+.1f} to "
            f"{100 * gain['high']:+.1f}, 95 %)."
        )
    return text


def main() -> None:
    """Run, print, draw, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="FER-2013 as `mien data import` made it")
    parser.add_argument("--runs", type=Path, default=Path("runs/tuning"), help="for the runs")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    if arguments.data:
        for strategy in COLOURS:
            search(strategy, data=arguments.data, runs=arguments.runs)
        best = max(COLOURS, key=lambda strategy: found(strategy)[0][-1])
        search(best, data=arguments.data, runs=arguments.runs, seeds=3)
        folder = arguments.runs / f"fer-pp-{best}"
        for name in ("best.toml", "gain.json"):
            shutil.copyfile(folder / name, HERE / name)
        for name in ("history", "importance", "parallel-coordinates", "gain"):
            drawn = folder / "figures" / f"{name}.svg"
            if drawn.exists():
                shutil.copyfile(drawn, HERE / drawn.name)
    draw(HERE / "strategies.svg")
    text = table()
    print(text)
    for path in arguments.write:
        write_marked(path, "tuning", text)


if __name__ == "__main__":
    main()
