"""What a call does, as far as the library is known that it goes to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nbdeploy.analysis.display import method_name
from nbdeploy.analysis.imported import Imported
from nbdeploy.analysis.knowledge import Condition, names_origin
from nbdeploy.analysis.pseudo_names import FILES, UNKNOWN_FILE, file_name, random_stream
from nbdeploy.analysis.targets import given_to
from nbdeploy.analysis.walking import walk

__all__ = ["LibraryCalls", "is_true"]


# What makes an object that changes when it is only read, besides iterators.
_GENERATORS = frozenset(
    {"collections.defaultdict", "numpy.random.Generator", "numpy.random.RandomState", "numpy.random.default_rng",
     "random.Random", "torch.Generator"}
)  # fmt: skip
_FLAT_LIBRARIES = frozenset({"numpy", "pandas", "polars", "scipy"})


class LibraryCalls:
    """Answers about single calls in a notebook with these imports. Functions are told by their path, methods by their name."""

    def __init__(self, imported: Imported) -> None:
        self.imported = imported
        self.known = imported.known

    def origin(self, call: ast.Call) -> str | None:
        """Return the path of the library's function that is called; None for a method, and for the notebook's own."""
        return self.imported.origin(call.func)

    def is_calm(self, call: ast.Call) -> bool:
        """Tell whether the call is known to change neither its receiver nor its arguments."""
        origin, method = self.origin(call), method_name(call)
        if origin is not None:
            return self.known.changes_no_argument(origin) or self.makes_object(origin)
        known = self.known
        return method in known.fresh_methods or method in known.shallow_methods or method in known.view_methods

    def makes_object(self, origin: str) -> bool:
        """Tell whether this is a class: making an object of it changes nothing that it is made of."""
        return origin.rpartition(".")[2][:1].isupper()

    def only_switches(self, call: ast.Call) -> bool:
        """`model.eval()`: the receiver is in the same state afterwards, however often it is called."""
        return self.origin(call) is None and not call.args and method_name(call) in self.known.switching_methods

    def swallows_nothing(self, manager: ast.expr) -> bool:
        """Tell whether this context manager is known to let every exception through."""
        origin = self.origin(manager) if isinstance(manager, ast.Call) else None
        if origin is None or names_origin(self.known.swallowing, origin):
            return False
        return origin.partition(".")[0] in self.known.roots or origin == "builtins.open"

    # random numbers --------------------------------------------------------------------------------------------------

    def seeds(self, call: ast.Call) -> frozenset[str]:
        """Return the streams of random numbers that the call sets, as pseudo-names."""
        origin = self.origin(call)
        streams = self.known.streams_seeded(origin) if origin else frozenset()
        return frozenset(random_stream(each) for each in streams)

    def draws(self, call: ast.Call) -> frozenset[str]:
        """Return the process-wide streams of random numbers that the call, or the object that it makes, draws from."""
        if self._has_generator(call):
            return frozenset()
        origin = self.origin(call)
        if origin is None:
            method = method_name(call) or ""
            certain = method not in self.known.training_methods and method not in self.known.fresh_methods
            return self.streams_of_method(method) if certain else frozenset()
        conditions = self.known.draw_conditions(origin)
        streams = self.known.streams_moved(origin) - conditions.keys() - self.known.streams_drawn_bare(origin)
        if not (call.args or call.keywords):
            streams |= self.known.streams_drawn_bare(origin)
        streams |= {stream for stream, entries in conditions.items() if self._fulfils(call, entries)}
        return frozenset(random_stream(each) for each in streams)

    def streams_of_method(self, method: str) -> frozenset[str]:
        """Return the streams that a method of this name may draw from, whatever object it is of."""
        return frozenset(random_stream(stream) for stream, names in self.known.draw_methods.items() if method in names)

    def is_settled(self, value: ast.expr) -> bool:
        """Tell whether it is known of all that the value is made by which streams it draws from."""
        calls = [each for each in walk(value) if isinstance(each, ast.Call)]
        return bool(calls) and all(self._is_known_of(each) for each in calls)

    def _is_known_of(self, call: ast.Call) -> bool:
        origin = self.origin(call)
        return origin is not None and (self.known.never_draws(origin) or self._is_listed(origin))

    def _is_listed(self, origin: str) -> bool:
        known = self.known
        return bool(known.streams_moved(origin)) or names_origin(known.delegating, origin)

    def _has_generator(self, call: ast.Call) -> bool:
        given = (each for each in call.keywords if each.arg in self.known.generator_keywords)
        return any(not (isinstance(each.value, ast.Constant) and each.value.value is None) for each in given)

    def _fulfils(self, call: ast.Call, conditions: tuple[Condition, ...]) -> bool:
        if any(each.arg is None for each in call.keywords):  # **settings
            return True
        return any(_meets(each.value, one) for each in call.keywords for one in conditions if each.arg == one.keyword)

    # files -----------------------------------------------------------------------------------------------------------

    def files_written(self, call: ast.Call) -> frozenset[str]:
        """Return what the call changes on disk, as pseudo-names."""
        origin = self.origin(call)
        if origin == "builtins.open":
            writes = _opens_for_writing(call)
        elif origin == "builtins.print":
            writes = any(each.arg == "file" for each in call.keywords)
        elif origin is not None:
            writes = names_origin(self.known.file_writers, origin)
        else:
            writes = method_name(call) in self.known.file_writing_methods
        path = _only_path(call)
        return frozenset({FILES, file_name(path) if path else UNKNOWN_FILE}) if writes else frozenset()

    def files_read(self, call: ast.Call) -> frozenset[str]:
        """Return what the call reads from disk, as pseudo-names."""
        origin = self.origin(call)
        if origin is not None:
            reads = names_origin(self.known.file_readers, origin) or origin == "builtins.open"
        else:
            method = method_name(call) or ""
            reads = method in self.known.file_reading_methods or method.startswith("read_")
        path = _only_path(call)
        return (frozenset({UNKNOWN_FILE, file_name(path)}) if path else frozenset({FILES})) if reads else frozenset()

    # objects that using changes ---------------------------------------------------------------------------------------

    def makes_consumable(self, value: ast.expr) -> bool:
        """Tell whether the value changes when it is only used: an iterator, a generator of random numbers, an open file."""
        return any(self._consumable(each) for each in _alternatives(value))

    def _consumable(self, value: ast.expr) -> bool:
        if isinstance(value, ast.GeneratorExp):
            return True
        if not isinstance(value, ast.Call):
            return False
        origin = self.origin(value)
        if origin is not None:
            return origin in _GENERATORS or names_origin(self.known.iterator_functions, origin)
        return method_name(value) in self.known.iterator_methods - self.known.fresh_methods

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
        origin = self.origin(call)
        if origin is None:
            return self.flat_if(call.func.value) if isinstance(call.func, ast.Attribute) else None
        return frozenset() if origin.partition(".")[0] in _FLAT_LIBRARIES else None


def is_true(call: ast.Call, keywords: frozenset[str]) -> bool:
    """Tell whether one of the keywords is given and may be true."""
    return any(
        each.arg in keywords and not (isinstance(each.value, ast.Constant) and not each.value.value)
        for each in call.keywords
    )


def _alternatives(value: ast.expr) -> Iterator[ast.expr]:
    if isinstance(value, ast.IfExp):
        yield from (*_alternatives(value.body), *_alternatives(value.orelse))
    else:
        yield value


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
