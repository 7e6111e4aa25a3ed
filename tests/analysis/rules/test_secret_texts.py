"""Secrets: found, and never shown."""

from __future__ import annotations

import pytest

from nbdeploy.analysis.rules.secret_texts import redacted
from tests.analysis.rules.found import found, only

GITHUB = "ghp_" + "a1B2c3D4e5F6" * 3
RANDOM = "q8Zr51LmVt0sWx7Yb2Nd"


@pytest.mark.parametrize(
    ("cell", "secret"),
    [
        (f"token = '{GITHUB}'", GITHUB),
        (f"# {GITHUB}", GITHUB),
        (f"!git clone https://ada:{RANDOM}@github.com/ada/x", RANDOM),
        (f"url = 'postgresql://ada:{RANDOM}@db.example.org/x'", RANDOM),
        ("aws = 'AKIA" + "Q3EGUZ7B2WXK5PLM'", "AKIAQ3EGUZ7B2WXK5PLM"),
        (f"api_key = '{RANDOM}'", RANDOM),
        (f"login(user='ada', password='{RANDOM}')", RANDOM),
        (f"headers = {{'access_token': '{RANDOM}'}}", RANDOM),
        (f"import os\nos.environ['API_KEY'] = '{RANDOM}'", RANDOM),
        (f"%env KAGGLE_KEY={RANDOM}", RANDOM),
    ],
)
def test_a_secret_is_found_and_not_shown(cell: str, secret: str) -> None:
    (finding,) = only("NBD116", cell)
    assert secret not in str(finding.as_json())
    assert f"{secret[:3]}…" in finding.message


@pytest.mark.parametrize(
    "cell",
    [
        "api_key = 'YOUR_API_KEY'",
        "api_key = '<insert key>'",
        "password = 'password'",
        "token = 'xxxxxxxxxxxxxxxx'",
        "import os\napi_key = os.environ['API_KEY']",
        "token = 'CLS'",
        "pad_token = '[PAD]'",
        "key = 'petal length (cm)'",
        "secret = ''",
        "url = 'https://user:password@example.org'",
        "df.sort_values(key='some_long_column_name')",
        "digest = 'c97785ae26bc519836cb8fd6ec880e184258a7b224486bd226193923998cf83b'",
        "tokenizer = 'bert-base-uncased-whole'",
    ],
)
def test_placeholders_and_other_texts_are_left_alone(cell: str) -> None:
    assert only("NBD116", cell) == []


def test_no_finding_of_any_rule_shows_a_secret_of_a_known_form() -> None:
    cells = [
        f"%run https://ada:{RANDOM}@example.org/x.py",
        f"x = '/home/ada/{GITHUB}'",
        ("preprocess", f"!curl -H {GITHUB}\nx = 1"),
    ]
    assert GITHUB not in str([each.as_json() for each in found(*cells)])
    assert RANDOM not in str([each.as_json() for each in found(*cells)])


def test_a_text_is_shown_without_its_secrets() -> None:
    assert redacted(f"git clone https://ada:{RANDOM}@github.com") == "git clone https://ada:q8Z…@github.com"
