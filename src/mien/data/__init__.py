"""Labelled pictures: reading, checking and splitting them."""

from mien.data.dataset import SPLITS, VOTE_COLUMNS, Dataset
from mien.data.fer2013 import read_fer2013

__all__ = ["SPLITS", "VOTE_COLUMNS", "Dataset", "read_fer2013"]
