"""Secrets in the text of the notebook (NBD116). What is quoted anywhere by a rule goes through `redacted`."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from nbdeploy.analysis.rules.survey import Survey
from nbdeploy.errors import Diagnostic, Severity

__all__ = ["hint", "is_secret", "redacted", "secrets", "secrets_in"]

# What the keys of well-known services look like, each behind the marks of which one stands in every such key: they are looked
# for first, since a text without any of them, as nearly all are, needs no pattern.
_KNOWN = {
    "an AWS access key": ("AKIA ASIA", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "an Anthropic key": ("sk-ant-", r"\bsk-ant-[\w-]{20,}"),
    "an OpenAI key": ("sk-", r"\bsk-(?!ant-)(?=[\w-]*\d)(?=[\w-]*[A-Z])[A-Za-z0-9_-]{20,}"),
    "a GitHub token": (
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})",
    ),
    "a GitLab token": ("glpat-", r"\bglpat-[\w-]{20,}"),
    "a Hugging Face token": ("hf_", r"\bhf_[A-Za-z0-9]{30,}"),
    "a Google key": ("AIza", r"\bAIza[\w-]{35}"),
    "a Google client secret": ("GOCSPX-", r"\bGOCSPX-[\w-]{20,}"),
    "an Azure key": (
        "AccessKey= AccountKey=",
        r"\b(?:AccountKey|SharedAccessKey)=(?P<secret>[A-Za-z0-9+/]{40,}={0,2})",
    ),
    "a Slack token": ("xox", r"\bxox[abprs]-[\w-]{10,}"),
    "a Slack address to write to": (
        "hooks.slack.com",
        r"\bhooks\.slack\.com/services/(?P<secret>T\w{6,}/B\w{6,}/\w{16,})",
    ),
    "a Stripe key": ("k_live_", r"\b[sr]k_live_[A-Za-z0-9]{16,}"),
    "a SendGrid key": ("SG.", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    "a PyPI token": ("pypi-", r"\bpypi-[\w-]{50,}"),
    "an npm token": ("npm_", r"\bnpm_[A-Za-z0-9]{36}"),
    "a JSON web token": ("eyJ", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a private key": ("-----BEGIN", r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "a password in an address": (
        "://",
        r"\b[a-z][a-z0-9+.-]*://[^\s/:@'\"{}<>$]+:(?P<secret>[^\s/@'\"{}<>$]{3,})@[\w.-]+",
    ),
}
_PATTERNS = {what: re.compile(pattern) for what, (_, pattern) in _KNOWN.items()}
_MARKS = [(mark, what) for what, (marks, _) in _KNOWN.items() for mark in marks.split()]
_NAMED = re.compile(
    r"(?:^|_|\b)(?:password|passwd|pwd|secret|token|api_?key|access_?key|private_?key|auth_?key|credentials?|"
    r"client_?secret|connection_?string|kaggle_?key|bearer)(?:$|_|\b)",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"x{3,}|\*{3,}|\.{3}|<.*>|\{.*\}|\$|your|my[_-]|example|changeme|dummy|sample|fake|test|placeholder|insert|enter|todo|"
    r"password$|^passw|^secret$|^token$|^none$|^null$|key_?here|123456|abcdef|localhost|path|\s",
    re.IGNORECASE,
)
_MIN_LENGTH = 8
_MIN_ENTROPY = 2.5  # bits a character; words of a language have about as much, and digits and mixed case have more


def secrets(survey: Survey) -> Iterator[Diagnostic]:
    """NBD116: keys of known services anywhere in a cell, and texts that are named as a password or token."""
    told: set[str] = set()
    for cell in survey.program.notebook.cells:
        kinds = _marked_in(cell.source)
        for number, line in enumerate(cell.source.split("\n") if kinds else (), 1):
            for what, secret in _known_in(line, kinds):
                if secret not in told:
                    told.add(secret)
                    yield _finding(cell.index, number, what, secret)
    for index, line_number, name, value in _named(survey):
        known = any(value in each or each in value for each in told)
        if is_secret(name, value) and not known:
            told.add(value)
            yield _finding(index, line_number, f"what {name!r} holds", value)


def redacted(text: str) -> str:
    """Return the text with the secrets in it made unreadable: three characters and an ellipsis."""
    for _, secret in _known_in(text):
        text = text.replace(secret, hint(secret))
    return text


# A name and the text that it gets, in Python, JSON, YAML or a shell's line: how it looks where there is no syntax tree.
_GIVEN = re.compile(
    r"""(?P<name>[A-Za-z_][\w.-]*)["']?\]?\s*(?::\s*[\w\[\]., |]+?)?\s*[:=]\s*[bfruBFRU]{0,2}["'](?P<value>[^"'\\]+)["']"""
    r"""|^\s*[%!]?\s*(?:env|set_env|export|ENV|ARG)\s+(?P<variable>\w+)[ =]+["']?(?P<word>[^"'\s]+)"""
)


def secrets_in(line: str, *, named: bool = True) -> Iterator[tuple[str, str]]:
    """Yield what each secret in a line of any text is, and the secret; with `named` also texts that are named as one."""
    told: list[str] = []
    for what, secret in _known_in(line):
        told.append(secret)
        yield what, secret
    for found in _GIVEN.finditer(line) if named and _NAMED.search(line) else ():
        name, value = found["name"] or found["variable"], found["value"] or found["word"]
        if is_secret(name, value) and not any(value in each or each in value for each in told):
            told.append(value)
            yield f"what {name!r} holds", value


def is_secret(name: str, value: str) -> bool:
    """Whether a text that has this name is a password or token, as far as its look tells."""
    return bool(_NAMED.search(name)) and _looks_secret(value)


def _known_in(text: str, kinds: Iterable[str] | None = None) -> Iterator[tuple[str, str]]:
    for what in _marked_in(text) if kinds is None else kinds:
        for match in _PATTERNS[what].finditer(text):
            secret = match.groupdict().get("secret") or match[0]
            if not _PLACEHOLDER.search(secret) or what == "a private key":
                yield what, secret


def _marked_in(text: str) -> Iterable[str]:
    """Return the kinds of keys that may stand in the text."""
    return dict.fromkeys([what for mark, what in _MARKS if mark in text])


def _named(survey: Survey) -> Iterator[tuple[int, int, str, str]]:
    """Every text that is assigned to, passed as or filed under a name: cell, line, name, text."""
    for site in survey.sites[ast.Assign]:
        match site.node:
            case ast.Assign(targets=[target], value=ast.Constant(value=str() as value)):
                yield site.cell, site.line, _target_name(target), value
    for site in survey.sites[ast.Call]:
        assert isinstance(site.node, ast.Call)
        for each in site.node.keywords:
            if isinstance(each.value, ast.Constant) and isinstance(each.value.value, str):
                yield site.cell, each.value.lineno, each.arg or "", each.value.value
    for site in survey.sites[ast.Dict]:
        assert isinstance(site.node, ast.Dict)
        for key, item in zip(site.node.keys, site.node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(item, ast.Constant) and isinstance(item.value, str):
                yield site.cell, item.lineno, str(key.value), item.value
    for cell, name, argument, line, _ in survey.magics():
        if name in {"env", "set_env"} and (pair := re.match(r"(\w+)[ =]+['\"]?([^'\"\s]+)", argument)):
            yield cell.index, line, pair[1], pair[2]


def _target_name(target: ast.expr) -> str:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
        case _:
            return ""


def _looks_secret(value: str) -> bool:
    return len(value) >= _MIN_LENGTH and not _PLACEHOLDER.search(value) and _entropy(value) >= _MIN_ENTROPY


def _entropy(text: str) -> float:
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def hint(secret: str) -> str:
    """Return what is shown of a secret."""
    return f"{secret[:3]}…"


def _finding(cell: int, line: int, what: str, secret: str) -> Diagnostic:
    return Diagnostic(
        code="NBD116",
        severity=Severity.WARNING,
        cell=cell,
        line=line,
        message=f"{what} stands in the notebook ({hint(secret)}): it would go into the package, the run and the Bento",
        fix="read it from the environment (os.environ[...]), and revoke this one: it is in the file's history",
    )
