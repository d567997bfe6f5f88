"""The report on a video."""
