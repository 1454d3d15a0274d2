"""The pages of published adapters: equal to the tables they are from, and true to what recipes and ids need."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from madx_pipeline.base_models import is_known, shape_of
from madx_pipeline.errors import InputError
from madx_pipeline.languages import is_language
from madx_pipeline.published import catalogue as module
from madx_pipeline.published.catalogue import AdapterCatalogue, catalogue_of, catalogues
from madx_pipeline.shipped import shipped_folder

BASES = ("xlm-roberta-base", "xlm-roberta-large", "bert-base-multilingual-cased")
OLD_CODES = {"bho": "bh", "yue": "zh_yue"}
"""BCP 47 code to what the index has instead."""


def page_of(base: str) -> AdapterCatalogue:
    page = catalogue_of(base)
    assert page is not None
    return page


@pytest.mark.parametrize(
    ("base", "languages"), [("xlm-roberta-base", 29), ("xlm-roberta-large", 16), ("bert-base-multilingual-cased", 47)]
)
def test_every_language_of_the_index_is_there(base: str, languages: int) -> None:
    assert len(page_of(base).languages) == languages


@pytest.mark.parametrize("base", BASES)
def test_the_language_adapters_are_those_of_the_index(shared: Path, base: str) -> None:
    table = json.loads((shared / "published" / "language_adapters.json").read_text(encoding="utf-8"))
    index = {
        row["hf_repo"]: (
            row["hub_file_id"],
            row["hub_id"],
            row["language"],
            row["architecture"],
            row["non_linearity"],
            row["reduction_factor"],
            None if row["train_steps_k"] is None else row["train_steps_k"] * 1000,
            row["hub_prediction_head_flag"],
        )
        for row in table["language_adapters"]
        if row["base_model"] == base
    }
    ours = {
        adapter.repository: (
            adapter.file_id,
            adapter.hub_id,
            OLD_CODES.get(adapter.language, adapter.language),
            adapter.architecture,
            adapter.non_linearity,
            adapter.reduction_factor,
            adapter.training_steps,
            adapter.masked_lm_head,
        )
        for adapter in page_of(base).language_adapters
        if adapter.variant != "m2qa"
    }
    assert ours == index


@pytest.mark.parametrize("base", BASES)
def test_the_task_adapters_are_those_of_the_index(shared: Path, base: str) -> None:
    table = json.loads((shared / "published" / "task_adapters_multilingual.json").read_text(encoding="utf-8"))
    index = {
        row["hf_repo"]: (
            row["hub_file_id"],
            row["hub_id"],
            row["task"],
            row["architecture"],
            row["non_linearity"],
            row["reduction_factor"],
            row["prediction_head"],
            [needed["key"] for needed in row["dependencies"] or []],
            [11] if "MAD-X 2.0" in row["description"] else [],
        )
        for row in table["task_adapters"]
        if row["base_model"] == base
    }
    ours = {
        adapter.repository: (
            adapter.file_id,
            adapter.hub_id,
            adapter.task,
            adapter.architecture,
            adapter.non_linearity,
            adapter.reduction_factor,
            adapter.prediction_head,
            adapter.stacked_on,
            adapter.leave_out,
        )
        for adapter in page_of(base).task_adapters
        if "/m2qa-" not in adapter.repository
    }
    assert ours == index


def test_the_m2qa_adapters_are_those_of_their_authors_but_for_the_domain_adapters(shared: Path) -> None:
    folder = shared / "published"
    languages = json.loads((folder / "language_adapters.json").read_text(encoding="utf-8"))
    tasks = json.loads((folder / "task_adapters_multilingual.json").read_text(encoding="utf-8"))
    page = page_of("xlm-roberta-base")
    assert {adapter.repository for adapter in page.of_variant("m2qa").values()} == {
        row["hf_repo"] for row in languages["m2qa_language_and_domain_adapters"] if row["role"] == "language"
    }
    assert {adapter.repository for adapter in page.task_adapters if "/m2qa-" in adapter.repository} == {
        row["hf_repo"] for row in tasks["m2qa_task_adapters"]
    }


def test_the_labels_of_the_wikiann_heads_end_as_those_of_the_data(shared: Path) -> None:
    name = "v_0.2.0__AdapterHub_bert-base-multilingual-cased_wikiann_ner_zh_pfeiffer.head_config.json"
    head = json.loads((shared / "published" / "configs" / name).read_text(encoding="utf-8"))["config"]["label2id"]
    wikiann = [
        adapter for adapter in page_of("bert-base-multilingual-cased").task_adapters if adapter.task == "wikiann"
    ]
    assert len(wikiann) == 4
    for adapter in wikiann:
        usual = {adapter.labels.get(label, label) for label in head}
        assert usual == {"O", *(f"{part}-{kind}" for part in "BI" for kind in ("PER", "LOC", "ORG"))}


def test_the_old_and_the_new_name_of_a_base_model_have_the_same_page() -> None:
    assert catalogue_of("bert-base-multilingual-cased") is catalogue_of("google-bert/bert-base-multilingual-cased")
    assert catalogue_of("me/xlm-roberta-base") is None
    assert catalogue_of("bert-base-cased") is None


@pytest.mark.parametrize("page", catalogues(), ids=lambda page: page.base_model)
class TestEveryPage:
    def test_is_named_by_a_base_model_that_we_know_with_its_shape(self, page: AdapterCatalogue) -> None:
        assert is_known(page.base_model)
        assert shape_of(page.base_model) is not None
        name = page.base_model.rpartition("/")[2]
        assert (shipped_folder("data_cards") / "adapters" / f"{name}.yaml").is_file()

    def test_has_language_codes_that_recipes_understand(self, page: AdapterCatalogue) -> None:
        assert [code for code in page.languages if not is_language(code)] == []

    def test_has_one_adapter_for_a_language_in_a_variant(self, page: AdapterCatalogue) -> None:
        pairs = Counter((adapter.variant, adapter.language) for adapter in page.language_adapters)
        assert set(pairs.values()) == {1}
        assert {variant for variant, _ in pairs} == {variant.name for variant in page.variants}

    def test_has_adapters_made_alike_in_a_variant(self, page: AdapterCatalogue) -> None:
        for variant in page.variants:
            made = {
                (adapter.architecture, adapter.non_linearity, adapter.reduction_factor)
                for adapter in page.of_variant(variant.name).values()
            }
            assert len(made) == 1, variant.name

    def test_says_where_it_is_from(self, page: AdapterCatalogue) -> None:
        assert re.search(r"commit [0-9a-f]{40}", page.source)
        assert page.licence.startswith("Apache-2.0")
        assert "MAD-X" in page.citation
        assert all(variant.summary.endswith(".") for variant in page.variants)
        assert all(adapter.summary.endswith(".") for adapter in page.task_adapters)

    def test_has_a_line_for_each_adapter(self, page: AdapterCatalogue) -> None:
        name = page.base_model.rpartition("/")[2]
        text = (shipped_folder("data_cards") / "adapters" / f"{name}.yaml").read_text(encoding="utf-8")
        for adapter in page.adapters:
            line = next(line for line in text.splitlines() if f"repository: {adapter.repository}," in line)
            assert line.startswith("  - {")
            assert line.endswith("}")

    def test_says_that_an_adapter_without_a_head_cannot_be_evaluated(self, page: AdapterCatalogue) -> None:
        for adapter in page.task_adapters:
            assert ("without a prediction head" in adapter.summary) == (not adapter.prediction_head)
            assert bool(adapter.stacked_on) == adapter.prediction_head


def test_names_of_repositories_and_files_mean_one_adapter_over_all_pages() -> None:
    names = Counter(
        name
        for page in catalogues()
        for adapter in page.adapters
        for name in (adapter.repository, adapter.file_id)
        if name is not None
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_the_shortest_id_is_the_hub_id_where_that_means_one_adapter() -> None:
    xlmr, mbert = page_of("xlm-roberta-base"), page_of("bert-base-multilingual-cased")
    assert xlmr.shortest_id(xlmr.of_variant("pfeiffer_relu")["sw"]) == "sw/wiki@ukp"
    assert xlmr.shortest_id(xlmr.of_variant("m2qa")["en"]) == "AdapterHub/m2qa-xlm-roberta-base-mad-x-2-english"
    assert mbert.shortest_id(mbert.of_variant("pfeiffer_gelu")["yue"]) == "zh_yue/wiki@ukp"
    sw = mbert.of_variant("pfeiffer_gelu")["sw"]
    assert mbert.shortest_id(sw) == "@ukp/bert-base-multilingual-cased-sw-wiki_pfeiffer"


def test_what_is_not_known_is_not_claimed() -> None:
    for page in catalogues():
        for adapter in page.language_adapters:
            known = {"pfeiffer_relu": True, "m2qa": False}.get(adapter.variant)
            assert adapter.invertible_adapter is known
    assert sum(adapter.masked_lm_head for page in catalogues() for adapter in page.language_adapters) == 21


def test_a_page_with_a_mistake_is_refused_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = shipped_folder("data_cards") / "adapters" / "xlm-roberta-large.yaml"
    text = shipped.read_text(encoding="utf-8")
    folder = tmp_path / "adapters"
    folder.mkdir()
    broken = text.replace("training_steps: 250000", "training_steps: many", 1).replace("licence:", "license:", 1)
    (folder / "xlm-roberta-large.yaml").write_text(broken, encoding="utf-8")
    monkeypatch.setattr(module, "shipped_folder", lambda name: tmp_path)
    with pytest.raises(InputError) as refused:
        module.catalogues.__wrapped__()
    said = " ".join(problem.message for problem in refused.value.problems)
    assert 'training_steps is "many"; expected a whole number' in said
    assert "license is not a known key" in said
