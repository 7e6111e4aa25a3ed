"""Freeze what the served code computes over all rows: its value on the training side becomes a named constant."""

from nbdeploy.freezing.freezing import ALL, Freezable, Unfreezable, freeze, in_words, offered, settled_input, survey_of

__all__ = ["ALL", "Freezable", "Unfreezable", "freeze", "in_words", "offered", "settled_input", "survey_of"]
