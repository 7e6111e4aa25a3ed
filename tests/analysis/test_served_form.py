"""The form in which a tagged statement serves: without display, and with `transform` where it learnt."""

from __future__ import annotations

import textwrap

import pytest

from nbdeploy.analysis.served_form import fitted_receivers, transforming, without_display
from tests.analysis.notebooks import program_of


def without(source: str) -> str:
    program = program_of("import matplotlib.pyplot as plt", source)
    served = without_display(program.statements[-1], program.imported)
    compile(served.source, "served", "exec")
    return served.source


def served(source: str) -> str:
    program = program_of("from sklearn.preprocessing import StandardScaler", source)
    return transforming(program.statements[-1], program.imported).source


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (
            """
            for i in rows:
                print(i)
                total += i  # kept
                # a comment
                plt.plot(i)
            """,
            """
            for i in rows:
                total += i  # kept
                # a comment
            """,
        ),
        (
            """
            if len(rows) > 3:
                print("many")
            elif rows:
                display(rows)
                x = 1
            else:
                print("none")
            """,
            """
            if len(rows) > 3:
                pass
            elif rows:
                x = 1
            else:
                pass
            """,
        ),
        (
            """
            try:
                x = f()
            except ValueError as e:
                print(e)
                print("again")
            finally:
                plt.show()
            """,
            """
            try:
                x = f()
            except ValueError as e:
                pass
            finally:
                pass
            """,
        ),
        (
            """
            for i in rows:
                for j in i:
                    print(
                        j,
                    )  # shown
                    out.append(j)
            """,
            """
            for i in rows:
                for j in i:
                    out.append(j)
            """,
        ),
        (
            """
            for i in rows:
                _ = plt.title("ü"); out.append(i); print(i)
            """,
            """
            for i in rows:
                pass; out.append(i); pass
            """,
        ),
        (
            """
            with open(p) as f: print(f); x = f.read()
            """,
            """
            with open(p) as f: pass; x = f.read()
            """,
        ),
    ],
    ids=["loop", "if", "try", "nested", "several on a line", "one-line block"],
)
def test_nested_statements_that_only_show_are_taken_out(source: str, wanted: str) -> None:
    assert without(source).rstrip() == textwrap.dedent(wanted).strip()


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    print(1)\n    return 2",
        "x = 1  # print(x)",
        "for i in rows:\n    out.append(i)\n    log.warning(i)",
        "print(x)",
    ],
)
def test_other_statements_stay_as_they_are(source: str) -> None:
    assert without(source) == source


def test_a_string_over_several_lines_is_kept_when_a_display_beside_it_goes() -> None:
    source = 'for i in rows:\n    print(i)\n    text = """a\n\n  b"""'
    assert without(source) == 'for i in rows:\n    text = """a\n\n  b"""'


def test_what_is_taken_out_is_no_effect_of_the_rest() -> None:
    program = program_of("for i in rows:\n    print(noise)\n    total += i")
    found = without_display(program.statements[0], program.imported).effects
    assert found.refs == {"rows", "total"}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("X = scaler.fit_transform(df)", "X = scaler.transform(df)"),
        ("X = scaler.fit_transform(df, y)", "X = scaler.transform(df)"),
        (
            "X = scaler.fit_transform(df[['a', 'b']].fillna(0), y=target)",
            "X = scaler.transform(df[['a', 'b']].fillna(0))",
        ),
        ("df['é'] = scaler.fit_transform(df[['é']])  # é", "df['é'] = scaler.transform(df[['é']])  # é"),
        (
            "X = np.hstack([a.fit_transform(df), b.fit_transform(df, y)])",
            "X = np.hstack([a.transform(df), b.transform(df)])",
        ),
        ("X = a.fit_transform(b.fit_transform(df))", "X = a.transform(b.transform(df))"),
        ("X = scaler.fit_transform(\n    df,\n    y,\n)", "X = scaler.transform(\n    df)"),
        ("X = scaler.fit_transform(X=df)", "X = scaler.transform(X=df)"),
    ],
)
def test_fit_transform_serves_as_transform_of_the_rows(source: str, wanted: str) -> None:
    assert served(source) == wanted


@pytest.mark.parametrize(
    ("source", "receivers"),
    [
        ("X = scaler.fit_transform(df)", ("scaler",)),
        ("X = np.hstack([a.fit_transform(df), b.fit_transform(df)])", ("a", "b")),
        ("X = parts['x'].fit_transform(df)", ("parts",)),
        ("X = StandardScaler().fit_transform(df)", ()),
        ("X = km.fit_predict(df)", ()),
        ("X = a.fit_transform(df); X = 1", ("a",)),
        ("for c in df:\n    a.fit(df)\n    df[c] = a.fit_transform(df[c])", ()),
        ("def f(a):\n    return a.fit_transform(df)", ()),
        ("X = scaler.transform(df)", ()),
    ],
)
def test_the_objects_that_a_statement_fits_and_applies(source: str, receivers: tuple[str, ...]) -> None:
    program = program_of("import numpy as np", source)
    assert fitted_receivers(program.statements[1]) == receivers
