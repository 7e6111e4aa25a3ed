"""One run of the notebook, and what it saw."""
