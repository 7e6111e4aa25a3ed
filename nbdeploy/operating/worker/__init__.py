"""Answers the messages of a broker with the exported package beside it: `python -m worker --help`."""
