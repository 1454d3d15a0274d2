"""Nothing that is scored was ever trained on: by any model, in any language, as text or as meaning."""

from __future__ import annotations

import pytest

from madx_pipeline.miniature import LANGUAGES
from madx_pipeline.miniature.clauses import Sentence
from madx_pipeline.miniature.linearise import Token, Voice, as_text
from madx_pipeline.miniature.world import SPLITS, World


@pytest.fixture(scope="module")
def world() -> World:
    return World(3)


def labelled(world: World, split: str) -> set[str]:
    return {as_text(e["words"]) for code in LANGUAGES for e in world.labelled("ner", code, split)}


def sentences(lines: list[str]) -> set[str]:
    return {f"{sentence.strip()}." for line in lines for sentence in line.split(".") if sentence.strip()}


def runs(text: str, lengths: set[int]) -> set[str]:
    """Every run of words of these lengths."""
    words = text.split()
    return {" ".join(words[start : start + length]) for length in lengths for start in range(len(words))}


def test_no_scored_sentence_is_in_the_unlabelled_text_not_even_inside_a_longer_one(world: World) -> None:
    scored = {text.removesuffix(".").strip() for text in labelled(world, "test") | labelled(world, "validation")}
    lengths = {len(text.split()) for text in scored}
    texts = {code: list(world.corpus(code)) for code in LANGUAGES} | {"switched": list(world.code_switched())}
    for code, lines in texts.items():
        for sentence in sentences(lines):
            assert scored.isdisjoint(runs(sentence.removesuffix("."), lengths)), (code, sentence)


def test_no_test_sentence_is_inside_a_training_sentence(world: World) -> None:
    scored = {text.removesuffix(".").strip() for text in labelled(world, "test")}
    lengths = {len(text.split()) for text in scored}
    for sentence in labelled(world, "train"):
        assert scored.isdisjoint(runs(sentence.removesuffix("."), lengths)), sentence


def test_no_sentence_is_in_two_labelled_splits_in_any_language(world: World) -> None:
    texts = {split: labelled(world, split) for split in SPLITS}
    assert texts["test"].isdisjoint(texts["train"] | texts["validation"])
    assert texts["validation"].isdisjoint(texts["train"])


def test_no_sentence_is_twice_in_a_split(world: World) -> None:
    for code in LANGUAGES:
        texts = [as_text(e["words"]) for e in world.labelled("ner", code, "test")]
        assert len(texts) == len(set(texts))


def test_no_scored_meaning_is_said_in_code_switched_text(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict[str, set[Sentence]] = {}
    say = Voice.say

    def listening(voice: Voice, sentence: Sentence) -> list[Token]:
        tokens = say(voice, sentence)
        said.setdefault(as_text([token.word for token in tokens]), set()).add(sentence)
        return tokens

    monkeypatch.setattr(Voice, "say", listening)
    list(world.labelled("ner", "qaa", "test"))
    scored = set().union(*said.values())
    said.clear()
    switched = sentences(list(world.code_switched()))
    assert switched <= set(said)
    assert scored.isdisjoint(set().union(*(said[text] for text in switched)))


def test_topic_texts_are_the_sentences_of_the_same_split(world: World) -> None:
    for split in SPLITS:
        topics = {e["text"] for code in LANGUAGES for e in world.labelled("topics", code, split)}
        assert topics <= labelled(world, split)


def test_names_of_the_splits_are_disjoint_and_all_are_in_the_unlabelled_text(world: World) -> None:
    def names(split: str) -> set[str]:
        examples = world.labelled("ner", "qaa", split)
        return {w for e in examples for w in e["words"] if w[0].isupper() and w in world.names.splits}

    assert names("test").isdisjoint(names("train") | names("validation"))
    assert names("validation").isdisjoint(names("train"))
    written = " ".join(world.corpus("qae")).replace(".", "").split()
    assert len(names("test") - set(written)) < 5
