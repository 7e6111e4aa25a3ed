"""What a call does, as far as the library is known that it goes to."""

from __future__ import annotations

import ast

from nbdeploy.analysis.imported import Imported
from nbdeploy.analysis.knowledge import Callee, Condition, names_origin
from nbdeploy.analysis.pseudo_names import FILES, UNKNOWN_FILE, file_name
from nbdeploy.analysis.targets import given_to
from nbdeploy.analysis.walking import walk

__all__ = ["LibraryCalls", "is_true"]


_FLAT_LIBRARIES = frozenset({"numpy", "pandas", "polars", "scipy"})


class LibraryCalls:
    """Answers about single calls in a notebook with these imports. Functions are told by their path, methods by their name."""

    def __init__(self, imported: Imported) -> None:
        self.imported = imported
        self.known = imported.known

    def swallows_nothing(self, manager: ast.expr) -> bool:
        """Tell whether this context manager is known to let every exception through."""
        origin = self.imported.origin(manager.func) if isinstance(manager, ast.Call) else None
        if origin is None or names_origin(self.known.swallowing, origin):
            return False
        return origin.partition(".")[0] in self.known.roots or origin == "builtins.open"

    # random numbers --------------------------------------------------------------------------------------------------

    def draws(self, call: ast.Call, callee: Callee) -> frozenset[str]:
        """Return the process-wide streams of random numbers that the call, or the object that it makes, draws from."""
        if self._has_generator(call):
            return frozenset()
        streams = callee.draws if call.args or call.keywords else callee.draws | callee.draws_bare
        return streams | {stream for stream, entries in callee.draws_if.items() if _fulfils(call, entries)}

    def is_settled(self, value: ast.expr) -> bool:
        """Tell whether it is known of all that the value is made by which streams it draws from."""
        calls = [each for each in walk(value) if isinstance(each, ast.Call)]
        return bool(calls) and all(self.imported.callee(each).settled for each in calls)

    def _has_generator(self, call: ast.Call) -> bool:
        given = (each for each in call.keywords if each.arg in self.known.generator_keywords)
        return any(not (isinstance(each.value, ast.Constant) and each.value.value is None) for each in given)

    # files -----------------------------------------------------------------------------------------------------------

    def files_written(self, call: ast.Call, callee: Callee) -> frozenset[str]:
        """Return what the call changes on disk, as pseudo-names."""
        writes = callee.writes_files
        if callee.origin == "builtins.open":
            writes = _opens_for_writing(call)
        elif callee.origin == "builtins.print":
            writes = any(each.arg == "file" for each in call.keywords)
        if not writes:
            return frozenset()
        path = _only_path(call)
        return frozenset({FILES, file_name(path) if path else UNKNOWN_FILE})

    def files_read(self, call: ast.Call, callee: Callee) -> frozenset[str]:
        """Return what the call reads from disk, as pseudo-names."""
        if not callee.reads_files:
            return frozenset()
        path = _only_path(call)
        return frozenset({UNKNOWN_FILE, file_name(path)}) if path else frozenset({FILES})

    # objects that using changes ---------------------------------------------------------------------------------------

    def makes_consumable(self, value: ast.expr) -> bool:
        """Tell whether the value changes when it is only used: an iterator, a generator of random numbers, an open file."""
        if isinstance(value, ast.IfExp):
            return self.makes_consumable(value.body) or self.makes_consumable(value.orelse)
        if isinstance(value, ast.Call):
            return self.imported.callee(value).iterates
        return isinstance(value, ast.GeneratorExp)

    # objects of numbers and texts -------------------------------------------------------------------------------------

    def flat_if(self, value: ast.expr) -> frozenset[str] | None:
        """Return the names that must be flat for the value to be: an array or a frame, whose copy shares nothing with it.

        None: it may be anything. (A frame of Python lists is not flat, though it passes for it here.)
        """
        match value:
            case ast.Constant():
                return frozenset()
            case ast.Name(id=name):
                return None if name in self.imported.modules else frozenset({name})
            case ast.Attribute() | ast.Subscript():
                return self.flat_if(value.value)
            case ast.UnaryOp():
                return self.flat_if(value.operand)
            case ast.BinOp(left=left, right=right) | ast.Compare(left=left, comparators=[right]):
                one, other = self.flat_if(left), self.flat_if(right)
                return None if one is None or other is None else one | other
            case ast.Call():
                return self._flat_call(value)
            case _:
                return None

    def _flat_call(self, call: ast.Call) -> frozenset[str] | None:
        origin = self.imported.origin(call.func)
        if origin is None:
            return self.flat_if(call.func.value) if isinstance(call.func, ast.Attribute) else None
        return frozenset() if origin.partition(".")[0] in _FLAT_LIBRARIES else None


def is_true(call: ast.Call, keywords: frozenset[str]) -> bool:
    """Tell whether one of the keywords is given and may be true."""
    return any(
        each.arg in keywords and not (isinstance(each.value, ast.Constant) and not each.value.value)
        for each in call.keywords
    )


def _fulfils(call: ast.Call, conditions: tuple[Condition, ...]) -> bool:
    if any(each.arg is None for each in call.keywords):  # **settings
        return True
    return any(_meets(each.value, one) for each in call.keywords for one in conditions if each.arg == one.keyword)


def _meets(value: ast.expr, condition: Condition) -> bool:
    if not isinstance(value, ast.Constant):
        return True  # nobody knows
    return str(value.value) in condition.values if condition.values else value.value not in {False, None}


def _only_path(call: ast.Call) -> str | None:
    """Return the one literal among the arguments that looks like the path of a file, if there is just one."""
    texts = [each for each in given_to(call) if _is_text(each)]
    paths = [each.value for each in texts if isinstance(each, ast.Constant) and _looks_like_path(str(each.value))]
    return str(paths[0]) if len(paths) == 1 else None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _looks_like_path(text: str) -> bool:
    name = text.rpartition("/")[2]
    return "." in name.strip(".") and not any(each in text for each in "*?\n ")


def _opens_for_writing(call: ast.Call) -> bool:
    modes = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "mode")]
    texts = [each.value for each in modes if isinstance(each, ast.Constant)]
    return len(texts) < len(modes) or any(set(str(text)) & set("wax+") for text in texts)
