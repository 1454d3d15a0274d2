"""Question answering: windows with the question before each, spans as characters, the best of all windows."""

from __future__ import annotations

import random
import string
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from madx_pipeline import adapter_model
from madx_pipeline.data.cleaning import nfc
from madx_pipeline.data.formats import SquadFormat
from madx_pipeline.data.reading import read_file
from madx_pipeline.errors import JobError
from madx_pipeline.tasks import Encoded, Example, Row, task_type
from madx_pipeline.tasks.marks import without_shared_marks
from madx_pipeline.tasks.metrics.answers import rightness
from madx_pipeline.tasks.padding import loss_in_passes
from madx_pipeline.tasks.question_answering import LONGEST_ANSWER, windows_of
from tests.tasks.letters import letter_tokenizer
from tests.tasks.tiny_world import TinyWorld

QUESTIONS = task_type("question_answering")
WORDS = " ".join(string.ascii_lowercase)


def example(context: str, answer: str, question: str = "q", start: int | None = None) -> dict[str, Any]:
    place = context.index(answer) if start is None else start
    answers = [{"text": answer, "start": place}]
    return {"id": "1", "question": question, "context": context, "answers": answers, "language": "en"}


def encode(*examples: Example, max_length: int = 12) -> Encoded:
    return QUESTIONS.encode(examples, letter_tokenizer(), {}, max_length)


def gold_spans(encoded: Encoded) -> list[tuple[int, ...]]:
    """The true span of each window with a high score; of one without the answer, its first piece with a low one."""
    return [
        (*row.targets, 1) if row.targets != (0, 0) else (row.positions[0], row.positions[0], -1) for row in encoded.rows
    ]


def tokens(row: Row) -> str:
    return " ".join(letter_tokenizer().convert_ids_to_tokens(row.input_ids))


def test_the_question_stands_before_the_text() -> None:
    (row,) = encode(example("a bc d", "bc")).rows
    assert tokens(row) == "[CLS] q [SEP] a b ##c d [SEP]"
    assert row.targets == (4, 5)
    assert row.positions == (3, 7)


def test_a_long_text_is_read_in_windows_that_share_half_of_their_text() -> None:
    encoded = encode(example(WORDS, "a"))
    assert [tokens(row).split()[3:-1] for row in encoded.rows][:2] == [list("abcdefgh"), list("efghijkl")]
    assert tokens(encoded.rows[-1]).endswith("s t u v w x y z [SEP]")
    assert all(len(row.input_ids) <= 12 for row in encoded.rows)
    assert encoded.counts["texts_in_windows"] == 1


def test_an_answer_in_the_last_window_is_found_there() -> None:
    encoded = encode(example(WORDS, "y z"))
    assert [row.targets != (0, 0) for row in encoded.rows] == [False] * (len(encoded.rows) - 1) + [True]
    assert QUESTIONS.decode(encoded, gold_spans(encoded), {}) == ["y z"]


def test_a_window_without_the_answer_points_at_the_first_token() -> None:
    encoded = encode(example(WORDS, "a"))
    assert encoded.rows[-1].targets == (0, 0)


def test_an_answer_in_two_windows_is_marked_in_both_and_the_better_window_is_believed() -> None:
    encoded = encode(example(WORDS, "f g"))
    assert [row.targets for row in encoded.rows[:2]] == [(8, 9), (4, 5)]
    spans = gold_spans(encoded)
    assert QUESTIONS.decode(encoded, [(3, 3, 0), (*spans[1][:2], 7), *spans[2:]], {}) == ["f g"]
    assert QUESTIONS.decode(encoded, [(3, 3, 9), (*spans[1][:2], 7), *spans[2:]], {}) == ["a"]


def test_no_answer_of_up_to_half_a_window_is_cut_wherever_it_stands() -> None:
    for start in range(0, len(WORDS), 2):
        for words in (1, 2, 3, 4):
            answer = WORDS[start : start + 2 * words - 1]
            encoded = encode(example(WORDS, answer, start=start))
            assert encoded.counts["answers_in_no_window"] == 0
            assert QUESTIONS.decode(encoded, gold_spans(encoded), {}) == [answer]


def test_an_answer_that_is_longer_than_what_windows_share_is_counted() -> None:
    assert encode(example(WORDS, "d e f g h i")).counts["answers_in_no_window"] == 1


def test_an_answer_that_is_longer_than_any_that_is_predicted_is_counted() -> None:
    words = ["a"] * (LONGEST_ANSWER + 20)
    for length, too_long in ((LONGEST_ANSWER, 0), (LONGEST_ANSWER + 1, 1)):
        encoded = encode(example(" ".join(words), " ".join(words[:length]), start=0), max_length=200)
        assert (encoded.counts["answers_in_no_window"], encoded.counts["answers_too_long"]) == (0, too_long)
        (row,) = encoded.rows
        logits = torch.zeros(1, len(row.input_ids), 2)
        logits[0, row.targets[0], 0] = logits[0, row.targets[1], 1] = 9.0
        found = QUESTIONS.decode(encoded, QUESTIONS.read(logits, encoded.rows), {})
        assert (found == [" ".join(words[:length])]) == (not too_long)


def test_windows_cover_every_text_and_end_with_it() -> None:
    chance = random.Random(2)
    for _ in range(500):
        pieces, room = chance.randint(0, 60), chance.randint(2, 20)
        starts, length = windows_of(pieces, room)
        assert length == room
        assert {at for start in starts for at in range(start, min(start + room, pieces))} == set(range(pieces))
        assert all(later - start <= room - room // 2 for start, later in pairwise(starts))
    with pytest.raises(JobError, match="leaves no room for text beside the question"):
        windows_of(5, 1)


def test_a_question_never_takes_more_than_half_of_a_row() -> None:
    encoded = encode(example("a b c", "b", question="q " * 30))
    assert encoded.counts["questions_shortened"] == 1
    assert len(encoded.rows[0].input_ids) <= 12


def test_the_best_span_starts_before_it_ends_and_lies_in_the_text() -> None:
    encoded = encode(example("a b c d", "b"))
    logits = torch.zeros(1, 10, 2)
    logits[0, 1, :] = 50.0  # the question
    logits[0, 9, :] = 60.0  # padding
    logits[0, 6, 0], logits[0, 3, 1] = 9.0, 8.0  # an end before its start
    logits[0, 4, 0] = logits[0, 5, 1] = 4.0
    assert QUESTIONS.read(logits, encoded.rows) == [(6, 6, 9_000_000)]
    logits[0, 5, 1] = 7.0
    assert QUESTIONS.read(logits, encoded.rows) == [(4, 5, 11_000_000)]


def test_the_trivial_answer_is_the_whole_text() -> None:
    asked = example("b c", "b")
    gold = [QUESTIONS.gold(asked)]
    assert gold == [{"answers": ["b"], "language": "en"}]
    values = QUESTIONS.score(gold, [QUESTIONS.constant(asked, "")], "span").values
    assert values == {"answer_f1": pytest.approx(2 / 3, abs=1e-6), "exact_match": 0.0}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("world"))


def span_model(world: TinyWorld) -> Any:
    model = adapter_model.load_model(world.base.path / "model", "tiny")
    adapter_model.add_adapter(model, "task_qa", adapter_model.AdapterShape("seq_bn", 4), 1)
    with adapter_model.seeded(1):
        QUESTIONS.add_head(model, "task_qa", ["start", "end"])
    adapter_model.set_stack(model, ["task_qa"])
    return model.eval()


def test_padding_changes_neither_logits_nor_loss(world: TinyWorld) -> None:
    model = span_model(world)
    chance = random.Random(1)
    texts = ["".join(chance.choice("ab ") for _ in range(chance.randint(3, 30))) + " c" for _ in range(12)]
    batch = QUESTIONS.collate(encode(*(example(text, "c") for text in texts), max_length=16).rows, pad_id=0)
    torch.testing.assert_close(loss_in_passes(model, batch), model(**batch).loss)
    wider = {name: torch.nn.functional.pad(tensor, (0, 8)) for name, tensor in batch.items() if name != "labels"}
    torch.testing.assert_close(model(**wider, labels=batch["labels"]).loss, model(**batch).loss)
    alone = QUESTIONS.collate(encode(example(texts[0], "c"), max_length=16).rows, pad_id=0)
    torch.testing.assert_close(
        model(**alone).logits[0], model(**batch).logits[0, : alone["input_ids"].shape[1]], rtol=1e-4, atol=1e-5
    )


def test_a_head_is_saved_as_the_library_s_own_and_loaded_with_the_same_answers(
    world: TinyWorld, tmp_path: Path
) -> None:
    model = span_model(world)
    batch = QUESTIONS.collate(encode(example("a b c", "b")).rows, pad_id=0)
    wanted = model(**batch)
    adapter_model.save_adapter(model, "task_qa", tmp_path / "adapter", with_head=True)
    assert '"head_type": "question_answering"' in (tmp_path / "adapter/head_config.json").read_text(encoding="utf-8")
    again = adapter_model.load_model(world.base.path / "model", "tiny")
    adapter_model.load_task_adapter(again, tmp_path / "adapter", "task_qa", world.base.facts)
    adapter_model.set_stack(again, ["task_qa"])
    torch.testing.assert_close(again.eval()(**batch).logits, wanted.logits, rtol=0, atol=0)
    adapter_model.save_task_model(model, tmp_path / "model")
    whole = adapter_model.load_task_model(tmp_path / "model")
    assert adapter_model.head_labels(whole, "task_qa") == ["start", "end"]
    assert whole(**batch).loss is not None


@pytest.mark.parametrize(
    ("answer", "first", "last", "bare"),
    [
        ("Lama.", "Lama.", "Lama.", "Lama"),
        ("the Lama", "the", "Lama", "the Lama"),
        ("\u201eSky Rechnungen,", "\u201eSky", "ungen,", "Sky Rechnungen"),
        ("(1685", "(16", "85", "1685"),
        ("1685)", "16", "85)", "1685"),
        ("f(n).", "f", "n).", "f(n)"),
        ('"A Machine",', '"A', 'ine",', '"A Machine"'),
        ("a .", "a", ".", "a ."),
        ("(", "(", "(", "("),
        ("", "", "", ""),
    ],
)
def test_marks_that_share_a_piece_with_an_answer_are_taken_off(answer: str, first: str, last: str, bare: str) -> None:
    assert without_shared_marks(answer, first, last) == bare


@cache
def xquad(shared: Path, language: str) -> list[Example]:
    read = SquadFormat(format="squad", ids=None)
    counts: Counter[str] = Counter()
    examples = read_file(shared / f"data/xquad/xquad.{language}.json", read)
    return [{**one.cleaned(lambda text: nfc(text, counts), []).row(), "language": language} for one in examples]


def given_back(shared: Path, language: str, max_length: int) -> tuple[Encoded, list[str]]:
    """The questions as windows, and the gold answers of those as decoded from them."""
    transformers = pytest.importorskip("transformers")
    if not (shared / "models" / "mini-xlmr").is_dir():
        pytest.skip("no real tokenizer beside the repository")
    tokenizer = transformers.AutoTokenizer.from_pretrained(shared / "models" / "mini-xlmr")
    encoded = QUESTIONS.encode(xquad(shared, language), tokenizer, {}, max_length)
    assert all(len(row.input_ids) <= max_length for row in encoded.rows)
    return encoded, QUESTIONS.decode(encoded, gold_spans(encoded), {})


@pytest.mark.parametrize("language", ["ar", "de", "en", "es", "tr"])
def test_every_real_answer_is_given_back_to_the_letter(shared: Path, language: str) -> None:
    encoded, found = given_back(shared, language, 384)
    assert encoded.counts["answers_in_no_window"] == 0
    pairs = zip(xquad(shared, language), found, strict=True)
    other = [(asked, answer) for asked, answer in pairs if asked["answers"][0]["text"] != answer]
    # One Arabic answer begins in the middle of a word (a slip of the annotation), and no piece does.
    assert len(other) == (language == "ar")
    for asked, answer in other:
        assert asked["answers"][0]["text"] in answer
        assert not rightness(QUESTIONS.gold(asked), answer).exact


def test_with_short_windows_only_answers_that_are_counted_are_lost(shared: Path) -> None:
    encoded, found = given_back(shared, "tr", 128)
    lost = sum(
        asked["answers"][0]["text"] not in answer for asked, answer in zip(xquad(shared, "tr"), found, strict=True)
    )
    assert lost == encoded.counts["answers_in_no_window"] == 1
