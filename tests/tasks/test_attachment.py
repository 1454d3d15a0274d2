"""UAS and LAS as the script of CoNLL 2018 counts them, on trees made by hand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from madx_pipeline.data.conllu_reader import read_conllu
from madx_pipeline.data.formats import TreesFormat
from madx_pipeline.report.outcomes import measure_of
from madx_pipeline.tasks import task_type
from madx_pipeline.tasks.metrics.attachment import attachment_scores

PARSING = task_type("dependency_parsing")
GOLD = """\
# Two multiword tokens and an empty node: seven syntactic words, punctuation among them.
1-2	Gib's	_	_	_	_	_	_	_	_
1	Gib	geben	VERB	_	_	0	root	_	_
2	's	es	PRON	_	_	1	obj	_	_
2.1	ihm	er	PRON	_	_	_	_	1:iobj	_
3-4	zum	_	_	_	_	_	_	_	_
3	zu	zu	ADP	_	_	5	case	_	_
4	dem	der	DET	_	_	5	det:def	_	_
5	Haus	Haus	NOUN	_	_	1	obl:arg	_	_
6	hier	hier	ADV	_	_	5	advmod	_	_
7	.	.	PUNCT	_	_	1	punct	_	_

"""


def gold(folder: Path, subtypes: bool) -> list[list[str]]:
    (folder / "gold.conllu").write_text(GOLD, encoding="utf-8")
    read = TreesFormat(format="conllu_trees", subtypes=subtypes)
    return [PARSING.gold(example.row()) for example in read_conllu(folder / "gold.conllu", read)]


def test_parts_of_multiword_tokens_count_and_ranges_and_empty_nodes_do_not(tmp_path: Path) -> None:
    truth = gold(tmp_path, subtypes=False)
    assert truth == [["0 root", "1 obj", "5 case", "5 det", "1 obl", "5 advmod", "1 punct"]]
    assert attachment_scores(truth, truth) == {
        "uas": 1.0,
        "las": 1.0,
        **{f"las.{name}": 1.0 for name in ("advmod", "case", "det", "obj", "obl", "punct", "root")},
    }


def test_a_right_head_counts_half_and_a_right_relation_alone_does_not(tmp_path: Path) -> None:
    predicted = [["0 root", "1 nsubj", "5 case", "3 det", "1 obl", "1 advmod", "5 punct"]]
    values = attachment_scores(gold(tmp_path, subtypes=False), predicted)
    assert (values["uas"], values["las"]) == (4 / 7, 3 / 7)
    assert (values["las.obj"], values["las.case"], values["las.punct"]) == (0.0, 1.0, 0.0)


def test_subtypes_do_not_count_and_are_a_score_of_their_own(tmp_path: Path) -> None:
    truth = gold(tmp_path, subtypes=True)
    assert truth[0][3:5] == ["5 det:def", "1 obl:arg"]
    predicted = [["0 root", "1 obj", "5 case", "5 det", "1 obl:mod", "5 advmod", "1 punct:x"]]
    values = attachment_scores(truth, predicted)
    assert (values["uas"], values["las"], values["las_with_subtypes"]) == (1.0, 1.0, 4 / 7)
    assert "las.det" in values
    assert not any(":" in name for name in values)


def test_scores_are_of_words_and_not_of_sentences() -> None:
    values = attachment_scores([["0 root"], ["2 det", "0 root", "2 punct"]], [["0 root"], ["0 root", "1 x", "1 x"]])
    assert (values["uas"], values["las"]) == (0.25, 0.25)


def test_a_score_by_relation_is_the_share_of_the_words_that_truly_have_it() -> None:
    values = attachment_scores([["2 a", "3 a", "0 root"]], [["2 a", "3 b", "0 root"]])
    assert (values["las.a"], values["las.root"]) == (0.5, 1.0)
    assert "las.b" not in values


def test_another_number_of_words_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        attachment_scores([["0 root", "1 x"]], [["0 root"]])


def test_outcomes_by_word_add_up_to_the_scores() -> None:
    chance = random.Random(1)
    arcs = [f"{head} {relation}" for head in range(4) for relation in ("det", "det:def", "obj", "root")]
    truth = [[chance.choice(arcs) for _ in range(chance.randint(0, 9))] for _ in range(40)]
    answer = [[arc if chance.random() < 0.6 else chance.choice(arcs) for arc in sentence] for sentence in truth]
    values = attachment_scores(truth, answer)
    for metric in ("uas", "las", "las_with_subtypes"):
        measure = measure_of(metric)
        counts = measure.counts(truth, answer)
        assert counts[:, 1].tolist() == [len(sentence) for sentence in truth]
        assert float(measure.score(counts.sum(axis=0))) == values[metric]
    assert values["uas"] > values["las"] > values["las_with_subtypes"]
