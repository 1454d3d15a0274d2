"""The model card says what is true, in the hub's own terms, and nothing that somebody wrote becomes markup."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import ModelCard, configure_http_backend
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter

from madx_pipeline.export.card import Edition, model_card
from madx_pipeline.export.choose import Asked, choose
from madx_pipeline.export.described import Described, describe
from madx_pipeline.export.usage import usage_code
from tests.export.hub_server import card_errors, serve
from tests.export.made_up import HUB, LABELS, MINIATURE, PUBLISHED, MadeUp

LANGUAGE, TASK = Asked(language="sw"), Asked(task="ner")


def described(run: MadeUp, asked: Asked) -> Described:
    return describe(run.shelf, choose(run.shelf, asked))


def card_of(run: MadeUp, asked: Asked, **edition: Any) -> Any:
    """The model card as huggingface_hub reads it; what its metadata has depends on the card."""
    found = described(run, asked)
    return ModelCard(model_card(found, Edition(**{"called": found.default_name, **edition})))


def test_a_language_adapter_is_described_in_the_terms_of_the_hub(from_hub: MadeUp) -> None:
    data = card_of(from_hub, LANGUAGE, called="me/sw", on_hub=True).data
    assert data.language == ["sw"]
    assert data.base_model == "FacebookAI/xlm-roberta-base"
    assert data.datasets == ["wikimedia/wikipedia"]
    assert data.library_name == "adapter-transformers"
    assert {"adapter-transformers", "xlm-roberta", "adapterhub:sw/wiki", "language-adapter"} <= set(data.tags)
    [result] = data.eval_results
    assert (data.model_name, result.dataset_type, result.metric_value) == ("me/sw", "wikimedia/wikipedia", 8.373)


def test_a_task_adapter_brings_its_own_scores_on_every_language(from_hub: MadeUp) -> None:
    data = card_of(from_hub, TASK).data
    assert data.language == ["en"]
    assert data.datasets == ["unimelb-nlp/wikiann", "wikimedia/wikipedia"]
    assert data.pipeline_tag == "token-classification"
    found = {(result.dataset_config, result.metric_name, result.metric_value) for result in data.eval_results}
    assert found == {
        ("en", "accuracy (language adapter: en)", 0.9),
        ("sw", "accuracy (language adapter: sw)", 0.52),
        ("sw", "accuracy (language adapter: en)", 0.52),
    }
    assert {result.dataset_type for result in data.eval_results} == {"unimelb-nlp/wikiann"}


def test_test_sets_of_two_languages_are_never_one_in_the_metadata(finished: MadeUp) -> None:
    results = card_of(finished, Asked(task="pos")).data.to_dict()["model-index"][0]["results"]
    assert [result["dataset"]["name"] for result in results] == ["pos in qaa, test", "pos in qad, test"]


def test_a_base_model_that_is_not_on_the_hub_is_not_linked_and_the_card_says_so(finished: MadeUp) -> None:
    card = card_of(finished, Asked(language="qad"))
    assert card.data.base_model is None
    assert card.data.language is None
    assert "**The base model is not on the hub.**" in card.text
    assert "(seed 0)" in card.text


def test_a_local_folder_is_not_taken_for_the_hub_model_of_the_same_name(made_up: Callable[..., MadeUp]) -> None:
    run = made_up(HUB)
    folder = run.folder / "xlm-roberta-base"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    run.recipe["base_model"] = {"path": str(folder)}
    run.write()
    card = card_of(run.finish(), LANGUAGE)
    assert card.data.base_model is None
    assert "it was a local folder** called `xlm-roberta-base`" in card.text
    assert str(run.folder) not in card.content


def test_nobody_stated_a_licence_and_the_licences_of_the_data_are_listed(from_hub: MadeUp) -> None:
    card = card_of(from_hub, TASK)
    assert card.data.license == "other"
    assert "Nobody stated a licence for it. It has learnt from data with these licences:" in card.text
    assert "- labelled data, ner in en: CC BY 4.0 (of the labels)" in card.text
    assert "- unlabelled text in en: CC0-1.0 (of the text)" in card.text


def test_a_stated_licence_is_the_adapters_and_hides_none_of_the_data(from_hub: MadeUp) -> None:
    card = card_of(from_hub, LANGUAGE, licence="cc-by-sa-4.0")
    assert card.data.license == "cc-by-sa-4.0"
    assert "Of the adapter: cc-by-sa-4.0, as stated by whoever published it." in card.text
    assert "- unlabelled text in sw: CC0-1.0 (of the text)" in card.text


def test_the_card_tells_of_training_checks_and_scores(finished: MadeUp) -> None:
    text = card_of(finished, Asked(language="qad")).text
    for line in (
        "| Lines dropped | empty 0, duplicate 12, too_long 3 |",
        "| Held-out perplexity with the adapter | 8.37 |",
        "| reduction_factor | 2 |",
        "| pos | accuracy | 52.0 ± 1.0 | 52.0 ± 1.0 | 52.0 ± 1.0 |",
        "| made_up_check | yes | 0.5 | It is made up. |",
        "1 of 1 checks that the training made of itself passed.",
    ):
        assert line in text


def test_the_card_of_a_task_adapter_says_what_it_was_stacked_on_and_what_to_load_instead(finished: MadeUp) -> None:
    text = card_of(finished, Asked(task="pos")).text
    assert "**stacked on the frozen language adapter of Alvan (qaa)**" in text
    assert "export recipe.yaml --language qad writes miniature-language-qad |" in text
    assert "Seed 2 has the best accuracy on the validation data of the source language" in text
    assert "| Davuri (qad) | Davuri (qad) | accuracy | 52.0 | 25.0 | 300 |" in text
    assert f"| Labels, in the order of their ids | {', '.join(LABELS)} |" in text
    assert "was used in training the adapter or in choosing it." in text


def test_of_a_seed_that_somebody_asked_for_nobody_knows_by_what_it_was_chosen(finished: MadeUp) -> None:
    text = card_of(finished, Asked(task="pos", seed=3)).text
    assert "No label of a target language was used in training the adapter." in text
    assert "in choosing it" not in text


def test_the_card_of_an_uploaded_task_adapter_names_no_folder_of_this_machine(from_hub: MadeUp) -> None:
    text = card_of(from_hub, TASK, called="me/ner", on_hub=True).text
    assert 'load_adapter("me/xlm-roberta-base-language-en", with_head=False' in text
    assert "`me/xlm-roberta-base-language-en` must be exported and uploaded too" in text
    assert "must be exported" not in card_of(from_hub, TASK).text


def test_the_base_model_is_loaded_at_the_commit_it_had(from_hub: MadeUp, finished: MadeUp) -> None:
    commit = HUB["base_model"]["revision"]
    assert f'from_pretrained("FacebookAI/xlm-roberta-base", revision="{commit}")' in card_of(from_hub, LANGUAGE).text
    assert "revision=" not in usage_code(described(finished, Asked(language="qad")), "x")


def test_a_task_adapter_that_was_trained_alone_is_used_alone(finished: MadeUp) -> None:
    card = card_of(finished, Asked(task="pos", method="task_adapter_only"))
    assert "put none under it" in card.text
    assert "Stack" not in card.text


def test_the_card_of_a_parser_warns_of_what_the_plain_library_makes_of_it(
    made_up: Callable[..., MadeUp], finished: MadeUp
) -> None:
    run = made_up(MINIATURE)
    run.facts["train_task_adapter/pos/qaa/2/qaa"] = {"task_type": "dependency_parsing"}
    assert "it loses the first word of every sentence" in card_of(run.finish(), Asked(task="pos", seed=2)).text
    assert "loses the first word" not in card_of(finished, Asked(task="pos")).text


def test_a_published_language_adapter_is_loaded_from_where_it_was_published(made_up: Callable[..., MadeUp]) -> None:
    run = made_up(HUB, language_adapters={"default": "train", "en": PUBLISHED})
    run.facts["fetch_language_adapter/en"] = {"leave_out": [11]}
    card = card_of(run.finish(), TASK)
    assert f'load_adapter("{PUBLISHED["id"]}", with_head=False, version="{PUBLISHED["revision"]}"' in card.text
    assert "leave_out=[11]" in card.text
    assert f"published: {PUBLISHED['id']} at {PUBLISHED['revision']}" in card.text
    assert "- published language adapter of en: apache-2.0" in card.text


def test_the_code_is_three_lines_and_python_whatever_the_folder_is_called(finished: MadeUp) -> None:
    code = usage_code(described(finished, Asked(task="pos")), 'a "folder"\\')
    kinds = [type(line) for line in ast.parse(code).body]
    assert kinds == [ast.ImportFrom, ast.ImportFrom, ast.Assign, ast.Assign, ast.Expr]


EVIL = "<script>x</script> {{ 777 * 777 }} ![x](y) | --- `code` [link](javascript:x)\n---\nlicense: mit\n---\n# Head"


def test_text_from_outside_is_shown_and_never_becomes_markup_or_metadata(made_up: Callable[..., MadeUp]) -> None:
    run = made_up(MINIATURE, summary=EVIL)
    odd = {"licence": EVIL, "origin": EVIL, "labels": ["<b>", "a|b"]}
    for job in run.plan.jobs.values():
        if job.stage in ("prepare_corpus", "prepare_task_data", "train_task_adapter"):
            run.facts[job.name] = odd
    run.finish()
    for asked in (Asked(language="qad"), Asked(task="pos")):
        card = card_of(run, asked, called="```\n# Head", licence=EVIL)
        assert card.data.license == "other"
        assert "<script" not in card.text
        assert "<b>" not in card.text
        assert str(777 * 777) not in card.text
        assert "\n# Head" not in card.text
        assert "](y)" not in card.text.replace("\\](y)", "")
        assert "{{ 777 \\* 777 }}" in card.text


@pytest.fixture
def hub_answers() -> Iterator[None]:
    """Whatever is asked of the hub goes to a small server on the loopback."""
    with serve() as hub:

        class Loopback(HTTPAdapter):
            def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
                request.url = f"{hub.url}{request.path_url}"
                return super().send(request, *args, **options)

        def session() -> Session:
            made = Session()
            made.trust_env = False
            made.mount("https://", Loopback())
            return made

        configure_http_backend(session)
        yield
        configure_http_backend()


@pytest.mark.parametrize("asked", [LANGUAGE, TASK])
@pytest.mark.parametrize("licence", [None, "apache-2.0", "My own"])
def test_the_card_passes_the_validation_of_huggingface_hub(
    from_hub: MadeUp, hub_answers: None, asked: Asked, licence: str | None
) -> None:
    card = card_of(from_hub, asked, licence=licence)
    card.validate()
    assert card_errors(card.content) == []
    index = card.data.to_dict()["model-index"]
    name, results = huggingface_hub.repocard_data.model_index_to_eval_results(index)
    assert huggingface_hub.repocard_data.eval_results_to_model_index(name, results) == index


def test_the_validation_would_notice(from_hub: MadeUp, hub_answers: None) -> None:
    card = card_of(from_hub, LANGUAGE)
    card.data.language = ["Swahili"]
    with pytest.raises(ValueError, match="ISO 639"):
        card.validate()


def test_the_card_written_to_a_file_is_read_back_the_same(from_hub: MadeUp, tmp_path: Path) -> None:
    card = card_of(from_hub, TASK)
    (tmp_path / "README.md").write_text(card.content, encoding="utf-8")
    assert huggingface_hub.metadata_load(tmp_path / "README.md") == card.data.to_dict()
