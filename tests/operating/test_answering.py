"""From messages to replies, by a package alone: no broker."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from nbdeploy.operating.worker.answering import Answering
from nbdeploy.operating.worker.messages import Message
from tests.operating.streams import alone_package, expected, mixed_package, row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = mixed_package(tmp_path_factory.mktemp("mixed"), "mixed_answering")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def message(body: Any, place: str = "rows:1", key: str | None = None) -> Message:
    return Message(json.dumps(body).encode(), place, key)


def told(answering: Answering, *messages: Message) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in answering.replies(messages)]


def test_a_message_is_one_row_and_its_reply_carries_key_predictions_version_and_request_id(mixed: Path) -> None:
    (reply,) = Answering(mixed).replies([message({**row(5), "key": "ann"})])
    body = json.loads(reply.body)
    assert body == {"key": "ann", "predictions": [expected(5)], "version": "7", "request_id": body["request_id"]}
    assert (reply.id, reply.key, reply.dead) == (f"{body['request_id']}:7", "ann", False)


def test_a_message_may_be_what_the_service_takes(mixed: Path) -> None:
    requests = [message({"rows": [row(1), row(2)], "key": 1}), message({"rows": []}), message({"rows": [row(3)]})]
    assert [each["predictions"] for each in told(Answering(mixed), *requests)] == [
        [expected(1), expected(2)],
        [],
        [expected(3)],
    ]


@pytest.mark.parametrize(
    ("field", "sent", "key"),
    [
        (None, message({**row(4), "key": 12}), 12),
        (None, message(row(4), key="of the header"), "of the header"),
        (None, message(row(4)), "rows:1"),
        ("id", message(row(4), key="of the header"), 4),
        ("order", message({**row(4), "order": "A-1", "key": 1}), None),
        ("order", message({**row(4), "order": "A-1"}), "A-1"),
    ],
)
def test_the_key_is_a_field_else_the_senders_header_else_the_messages_place(
    mixed: Path, field: str | None, sent: Message, key: Any
) -> None:
    (answer,) = told(Answering(mixed, field), sent)
    if key is None:
        assert [each["message"] for each in answer["problems"]] == ["unknown field"]
    else:
        assert (answer["key"], answer["predictions"]) == (key, [expected(4)])


def test_the_same_message_has_the_same_id_and_other_content_another(mixed: Path) -> None:
    sent = [message({**row(1), "key": "a"}), message({**row(1), "key": "a"}, "rows:2"), message({**row(2), "key": "a"})]
    first, again, other = (each.id for each in Answering(mixed).replies(sent))
    assert first == again != other


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", (None, None)),
        (json.dumps({**row(1), "Pclass": "third"}).encode(), (0, "Pclass")),
        (json.dumps({"rows": [row(1), {**row(2), "Embarked": "X"}]}).encode(), (1, "Embarked")),
        (json.dumps({**row(1), "Pclas": 3}).encode(), (0, "Pclas")),
        (json.dumps({**row(1), "7": float("nan")}).encode(), (0, "7")),
        (json.dumps({"rows": 3}).encode(), (None, "rows")),
        (b"3", (0, None)),
        (b"\xff\xfe", (None, None)),
        (json.dumps({**row(1), "Name": "boom"}).encode(), None),
        (json.dumps({**row(1), "Name": "crash"}).encode(), None),
        (json.dumps({**row(1), "Name": "short"}).encode(), None),
    ],
)
def test_what_cannot_be_answered_is_a_dead_letter_with_the_reason(mixed: Path, body: bytes, problem: Any) -> None:
    (reply,) = Answering(mixed).replies([Message(body, "rows:9")])
    letter = json.loads(reply.body)
    assert reply.dead
    assert letter["error"]
    assert letter["message"] == body.decode(errors="replace")
    assert [(each["row"], each["field"]) for each in letter["problems"]] == ([problem] if problem else [])
    assert all(each["message"] in letter["error"] for each in letter["problems"])


def test_one_bad_message_among_many_costs_the_others_nothing(mixed: Path) -> None:
    bodies = [row(number) for number in range(100)]
    bodies[37]["Pclass"], bodies[80]["Name"] = None, "boom"
    replies = Answering(mixed).replies([message(each, f"rows:{n}") for n, each in enumerate(bodies)])
    assert [n for n, each in enumerate(replies) if each.dead] == [37, 80]
    found = {n: json.loads(each.body)["predictions"] for n, each in enumerate(replies) if not each.dead}
    assert found == {n: [expected(n)] for n in range(100) if n not in {37, 80}}


@pytest.mark.parametrize(
    "key", [b"[1]", b"{}", b"null", b"1" + b"0" * 4000, b"-18446744073709551616", b'"%s"' % (b"x" * 257)], ids=range(6)
)
def test_what_can_be_no_key_is_a_dead_letter_under_the_messages_place(mixed: Path, key: bytes) -> None:
    (letter,) = told(Answering(mixed), Message(b'{"rows": [], "key": ' + key + b"}", "rows:1"))
    assert (letter["key"], letter["problems"][0]["field"]) == ("rows:1", "key")


@pytest.mark.parametrize("key", ["line\nbreak", "\x00", "Ünicode", "", 1.5, -3, True])
def test_any_text_and_number_is_a_key_and_an_id_is_plain_ascii_for_all(mixed: Path, key: Any) -> None:
    (reply,) = Answering(mixed).replies([message({**row(1), "key": key})])
    assert (json.loads(reply.body)["key"], reply.key, reply.dead) == (key, key, False)
    assert reply.id.isascii()
    assert reply.id.isprintable()


def test_no_reply_is_larger_than_a_broker_takes(mixed: Path) -> None:
    large, quotes = {**row(1), "Pclass": "x" * 800_000}, {**row(1), "Pclass": '"' * 800_000}
    many = {"rows": [row(number) for number in range(120_000)]}
    replies = Answering(mixed).replies([message(large), message(quotes), message(many)])
    assert [each.dead for each in replies] == [True, True, True]
    assert all(len(each.body) < 1_000_000 for each in replies)
    letters = [json.loads(each.body) for each in replies]
    assert json.loads(letters[0]["message"]) == large
    assert letters[1]["message"] == json.dumps(quotes)[: len(letters[1]["message"])]
    assert "send fewer rows" in letters[2]["error"]


def test_full_memory_is_no_fault_of_a_message(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering = Answering(mixed)

    def full(rows: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(answering, "predict", full)
    with pytest.raises(MemoryError):
        answering.replies([message(row(1))])


def test_where_rows_change_one_another_each_message_is_asked_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = alone_package(tmp_path, "alone_answering")
    monkeypatch.syspath_prepend(str(folder))
    answers = told(Answering(folder), message("a"), message("b"), message({"input": ["c", "d"]}))
    assert [each["predictions"] for each in answers] == [["a of 1"], ["b of 1"], ["c of 2", "d of 2"]]
