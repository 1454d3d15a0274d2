"""What an id means: one adapter or an error that helps, and never a connection."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from madx_pipeline.errors import InputError
from madx_pipeline.published.catalogue import AdapterCatalogue, LanguageAdapter, TaskAdapter, catalogue_of, catalogues
from madx_pipeline.published.choices import AdapterChoice
from madx_pipeline.published.resolve import (
    Resolved,
    mixed_variants,
    published_variant,
    resolve_language_adapter,
    resolve_task_adapter,
)

XLMR, MBERT = "xlm-roberta-base", "bert-base-multilingual-cased"
COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a connection was tried")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


def refusal(resolve: Callable[..., object], *arguments: object) -> tuple[str, str]:
    """The one problem of an id that cannot be taken: message and hint."""
    with pytest.raises(InputError) as refused:
        resolve(*arguments)
    (problem,) = refused.value.problems
    return problem.message, problem.hint


def of_language(written: str, base: str = XLMR, language: str | None = None) -> Resolved:
    return resolve_language_adapter(written, base, language)


@pytest.mark.parametrize("catalogue", catalogues(), ids=lambda catalogue: catalogue.base_model)
def test_every_way_to_write_every_adapter_resolves(catalogue: AdapterCatalogue) -> None:
    for base in (catalogue.base_model, catalogue.base_model.rpartition("/")[2]):
        for adapter in catalogue.language_adapters:
            names = {catalogue.shortest_id(adapter), adapter.file_id or adapter.repository, adapter.repository}
            for name in names:
                expected = Resolved(adapter.repository, adapter.revision, adapter)
                assert resolve_language_adapter(name, base, adapter.language) == expected, name
        for task in catalogue.task_adapters:
            for name in task.ids:
                assert resolve_task_adapter(name, base) == Resolved(task.repository, task.revision, task), name


@pytest.mark.parametrize("catalogue", catalogues(), ids=lambda catalogue: catalogue.base_model)
def test_a_hub_id_means_one_adapter_or_names_all_candidates(catalogue: AdapterCatalogue) -> None:
    for hub_id in {adapter.hub_id for adapter in catalogue.language_adapters if adapter.hub_id}:
        named = [adapter for adapter in catalogue.language_adapters if adapter.hub_id == hub_id]
        if len(named) == 1:
            assert of_language(hub_id, catalogue.base_model).entry == named[0]
            continue
        message, hint = refusal(of_language, hub_id, catalogue.base_model)
        assert f'"{hub_id}" means {len(named)} published adapters: ' in message
        for adapter in named:
            assert f"{adapter.file_id} ({adapter.variant})" in message
        assert str(named[0].file_id) in hint


def test_a_repository_may_have_a_revision() -> None:
    repository = "AdapterHub/xlm-roberta-base-en-wiki_pfeiffer"
    for revision in (COMMIT, "main", "wd", "refs/pr/1", "v1.0"):
        resolved = of_language(f"{repository}@{revision}", XLMR, "en")
        assert (resolved.repository, resolved.revision) == (repository, revision)
        assert resolved.entry is not None
    for broken in ("", "../x", "a b", "/main", "a@b"):
        message, hint = refusal(of_language, f"{repository}@{broken}")
        assert message == f'"{repository}@{broken}" has no revision after the @.'
        assert "commit" in hint


def test_a_repository_that_is_not_in_the_catalogue_needs_its_commit() -> None:
    assert of_language(f"me/my-adapter@{COMMIT}", XLMR, "sw") == Resolved("me/my-adapter", COMMIT, None)
    assert resolve_task_adapter(f"me/my-adapter@{COMMIT}", "me/my-model") == Resolved("me/my-adapter", COMMIT, None)
    for written in ("me/my-adapter", "me/my-adapter@main", f"me/my-adapter@{COMMIT[:7]}", f"me/my-adapter@{COMMIT}0"):
        message, hint = refusal(of_language, written)
        assert message.startswith(f'no published language adapter is called "{written}".')
        assert "owner/name@<40 hex digits>" in hint


@pytest.mark.parametrize("name", ["me/../x", "../x", "me/x--y", "a/b/c", "me/ x", "me/x\n", "", "me", "@", "../../x"])
def test_what_is_no_name_of_a_repository_is_not_taken_with_a_commit_either(name: str) -> None:
    refusal(of_language, f"{name}@{COMMIT}")


@pytest.mark.parametrize(
    ("written", "close"),
    [
        ("en/wkii@ukp", "en/wiki@ukp"),
        ("en/wiki", "en/wiki@ukp"),
        ("EN/wiki@ukp", "en/wiki@ukp"),
        ("mhr/wiki@upk", "mhr/wiki@ukp"),
        ("@ukp/xlm-roberta-base-sw-wiki_pfeifer", "@ukp/xlm-roberta-base-sw-wiki_pfeiffer"),
        ("AdapterHub/xlm-roberta-base-sw-wki_pfeiffer@main", "AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer"),
        ("adapterhub/xlm-roberta-base-sw-wiki_pfeiffer", "AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer"),
        (
            "https://huggingface.co/AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer",
            "AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer",
        ),
    ],
)
def test_a_mistyped_id_names_the_nearest(written: str, close: str) -> None:
    message, hint = refusal(of_language, written)
    assert message == f'no published language adapter is called "{written}". Nearest: "{close}".'
    assert "madx adapters list --base xlm-roberta-base" in hint


@pytest.mark.parametrize("written", ["./adapters/sw", "/data/sw", "~/sw", "../sw"])
def test_a_folder_is_not_taken_for_an_id(written: str) -> None:
    message, hint = refusal(of_language, written)
    assert message == f'"{written}" is not the id of a published adapter.'
    assert "{path: ...}" in hint


def test_an_adapter_of_another_base_model_is_refused_by_name() -> None:
    for written in (
        "@ukp/bert-base-multilingual-cased-sw-wiki_pfeiffer",
        f"AdapterHub/bert-base-multilingual-cased-sw-wiki_pfeiffer@{COMMIT}",
    ):
        message, hint = refusal(of_language, written, XLMR, "sw")
        assert message == f"{written} was trained for google-bert/bert-base-multilingual-cased; the recipe uses {XLMR}."
        assert hint.startswith("Choose another adapter for sw, or train one.")
        assert "sw/wiki@ukp" in hint


def test_a_hub_id_that_only_other_base_models_have_names_them() -> None:
    message, hint = refusal(of_language, "it/wiki@ukp", MBERT, "it")
    assert message == f"it/wiki@ukp was trained for FacebookAI/xlm-roberta-base; the recipe uses {MBERT}."
    assert 'None is published for "it"' in hint
    message, _ = refusal(of_language, "en/wiki@ukp", "bert-base-cased", "en")
    assert (
        "google-bert/bert-base-multilingual-cased, FacebookAI/xlm-roberta-base, FacebookAI/xlm-roberta-large" in message
    )


def test_a_base_model_of_an_unknown_name_is_not_held_against_an_adapter_that_only_one_has() -> None:
    resolved = of_language("@ukp/xlm-roberta-base-sw-wiki_pfeiffer", "my-copy", "sw")
    assert resolved.repository == "AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer"
    message, _ = refusal(of_language, "it/wkii@ukp", "my-copy")
    assert "it/wiki@ukp" in message
    message, _ = refusal(of_language, "sw/wiki@ukp", "my-copy", "sw")
    assert "@ukp/xlm-roberta-large-sw-wiki_pfeiffer (pfeiffer_relu, FacebookAI/xlm-roberta-large)" in message


def test_an_adapter_of_another_language_is_refused() -> None:
    message, hint = refusal(of_language, "en/wiki@ukp", XLMR, "sw")
    assert message == 'en/wiki@ukp is for "en" (English), not for "sw" (Swahili).'
    assert hint == f'For "sw" and {XLMR}: sw/wiki@ukp.'
    _, hint = refusal(of_language, "en/wiki@ukp", XLMR, "yo")
    assert hint == f'None is published for "yo" and {XLMR}.'


def test_the_codes_of_a_recipe_count_not_those_of_the_index() -> None:
    for code, hub_id in {"yue": "zh_yue/wiki@ukp", "bho": "bh/wiki@ukp"}.items():
        entry = of_language(hub_id, MBERT, code).entry
        assert isinstance(entry, LanguageAdapter)
        assert entry.language == code


def test_a_task_adapter_is_no_language_adapter_nor_the_other_way_round() -> None:
    message, _ = refusal(of_language, "wikiann/en@ukp", MBERT)
    assert message == '"wikiann/en@ukp" is a task adapter, not a language adapter.'
    message, _ = refusal(resolve_task_adapter, "sw/wiki@ukp", XLMR)
    assert message == '"sw/wiki@ukp" is a language adapter, not a task adapter.'
    message, _ = refusal(resolve_task_adapter, "wikiann/em@ukp", MBERT)
    assert 'Nearest: "wikiann/' in message


def test_what_a_task_adapter_was_trained_on_can_be_looked_up() -> None:
    for page in catalogues():
        for task in page.task_adapters:
            if not task.stacked_on:
                continue
            known = {name for adapter in page.language_adapters for name in adapter.ids}
            assert task.stacked_on[0] in known
    entry = resolve_task_adapter("wikiann/en@ukp", MBERT).entry
    assert isinstance(entry, TaskAdapter)
    assert (entry.leave_out, entry.labels, entry.stacked_on) == ([11], {"0": "O"}, ["en/wiki@ukp"])


def test_published_takes_one_variant_for_all_languages() -> None:
    variants = {
        ("en", "sw"): "pfeiffer_relu",
        ("en", "sw", "et"): "pfeiffer_gelu",
        ("en", "et", "yue"): "pfeiffer_gelu",
        ("am",): "pfeiffer_relu_16",
    }
    for languages, variant in variants.items():
        chosen = published_variant(languages, MBERT)
        assert list(chosen) == list(languages)
        assert {entry.variant for entry in chosen.values()} == {variant}
        assert [entry.language for entry in chosen.values()] == list(languages)
    assert published_variant([], MBERT) == {}


def test_published_never_takes_adapters_that_only_work_with_others(monkeypatch: pytest.MonkeyPatch) -> None:
    page = catalogue_of(XLMR)
    assert page is not None
    preferred = page.model_copy(update={"variants": page.variants[::-1]})
    assert preferred.variants[0].name == "m2qa"
    monkeypatch.setattr("madx_pipeline.published.resolve.catalogue_of", lambda base_model: preferred)
    chosen = published_variant(["en", "de", "zh", "tr"], XLMR)
    assert {entry.variant for entry in chosen.values()} == {"pfeiffer_relu"}


def test_published_says_what_each_variant_lacks_where_none_has_all() -> None:
    message, hint = refusal(published_variant, ["am", "sw", "et"], MBERT)
    assert "has all of am, sw, et" in message
    for lack in (
        "pfeiffer_relu lacks am, et",
        "pfeiffer_gelu lacks am;",
        "houlsby_gelu lacks am;",
        "pfeiffer_relu_16 lacks sw, et",
    ):
        assert lack in message
    assert "by id" in hint


def test_published_names_every_language_that_has_no_adapter() -> None:
    with pytest.raises(InputError) as refused:
        published_variant(["am", "sw", "yo", "ig", "yo"], MBERT)
    yo, ig, rest = refused.value.problems
    assert yo.message == f'no language adapter of "yo" (Yoruba) is published for google-bert/{MBERT}.'
    assert yo.hint == 'Train one: language_adapters: {"yo": train}.'
    assert '"ig" (Igbo)' in ig.message
    assert "has all of am, sw:" in rest.message


def test_published_needs_a_base_model_with_a_catalogue() -> None:
    message, hint = refusal(published_variant, ["en"], "xlm-roberta-basse")
    assert message.startswith("there is no catalogue of published adapters for xlm-roberta-basse.")
    assert hint == 'Nearest: "xlm-roberta-base".'


def test_a_mix_of_variants_is_told_with_its_languages() -> None:
    one = {"en": "pfeiffer_relu", "sw": "pfeiffer_relu"}
    assert mixed_variants({}) is None
    assert mixed_variants({**one, "qu": None}) is None
    warning = mixed_variants({**one, "et": "houlsby_gelu"})
    assert warning is not None
    assert "2 variants (pfeiffer_relu for en, sw; houlsby_gelu for et)" in warning
    assert "\n" not in warning


def test_an_adapter_of_a_near_language_is_taken_only_where_the_recipe_says_so() -> None:
    with pytest.raises(InputError) as error:
        resolve_language_adapter("qu/wiki@ukp", XLMR, "quy")
    assert 'To take it all the same, say so: {id: qu/wiki@ukp, language: "qu"}.' in error.value.problems[0].hint
    said = AdapterChoice.model_validate({"id": "qu/wiki@ukp", "language": "qu"})
    assert resolve_language_adapter(str(said.id), XLMR, said.language).repository.endswith("-qu-wiki_pfeiffer")
    with pytest.raises(ValidationError, match="language goes with id"):
        AdapterChoice.model_validate({"train": True, "language": "qu"})
