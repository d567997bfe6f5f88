"""The report on a study of hyperparameters."""
