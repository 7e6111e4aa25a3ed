"""A notebook as one program: which statements run, where they stand, and how names lead to one another."""

from __future__ import annotations

import pytest

from nbdeploy.notebook.cells import Role
from tests.analysis.notebooks import program_of


def test_statements_stand_in_cell_order_with_their_place_and_role() -> None:
    program = program_of(
        "import math",
        ("preprocess", "\n# first\nx = math.tau\n\ny = (\n    x\n)"),
        ("predict", "z = x"),
        ("parameters", "k = 1"),
        ("test", "assert z"),
    )
    found = [(each.cell, each.line, each.end_line, each.role) for each in program.statements]
    assert found == [
        (0, 1, 1, None),
        (1, 2, 2, Role.PREPROCESS),
        (1, 4, 6, Role.PREPROCESS),
        (2, 1, 1, Role.PREDICT),
        (3, 1, 1, Role.PARAMETERS),
        (4, 1, 1, Role.TEST),
    ]
    assert [each.index for each in program.statements] == list(range(6))


def test_the_serving_path_is_preprocess_then_predict_wherever_they_stand() -> None:
    program = program_of(("predict", "b = 1"), ("preprocess", "a = 1"), "c = 1", ("preprocess", "d = 1"))
    assert [each.source for each in program.serving] == ["a = 1", "d = 1", "b = 1"]


def test_skipped_and_empty_cells_are_not_in_the_program() -> None:
    assert [s.source for s in program_of(("skip", "a = 1"), "", "# only a comment", "pass", "b = 1").statements] == [
        "b = 1"
    ]


def test_statements_on_one_line_have_positions_of_their_own() -> None:
    program = program_of("a = 1; b = 2; c = 3\nd = 4")
    assert [each.place for each in program.statements] == [(0, 1, 0), (0, 1, 1), (0, 1, 2), (0, 2, 0)]
    assert [each.source for each in program.statements] == ["a = 1", "b = 2", "c = 3", "d = 4"]


@pytest.mark.parametrize(
    "source",
    [
        "x = 1  # why",
        "x = '''two\n  lines'''",
        "x = [\n    1,  # one\n\n    2,\n]  # done",
        "@deco\n@other(1)\ndef f():\n    return 1",
        "for i in r:\n    # inside\n    pass",
        "if a:\n    b = 1\nelse:\n    b = 2",
        "x = 'é' + 'ü'  # über",
    ],
)
def test_a_statements_source_is_the_users_own_text(source: str) -> None:
    [statement] = program_of(source).statements
    assert statement.source == source


def test_text_after_another_statement_on_its_line_counts_in_characters_not_bytes() -> None:
    assert [each.source for each in program_of("x = 'é'; y = 'ü'; z = 1").statements] == ["x = 'é'", "y = 'ü'", "z = 1"]


@pytest.mark.parametrize("break_", ["\x0c", "\x1c", "\u2028"])
def test_lines_are_pythons_lines(break_: str) -> None:
    program = program_of(f"x = 'a{break_}b'\ny = 1")
    assert [(each.source, each.line) for each in program.statements] == [(f"x = 'a{break_}b'", 1), ("y = 1", 2)]


def test_the_comment_above_a_statement_is_its_own() -> None:
    program = program_of("# far\n\n# near one\n# near two\nx = 1  # beside\n# of y\ny = 2")
    assert [each.comment for each in program.statements] == ["# near one\n# near two", "# of y"]


def test_magics_and_shell_lines_are_no_obstacle() -> None:
    program = program_of("%matplotlib inline\nx = 1\n!ls\nfiles = !ls\ny = x")
    assert "y = x" in [each.source for each in program.statements]
    assert [each.line for each in program.statements if each.source in {"x = 1", "y = x"}] == [2, 5]


def test_the_definition_of_a_name_is_the_last_certain_one_before() -> None:
    program = program_of("f = 1", "def f():\n    return 1", "if c:\n    f = 2", "f()", "f = 3")
    reader = program.statements[3]
    definition = program.definition_of("f", reader)
    assert definition is not None
    assert definition.cell == 1
    assert program.definition_of("nothing", reader) is None


def test_a_statement_reads_what_the_functions_read_that_it_calls() -> None:
    program = program_of(
        """
        k = 1
        j = 2
        def f(a):
            return a + k
        def g(a):
            return f(a) + j
        class C:
            def m(self):
                return g(1)
        """,
        "x = g(1)",
        "y = C().m()",
        "z = map(g, [])",
    )
    reads = {each.source[0]: program.reads(each) for each in program.statements[-3:]}
    assert reads["x"] >= {"f", "g", "j", "k"}
    assert reads["y"] >= {"C", "f", "g", "j", "k"}
    assert reads["z"] >= {"f", "g", "j", "k", "map"}


def test_defining_a_function_reads_nothing_of_its_body() -> None:
    program = program_of("def f():\n    return k")
    assert program.reads(program.statements[0]) == frozenset()


def test_functions_that_call_one_another_in_a_circle_are_followed_once() -> None:
    program = program_of("def f(n):\n    return g(n)\ndef g(n):\n    return f(n)", "f(1)")
    assert set(program.code_behind(["f"], program.statements[-1])) == {"f", "g"}


def test_a_lambda_with_a_name_is_code_like_a_function() -> None:
    program = program_of("k = 2\nf = lambda a: a * k", "x = f(1)")
    assert "k" in program.reads(program.statements[-1])


def test_a_change_is_seen_by_all_names_that_share_the_object() -> None:
    program = program_of("a = []\nb = a\nc = {'k': b}\nd = []", "e = c['k']", "e.append(1)", "d.append(2)")
    assert program.touched_by(program.statements[-2]) == {"a", "b", "c", "e"}
    assert program.touched_by(program.statements[-1]) == {"d"}


def test_what_a_function_does_to_its_arguments_is_an_effect_of_calling_it() -> None:
    program = program_of(
        "def fill(n, table):\n    table['k'] = n", "x = fill(1, rows.first)", "fill = print", "fill(2, y)"
    )
    assert program.statements[1].effects.mutates == {"rows"}


def test_imported_names_and_those_that_only_show_are_known_everywhere() -> None:
    program = program_of(
        "plt.plot([1])", "import matplotlib.pyplot as plt\nimport numpy as np", "def f():\n    import seaborn as sns"
    )
    assert program.modules >= {"plt", "np", "sns"}
    assert program.displays >= {"plt", "sns"}
    assert "np" not in program.displays
    assert program.statements[0].effects.display
