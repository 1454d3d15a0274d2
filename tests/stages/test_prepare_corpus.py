"""prepare_corpus: what is kept of a text, what is held out, and what is said about it."""

from __future__ import annotations

import gzip
import hashlib
import random
from concurrent.futures import ProcessPoolExecutor
from itertools import permutations
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import pytest
from datasets import Dataset

from madx_pipeline.data.card_models import CorpusChoice
from madx_pipeline.errors import JobError
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Workspace, stage_page
from madx_pipeline.stages.prepare_corpus import Params, run
from madx_pipeline.text_material import corpus_material
from tests.data.jobs import UNKNOWN, base_model, inputs, workspace

PAGE = stage_page("prepare_corpus").params
WORDS = ["".join(letters) for letters in permutations("abcdefg", 6)]
LINES = [f"line {number} of a text" for number in range(300)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return base_model(tmp_path_factory.mktemp("base"), world_seed=0)


class Corpora:
    """Prepares corpora, each in a folder of its own."""

    def __init__(self, base: Artifact, folder: Path) -> None:
        self._base = base
        self._folder = folder
        self._made = 0

    def of_text(self, text: str | bytes, name: str = "text.txt", **params: Any) -> Workspace:
        path = self._folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return self.of(CorpusChoice(path=str(path)), **params)

    def of(self, choice: CorpusChoice, language: str = "qad", **params: Any) -> Workspace:
        self._made += 1
        out = workspace(self._folder / f"out{self._made}")
        material = corpus_material(choice, language, self._folder, _sha256)
        given = inputs({"language": language}, material.source, material.locations, base_model=self._base)
        run(given, Params.model_validate({**PAGE, **params}), out)
        return out


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture
def corpora(base: Artifact, tmp_path: Path) -> Corpora:
    return Corpora(base, tmp_path)


def rows(out: Workspace, part: str) -> list[list[int]]:
    found: list[list[int]] = Dataset.from_file(str(out.path / f"{part}.arrow"))["input_ids"][:]
    return found


def test_page_and_parameters_have_the_same_keys() -> None:
    assert set(PAGE) == set(Params.model_fields)


def test_lines_become_token_ids_without_special_tokens_and_without_being_cut(corpora: Corpora) -> None:
    out = corpora.of_text("abc abcdefghij\nb\n")
    found = rows(out, "train") + rows(out, "heldout")
    assert sorted(found, key=len) == [[6], [5, 6, 7, *range(5, 15)]]


def test_every_kept_line_is_in_exactly_one_part(corpora: Corpora) -> None:
    out = corpora.of_text("\n".join(LINES), heldout_share=0.2)
    facts = out.facts
    assert facts["lines_kept"] == 300
    assert facts["lines_train"] == len(rows(out, "train"))
    assert facts["lines_heldout"] == len(rows(out, "heldout"))
    assert facts["lines_train"] + facts["lines_heldout"] == 300
    assert 30 < facts["lines_heldout"] < 90


def test_the_order_of_a_text_does_not_change_what_is_held_out(corpora: Corpora) -> None:
    shuffled = random.Random(0).sample(LINES, len(LINES))
    first = corpora.of_text("\n".join(LINES), heldout_share=0.2)
    second = corpora.of_text("\n".join(shuffled), heldout_share=0.2)
    assert rows(first, "heldout") == rows(second, "heldout")


def test_the_same_text_gives_the_same_bytes(corpora: Corpora) -> None:
    text = "\n".join(LINES)
    first, second = corpora.of_text(text), corpora.of_text(gzip.compress(text.encode()), "text.txt.gz")
    for name in ("train.arrow", "heldout.arrow"):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()


def test_what_is_dropped_is_counted_by_reason(corpora: Corpora) -> None:
    text = "one\n\ntwo\none\n" + "x" * 30 + "\r\none\r\nthree\n  \n"
    facts = corpora.of_text(text, max_characters=20).facts
    assert facts["lines_read"] == 8
    assert facts["dropped"] == {"empty": 2, "too_long": 1, "duplicate": 2, "no_tokens": 0}
    assert facts["lines_kept"] == 3


def test_lines_of_nothing_the_tokenizer_knows_to_cut_are_counted(corpora: Corpora) -> None:
    assert corpora.of_text("a\nb\n\u200b \u200b\n").facts["unknown_share"] == pytest.approx(2 / 4)


def test_repeats_that_differ_in_normalisation_are_repeats(corpora: Corpora) -> None:
    facts = corpora.of_text("e\u0301\n\u00e9\nb\n").facts
    assert facts["dropped"]["duplicate"] == 1
    assert facts["normalised"] == 1


def test_the_tokenizer_is_measured_on_the_text(corpora: Corpora) -> None:
    facts = corpora.of_text("abc de\nÄb c\n").facts
    assert (facts["tokens"], facts["words"], facts["tokens_per_word"]) == (8, 4, 2.0)
    assert facts["unknown_share"] == 0.125
    assert facts["scripts"] == {"Latin": 1.0}
    assert UNKNOWN == 3


def test_a_script_without_spaces_is_measured_by_letter(corpora: Corpora) -> None:
    facts = corpora.of_text("今天天气很好\n我们去公园\n").facts
    assert (facts["words"], facts["word_unit"], facts["tokens_per_word"]) == (11, "character", 1.0)


def test_the_limit_of_lines_of_a_language_goes_before_that_of_the_stage(corpora: Corpora, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("\n".join(LINES), encoding="utf-8")
    assert corpora.of(CorpusChoice(path="long.txt"), max_lines=50).facts["lines_read"] == 50
    assert corpora.of(CorpusChoice(path="long.txt", max_lines=20), max_lines=50).facts["lines_read"] == 20


def test_provenance_is_recorded(corpora: Corpora) -> None:
    facts = corpora.of_text("a\nb\n", "qu.txt").facts
    digest = hashlib.sha256(b"a\nb\n").hexdigest()
    assert facts["origin"] == f"qu.txt (sha256 {digest[:12]})"
    assert facts["licence"] is None
    assert facts["language"] == "qad"


def test_the_text_of_the_built_in_world_needs_no_file(corpora: Corpora) -> None:
    facts = corpora.of(CorpusChoice(card="miniature", max_lines=40)).facts
    assert facts["lines_kept"] == 40
    assert facts["origin"] == "built-in world, seed 0"


def test_the_built_in_text_needs_the_built_in_base_model(tmp_path: Path) -> None:
    other = base_model(tmp_path / "base", world_seed=None)
    with pytest.raises(
        JobError, match="the corpus card miniature is the built-in world's, and the base model is another"
    ):
        Corpora(other, tmp_path).of(CorpusChoice(card="miniature"))


def test_few_held_out_lines_are_a_warning_not_a_failure(corpora: Corpora) -> None:
    [enough, known] = corpora.of_text("a\nb\n").checks
    assert (enough.name, enough.passed, enough.value, enough.hard) == ("enough_held_out_lines", False, 1, False)
    assert (known.name, known.passed) == ("tokens_are_known", True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'the corpus of "qad" is empty: text.txt'),
        ("one line\n", 'the corpus of "qad" is too small: 1 line is left of 1 read (none dropped), from text.txt'),
        ("\n \n\n", "too small: 0 lines are left of 3 read (3 empty), from text.txt"),
        ("a\na\na\n", "too small: 1 line is left of 3 read (2 duplicate), from text.txt"),
        ("x" * 60000 + "\na\n", "too small: 1 line is left of 2 read (1 too long), from text.txt"),
    ],
    ids=["empty", "one line", "nothing but spaces", "one line repeated", "one line and debris"],
)
def test_a_corpus_too_small_fails_with_its_counts(corpora: Corpora, text: str, message: str) -> None:
    with pytest.raises(JobError) as error:
        corpora.of_text(text)
    assert message in str(error.value)
    assert error.value.problems[0].hint


def test_another_encoding_fails_with_file_and_line(corpora: Corpora) -> None:
    with pytest.raises(JobError, match=r"text\.txt, line 2 \(byte 8\): not UTF-8"):
        corpora.of_text("gut\nschön\n".encode("latin-1").replace(b"gut", b"guut"))


def _peaks(folder: Path, text: Path) -> tuple[int, int, int]:
    """Prepares a small text and then `text`; gives the peak of memory (KiB) after each, and the lines kept."""
    corpora = Corpora(base_model(folder / "base", pieces=WORDS), folder)
    corpora.of_text("\n".join(LINES))
    before = getrusage(RUSAGE_SELF).ru_maxrss
    kept = corpora.of(CorpusChoice(path=str(text))).facts["lines_kept"]
    return before, getrusage(RUSAGE_SELF).ru_maxrss, kept


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    """70 MB of different lines, of which 5 MB of hashes are kept; text or tokens would be twice the bound."""
    path = tmp_path / "large.txt"
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(600_000):
            file.write(f"{number} {' '.join(rng.choices(WORDS, k=16))}\n")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh_process:
        before, after, kept = fresh_process.submit(_peaks, tmp_path, path).result()
    assert kept == 600_000
    assert after - before < 32 * 1024
