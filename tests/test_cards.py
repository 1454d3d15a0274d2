"""Cards are complete and pinned; a choice of one becomes pinned material, or every problem at once."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from huggingface_hub import constants
from pydantic import ValidationError

from madx_pipeline.cards import card_names, corpus_card, task_card
from madx_pipeline.cli import main
from madx_pipeline.data.card_models import Card, CorpusChoice, GithubSource, HubSource, TaskChoice, TrainChoice
from madx_pipeline.data.reach import reach
from madx_pipeline.data.sources import CorpusSource, Split, TaskSource
from madx_pipeline.errors import InputError
from madx_pipeline.languages import is_language
from madx_pipeline.material import Material
from madx_pipeline.miniature import LANGUAGES, TASKS
from madx_pipeline.report.outcomes import METRICS
from madx_pipeline.shipped import shipped_folder
from madx_pipeline.task_material import task_material
from madx_pipeline.tasks import TASK_TYPES
from madx_pipeline.text_material import corpus_material

ALL: tuple[Split, ...] = ("train", "validation", "test")
TEST: tuple[Split, ...] = ("test",)
CARDS: list[Card] = [
    *(corpus_card(name) for name in card_names("corpora")),
    *(task_card(name) for name in card_names("tasks")),
]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def task(choice: TaskChoice, language: str, folder: Path, needs: tuple[Split, ...] = TEST) -> Material:
    return task_material(choice, language, folder, sha256, needs=needs)


def messages(error: pytest.ExceptionInfo[InputError]) -> list[str]:
    return [problem.message for problem in error.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe's folder with a text and three labelled files."""
    for name in ("qu.txt", "train.conllu", "dev.conllu", "test.conllu"):
        (tmp_path / name).write_text(f"content of {name}\n", encoding="utf-8")
    return tmp_path


def test_the_shipped_cards_are_these() -> None:
    assert card_names("corpora") == ("fineweb2", "glotcc", "miniature", "text", "wikipedia")
    assert card_names("tasks") == (
        "afrisenti",
        "americasnli",
        "conll",
        "conllu",
        "copa",
        "masakhaner",
        "masakhaner2",
        "masakhanews",
        "miniature_choice",
        "miniature_ner",
        "miniature_pairs",
        "miniature_parsing",
        "miniature_pos",
        "miniature_questions",
        "miniature_topics",
        "nusax",
        "paws_x",
        "sib200",
        "social_iqa",
        "squad",
        "table",
        "tydiqa",
        "ud_parsing",
        "ud_pos",
        "universal_ner",
        "wikiann",
        "wikineural",
        "xcopa",
        "xnli",
        "xquad",
    )


@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.kind}-{card.name}")
class TestEveryCard:
    def test_says_what_it_is_and_whom_to_thank(self, card: Card) -> None:
        for text in (card.summary, card.licence, card.citation, card.homepage):
            assert len(text) > 10

    def test_is_called_as_its_file(self, card: Card) -> None:
        assert card.name in card_names("corpora" if card.kind == "corpus" else "tasks")

    def test_has_languages_that_exist(self, card: Card) -> None:
        if card.languages != "any":
            assert [code for code in card.languages if not is_language(code)] == []

    def test_names_no_branch_of_a_repository(self, card: Card) -> None:
        source = getattr(card, "source", None)
        if isinstance(source, HubSource):
            assert source.revision is None or len(source.revision) == 40
            assert "{language}" in source.files or len(card.languages) == 1 or source.ids is not None
        if isinstance(source, GithubSource):
            called = set(card.languages.values()) if isinstance(card.languages, dict) else set()
            assert isinstance(source.commit, str) or set(source.commit) == called
            assert isinstance(source.github, str) or set(source.github) == called
            assert set(source.test_only) <= called


def test_the_miniature_cards_have_the_languages_and_tasks_of_the_world() -> None:
    for card in (corpus_card("miniature"), *(task_card(f"miniature_{task}") for task in TASKS)):
        assert isinstance(card.languages, dict)
        assert set(card.languages) == set(LANGUAGES)


def test_what_a_data_set_calls_a_language_is_in_the_card() -> None:
    assert corpus_card("wikipedia").call("be-tarask") == "be-x-old"
    assert task_card("sib200").call("sw") == "swh_Latn"
    assert task_card("wikiann").call("no") == "no"


def test_a_name_is_never_a_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'there is no task card "../stages/report"'):
        task_card("../stages/report")


def test_an_unknown_card_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r'there is no corpus card "wikipdia"\. Nearest: "wikipedia"\.'):
        corpus_card("wikipdia")


def test_a_corpus_is_a_card_a_path_or_a_file_in_the_place_of_the_card_s() -> None:
    with pytest.raises(ValidationError, match="give card, path, or both"):
        CorpusChoice.model_validate({})
    with pytest.raises(ValidationError, match="language and revision go with card"):
        CorpusChoice.model_validate({"path": "x.txt", "language": "qu"})
    assert CorpusChoice.model_validate({"card": "wikipedia", "path": "x.parquet"}).path == "x.parquet"


def test_a_file_enters_the_fingerprint_by_its_content_and_never_by_its_path(folder: Path) -> None:
    material = corpus_material(CorpusChoice(path="qu.txt"), "qu", folder, sha256)
    assert material.source == {"text": sha256(folder / "qu.txt")}
    assert material.locations == {"path": str(folder / "qu.txt")}
    assert str(folder) not in json.dumps(material.source)


def test_an_absolute_path_is_taken_as_it_is(folder: Path) -> None:
    choice = CorpusChoice(path=str(folder / "qu.txt"))
    assert corpus_material(choice, "qu", Path("/elsewhere"), sha256).locations == {"path": str(folder / "qu.txt")}


def test_a_hub_corpus_is_pinned_to_a_commit_and_to_its_files(folder: Path) -> None:
    source = CorpusSource.model_validate(corpus_material(CorpusChoice(card="wikipedia"), "qu", folder, sha256).source)
    assert source.hub is not None
    assert source.hub.repository == "wikimedia/wikipedia"
    assert source.hub.files == {"train": "20231101.qu/train-*.parquet"}
    assert len(source.hub.revision) == 40


def test_what_limits_the_lines_of_one_language_is_in_its_source(folder: Path) -> None:
    limited = corpus_material(CorpusChoice(path="qu.txt", max_lines=10), "qu", folder, sha256)
    assert limited.source == {"text": sha256(folder / "qu.txt"), "max_lines": 10}


def test_a_missing_file_is_named_as_the_recipe_names_it(folder: Path) -> None:
    with pytest.raises(InputError) as error:
        corpus_material(CorpusChoice(path="corpora/qu.txt"), "qu", folder, sha256)
    assert messages(error) == [f"recipe says corpora/qu.txt, not found in {folder}."]
    with pytest.raises(InputError) as error:
        corpus_material(CorpusChoice(path="qo.txt"), "qu", folder, sha256)
    assert error.value.problems[0].hint == 'Nearest: "qu.txt".'


def test_a_folder_is_not_a_file(folder: Path) -> None:
    with pytest.raises(InputError, match=r"recipe says \., which is a folder, not a file\."):
        corpus_material(CorpusChoice(path="."), "qu", folder, sha256)


def test_a_language_the_card_does_not_have_is_answered_with_the_nearest(folder: Path) -> None:
    with pytest.raises(InputError) as error:
        task(TaskChoice(card="wikiann"), "quz", folder)
    assert messages(error) == ['wikiann has no language "quz". Nearest: "qu" (Quechua). All: madx show wikiann.']


def test_a_near_language_is_taken_only_where_the_recipe_says_so(folder: Path) -> None:
    with pytest.raises(InputError) as error:
        task(TaskChoice(card="sib200"), "qu", folder)
    [problem] = error.value.problems
    assert problem.message == ('sib200 has no language "qu". Nearest: "quy" (Ayacucho Quechua). All: madx show sib200.')
    assert problem.hint.startswith('To take it for qu, say so: languages: {"qu": "quy"}.')
    said = TaskSource.model_validate(task(TaskChoice(card="sib200", languages={"qu": "quy"}), "qu", folder).source)
    assert said.hub is not None
    assert said.hub.files == {"test": "data/quy_Latn/test.tsv"}


def test_norwegian_is_no_nb_and_nn_and_none_of_them_is_taken_for_another_unasked(folder: Path) -> None:
    with pytest.raises(InputError, match=r'wikipedia has no language "nb". Nearest: "no" .Norwegian., "nn"'):
        corpus_material(CorpusChoice(card="wikipedia"), "nb", folder, sha256)
    said = corpus_material(CorpusChoice(card="wikipedia", language="no"), "nb", folder, sha256)
    assert CorpusSource.model_validate(said.source).hub == (
        CorpusSource.model_validate(corpus_material(CorpusChoice(card="wikipedia"), "no", folder, sha256).source).hub
    )


def test_what_is_taken_for_a_language_must_be_there(folder: Path) -> None:
    with pytest.raises(InputError, match=r'"quz" is to be taken for "qu", and sib200 does not have it\.'):
        task(TaskChoice(card="sib200", languages={"qu": "quz"}), "qu", folder)
    with pytest.raises(InputError, match=r'"quz" is to be taken for "quy", and wikipedia does not have it\.'):
        corpus_material(CorpusChoice(card="wikipedia", language="quz"), "quy", folder, sha256)


def test_the_material_of_a_language_does_not_depend_on_the_others(folder: Path) -> None:
    alone = TaskChoice(card="conllu", files={"qu": {"test": "test.conllu"}})
    among = TaskChoice(card="conllu", files={"qu": {"test": "test.conllu"}, "sw": {"test": "dev.conllu"}})
    assert task(alone, "qu", folder) == task(among, "qu", folder)


def test_a_target_needs_only_its_test_set_and_only_that_is_hashed(folder: Path) -> None:
    files: dict[str, dict[Split, str]] = {"qu": {"train": "train.conllu", "test": "test.conllu"}}
    source = TaskSource.model_validate(task(TaskChoice(card="conllu", files=files), "qu", folder).source)
    assert source.files == {"test": sha256(folder / "test.conllu")}


def test_every_missing_split_and_file_is_reported_at_once(folder: Path) -> None:
    choice = TaskChoice(card="conllu", files={"en": {"train": "trian.conllu"}}, read={"labels": "upos"})
    with pytest.raises(InputError) as error:
        task(choice, "en", folder, ALL)
    assert messages(error) == [
        '"en" is the source language and has no validation split: the task adapter that is kept is chosen on it.',
        '"en" has no test split: there would be nothing to evaluate on.',
        f"recipe says trian.conllu, not found in {folder}.",
        "read.labels is not a known key.",
    ]
    assert error.value.problems[0].hint == 'Add files: {"en": {validation: ...}}.'
    assert error.value.problems[-1].hint == 'Nearest: "label".'


def test_a_source_language_without_training_data_is_refused(folder: Path) -> None:
    files: dict[str, dict[Split, str]] = {"en": {"validation": "dev.conllu", "test": "test.conllu"}}
    with pytest.raises(InputError) as error:
        task(TaskChoice(card="conllu", files=files), "en", folder, ALL)
    assert messages(error) == ['"en" is the source language and has no train split: the task adapter learns from it.']


def test_a_card_of_files_asks_for_files(folder: Path) -> None:
    with pytest.raises(InputError) as error:
        task(TaskChoice(card="conllu"), "sw", folder)
    assert messages(error) == ['conllu reads files, and files has none for "sw" (Swahili).']
    assert error.value.problems[0].hint == 'Add files: {"sw": {test: ...}}.'


def test_files_take_the_place_of_the_hub_for_their_language_alone(folder: Path) -> None:
    choice = TaskChoice(card="sib200", files={"qu": {"test": "test.conllu"}})
    local = TaskSource.model_validate(task(choice, "qu", folder).source)
    remote = TaskSource.model_validate(task(choice, "sw", folder).source)
    assert local.files is not None
    assert local.hub is None
    assert remote.hub is not None
    assert remote.hub.files == {"test": "data/swh_Latn/test.tsv"}
    assert remote.read == local.read


def test_the_format_options_of_the_recipe_change_the_fingerprint(folder: Path) -> None:
    choice = TaskChoice(card="conllu", files={"qu": {"test": "test.conllu"}})
    changed = choice.model_copy(update={"read": {"label": "xpos"}})
    assert task(choice, "qu", folder).source["read"] == {"format": "conllu", "label": "upos"}
    assert task(changed, "qu", folder).source["read"] == {"format": "conllu", "label": "xpos"}


def test_format_options_without_files_are_refused_since_they_would_do_nothing(folder: Path) -> None:
    with pytest.raises(InputError, match="read has no effect"):
        task(TaskChoice(card="wikiann", read={"comments": True}), "sw", folder)


def test_another_commit_is_that_of_the_repository_of_a_card_on_the_hub_and_on_github(folder: Path) -> None:
    other = "a" * 40
    on_hub = TaskSource.model_validate(task(TaskChoice(card="sib200", revision=other), "sw", folder).source)
    on_github = TaskSource.model_validate(task(TaskChoice(card="masakhaner", revision=other), "sw", folder).source)
    assert on_hub.hub is not None
    assert on_github.github is not None
    assert (on_hub.hub.revision, on_github.github.commit) == (other, other)


def test_the_test_split_of_another_repository_keeps_its_commit_when_the_card_gets_another(folder: Path) -> None:
    card = task_card("copa")
    source = TaskSource.model_validate(task(TaskChoice(card="copa", revision="a" * 40), "en", folder, ALL).source)
    assert source.hub is not None
    assert source.test is not None
    assert source.test.hub is not None
    assert card.test is not None
    assert (source.hub.revision, source.test.hub.revision) == ("a" * 40, card.test.revision)


@pytest.mark.parametrize(
    ("card", "language", "why"),
    [
        ("ud_pos", "en", "each of its languages has a repository of its own"),
        ("miniature_ner", "qaa", "it is taken from no repository"),
        ("conllu", "en", "it is taken from no repository"),
    ],
)
def test_a_commit_is_refused_where_there_is_no_repository_that_it_is_of(
    folder: Path, card: str, language: str, why: str
) -> None:
    with pytest.raises(InputError, match=f"revision cannot be said of {card}: {why}"):
        task(TaskChoice(card=card, revision="a" * 40), language, folder)


def test_a_commit_of_built_in_text_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="revision cannot be said of miniature: it is taken from no repository"):
        corpus_material(CorpusChoice(card="miniature", revision="a" * 40), "qaa", folder, sha256)


def test_a_commit_beside_a_file_that_takes_the_place_of_the_repository_is_refused() -> None:
    with pytest.raises(ValidationError, match="give path or revision"):
        CorpusChoice(card="wikipedia", path="a.parquet", revision="a" * 40)
    with pytest.raises(ValidationError, match="give files or revision"):
        TrainChoice(card="squad", files={"train": "a.json", "validation": "b.json"}, revision="a" * 40)


def test_training_files_beside_train_on_are_refused_since_nothing_would_read_them(folder: Path) -> None:
    files = {"en": {"train": "a.tsv", "validation": "b.tsv", "test": "c.tsv"}}
    choice = TaskChoice.model_validate({"card": "xcopa", "train_on": "copa", "files": files})
    with pytest.raises(InputError, match='files has train and validation of "en" as well'):
        task(choice, "en", folder, ALL)


def test_a_pattern_that_looks_like_a_placeholder_is_text(folder: Path) -> None:
    read = {"only": {"language": "{lang} {"}}
    choice = TaskChoice(card="xnli", files={"sw": {"test": "test.conllu"}}, read=read)
    assert task(choice, "sw", folder).source["read"]["only"] == {"language": "{lang} {"}


def test_the_label_map_enters_the_fingerprint(folder: Path) -> None:
    assert task(TaskChoice(card="wikiann", labels={"LOC": "O"}), "sw", folder).source["labels"] == {"LOC": "O"}
    assert "labels" not in task(TaskChoice(card="wikiann"), "sw", folder).source


def test_a_label_map_of_tags_instead_of_entity_types_is_refused(folder: Path) -> None:
    with pytest.raises(InputError) as error:
        task(TaskChoice(card="wikiann", labels={"B-DATE": "O", "O": "LOC"}), "sw", folder)
    assert messages(error) == [
        "labels has B-DATE, which is not an entity type.",
        "labels has O, which is not an entity type.",
    ]


def test_built_in_data_cannot_be_replaced_by_files(folder: Path) -> None:
    choice = TaskChoice(card="miniature_pos", files={"qaa": {"test": "test.conllu"}})
    with pytest.raises(InputError, match="miniature_pos makes its own data"):
        task(choice, "qaa", folder)


def test_built_in_data_says_which_part_of_the_world_it_is(folder: Path) -> None:
    source = TaskSource.model_validate(task(TaskChoice(card="miniature_topics"), "qad", folder).source)
    assert (source.miniature, source.language, source.splits) == ("topics", "qad", ("test",))


def test_what_a_card_knows_of_its_labels_comes_before_the_map_of_the_recipe(folder: Path) -> None:
    plain = task(TaskChoice(card="paws_x"), "ja", folder).source
    assert plain["labels"] == {"0": "different", "1": "paraphrase"}
    renamed = task(TaskChoice(card="paws_x", labels={"paraphrase": "same"}), "ja", folder).source
    assert renamed["labels"] == {"0": "different", "1": "same", "paraphrase": "same"}


def test_an_option_that_a_card_leaves_out_is_not_in_the_fingerprint(folder: Path) -> None:
    choice = TaskChoice(card="sib200", files={"qu": {"test": "test.conllu"}})
    read = task(choice, "qu", folder).source["read"]
    assert read == {
        "format": "table",
        "separator": "tab",
        "header": True,
        "quoting": True,
        "text": "text",
        "label": "category",
    }


def test_a_data_set_made_for_evaluation_asks_for_training_data_of_another(folder: Path) -> None:
    with pytest.raises(InputError) as error:
        task(TaskChoice(card="xcopa"), "sw", folder, ALL)
    assert messages(error) == [
        '"sw" is the source language and has no train split: the task adapter learns from it. xcopa is for evaluation.'
    ]
    assert task(TaskChoice(card="xcopa"), "sw", folder).source["questions"]["cause"] == "What was the cause?"


BENCHMARKS = ("americasnli", "copa", "paws_x", "social_iqa", "squad", "tydiqa", "xcopa", "xnli", "xquad")


@pytest.mark.parametrize("name", card_names("tasks"))
def test_a_task_is_judged_by_what_its_type_measures_and_the_report_can_resample(name: str) -> None:
    card = task_card(name)
    assert card.task_type in TASK_TYPES
    assert card.metric in METRICS
    assert (card.label_scheme == "span") == (card.task_type == "question_answering")
    if card.task_type == "multiple_choice":
        assert set(card.labels.values()) <= {"choice1", "choice2", "choice3"}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_card_of_a_benchmark_names_its_trap_and_can_be_pointed_at_files(name: str) -> None:
    text = (shipped_folder("data_cards") / "tasks" / f"{name}.yaml").read_text(encoding="utf-8")
    assert "trap" in text
    assert task_card(name).read is not None
    assert isinstance(task_card(name).languages, dict)


def test_training_data_may_come_from_another_card_and_the_test_set_stays_the_own_one(folder: Path) -> None:
    choice = TaskChoice.model_validate({"card": "xquad", "train_on": "squad"})
    source = TaskSource.model_validate(task(choice, "en", folder, ALL).source)
    assert source.hub is not None
    assert source.hub.repository == "rajpurkar/squad"
    assert source.hub.files == dict.fromkeys(("train", "validation"), "plain_text/train-*.parquet")
    assert source.held_out == 0.05  # XQuAD is the translation of SQuAD's own validation split
    assert source.test is not None
    assert source.test.hub is not None
    assert source.test.hub.files == {"test": "xquad.en/validation-*.parquet"}
    assert task(choice, "de", folder).source == task(TaskChoice(card="xquad"), "de", folder).source


@pytest.mark.parametrize(("card", "train_on"), [("xcopa", "copa"), ("americasnli", "xnli")])
def test_where_the_card_has_not_the_source_language_its_test_set_is_the_other_card_s(
    folder: Path, card: str, train_on: str
) -> None:
    choice = TaskChoice.model_validate({"card": card, "train_on": train_on})
    source = TaskSource.model_validate(task(choice, "en", folder, ALL).source)
    assert source.test is not None
    assert (source.card, source.test.card) == (train_on, train_on)
    alone = TaskSource.model_validate(task(TaskChoice(card=train_on), "en", folder, ALL).source)
    assert source.of("test").labels == alone.of("test").labels


def test_files_may_take_the_place_of_each_part(folder: Path) -> None:
    choice = TaskChoice.model_validate(
        {
            "card": "universal_ner",
            "files": {"sw": {"test": "test.conllu"}},
            "train_on": {
                "card": "conll",
                "files": {"train": "train.conllu", "validation": "dev.conllu"},
                "labels": {"MISC": "O"},
            },
        }
    )
    material = task(choice, "sw", folder, ALL)
    source = TaskSource.model_validate(material.source)
    assert set(material.locations) == {"train", "validation", "test"}
    assert source.labels == {"MISC": "O"}
    assert source.test is not None
    assert source.test.files == {"test": sha256(folder / "test.conllu")}
    assert source.test.labels is None


def test_another_kind_of_task_cannot_be_trained_on(folder: Path) -> None:
    choice = TaskChoice.model_validate({"card": "xcopa", "train_on": "xnli"})
    with pytest.raises(InputError, match="train_on: xnli has the task_type classification, xcopa has multiple_choice"):
        task(choice, "en", folder, ALL)


def test_where_no_commit_is_known_the_recipe_has_to_name_one(folder: Path) -> None:
    with pytest.raises(InputError, match=r"glotcc: no commit of cis-lmu/GlotCC-V1 is known here"):
        corpus_material(CorpusChoice(card="glotcc"), "wo", folder, sha256)
    named = corpus_material(CorpusChoice(card="glotcc", revision="a" * 40), "wo", folder, sha256)
    hub = CorpusSource.model_validate(named.source).hub
    assert hub is not None
    assert (hub.revision, hub.files) == ("a" * 40, {"train": "v1.0/wol-Latn/*.parquet"})
    with pytest.raises(ValidationError, match="pattern"):
        CorpusChoice(card="glotcc", revision="main")


def test_a_card_says_what_of_it_can_be_had_without_a_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["madx", "list", "cards", "--json"])
    with pytest.raises(SystemExit):
        main()
    reached = {row["name"]: row.get("reach") for row in json.loads(capsys.readouterr().out)}
    assert reached["miniature_ner"] == "built in"
    assert reached["conllu"] == reached["text"] == "your files"
    assert reached["squad"] == "needs the network: the Hub; in the cache: 0 of 1 languages"
    assert reached["glotcc"] == "needs the network: the Hub, at a commit that the recipe names"
    source = task_card("squad").source
    assert isinstance(source, HubSource)
    folder = tmp_path / "datasets--rajpurkar--squad" / "snapshots" / str(source.revision) / "plain_text"
    folder.mkdir(parents=True)
    (folder / "train-00000-of-00002.parquet").touch()
    assert reach(task_card("squad")).endswith("0 of 1 languages")
    (folder / "validation-00000-of-00001.parquet").touch()
    assert reach(task_card("squad")).endswith("0 of 1 languages")  # one of two files of train
    (folder / "train-00001-of-00002.parquet").touch()
    assert reach(task_card("squad")) == "in the cache, from the Hub"
