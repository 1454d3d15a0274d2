"""What a recipe says of ready adapters becomes pinned material, or every problem at once; no network."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml
from huggingface_hub import configure_http_backend

from madx_pipeline.durable import sha256_of
from madx_pipeline.errors import InputError
from madx_pipeline.materials import Materials, find_materials
from madx_pipeline.plan import make_plan
from madx_pipeline.published.lock import Lock, LockedAdapter
from madx_pipeline.published.pin import Pinning
from madx_pipeline.recipe_file import read_recipe
from tests.hub_cache import COMMIT, put_in_cache

XLMR = "AdapterHub/xlm-roberta-base-{}-wiki_pfeiffer"
MBERT = "AdapterHub/bert-base-multilingual-cased-{}-wiki_{}"
WIKIANN = "AdapterHub/bert-base-multilingual-cased_wikiann_ner_{}_pfeiffer"
OTHER = "f" * 40
GOOD: dict[str, Any] = {
    "name": "trial",
    "base_model": {"id": "FacebookAI/xlm-roberta-base"},
    "source_language": "en",
    "target_languages": ["sw", "qu"],
    "corpora": {"default": {"card": "wikipedia"}},
    "language_adapters": {"default": "published"},
    "tasks": {"ner": {"card": "wikiann"}},
}
ON_MBERT: dict[str, Any] = {"base_model": {"id": "google-bert/bert-base-multilingual-cased", "revision": "a" * 40}}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no way to the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def known_to(cache: Path, *repositories: str) -> None:
    """Fills the cache with repositories whose default branch is at `COMMIT`."""
    files = cache.parent / "files"
    files.mkdir(exist_ok=True)
    for repository in repositories:
        put_in_cache(cache, repository, files)


def found(folder: Path, pinning: Pinning | None = None, **changes: Any) -> tuple[Materials, list[str]]:
    """What the recipe points at, and the warnings of its plan."""
    path = folder / "trial.yaml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}), encoding="utf-8")
    pinning = pinning or Pinning(Lock(folder / "trial.lock.yaml"))
    recipe, materials = find_materials(read_recipe(path), sha256_of, pinning)
    return materials, make_plan(recipe, materials).warnings


def problems(folder: Path, pinning: Pinning | None = None, **changes: Any) -> list[str]:
    with pytest.raises(InputError) as raised:
        found(folder, pinning, **changes)
    return [f"{problem.message} | {problem.hint}" for problem in raised.value.problems]


def sources(materials: Materials) -> dict[str, tuple[str, str | None]]:
    return {code: (material.source["id"], material.source["revision"]) for code, material in materials.adapters.items()}


def test_published_takes_every_language_from_the_catalogue_at_the_commit_of_the_cache(
    tmp_path: Path, cache: Path
) -> None:
    known_to(cache, *(XLMR.format(code) for code in ("en", "sw", "qu")))
    materials, warnings = found(tmp_path)
    assert sources(materials) == {code: (XLMR.format(code), COMMIT) for code in ("en", "sw", "qu")}
    assert warnings == []


def test_published_takes_one_variant_for_all_languages(tmp_path: Path, cache: Path) -> None:
    materials, warnings = found(tmp_path, **ON_MBERT, target_languages=["sw"])
    relu = [MBERT.format(code, "pfeiffer_relu") for code in ("en", "sw")]
    assert [repository for repository, _ in sources(materials).values()] == relu
    materials, warnings = found(tmp_path, **ON_MBERT, target_languages=["de"])
    gelu = [MBERT.format(code, "pfeiffer") for code in ("en", "de")]
    assert [repository for repository, _ in sources(materials).values()] == gelu
    assert warnings == []


@pytest.mark.parametrize(
    "choice",
    [
        "sw/wiki@ukp",
        "@ukp/xlm-roberta-base-sw-wiki_pfeiffer",
        XLMR.format("sw"),
        f"{XLMR.format('sw')}@{OTHER}",
        {"id": "sw/wiki@ukp", "revision": OTHER},
        {"id": XLMR.format("sw"), "revision": OTHER},
    ],
)
def test_every_form_of_an_id_means_the_same_adapter(tmp_path: Path, cache: Path, choice: object) -> None:
    known_to(cache, XLMR.format("sw"))
    materials, _ = found(tmp_path, language_adapters={"default": "published", "sw": choice})
    commit = OTHER if OTHER in str(choice) else COMMIT
    assert sources(materials)["sw"] == (XLMR.format("sw"), commit)


def test_a_repository_that_no_catalogue_has_is_taken_at_a_commit_only(tmp_path: Path, cache: Path) -> None:
    own = {"default": "published", "sw": {"id": "someone/swahili", "revision": OTHER}}
    assert sources(found(tmp_path, language_adapters=own)[0])["sw"] == ("someone/swahili", OTHER)
    [line] = problems(tmp_path, language_adapters={"default": "published", "sw": "someone/swahili"})
    assert 'trial.yaml: language_adapters."sw": no published language adapter is called "someone/swahili"' in line


def test_without_any_commit_the_recipe_is_planned_and_the_job_says_why_it_cannot_run(
    tmp_path: Path, cache: Path
) -> None:
    known_to(cache, XLMR.format("en"), XLMR.format("qu"))
    materials, _ = found(tmp_path)
    assert sources(materials)["sw"] == (XLMR.format("sw"), None)
    obstacle = materials.adapters["sw"].obstacle
    assert obstacle is not None
    assert XLMR.format("sw") in obstacle.message
    assert obstacle.hint.startswith("Where there is a network: hf download")
    assert materials.adapters["en"].obstacle is None


def locked(folder: Path, *codes: str, locked_only: bool = False) -> Pinning:
    rows = [LockedAdapter(XLMR.format(code), OTHER, {"adapter_config.json": code * 32}) for code in codes]
    return Pinning(Lock(folder / "trial.lock.yaml", tuple(rows)), locked_only)


def test_the_lock_file_decides_the_commit_and_what_is_expected(tmp_path: Path, cache: Path) -> None:
    known_to(cache, *(XLMR.format(code) for code in ("en", "sw", "qu")))
    materials, _ = found(tmp_path, locked(tmp_path, "sw"))
    assert sources(materials)["sw"] == (XLMR.format("sw"), OTHER)
    assert materials.adapters["sw"].expected == {"adapter_config.json": "sw" * 32}
    assert sources(materials)["en"] == (XLMR.format("en"), COMMIT)


def test_locked_lists_everything_that_is_not_in_the_lock_file(tmp_path: Path, cache: Path) -> None:
    lines = problems(tmp_path, locked(tmp_path, "sw", locked_only=True))
    assert [line.split(" is not in ")[0] for line in lines] == [
        f'trial.yaml: language_adapters."en": {XLMR.format("en")}',
        f'trial.yaml: language_adapters."qu": {XLMR.format("qu")}',
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"language_adapters": {"default": "published", "sw": "sw/wikki@ukp"}},
            'trial.yaml: language_adapters."sw": no published language adapter is called "sw/wikki@ukp"',
        ),
        ({"sorce_language": "en"}, "trial.yaml: sorce_language is not a known key."),
        ({"tasks": {"ner": {"card": "wikian"}}}, "trial.yaml: tasks.ner"),
    ],
)
def test_a_recipe_that_is_known_to_be_wrong_makes_no_connection(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    tried = no_connections(monkeypatch)
    lines = problems(tmp_path, **changes)
    assert any(line.startswith(message) for line in lines), lines
    assert tried == []
    found(tmp_path)  # a recipe that is right asks for the commits of its adapters
    assert tried


def no_connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hub may be asked, and no connection comes to be; fills with the attempts."""
    tried: list[str] = []

    def refuse(*arguments: object, **options: object) -> NoReturn:
        tried.append("connection")
        raise ConnectionRefusedError

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    configure_http_backend()  # afresh: one made while offline stays offline
    monkeypatch.setattr("madx_pipeline.hub.client._silent_since", {})
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tried


def test_what_the_lock_file_forbids_is_found_before_the_hub_is_asked(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = no_connections(monkeypatch)
    choices = {"default": "published", "qu": f"{XLMR.format('qu')}@{'e' * 40}"}
    [line] = problems(tmp_path, locked(tmp_path, "qu"), language_adapters=choices)
    assert f"is wanted at {'e' * 40}, and trial.lock.yaml has it at {OTHER}" in line
    assert tried == []


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (f"{XLMR.format('sw')}@main", "'main' is not a commit (40 hex digits); a branch name pins nothing."),
        ({"id": f"{XLMR.format('sw')}@{OTHER}", "revision": "e" * 40}, f"and revision says {'e' * 40}."),
    ],
)
def test_a_recipe_says_one_revision_and_that_is_a_commit(
    tmp_path: Path, cache: Path, choice: object, message: str
) -> None:
    [line] = problems(tmp_path, language_adapters={"default": "published", "sw": choice})
    assert line.startswith('trial.yaml: language_adapters."sw": ')
    assert message in line


def test_a_folder_is_known_by_the_files_that_are_read_and_not_by_its_name(tmp_path: Path, cache: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "adapter_config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "two" / "README.md").write_text("two", encoding="utf-8")
    (tmp_path / "two" / "pytorch_model_head.bin").write_text("a head", encoding="utf-8")
    one, two = (
        found(tmp_path, language_adapters={"default": "published", "sw": {"path": name}})[0] for name in ("one", "two")
    )
    assert one.adapters["sw"].source == two.adapters["sw"].source
    (tmp_path / "two" / "adapter_config.json").unlink()
    [line] = problems(tmp_path, language_adapters={"default": "published", "sw": {"path": "two"}})
    assert line.startswith('trial.yaml: language_adapters."sw": path is two, which has none of adapter_config.json, ')


@pytest.mark.parametrize("base", [{"builtin": "miniature"}, {"path": "xlm-roberta-base"}])
def test_published_needs_a_base_model_that_has_a_catalogue(tmp_path: Path, base: dict[str, str]) -> None:
    (tmp_path / "xlm-roberta-base").mkdir()
    [line] = problems(tmp_path, base_model=base)
    assert line.startswith('trial.yaml: language_adapters: those of "en", "sw", "qu" say published')
    assert "FacebookAI/xlm-roberta-base, FacebookAI/xlm-roberta-large" in line


def test_published_on_a_base_model_without_a_catalogue_names_those_that_have_one(tmp_path: Path) -> None:
    [line] = problems(tmp_path, base_model={"id": "some/model", "revision": OTHER})
    assert "there is no catalogue of published adapters for some/model. There is one for: " in line


def test_wrong_ids_are_all_reported_at_once(tmp_path: Path) -> None:
    wrong = {"en": "en/wikki@ukp", "sw": "ar/wiki@ukp", "qu": "qu/wiki@ukp"}
    lines = problems(tmp_path, **ON_MBERT, language_adapters=wrong)
    assert len(lines) == 3
    assert 'Nearest: "en/wiki@ukp"' in lines[0]
    assert '"ar/wiki@ukp" means' in lines[1]
    assert "houlsby_gelu" in lines[2]


def test_an_adapter_of_another_language_is_refused(tmp_path: Path) -> None:
    [line] = problems(tmp_path, language_adapters={"default": "published", "sw": "ar/wiki@ukp"})
    assert 'ar/wiki@ukp is for "ar" (Arabic), not for "sw" (Swahili).' in line


def test_a_mix_of_variants_is_a_warning(tmp_path: Path, cache: Path) -> None:
    mixed = {"default": "published", "sw": MBERT.format("sw", "houlsby")}
    _, [warning] = found(tmp_path, **ON_MBERT, language_adapters=mixed)
    assert "houlsby_gelu for sw" in warning


def test_a_source_adapter_of_another_shape_than_a_trained_one_is_a_warning(tmp_path: Path, cache: Path) -> None:
    mixed = {"default": "published", "sw": "train"}
    assert found(tmp_path, language_adapters=mixed)[1] == []
    changed = {"train_language_adapter": {"reduction_factor": 16.0, "leave_out": [11]}}
    _, warnings = found(tmp_path, language_adapters=mixed, stages=changed)
    assert warnings == [
        "The language adapter of the source en is published, and that of sw has another shape: "
        "reduction_factor 16.0 (source: 2), leave_out [11] (source: []). The task is learnt on that of en."
    ]


def with_adapter(adapter: object, **choice: Any) -> dict[str, Any]:
    return {"ner": {"card": "wikiann", "adapter": adapter, **choice}}


def test_a_task_adapter_carries_what_the_catalogue_knows_of_it(tmp_path: Path, cache: Path) -> None:
    known_to(cache, WIKIANN.format("en"))
    left_out = {"fetch_language_adapter": {"leave_out": [11]}}
    materials, warnings = found(tmp_path, **ON_MBERT, tasks=with_adapter("wikiann/en@ukp"), stages=left_out)
    assert materials.task_adapters["ner"].source == {
        "id": WIKIANN.format("en"),
        "revision": COMMIT,
        "labels": {"0": "O"},
        "trained_on": "en",
        "leave_out": [11],
    }
    assert warnings == []


def test_a_recipe_may_say_what_the_labels_of_a_head_are_called(tmp_path: Path, cache: Path) -> None:
    choice = {"id": "wikiann/en@ukp", "revision": OTHER, "labels": {"0": "NONE", "B-PERS": "B-PER"}}
    source = found(tmp_path, **ON_MBERT, tasks=with_adapter(choice))[0].task_adapters["ner"].source
    assert (source["revision"], source["labels"]) == (OTHER, {"0": "NONE", "B-PERS": "B-PER"})


def test_a_task_adapter_may_lie_in_a_folder(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "adapter_config.json").write_text("{}", encoding="utf-8")
    material = found(tmp_path, tasks=with_adapter({"path": "mine"}))[0].task_adapters["ner"]
    assert material.source["path_sha256"] == {"adapter_config.json": sha256_of(tmp_path / "mine/adapter_config.json")}
    assert material.source["labels"] == {}
    assert material.locations == {"path": str(tmp_path / "mine")}
    [line] = problems(tmp_path, tasks=with_adapter({"path": "nowhere"}))
    assert "trial.yaml: tasks.ner: adapter.path is nowhere, which is not a folder" in line


def test_language_adapters_with_layers_that_a_task_adapter_does_not_want_are_a_warning(
    tmp_path: Path, cache: Path
) -> None:
    mixed = {"default": "published", "sw": "train"}
    _, warnings = found(tmp_path, **ON_MBERT, language_adapters=mixed, tasks=with_adapter("wikiann/en@ukp"))
    assert warnings == [
        f"ner: {WIKIANN.format('en')} was trained over language adapters without layers 11, and those of this "
        "recipe are others. Say stages: {fetch_language_adapter: {leave_out: [11]}, "
        "train_language_adapter: {leave_out: [11]}}."
    ]


def test_adapters_whose_layers_are_not_known_beforehand_are_not_warned_of(tmp_path: Path, cache: Path) -> None:
    own = {"id": "someone/own", "revision": OTHER}
    choices = dict.fromkeys(("en", "sw", "qu"), own)
    _, warnings = found(tmp_path, **ON_MBERT, language_adapters=choices, tasks=with_adapter("wikiann/en@ukp"))
    assert warnings == []


def test_a_task_adapter_of_another_source_language_is_a_warning(tmp_path: Path, cache: Path) -> None:
    left_out = {"fetch_language_adapter": {"leave_out": [11]}}
    _, warnings = found(tmp_path, **ON_MBERT, tasks=with_adapter("wikiann/ar@ukp"), stages=left_out)
    assert warnings == [
        f"ner: {WIKIANN.format('ar')} was trained on the language adapter of ar; "
        "the source language of this recipe is en."
    ]


@pytest.mark.parametrize(
    ("adapter", "message"),
    [
        ("mlki/ep@mlki", "is published without a prediction head, so it predicts nothing."),
        ("AdapterHub/m2qa-xlm-roberta-base-mad-x-2-qa-head", "together; a recipe stacks it on one."),
        ("wikiann/en@ukp", "was trained for google-bert/bert-base-multilingual-cased"),
        ("sw/wiki@ukp", "is a language adapter, not a task adapter."),
    ],
)
def test_a_task_adapter_that_cannot_be_evaluated_here_is_refused(tmp_path: Path, adapter: str, message: str) -> None:
    [line] = problems(tmp_path, tasks=with_adapter(adapter))
    assert line.startswith("trial.yaml: tasks.ner: ")
    assert message in line


def test_a_task_adapter_that_no_method_would_use_is_a_mistake(tmp_path: Path) -> None:
    [line] = problems(tmp_path, **ON_MBERT, methods=["task_adapter_only"], tasks=with_adapter("wikiann/en@ukp"))
    assert "trial.yaml: tasks.ner: adapter has no effect: no method of the recipe stacks" in line
