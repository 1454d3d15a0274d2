"""Labels by name: the map, the scheme, the order, and what the source language does not have."""

from __future__ import annotations

from collections import Counter

import pytest

from madx_pipeline.data.labels import canonical, check_begins, check_scheme, mapped, orphans, unknown_labels
from madx_pipeline.errors import JobError

KNOWN = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


def test_a_map_of_entity_types_maps_both_tags() -> None:
    tags = ["B-DATE", "I-DATE", "O", "B-OTH", "I-OTH", "B-PER"]
    assert mapped(tags, "iob2", {"DATE": "O", "OTH": "LOC"}) == ["O", "O", "O", "B-LOC", "I-LOC", "B-PER"]


def test_a_map_of_plain_labels_maps_each_once() -> None:
    assert mapped(["SYM", "X", "NOUN"], "plain", {"SYM": "X", "X": "NOUN"}) == ["X", "NOUN", "NOUN"]


def test_the_labels_of_an_iob2_task_have_both_tags_of_every_type() -> None:
    assert canonical(["I-PER", "O", "B-LOC"], "iob2") == KNOWN
    assert canonical(["NOUN", "ADJ", "NOUN"], "plain") == ["ADJ", "NOUN"]


@pytest.mark.parametrize("label", ["PER", "S-PER", "B-", "B", "b-PER", "BPER", ""])
def test_a_label_outside_the_scheme_is_an_error(label: str) -> None:
    with pytest.raises(JobError, match=f'here: the label "{label}" is not IOB2'):
        check_scheme(["O", label], "iob2", "here")


def test_a_plain_label_may_be_anything() -> None:
    check_scheme(["PER", "B-", "science/technology"], "plain", "here")


def test_gold_without_a_single_tag_that_begins_an_entity_is_iob1() -> None:
    with pytest.raises(JobError, match="here looks like IOB1: 3 tags I-<type> and no B-<type>") as error:
        check_begins(Counter({"O": 9, "I-PER": 2, "I-LOC": 1}), "here")
    assert error.value.problems[0].hint == "Convert it to IOB2, where every entity begins with B-<type>."


def test_gold_without_entities_or_with_one_that_begins_is_not_called_iob1() -> None:
    check_begins(Counter({"O": 9}), "here")
    check_begins(Counter({"I-PER": 9, "B-LOC": 1}), "here")


def test_tags_that_continue_nothing_are_counted_and_kept() -> None:
    assert orphans(["I-PER", "I-PER", "O", "B-LOC", "I-LOC", "I-PER", "O"]) == 2


def test_an_entity_type_the_source_does_not_have_is_named_with_the_line_to_add() -> None:
    [problem] = unknown_labels(Counter({"B-DATE": 3, "I-DATE": 2, "B-PER": 1}), KNOWN, "iob2", 'ner in "sw"')
    assert problem.message == (
        'ner in "sw" has the label DATE (5 times), which the source language\'s training data does not have.'
    )
    assert problem.hint == (
        "Map it in the recipe's task: labels: {DATE: O} (possible: LOC, O, PER),"
        " or keep it and have it counted as wrong: labels: {DATE: DATE}."
    )


def test_a_plain_label_the_source_does_not_have_is_offered_a_name() -> None:
    [problem] = unknown_labels(Counter({"SYM": 1}), ["NOUN", "X"], "plain", "pos")
    assert "labels: {SYM: X}" in problem.hint
    [problem] = unknown_labels(Counter({"sport": 1}), ["health", "sports"], "plain", "topics")
    assert "labels: {sport: sports}" in problem.hint


def test_labels_the_source_has_are_no_problem() -> None:
    assert unknown_labels(Counter({"B-PER": 1, "O": 4}), KNOWN, "iob2", "x") == []
