"""The report on a hyperparameter study."""
