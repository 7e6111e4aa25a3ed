"""Which assignments give a name rows of another, as the text tells it."""

from __future__ import annotations

import ast

import pytest

from nbdeploy.analysis.row_parts import rows_of


@pytest.mark.parametrize(
    ("code", "whole"),
    [
        ("a, part = train_test_split(df)", "df"),
        ("part = df.loc[split]", "df"),
        ("part = df.drop(split)", "df"),
        ("part = df.drop(index=train.index)", "df"),
        ("part = df.query('age > 3')", "df"),
        ("train, part = df.loc[split], df.drop(split)", "df"),
        ("part, other = other, df", "other"),
        ("part = df.drop('price')", None),
        ("part = df.drop(['price'])", None),
        ("part = df.drop(columns=left)", None),
        ("part = df.drop(left, axis=1)", None),
        ("part = df.mean()", None),
        ("other, part = made(df)", None),
    ],
)
def test_rows_of_another_name(code: str, whole: str | None) -> None:
    assert rows_of(ast.parse(code).body[0], "part") == whole
