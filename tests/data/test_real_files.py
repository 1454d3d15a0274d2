"""Every labelled file of the shared folder loads, with the counts its manifest states; and its awkward traits."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.cards import task_card
from madx_pipeline.data.card_models import TaskChoice
from madx_pipeline.data.cleaning import cleaned
from madx_pipeline.data.examples import Example
from madx_pipeline.data.formats import TableFormat
from madx_pipeline.data.labelled import labelled
from madx_pipeline.data.labels import check_scheme, orphans
from madx_pipeline.data.questions import Question
from madx_pipeline.data.reading import read_file
from madx_pipeline.data.sources import TaskSource
from madx_pipeline.data.task_split import TaskSplit
from madx_pipeline.data.text import TextFile
from madx_pipeline.durable import sha256_of
from madx_pipeline.task_material import task_material

CARD_OF = {
    "ud-pos-dep": "conllu",
    "ner": "conll",
    "topic": "sib200",
    "nli": "americasnli",
    "copa": "xcopa",
    "qa": "xquad",
}


_LABELS: dict[str, list[str]] = {"copa": ["0", "1"], "qa": []}
"""Of what the manifest lists no labels of."""


@pytest.fixture(scope="module")
def manifest(shared: Path) -> list[dict[str, Any]]:
    text = (shared / "data/manifest.json").read_text(encoding="utf-8")
    files: list[dict[str, Any]] = json.loads(text)["files"]
    return files


@cache
def load(shared: Path, file: str, card: str, language: str = "sw") -> list[Example]:
    """The examples of a file, as the card reads them that a recipe points at it."""
    source, locations = told(shared, file, card, language)
    return list(labelled(source, "test", locations, None))


def told(shared: Path, file: str, card: str, language: str) -> tuple[TaskSource, dict[str, str]]:
    """What a job is told where a recipe points a card at a file."""
    choice = TaskChoice(card=card, files={language: {"test": file}})
    material = task_material(choice, language, shared / "data", sha256_of, needs=("test",))
    return TaskSource.model_validate(material.source), material.locations


def kept(shared: Path, file: str, card: str, language: str) -> TaskSplit:
    """What a job keeps of a file."""
    source, _ = told(shared, file, card, language)
    return TaskSplit.read(load(shared, file, card, language), source, file, None)


def strings(examples: list[Example]) -> list[str]:
    return [string for example in examples for string in example.strings]


def tags(examples: list[Example]) -> list[str]:
    return [label for example in examples for label in example.labels]


@pytest.mark.parametrize("kind", list(CARD_OF))
def test_every_file_is_kept_whole_with_the_counts_of_its_manifest(
    shared: Path, manifest: list[dict[str, Any]], kind: str
) -> None:
    entries = [entry for entry in manifest if entry["task"] == kind]
    assert len(entries) == {"ud-pos-dep": 30, "ner": 30, "topic": 39, "nli": 8, "copa": 24, "qa": 5}[kind]
    for entry in entries:
        split = kept(shared, entry["file"], CARD_OF[kind], entry["language"])
        assert len(split.examples) == entry["rows"], entry["file"]
        known = entry.get("upos") or entry.get("tags") or entry.get("labels") or _LABELS[kind]
        assert set(split.tags) == set(known), entry["file"]
        words = entry.get("words", entry.get("tokens"))
        if words is not None:
            assert len(strings(split.examples)) == words, entry["file"]


def test_every_treebank_loads_as_trees_with_the_words_of_its_manifest(
    shared: Path, manifest: list[dict[str, Any]]
) -> None:
    entries = [entry for entry in manifest if entry["task"] == "ud-pos-dep"]
    assert len(entries) == 30
    relations = set()
    for entry in entries:
        trees = load(shared, entry["file"], "ud_parsing")
        assert len(trees) == entry["rows"], entry["file"]
        assert strings(trees) == strings(load(shared, entry["file"], "conllu")), entry["file"]
        assert len(strings(trees)) == entry["words"], entry["file"]
        assert sum(head == 0 for tree in trees for head in tree.row()["heads"]) == entry["rows"], entry["file"]
        relations |= set(tags(trees))
    assert len(relations) == 37  # the universal relations, all of them
    assert not any(":" in relation for relation in relations)


def card_of(entry: dict[str, Any]) -> str:
    """The card of the data set that a treebank or a file of named entities is from."""
    if entry["task"] == "ud-pos-dep":
        return "ud_pos"
    if "UNER" in entry["source_repository"]:
        return "universal_ner"
    return "masakhaner2" if "MasakhaNER2.0" in entry["source_path"] else "masakhaner"


def test_treebanks_and_entities_load_through_the_card_of_their_own_data_set_too(
    shared: Path, manifest: list[dict[str, Any]]
) -> None:
    seen = set()
    for entry in manifest:
        if entry["task"] in ("ud-pos-dep", "ner"):
            card = task_card(card_of(entry))
            assert card.speaks(entry["language"]), (card.name, entry["language"])
            seen.add(card.name)
            if card.read == task_card("conllu").read:  # read above in the same way
                continue
            examples = load(shared, entry["file"], card.name, entry["language"])
            assert len(examples) == entry["rows"], entry["file"]
            assert set(tags(examples)) == set(entry["tags"]), entry["file"]
    assert seen == {"ud_pos", "universal_ner", "masakhaner", "masakhaner2"}


def test_every_text_is_read_to_the_last_line(shared: Path, manifest: list[dict[str, Any]]) -> None:
    entries = [entry for entry in manifest if entry["task"] == "mlm-text"]
    assert len(entries) == 25
    for entry in entries:
        counts: Counter[str] = Counter()
        lines = list(cleaned(TextFile(shared / "data" / entry["file"]), 50_000, counts))
        assert len(lines) == counts["read"] == entry["rows"], entry["file"]
        assert counts["normalised"] == 0, entry["file"]


def test_every_tag_is_iob2(shared: Path, manifest: list[dict[str, Any]]) -> None:
    for entry in manifest:
        if entry["task"] == "ner":
            check_scheme(tags(load(shared, entry["file"], "conll", entry["language"])), "iob2", entry["file"])


def test_ranges_and_empty_nodes_of_hebrew_and_english_are_no_words(shared: Path) -> None:
    hebrew = load(shared, "ud/he_htb-test.conllu", "conllu")
    assert "_" not in tags(hebrew)
    assert any(string.startswith("_") or string.endswith("_") for string in strings(hebrew))
    assert len(strings(load(shared, "ud/en_ewt-test.conllu", "conllu"))) == 6018


def test_words_of_vietnamese_and_finnish_keep_their_spaces(shared: Path) -> None:
    assert any(" " in word for word in strings(load(shared, "ud/vi_vtb-test.conllu", "conllu")))
    finnish = strings(load(shared, "ud/fi_tdt-dev.conllu", "conllu"))
    assert "3 000" in finnish


@pytest.mark.parametrize(("file", "hashes"), [("swa/train", 2), ("yor/train", 19), ("yor/test", 29)])
def test_hash_signs_of_masakhaner_are_tokens(shared: Path, file: str, hashes: int) -> None:
    assert strings(load(shared, f"ner/{file}.txt", "conll")).count("#") == hashes


def test_tag_sets_differ_between_languages(shared: Path) -> None:
    assert "B-OTH" in tags(load(shared, "ner/hr/test.txt", "conll"))
    assert "B-DATE" in tags(load(shared, "ner/swa/test.txt", "conll"))
    assert "B-ORG" not in tags(load(shared, "ner/tl/test.txt", "conll"))


@pytest.mark.parametrize("language", ["da", "yor", "zul"])
def test_tags_that_continue_nothing_occur_and_are_counted(shared: Path, language: str) -> None:
    examples = load(shared, f"ner/{language}/train.txt", "conll")
    examples += load(shared, f"ner/{language}/dev.txt", "conll") + load(shared, f"ner/{language}/test.txt", "conll")
    assert sum(orphans(example.labels) for example in examples) > 0


def test_csv_quoting_in_the_tables_of_sib200_is_undone(shared: Path) -> None:
    amharic = strings(load(shared, "sib200/amh_Ethi/test.tsv", "sib200"))
    assert not any(text.startswith('"') and text.endswith('"') and '""' in text for text in amharic)
    assert any('"' in text for text in amharic)


def test_a_table_without_quoting_needs_the_option_that_says_so(shared: Path) -> None:
    path = shared / "data/americasnli/nah/test.tsv"
    read = TableFormat(format="table", separator="tab", header=True, quoting=False, text="premise", label="label")
    assert len(list(read_file(path, read))) == 738


def test_carriage_returns_of_xcopa_are_no_part_of_its_labels(shared: Path) -> None:
    path = shared / "data/xcopa/et/test.jsonl"
    assert path.read_bytes().count(b"\r\n") == 500
    read = TableFormat(format="table", separator="auto", header=True, quoting=True, text="premise", label="label")
    assert set(tags(list(read_file(path, read)))) == {"0", "1"}


def test_files_have_two_and_five_columns_and_both_are_recognised(shared: Path) -> None:
    for file, columns in (("ner/swa/test.txt", 2), ("ner/hr/test.txt", 5)):
        lines = (shared / "data" / file).read_text(encoding="utf-8").splitlines()
        assert {len(line.split()) for line in lines if line.strip() and not line.startswith("# ")} == {columns}
        assert "B-PER" in tags(load(shared, file, "conll"))


def test_right_to_left_scripts_keep_the_order_of_their_characters(shared: Path) -> None:
    for file, card in (("ud/he_htb-test.conllu", "conllu"), ("ud/ug_udt-test.conllu", "conllu")):
        text = (shared / "data" / file).read_text(encoding="utf-8")
        words = [word for word in strings(load(shared, file, card)) if any(map(str.isalpha, word))]
        assert sum(unicodedata.bidirectional(word[0]) in ("R", "AL") for word in words) > 0.9 * len(words)
        assert all(f"\t{word}\t" in text for word in words)


@pytest.mark.parametrize(
    ("file", "card", "language"),
    [
        ("sib200/yor_Latn/test.tsv", "sib200", "yo"),
        ("xcopa/ta/test.jsonl", "xcopa", "ta"),
        ("xcopa/th/test.jsonl", "xcopa", "th"),
        ("xquad/xquad.ar.json", "xquad", "ar"),
    ],
)
def test_what_is_not_nfc_becomes_nfc_and_is_counted_and_answers_are_found_again(
    shared: Path, file: str, card: str, language: str
) -> None:
    examples = load(shared, file, card, language)
    assert not all(unicodedata.is_normalized("NFC", string) for string in strings(examples))
    split = kept(shared, file, card, language)
    assert split.counts["normalised"] > 0
    assert all(unicodedata.is_normalized("NFC", string) for string in strings(split.examples))
    for example in split.examples:
        if isinstance(example, Question):
            assert all(example.context.startswith(answer.text, answer.start) for answer in example.answers)


def test_invisible_marks_are_part_of_the_text_and_no_line_ends(shared: Path, manifest: list[dict[str, Any]]) -> None:
    """U+200E in Arabic text, U+02BC in K'iche'; U+00A0 and U+2028 end no line either."""
    for language, mark in (("ar", "\u200e"), ("quc", "\u02bc")):
        lines = [line.text for line in TextFile(shared / f"data/text/{language}.txt.gz")]
        assert any(mark in line for line in lines)
        [entry] = [entry for entry in manifest if entry["file"] == f"text/{language}.txt.gz"]
        assert len(lines) == entry["rows"]


def test_right_to_left_text_is_as_it_was_written(shared: Path) -> None:
    uyghur = strings(load(shared, "sib200/uig_Arab/test.tsv", "sib200"))
    assert all(unicodedata.bidirectional(next(c for c in text if c.isalpha())) in ("AL", "L") for text in uyghur)


def test_yoruba_of_sib200_is_not_nfc(shared: Path) -> None:
    yoruba = strings(load(shared, "sib200/yor_Latn/test.tsv", "sib200"))
    assert not all(unicodedata.is_normalized("NFC", text) for text in yoruba)


def test_xcopa_s_carriage_returns_are_no_part_of_a_text(shared: Path) -> None:
    assert b"\r\n" in (shared / "data/xcopa/et/test.jsonl").read_bytes()
    assert not any("\r" in text for text in strings(load(shared, "xcopa/et/test.jsonl", "xcopa")))


def test_items_of_xcopa_are_not_in_the_order_of_other_languages(shared: Path) -> None:
    asked = {}
    for language in ("et", "qu", "th", "tr"):
        examples = load(shared, f"xcopa/{language}/test.jsonl", "xcopa")
        asked[language] = [(example.strings[1], *example.labels) for example in examples]
    assert asked["qu"] == asked["et"]
    assert asked["th"] != asked["et"] != asked["tr"]


def test_the_quotation_mark_of_americasnli_swallows_nothing(shared: Path) -> None:
    examples = kept(shared, "americasnli/nah/test.tsv", "americasnli", "nah").examples
    assert len(examples) == 738
    assert sum(text.count('"') == 1 for text in strings(examples)) == 1
