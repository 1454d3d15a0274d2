"""Dependency parsing: every word has one head and one relation, and the sentence one root, however long it is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from madx_pipeline.data.conllu_reader import read_conllu
from madx_pipeline.data.formats import TreesFormat
from madx_pipeline.errors import JobError
from madx_pipeline.tasks import IGNORED, Encoded, Example, task_type
from madx_pipeline.tasks.trees import best_tree
from tests.tasks.letters import letter_tokenizer
from tests.tasks.test_trees import is_tree

RELATIONS = ["det", "nsubj", "obj", "root"]
LABEL2ID = {label: index for index, label in enumerate(RELATIONS)}
ID2LABEL = dict(enumerate(RELATIONS))
PARSING = task_type("dependency_parsing")
SENTENCE = {"words": ["ab", "c", "def", "g"], "heads": [2, 3, 0, 3], "labels": ["det", "nsubj", "root", "obj"]}


def encode(examples: list[Example], max_length: int = 24) -> Encoded:
    return PARSING.encode(examples, letter_tokenizer(), LABEL2ID, max_length)


def decoded(encoded: Encoded, *rows: list[tuple[int, str, str]]) -> list[list[str]]:
    """What comes of a head and the two best relations for each word of each row."""
    numbers = [
        tuple(number for head, *best in row for number in (head, *(LABEL2ID[name] for name in best))) for row in rows
    ]
    return PARSING.decode(encoded, numbers, ID2LABEL)


def test_a_batch_says_which_word_each_piece_belongs_to_and_what_is_true_of_it() -> None:
    encoded = encode([SENTENCE, {"words": ["a"], "heads": [0], "labels": ["root"]}])
    batch = PARSING.collate(encoded.rows, pad_id=0)
    assert batch["word_ids"].tolist() == [[-1, 0, 0, 1, 2, 2, 2, 3, -1], [-1, 0, *[-1] * 7]]
    assert batch["labels"][0].tolist() == [[2, 3, 0, 3], [0, 1, 3, 2]]
    assert batch["labels"][1].tolist() == [[0, *[IGNORED] * 3], [3, *[IGNORED] * 3]]
    assert batch["attention_mask"].sum(dim=1).tolist() == [9, 3]


def test_a_tree_is_written_as_heads_and_relations() -> None:
    assert PARSING.gold(SENTENCE) == ["2 det", "3 nsubj", "0 root", "3 obj"]


def test_a_relation_that_is_not_learnt_has_no_id() -> None:
    (row,) = encode([{**SENTENCE, "labels": ["clf", "nsubj", "root", "obj"]}]).rows
    assert row.targets == (2, 3, 0, 3, IGNORED, 1, 3, 2)


def test_a_sentence_in_windows_learns_no_head_that_is_in_another_and_counts_it() -> None:
    encoded = encode([SENTENCE], max_length=6)
    assert [row.targets for row in encoded.rows] == [(2, IGNORED, 0, IGNORED), (0, 1, 3, 2)]
    assert (encoded.counts["sentences_split"], encoded.counts["heads_in_other_windows"]) == (1, 1)


def test_the_trees_of_windows_become_one_below_the_root_of_the_first() -> None:
    encoded = encode([SENTENCE, SENTENCE], max_length=6)
    windows = [[(2, "det", "obj"), (0, "root", "obj")], [(2, "det", "root"), (0, "root", "nsubj")]]
    assert decoded(encoded, *windows, *windows) == [["2 det", "0 root", "4 det", "2 nsubj"]] * 2


def test_what_depends_on_the_root_is_root_and_nothing_else_is() -> None:
    words = [(3, "root", "det"), (1, "obj", "root"), (0, "nsubj", "obj"), (3, "nsubj", "root")]
    assert decoded(encode([SENTENCE]), words) == [["3 det", "1 obj", "0 root", "3 nsubj"]]


def test_the_best_tree_is_read_and_the_two_best_relations_to_its_heads() -> None:
    encoded = encode([SENTENCE, {"words": ["a"], "heads": [0], "labels": ["root"]}])
    logits = torch.full((2, 4, 5, 1 + len(RELATIONS)), -5.0)
    for word, (head, best, second) in enumerate([(2, 0, 2), (3, 1, 0), (0, 3, 1), (3, 2, 1)]):
        logits[0, word, head, 0] = 1.0
        logits[0, word, head, 1 + best], logits[0, word, head, 1 + second] = 3.0, 2.0
        logits[0, word, 4, 1 + (best + 1) % 4] = 9.0
    logits[0, 3, 4, 0] = 99.0  # a word is not its own head, whatever it scores
    logits[1, 0, 0, 1:] = torch.tensor([0.0, 0.0, 1.0, 2.0])
    logits[1, :, 1:, 0] = 50.0  # padding is nobody's head
    read = PARSING.read(logits, encoded.rows)
    assert read == [(2, 0, 2, 3, 1, 0, 0, 3, 1, 3, 2, 1), (0, 3, 2)]


def test_one_relation_is_enough() -> None:
    (row,) = PARSING.encode([{"words": ["a"], "heads": [0], "labels": ["x"]}], letter_tokenizer(), {"x": 0}, 9).rows
    encoded = Encoded((row,), 1, {})
    read = PARSING.read(torch.zeros(1, 1, 2, 2), [row])
    assert PARSING.decode(encoded, read, {0: "x"}) == [["0 root"]]


def test_a_chain_is_a_tree_whichever_way_it_runs() -> None:
    assert PARSING.constant(SENTENCE, "next det") == ["2 det", "3 det", "4 det", "0 root"]
    assert PARSING.constant(SENTENCE, "previous obj") == ["0 root", "1 obj", "2 obj", "3 obj"]


def test_a_chain_is_voted_for_by_words_whose_head_is_a_neighbour() -> None:
    assert PARSING.votes(SENTENCE) == ["next det", "next nsubj", "previous obj"]
    assert PARSING.votes({"words": ["a", "b"], "heads": [0, 1], "labels": ["root", "x"]}) == ["previous x"]


def test_words_and_relations_that_do_not_match_are_an_error_naming_the_sentence() -> None:
    with pytest.raises(JobError, match=r"sentence 2 has 4 words and 3 labels\."):
        encode([SENTENCE, {**SENTENCE, "labels": ["det", "nsubj", "root"]}])


@pytest.mark.parametrize("max_length", [3, 7, 12, 60])
def test_every_sentence_gets_a_tree_whatever_the_model_says(max_length: int) -> None:
    chance, numbers = random.Random(3), np.random.default_rng(3)
    examples = [random_tree(chance, numbers) for _ in range(40)]
    encoded = encode(examples, max_length)
    logits = torch.from_numpy(numbers.normal(size=(len(encoded.rows), 60, 61, 1 + len(RELATIONS))))
    read = PARSING.read(logits, encoded.rows)
    for example, arcs in zip(examples, PARSING.decode(encoded, read, ID2LABEL), strict=True):
        heads = tuple(int(arc.split(" ")[0]) for arc in arcs)
        assert len(heads) == len(example["words"])
        assert heads.count(0) == 1
        assert is_tree(heads)
        assert [arc == "0 root" for arc in arcs] == [arc.endswith(" root") for arc in arcs]


def test_trees_that_fit_come_back_as_they_are() -> None:
    chance, numbers = random.Random(4), np.random.default_rng(4)
    round_trip([random_tree(chance, numbers) for _ in range(40)], letter_tokenizer(), 2000)


@pytest.mark.parametrize("file", ["vi_vtb-test", "he_htb-dev", "ug_udt-dev"])
def test_real_trees_come_back_word_for_word(shared: Path, file: str) -> None:
    transformers = pytest.importorskip("transformers")
    folder = shared / "models" / "mini-xlmr"
    if not folder.is_dir():
        pytest.skip("no real tokenizer beside the repository")
    read = TreesFormat(format="conllu_trees", subtypes=True)
    examples = [example.row() for example in read_conllu(shared / "data" / "ud" / f"{file}.conllu", read)]
    round_trip(examples, transformers.AutoTokenizer.from_pretrained(folder), 2000)


def round_trip(examples: Sequence[Example], tokenizer: Any, max_length: int) -> None:
    names = sorted({label for example in examples for label in example["labels"]})
    label2id = {name: index for index, name in enumerate(names)}
    encoded = PARSING.encode(examples, tokenizer, label2id, max_length)
    assert encoded.counts["heads_in_other_windows"] == encoded.counts["sentences_split"] == 0
    truth = []
    for row in encoded.rows:
        words = len(row.targets) // 2
        pairs = zip(row.targets[:words], row.targets[words:], strict=True)
        truth.append(tuple(number for head, label in pairs for number in (head, label, label)))
    decoded = PARSING.decode(encoded, truth, dict(enumerate(names)))
    assert decoded == [PARSING.gold(example) for example in examples]


def random_tree(chance: random.Random, numbers: np.random.Generator) -> Example:
    words = [chance.choice("abcdef") * chance.choice([1, 2, 5]) for _ in range(chance.randint(1, 20))]
    words = [chance.choice(["\u200e", ""]) if chance.random() < 0.1 else word for word in words]
    heads = best_tree(numbers.normal(size=(len(words), len(words) + 1))).tolist()
    labels = ["root" if head == 0 else chance.choice(RELATIONS[:3]) for head in heads]
    return {"words": words, "heads": heads, "labels": labels}
