"""Trainings that wait for a file, the gate, so that a test can end them in their midst.

Run as a program, this runs a study with the arguments that a file has.
"""

import pickle
import sys
import time
from pathlib import Path

from mien.tuning import objective, run, tune, worker


def train_at(gate, blocked):
    """Have trainings report made-up scores; the one with number `blocked` waits for the gate."""
    trainings = []

    def train(recipe, data, *, on_epoch, folder=None):
        trainings.append(recipe)
        for epoch in range(1, recipe.epochs + 1):
            on_epoch({"epoch": epoch, "val/fer2013_accuracy": recipe.learning_rate})
            while len(trainings) == blocked and not gate.exists():
                time.sleep(0.05)

    objective.train_quietly = train


def worker_process(job, stream, *, gate):
    """Work as a worker of a study does, but wait in the first training."""
    train_at(gate, blocked=1)
    worker._worker_process(job, stream)


def main(arguments):
    """Run a study that waits in its second training."""
    train_at(Path("gate"), blocked=2)
    run.tuning_report = lambda *_, **__: []
    tune(**pickle.loads(Path(arguments).read_bytes()))  # noqa: S301 - the test wrote it


if __name__ == "__main__":
    main(sys.argv[1])
