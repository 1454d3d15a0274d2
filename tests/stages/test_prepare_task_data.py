"""prepare_task_data: labels by name, checked against the source language, and everything counted."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.data.card_models import TaskChoice
from madx_pipeline.data.sources import Split
from madx_pipeline.errors import JobError
from madx_pipeline.records import Artifact, Json
from madx_pipeline.stage import Workspace, stage_page
from madx_pipeline.stages.prepare_task_data import Params, run
from madx_pipeline.task_material import task_material
from tests.data.jobs import base_model, inputs, workspace
from tests.tasks.artifacts import artifact

PAGE = stage_page("prepare_task_data").params
ALL: tuple[Split, ...] = ("train", "validation", "test")
SENTENCE = "Ana B-PER\nlives O\nin O\nLima B-LOC\n\n"


def conllu(*sentences: list[tuple[str, str]]) -> str:
    lines = [
        "".join(f"{n}\t{form}\t_\t{upos}\t_\t_\t_\t_\t_\t_\n" for n, (form, upos) in enumerate(sentence, 1))
        for sentence in sentences
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return base_model(tmp_path_factory.mktemp("base"), world_seed=0)


class Tasks:
    """Prepares labelled data, each in a folder of its own."""

    def __init__(self, base: Artifact, folder: Path) -> None:
        self._base = base
        self._folder = folder
        self._made = 0

    def of_files(
        self, card: str, language: str, files: dict[Split, str], source: Workspace | None = None, **choice: Any
    ) -> Workspace:
        """From the content of files; a language with a `source` is a target."""
        paths: dict[Split, str] = {}
        for split, content in files.items():
            paths[split] = f"{language}-{split}.tsv"
            (self._folder / paths[split]).write_text(content, encoding="utf-8")
        return self.of(TaskChoice(card=card, files={language: paths}, **choice), language, source)

    def of(
        self, choice: TaskChoice, language: str, source: Workspace | None = None, max_examples: int | None = None
    ) -> Workspace:
        self._made += 1
        out = workspace(self._folder / f"out{self._made}")
        needs = ALL if source is None else ("test",)
        material = task_material(choice, language, self._folder, _sha256, needs=needs)
        others = {} if source is None else {"source_data": artifact(source.path, source.facts)}
        key = {"task": "mine", "language": language}
        given = inputs(key, material.source, material.locations, base_model=self._base, **others)
        run(given, Params(max_examples=max_examples), out)
        return out


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def tasks(base: Artifact, tmp_path: Path) -> Tasks:
    return Tasks(base, tmp_path)


@pytest.fixture
def english(tasks: Tasks) -> Workspace:
    """Named entities in the source language: PER and LOC."""
    return tasks.of_files("conll", "en", dict.fromkeys(ALL, SENTENCE))


def rows(out: Workspace, split: str) -> list[dict[str, Json]]:
    return [json.loads(line) for line in (out.path / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_page_and_parameters_have_the_same_keys() -> None:
    assert set(PAGE) == set(Params.model_fields)


def test_a_tagged_sentence_has_its_words_and_a_label_each(english: Workspace) -> None:
    assert rows(english, "train") == [{"words": ["Ana", "lives", "in", "Lima"], "labels": ["B-PER", "O", "O", "B-LOC"]}]


def test_a_classified_text_has_one_label(tasks: Tasks) -> None:
    out = tasks.of_files("table", "en", dict.fromkeys(ALL, "text\tlabel\ngood\tyes\nbad\tno\n"))
    assert rows(out, "test") == [{"text": "good", "label": "yes"}, {"text": "bad", "label": "no"}]
    assert out.facts["labels"] == ["no", "yes"]
    assert (out.facts["task_type"], out.facts["metric"], out.facts["label_scheme"]) == (
        "classification",
        "macro_f1",
        "plain",
    )


def test_the_labels_of_the_source_are_those_of_its_training_data_in_a_fixed_order(english: Workspace) -> None:
    assert english.facts["labels"] == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


def test_what_was_found_is_counted_per_split(english: Workspace) -> None:
    assert english.facts["splits"]["validation"] == {
        "examples": 1,
        "words": 4,
        "labels": {"B-LOC": 1, "B-PER": 1, "O": 2},
        "empty": 0,
        "normalised": 0,
        "orphans": 0,
        "mapped": 0,
    }
    assert english.facts["repeated"] == {"validation_in_train": 1, "test_in_train": 1}
    assert english.facts["tokens_per_word"] == 3.5
    assert english.facts["unknown_share"] == pytest.approx(2 / 14, abs=1e-4)


def test_provenance_is_recorded(english: Workspace) -> None:
    assert english.facts["origin"] == "conll: en-train.tsv; en-validation.tsv; en-test.tsv"
    assert english.facts["licence"].startswith("that of each data set")


def test_a_target_has_the_labels_of_the_source_and_its_test_set_alone(tasks: Tasks, english: Workspace) -> None:
    out = tasks.of_files("conll", "tl", {"test": "Jo B-PER\nay O\n"}, english)
    assert out.facts["labels"] == english.facts["labels"]
    assert [path.name for path in out.path.glob("*.jsonl")] == ["test.jsonl"]


def test_a_label_the_source_does_not_have_is_an_error_with_the_line_to_add(tasks: Tasks, english: Workspace) -> None:
    text = "leo B-DATE\nasubuhi I-DATE\n\nUN B-ORG\n"
    with pytest.raises(JobError) as error:
        tasks.of_files("conll", "sw", {"test": text}, english)
    assert [problem.message for problem in error.value.problems] == [
        'mine in "sw" has the label DATE (2 times), which the source language\'s training data does not have.',
        'mine in "sw" has the label ORG (once), which the source language\'s training data does not have.',
    ]
    assert "labels: {DATE: O}" in error.value.problems[0].hint


def test_a_map_in_the_recipe_settles_it(tasks: Tasks, english: Workspace) -> None:
    text = "leo B-DATE\nasubuhi I-DATE\n\nUN B-ORG\n"
    out = tasks.of_files("conll", "sw", {"test": text}, english, labels={"DATE": "O", "ORG": "LOC"})
    assert [row["labels"] for row in rows(out, "test")] == [["O", "O"], ["B-LOC"]]
    assert out.facts["splits"]["test"]["mapped"] == 3
    assert out.facts["label_map"] == {"test": {"DATE": "O", "ORG": "LOC"}}


def test_a_label_that_only_the_source_s_own_test_set_has_is_an_error_too(tasks: Tasks) -> None:
    train, rare = conllu([("a", "NOUN"), ("b", "X")]), conllu([("a", "SYM")])
    with pytest.raises(JobError, match="has the label SYM") as error:
        tasks.of_files("conllu", "en", {"train": train, "validation": train, "test": rare})
    assert "labels: {SYM: X}" in error.value.problems[0].hint


def test_tags_that_continue_nothing_are_kept_and_counted(tasks: Tasks, english: Workspace) -> None:
    text = "i O\nKolding I-LOC\nBy I-LOC\n\n" + SENTENCE * 10
    out = tasks.of_files("conll", "da", {"test": text}, english)
    assert rows(out, "test")[0]["labels"] == ["O", "I-LOC", "I-LOC"]
    assert out.facts["splits"]["test"]["orphans"] == 1
    [check] = out.checks
    assert (check.name, check.passed, check.value, check.hard) == ("labels_are_iob2", True, round(1 / 21, 6), False)


def test_gold_in_iob1_is_an_error(tasks: Tasks, english: Workspace) -> None:
    with pytest.raises(JobError, match=r'mine in "da", test \(da-test\.tsv\) looks like IOB1: 3 tags'):
        tasks.of_files("conll", "da", {"test": "i O\nKolding I-LOC\nBy I-LOC\n\nAna I-PER\n"}, english)


def test_a_map_that_takes_every_tag_that_begins_an_entity_away_does_not_make_it_iob1(
    tasks: Tasks, english: Workspace
) -> None:
    text = "leo B-DATE\nKolding I-LOC\n"
    out = tasks.of_files("conll", "da", {"test": text}, english, labels={"DATE": "O"})
    assert rows(out, "test")[0]["labels"] == ["O", "I-LOC"]


def test_gold_where_many_entities_begin_wrongly_gets_a_warning(tasks: Tasks, english: Workspace) -> None:
    out = tasks.of_files("conll", "da", {"test": "Lima I-LOC\nAna B-PER\n\nAna I-PER\nx O\nJo I-PER\n"}, english)
    [check] = out.checks
    assert (check.passed, check.value, check.hard) == (False, 0.75, False)
    assert check.detail == "75.0% of the entities in test begin with I-; in IOB2 every entity begins with B-."


def test_plain_labels_are_not_asked_for_iob2(tasks: Tasks) -> None:
    out = tasks.of_files("conllu", "en", dict.fromkeys(ALL, conllu([("a", "NOUN")])))
    assert out.checks == []


def test_real_files_with_a_few_wrong_beginnings_pass(tasks: Tasks, english: Workspace, shared: Path) -> None:
    shares = {}
    for language in ("da", "yor", "zul"):
        files: dict[str, dict[Split, str]] = {language: {"test": str(shared / f"data/ner/{language}/test.txt")}}
        choice = TaskChoice(card="conll", files=files, labels={"DATE": "O", "ORG": "O"})
        [check] = tasks.of(choice, language, english).checks
        assert check.passed
        shares[language] = float(check.value or 0)
    assert 0 < max(shares.values()) < 0.01


def test_a_tag_outside_the_scheme_is_an_error(tasks: Tasks, english: Workspace) -> None:
    with pytest.raises(JobError, match=r'mine in "sw", test \(sw-test\.tsv\): the label "PER" is not IOB2'):
        tasks.of_files("conll", "sw", {"test": "Juma PER\n"}, english)


def test_text_comes_out_in_nfc_and_changes_are_counted(tasks: Tasks) -> None:
    text = "text\tlabel\n" + unicodedata.normalize("NFD", "ọjọ́ kẹta") + "\tx\nojo\tx\n"
    out = tasks.of_files("table", "yo", dict.fromkeys(ALL, text))
    assert rows(out, "train")[0]["text"] == unicodedata.normalize("NFC", "ọjọ́ kẹta")
    assert out.facts["splits"]["train"]["normalised"] == 1


def test_a_word_that_is_a_hash_sign_or_has_a_space_survives(tasks: Tasks, english: Workspace) -> None:
    out = tasks.of_files("conll", "sw", {"test": "# O\n#CHAN B-LOC\n"}, english)
    assert rows(out, "test")[0]["words"] == ["#", "#CHAN"]
    pos = tasks.of_files("conllu", "vi", dict.fromkeys(ALL, conllu([("tinh vi", "ADJ")])))
    assert rows(pos, "test")[0]["words"] == ["tinh vi"]


def test_a_split_without_examples_fails(tasks: Tasks, english: Workspace) -> None:
    with pytest.raises(JobError, match=r'mine in "tl", test \(tl-test\.tsv\) has no examples\.'):
        tasks.of_files("conll", "tl", {"test": "\n\n"}, english)


def test_empty_texts_are_dropped_and_counted(tasks: Tasks) -> None:
    out = tasks.of_files("table", "en", dict.fromkeys(ALL, "text\tlabel\na\tx\n \tx\n"))
    assert out.facts["splits"]["test"]["examples"] == 1
    assert out.facts["splits"]["test"]["empty"] == 1


def test_fewer_examples_are_evenly_spaced(tasks: Tasks, tmp_path: Path) -> None:
    (tmp_path / "many.tsv").write_text("text\tlabel\n" + "".join(f"t{n}\tx\n" for n in range(10)), encoding="utf-8")
    choice = TaskChoice(card="table", files={"en": dict.fromkeys(ALL, "many.tsv")})
    assert [row["text"] for row in rows(tasks.of(choice, "en", max_examples=3), "train")] == ["t0", "t3", "t6"]


def test_the_same_data_gives_the_same_bytes(tasks: Tasks, english: Workspace) -> None:
    again = tasks.of_files("conll", "en", dict.fromkeys(ALL, SENTENCE))
    assert (again.path / "train.jsonl").read_bytes() == (english.path / "train.jsonl").read_bytes()
    assert again.facts == english.facts


@pytest.mark.parametrize("task", ["ner", "pos", "topics", "pairs", "choice", "questions"])
def test_the_built_in_world_has_the_same_labels_in_every_language(tasks: Tasks, task: str) -> None:
    choice = TaskChoice(card=f"miniature_{task}")
    source = tasks.of(choice, "qaa")
    target = tasks.of(choice, "qad", source)
    assert target.facts["splits"]["test"]["examples"] == source.facts["splits"]["test"]["examples"] > 100
    assert target.facts["labels"] == source.facts["labels"]


def test_the_built_in_data_needs_the_built_in_base_model(tmp_path: Path) -> None:
    other = base_model(tmp_path / "base", world_seed=None)
    with pytest.raises(JobError, match="the task card miniature_pos is the built-in world's"):
        Tasks(other, tmp_path).of(TaskChoice(card="miniature_pos"), "qaa")


def test_real_named_entities_cross_from_english_once_the_recipe_maps_what_differs(tasks: Tasks, shared: Path) -> None:
    ner = shared / "data/ner"
    names: dict[Split, str] = {"train": "train", "validation": "dev", "test": "test"}
    files = {
        "en": {split: str(ner / "en" / f"{name}.txt") for split, name in names.items()},
        "hr": {"test": str(ner / "hr/test.txt")},
        "sw": {"test": str(ner / "swa/test.txt")},
        "tl": {"test": str(ner / "tl/test.txt")},
    }
    choice = TaskChoice.model_validate({"card": "conll", "files": files})
    english = tasks.of(choice, "en")
    assert english.facts["labels"] == ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"]
    for language, label in (("hr", "OTH"), ("sw", "DATE")):
        with pytest.raises(JobError, match=f"has the label {label} "):
            tasks.of(choice, language, english)
    settled = choice.model_copy(update={"labels": {"DATE": "O", "OTH": "O"}})
    examples = {
        language: tasks.of(settled, language, english).facts["splits"]["test"] for language in ("hr", "sw", "tl")
    }
    assert {language: facts["examples"] for language, facts in examples.items()} == {"hr": 350, "sw": 450, "tl": 128}


def test_a_pair_keeps_both_of_its_texts(tasks: Tasks) -> None:
    content = 'premise\thypothesis\tlabel\na b\tc\tneutral\n \t \tneutral\na "b\t  c\tcontradictory\n'
    out = tasks.of_files("americasnli", "en", dict.fromkeys(ALL, content))
    assert rows(out, "test") == [
        {"text": "a b", "text_pair": "c", "label": "neutral"},
        {"text": 'a "b', "text_pair": "  c", "label": "contradiction"},
    ]
    assert out.facts["labels"] == ["contradiction", "neutral"]
    assert (out.facts["splits"]["test"]["empty"], out.facts["splits"]["test"]["mapped"]) == (1, 1)
    assert out.facts["repeated"] == {"validation_in_train": 2, "test_in_train": 2}


def test_a_pair_that_lacks_one_of_its_texts_is_kept(tasks: Tasks) -> None:
    content = "premise\thypothesis\tlabel\n \tc\tneutral\na\t\tneutral\n"
    out = tasks.of_files("americasnli", "en", dict.fromkeys(ALL, content))
    assert [(row["text"], row["text_pair"]) for row in rows(out, "test")] == [(" ", "c"), ("a", "")]
    assert out.facts["splits"]["test"]["empty"] == 0


def trees(*sentences: list[tuple[str, int, str]]) -> str:
    lines = [
        "".join(f"{n}\t{form}\t_\t_\t_\t_\t{head}\t{label}\t_\t_\n" for n, (form, head, label) in enumerate(words, 1))
        for words in sentences
    ]
    return "\n".join(lines) + "\n"


ENGLISH_TREE = trees([("my", 2, "nmod:poss"), ("cat", 3, "nsubj"), ("sleeps", 0, "root"), (".", 3, "punct")])
OTHER_TREE = trees([("con", 2, "clf"), ("meo", 3, "nsubj:nn"), ("ngu", 0, "root")])


def source_trees(tasks: Tasks) -> Workspace:
    return tasks.of_files("ud_parsing", "en", dict.fromkeys(ALL, ENGLISH_TREE))


def test_trees_keep_their_heads_and_lose_their_subtypes(tasks: Tasks) -> None:
    done = source_trees(tasks)
    (row,) = rows(done, "train")
    assert row == {
        "words": ["my", "cat", "sleeps", "."],
        "heads": [2, 3, 0, 3],
        "labels": ["nmod", "nsubj", "root", "punct"],
    }
    assert (done.facts["task_type"], done.facts["metric"]) == ("dependency_parsing", "las")
    assert done.facts["labels"] == ["nmod", "nsubj", "punct", "root"]
    assert done.facts["splits"]["test"]["words"] == 4
    with_subtypes = tasks.of_files("ud_parsing", "en", dict.fromkeys(ALL, ENGLISH_TREE), read={"subtypes": True})
    assert with_subtypes.facts["labels"] == ["nmod:poss", "nsubj", "punct", "root"]


def test_a_relation_the_source_does_not_have_is_an_error_with_a_choice(tasks: Tasks) -> None:
    source = source_trees(tasks)
    with pytest.raises(JobError, match=r'mine in "vi" has the label clf \(once\)') as error:
        tasks.of_files("ud_parsing", "vi", {"test": OTHER_TREE}, source)
    assert "labels: {clf: clf}" in error.value.problems[0].hint
    mapped = tasks.of_files("ud_parsing", "vi", {"test": OTHER_TREE}, source, labels={"clf": "nmod"})
    kept = tasks.of_files("ud_parsing", "vi", {"test": OTHER_TREE}, source, labels={"clf": "clf"})
    assert [rows(done, "test")[0]["labels"][0] for done in (mapped, kept)] == ["nmod", "clf"]
    assert kept.facts["labels"] == source.facts["labels"]


def test_where_training_data_is_another_card_s_a_label_of_the_test_set_can_be_kept_too(
    tasks: Tasks, tmp_path: Path
) -> None:
    for name, content in (("train", ENGLISH_TREE), ("test", OTHER_TREE)):
        (tmp_path / f"{name}.conllu").write_text(content, encoding="utf-8")
    learnt = {"card": "ud_parsing", "files": {"train": "train.conllu", "validation": "train.conllu"}}
    files = {"en": {"test": "test.conllu"}}
    given = {"card": "ud_parsing", "train_on": learnt, "files": files}
    with pytest.raises(JobError, match="has the label clf"):
        tasks.of(TaskChoice.model_validate(given), "en")
    done = tasks.of(TaskChoice.model_validate({**given, "labels": {"clf": "clf"}}), "en")
    assert rows(done, "test")[0]["labels"][0] == "clf"
    assert "clf" not in done.facts["labels"]
    assert done.facts["label_map"] == {"train": {}, "validation": {}, "test": {"clf": "clf"}}


def test_choices_are_labelled_by_their_places_whether_or_not_each_is_ever_right(tasks: Tasks) -> None:
    choices = [f"c{number}" for number in range(1, 12)]
    header = "\t".join(["premise", "question", *choices, "label"])
    row = "\t".join(["p", "cause", *choices, "choice2"])
    read = {"separator": "tab", "header": True, "choices": choices}
    out = tasks.of_files("xcopa", "en", dict.fromkeys(ALL, f"{header}\n{row}\n"), read=read)
    assert out.facts["labels"] == [f"choice{number}" for number in range(1, 12)]


def test_a_right_choice_that_is_none_names_its_file(tasks: Tasks) -> None:
    row = {"premise": "p", "question": "cause", "choice1": "a", "choice2": "b", "label": -1}
    with pytest.raises(JobError, match=r'\(en-train\.tsv\): the right choice is "-1"; possible: choice1, choice2'):
        tasks.of_files("xcopa", "en", dict.fromkeys(ALL, json.dumps(row)), read={"separator": "jsonl"})


def test_answers_that_had_to_be_moved_get_a_warning(tasks: Tasks) -> None:
    answers = [{"text": "b", "answer_start": 7}]
    paragraph = {"context": "a b c", "qas": [{"id": "1", "question": "q", "answers": answers}]}
    text = json.dumps({"data": [{"title": "t", "paragraphs": [paragraph]}]})
    out = tasks.of_files("xquad", "en", dict.fromkeys(ALL, text))
    [check] = out.checks
    assert (check.name, check.passed, check.value, check.hard) == ("answers_are_in_their_places", False, 3, False)
    assert out.facts["splits"]["test"]["moved"] == 1


def test_an_entity_type_can_be_kept_as_well(tasks: Tasks) -> None:
    source = tasks.of_files("conll", "en", dict.fromkeys(ALL, SENTENCE))
    dates: dict[Split, str] = {"test": "Ana B-PER\nMay B-DATE\n\n"}
    done = tasks.of_files("conll", "sw", dates, source, labels={"DATE": "DATE"})
    assert rows(done, "test")[0]["labels"] == ["B-PER", "B-DATE"]


def test_trees_that_are_none_name_their_file_and_line(tasks: Tasks) -> None:
    broken = ENGLISH_TREE.replace("\t3\tnsubj", "\t9\tnsubj")
    with pytest.raises(JobError, match=r"en-train\.tsv, line 2: the head of word 2 is 9"):
        tasks.of_files("ud_parsing", "en", {**dict.fromkeys(ALL, ENGLISH_TREE), "train": broken})


def test_the_built_in_world_has_trees(tasks: Tasks) -> None:
    done = tasks.of(TaskChoice(card="miniature_parsing"), "qaa", max_examples=20)
    assert {"nsubj", "obj", "root", "punct"} <= set(done.facts["labels"])
    assert all(len(row["heads"]) == len(row["words"]) and row["heads"].count(0) == 1 for row in rows(done, "train"))
