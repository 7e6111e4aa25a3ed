"""What a request would be, as far as the text of the notebook tells: the likely inputs, and the code that each would run.

A recorded run settles the input; before it, every name that could be one is looked at, and findings say "if df is the input".
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from nbdeploy.analysis.binding_time import Cut, Source, cut_for
from nbdeploy.analysis.display import is_display
from nbdeploy.analysis.imported import Imported
from nbdeploy.analysis.program import Program, Statement
from nbdeploy.analysis.rules.survey import Survey, dotted
from nbdeploy.analysis.targets import plain_targets
from nbdeploy.notebook.cells import Role

__all__ = ["Requests", "ServedCode", "mentions"]

_MODEL_METHODS = frozenset(
    {"decision_function", "encode", "eval", "fit", "fit_predict", "fit_transform", "forward", "get_feature_names_out",
     "inverse_transform", "kneighbors", "load_state_dict", "predict", "predict_log_proba", "predict_proba",
     "score_samples", "train", "transform"}
)  # fmt: skip
_SETTINGS = frozenset({"default_rng", "device", "load", "load_model", "mean", "median", "std", "tolist", "unique"})
_STEPS = 5  # splits of splits
_LOADING = ("DataFrame", "Series", "array", "asarray", "tensor", "open")


@dataclass(frozen=True, slots=True)
class ServedCode:
    """A piece of code that runs for every request: a statement, or the body of a function that it calls.

    `dynamic` are the names in it that depend on the input `source`; `named` says that the user named that input.
    """

    statement: Statement
    body: tuple[ast.AST, ...]
    dynamic: frozenset[str]
    source: str
    named: bool
    function: str = ""

    def nodes(self, imported: Imported) -> Iterator[ast.AST]:
        """All nodes, without the statements that only show something and the functions that are defined inside."""
        waiting = list(self.body)
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Expr | ast.Assign) and is_display(node, imported) and node not in self.body:
                continue
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            yield node
            waiting += ast.iter_child_nodes(node)

    @property
    def when(self) -> str:
        """The condition under which a finding holds, to end a sentence with."""
        inside = f" (in {self.function}, which the served code calls)" if self.function else ""
        return inside if self.named else f"{inside}, if {self.source} is the input"


@dataclass(frozen=True)
class Requests:
    """The likely inputs of the tagged cells, each with its cut."""

    survey: Survey

    @property
    def program(self) -> Program:
        return self.survey.program

    @cached_property
    def asked(self) -> str | None:
        """The input that the notebook itself names."""
        options = [cell.options["input"] for cell in self.program.notebook.cells if "input" in cell.options]
        return next(iter(options), self.program.notebook.settings.input)

    @cached_property
    def cuts(self) -> tuple[Cut, ...]:
        if not self.program.serving:
            return ()
        outputs, expression = self.answer
        found = []
        for source in self._sources():
            cut = cut_for(self.program, source, self._bindings, outputs)
            if cut.dynamic & outputs and (cut.served or expression is not None):
                found.append(cut)
        fed = {s.name for s in (cut.source for cut in found) if any(_feeds(other, s) for other in found)}
        likely = [cut for cut in found if cut.source.name not in fed]
        asked = [cut for cut in likely if cut.source.name not in self._learnt_from]
        return tuple(asked or likely)

    @cached_property
    def code(self) -> tuple[ServedCode, ...]:
        """Every piece of served code, once for each input that may reach it."""
        return tuple(each for cut in self.cuts for each in self._code_of(cut))

    def _code_of(self, cut: Cut) -> Iterator[ServedCode]:
        named = self.asked is not None or len(self.cuts) == 1
        name = cut.source.name
        for each in cut.served:
            code = ServedCode(each.original, (each.original.node,), each.dynamic, name, named)
            yield code
            yield from self._called(code, each.original)
        last = self.answer[1]
        if last is not None and last.place not in {each.original.place for each in cut.served}:
            code = ServedCode(last, (_shown(last.node),), cut.dynamic & last.effects.refs, name, named)
            yield code
            yield from self._called(code, last)

    def _called(self, code: ServedCode, reader: Statement) -> Iterator[ServedCode]:
        """The bodies of the notebook's functions that the code calls with what depends on the input, each once."""
        waiting, seen = [code], {("", frozenset[str]())}
        while waiting:
            caller = waiting.pop()
            for node in caller.nodes(self.program.imported):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                    continue
                name, definition = node.func.id, self.program.definition_of(node.func.id, reader)
                if definition is None or not isinstance(definition.node, ast.FunctionDef):
                    continue
                given = _parameters_given(definition.node, node, caller.dynamic)
                if given and (name, given) not in seen:
                    seen.add((name, given))
                    body = definition.node.body
                    dynamic = _spread(body, given)
                    called = ServedCode(definition, tuple(body), dynamic, code.source, code.named, name)
                    yield called
                    waiting.append(called)

    # inputs ---------------------------------------------------------------------------------------------------------

    def _sources(self) -> list[Source]:
        every = self._all_sources()
        if self.asked is not None:
            return [each for each in every if each.name == self.asked] or [Source(self.asked)]
        return [each for each in every if each.name not in self._unlikely and each.name not in self._bindings]

    def _all_sources(self) -> list[Source]:
        bound: set[str] = set()
        found: dict[str, Source] = {}
        for each in self.program.serving:
            for name in sorted(self.program.reads(each) - bound - found.keys()):
                if self._is_data(name, each):
                    found[name] = Source(name)
            for name in sorted(each.effects.kills - bound - found.keys()):
                if not each.imports and not each.defines_code and _loads(each.node):
                    found[name] = Source(name, each)
            bound |= each.effects.defs
        return list(found.values())

    def _is_data(self, name: str, reader: Statement) -> bool:
        if name.startswith("<") or name in self.program.modules or hasattr(builtins, name):
            return False
        definition = self.program.definition_of(name, reader)
        return definition is None or not (definition.imports or definition.defines_code or _is_setting(definition.node))

    @cached_property
    def _unlikely(self) -> frozenset[str]:
        """Names that are models, mappings, lists of columns or labels by what is done with them."""
        found = {call.receiver for each in self.program.statements for call in each.effects.trains if call.receiver}
        for each in self.program.serving:
            behind = self.program.code_behind(each.effects.refs | each.effects.late, each).values()
            nodes = [node for statement in (each, *behind) for node in ast.walk(statement.node)]
            found |= {name for node in nodes for name in _no_data(node)}
            for node in nodes:
                if isinstance(node, ast.For) and set(plain_targets(node.target)) & found:
                    found |= {inner.id for inner in ast.walk(node.iter) if isinstance(inner, ast.Name)}
                elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    found |= self._models_passed(node, each)
        return frozenset(found | self._labels)

    def _models_passed(self, call: ast.Call, reader: Statement) -> set[str]:
        """Names that a function of the notebook is given and asks as models: `predict_single(customer, dv, model)`."""
        assert isinstance(call.func, ast.Name)
        definition = self.program.definition_of(call.func.id, reader)
        if definition is None or not isinstance(definition.node, ast.FunctionDef):
            return set()
        asked = {name for node in ast.walk(definition.node) for name in _no_data(node)}
        order = [each.arg for each in (*definition.node.args.posonlyargs, *definition.node.args.args)]
        passed = [*zip(order, call.args, strict=False), *((each.arg, each.value) for each in call.keywords)]
        return {value.id for name, value in passed if name in asked and isinstance(value, ast.Name)}

    @cached_property
    def _labels(self) -> frozenset[str]:
        """Names that models are fitted to or scored against."""
        found: set[str] = set()
        for _, call, origin in self.survey.calls:
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if method in {"fit", "score"} and len(call.args) > 1:
                found |= {each.id for each in call.args[1:2] if isinstance(each, ast.Name)}
            elif origin.startswith("sklearn.metrics.") and call.args and isinstance(call.args[0], ast.Name):
                found.add(call.args[0].id)
        return frozenset(found)

    @cached_property
    def _learnt_from(self) -> frozenset[str]:
        """Names whose rows a model was fitted on: less likely to be sent than others."""
        calls = [
            call for _, call, _ in self.survey.calls if isinstance(call.func, ast.Attribute) and call.func.attr == "fit"
        ]
        return frozenset(call.args[0].id for call in calls if call.args and isinstance(call.args[0], ast.Name))

    @cached_property
    def _bindings(self) -> Mapping[str, str]:
        """`X_test` of the predict cells is rows of `X` of the preprocess cells, when a split lies between them."""
        asked = dict(self.program.notebook.settings.bind)
        made = {name for each in self.program.with_role(Role.PREPROCESS) for name in each.effects.defs}
        made |= {name for each in self.program.with_role(Role.PREPROCESS) for name in each.effects.mutates}
        bound: set[str] = set()
        for each in self.program.with_role(Role.PREDICT):
            for name in self.program.reads(each) - bound - made - asked.keys():
                if (whole := self._whole(name, each, made)) is not None:
                    asked[name] = whole
            bound |= each.effects.defs
        return asked

    def _whole(self, name: str, reader: Statement, made: set[str]) -> str | None:
        """Follow splits and slices on the training side back to a name that the preprocess cells make."""
        definition = self.program.definition_of(name, reader)
        for _ in range(_STEPS):
            if (
                definition is None
                or definition.role is not None
                or (whole := _split_from(definition.node, name)) is None
            ):
                return None
            if whole in made and (whole != name or len(made) == 1):
                return whole
            name, definition = whole, self.program.definition_of(whole, definition)
        return None

    # outputs --------------------------------------------------------------------------------------------------------

    @cached_property
    def answer(self) -> tuple[frozenset[str], Statement | None]:
        """The names that the answer is made of, and the statement whose expression it is, if it is one."""
        options = [cell.options["output"] for cell in self.program.notebook.cells if "output" in cell.options]
        wanted = next(iter(options), self.program.notebook.settings.output)
        if wanted is not None:
            return (frozenset({wanted}) if wanted.isidentifier() else _names_in_text(wanted)), None
        predict = self.program.with_role(Role.PREDICT)
        if not predict:
            made = (name for each in self.program.serving for name in each.effects.defs | each.effects.mutates)
            return frozenset(name for name in made if not name.startswith("<")), None
        last = [each for each in predict if each.cell == predict[-1].cell]
        kept = [each for each in last if not self._draws(each) and not _is_metric(each.node)]
        return _last_answer(kept or last)

    def _draws(self, statement: Statement) -> bool:
        return isinstance(statement.node, ast.Assign | ast.Expr) and bool(statement.effects.refs & self._drawings)

    @cached_property
    def _drawings(self) -> frozenset[str]:
        """Names of figures and axes, and the modules that make them."""
        found = set(self.program.displays)
        for each in self.program.statements:
            if isinstance(each.node, ast.Assign | ast.With) and mentions(_called(each.node), found):
                found |= each.effects.kills
        return frozenset(found)

    @cached_property
    def settled(self) -> bool:
        """Tell whether the input and the output can be no others: a deploy would take the same."""
        one_input = self.asked is not None or len(self.cuts) == 1
        names, expression = self.answer
        makers = [each for each in self.program.with_role(Role.PREDICT) if each.effects.defs & names]
        plain = bool(makers) and isinstance(makers[-1].node, ast.Assign)
        return one_input and (expression is not None or plain)


def mentions(node: ast.AST, names: Iterable[str]) -> bool:
    """Tell whether an expression reads one of the names."""
    return any(isinstance(each, ast.Name) and each.id in names for each in ast.walk(node))


def _feeds(cut: Cut, source: Source) -> bool:
    """Tell whether what is loaded or spelled out in a tagged cell is made from another input."""
    return cut.source.name != source.name and source.after is not None and source.name in cut.dynamic


def _last_answer(cell: list[Statement]) -> tuple[frozenset[str], Statement | None]:
    """The names of the last predict cell's answer: those of its last expression, or the last that it binds."""
    bound: frozenset[str] = frozenset()
    for each in reversed(cell):
        if not (each.imports or each.defines_code or each.effects.display) and each.effects.refs and not bound:
            bound = each.effects.defs | (each.effects.mutates if not isinstance(each.node, ast.Expr) else frozenset())
    last = cell[-1]
    shown = _shown(last.node)
    read = last.effects.refs if isinstance(last.node, ast.Expr) and not isinstance(shown, ast.Constant) else frozenset()
    if not read or bound & read or (bound and last.effects.display):
        return frozenset(name for name in bound if not name.startswith("<")), None
    return frozenset(name for name in read | bound if not name.startswith("<")), last


def _called(node: ast.Assign | ast.With) -> ast.expr:
    """Return what is called to make a value, without the arguments: `ax.legend` of `key = ax.legend(answers)`."""
    value = node.value if isinstance(node, ast.Assign) else node.items[0].context_expr
    return value.func if isinstance(value, ast.Call) else ast.Constant(None)


def _is_metric(node: ast.stmt) -> bool:
    """`acc = (y_pred == y).mean()`, `rmse = mean_squared_error(...)`: how good the answers are, and no answer."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call | ast.BinOp):
        return False
    for each in ast.walk(node.value):
        if isinstance(each, ast.Call):
            name = dotted(each.func).rpartition(".")[2] or getattr(each.func, "attr", "")
            compared = any(isinstance(inner, ast.Compare) for inner in ast.walk(each))
            if name == "score" or name.endswith(("_score", "_error", "_report", "_matrix", "_loss")):
                return True
            if name in {"sum", "mean", "count_nonzero"} and compared:
                return True
    return False


def _shown(node: ast.stmt) -> ast.AST:
    """Return the expression that a statement shows: itself, or E of `print(E)`."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print" | "display"), args=[shown])):
            return shown
        case ast.Expr(value=value):
            return value
        case _:
            return node


def _no_data(node: ast.AST) -> list[str]:
    """Names that this node uses as a model, a function, a mapping or a list of columns."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in _MODEL_METHODS:
            return [name]
        case ast.Call(func=ast.Name(id=name)) | ast.Subscript(slice=ast.Name(id=name)):
            return [name]
        case ast.Call(func=ast.Attribute(attr="map" | "replace" | "reindex"), args=[ast.Name(id=name), *_]):
            return [name]
        case ast.keyword(arg="columns" | "index" | "map" | "bins" | "labels", value=ast.Name(id=name)):
            return [name]
        case _:
            return []


def _names_in_text(text: str) -> frozenset[str]:
    try:
        return frozenset(each.id for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Name))
    except SyntaxError:
        return frozenset({text})


def _loads(node: ast.stmt) -> bool:
    """A value that a tagged cell reads from a file or spells out: it may stand for the request."""
    if not isinstance(node, ast.Assign):
        return False
    match node.value:
        case ast.List(elts=[ast.List() | ast.Dict() | ast.Tuple(), *_]):
            return True
        case ast.Dict(keys=[_, _, *_]):
            return True
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=[_, *_]):
            return name in _LOADING or name.startswith(("read_", "fetch_"))
        case _:
            return False


def _is_setting(node: ast.stmt) -> bool:
    """A number, a text, or a list of them: no request, but a setting or a list of columns."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return False
    match node.value:
        case ast.Constant() | ast.UnaryOp(operand=ast.Constant()):
            return True
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return all(isinstance(each, ast.Constant) for each in elements)  # also an empty one, to be filled
        case ast.Dict(keys=keys):
            return not keys
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            makes_object = name[:1].isupper() and name not in _LOADING  # Tokenizer(), RandomState(0)
            return makes_object or name in _SETTINGS
        case ast.Attribute(attr="columns"):
            return True
        case _:
            return False


def _split_from(node: ast.stmt, name: str) -> str | None:
    """Return `X` for `X_test` in `X_train, X_test, ... = train_test_split(X, ...)`, and for `X_test = X[100:]`."""
    if not isinstance(node, ast.Assign):
        return None
    match node.value:
        case ast.Call(func=ast.Name(id="train_test_split") | ast.Attribute(attr="train_test_split"), args=arguments):
            for target in node.targets:
                names = list(plain_targets(target))
                if name in names and names.index(name) // 2 < len(arguments):
                    whole = arguments[names.index(name) // 2]
                    return whole.id if isinstance(whole, ast.Name) else None
            return None
        case ast.Subscript(value=ast.Name(id=whole)) | ast.Subscript(value=ast.Attribute(value=ast.Name(id=whole))):
            return whole
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=whole), attr="reset_index" | "copy" | "head" | "tail" | "sample")
        ):
            return whole
        case _:
            return None


def _parameters_given(function: ast.FunctionDef, call: ast.Call, dynamic: frozenset[str]) -> frozenset[str]:
    order = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    given = {name for name, value in zip(order, call.args, strict=False) if mentions(value, dynamic)}
    given |= {each.arg for each in call.keywords if each.arg and mentions(each.value, dynamic)}
    return frozenset(given)


def _spread(body: list[ast.stmt], given: frozenset[str]) -> frozenset[str]:
    """Return the names of a function's body that depend on the parameters; twice, since loops go back."""
    names = set(given)
    nodes = [each for statement in body for each in ast.walk(statement)]
    for _ in range(2):
        for node in nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if mentions(node.value, names):
                    names |= {name for target in targets for name in plain_targets(target)}
            elif isinstance(node, ast.For) and mentions(node.iter, names):
                names |= set(plain_targets(node.target))
    return frozenset(names)
