"""The report on a dataset."""
