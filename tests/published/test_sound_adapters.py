"""Sound folders of every age: the check says yes, and what we load computes what the library's own load does.

And what no folder can show by itself, which only the catalogue or a pinned sha256 can tell.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from adapters import AutoAdapterModel
from torch import Tensor

from madx_pipeline.adapter_files import (
    base_model_checks,
    catalogue_check,
    head_check,
    problems_of,
    read_adapter,
    read_head,
)
from madx_pipeline.adapter_model import (
    adapter_checks,
    base_config,
    load_language_adapter,
    load_model,
    set_stack,
    weights_hash,
)
from madx_pipeline.published.catalogue import LanguageAdapter, catalogues
from tests.model_builders import random_ids, save_tiny_base
from tests.published.adapter_builder import (
    MBERT,
    AdapterShape,
    edit_record,
    edit_tensors,
    tensors_of,
    write_adapter,
    write_head,
    write_static_head,
    write_tensors,
)

HUB = AdapterShape()
"""As all migrated MAD-X language adapters of XLM-R are: format 0.2.0, a pickle, reduction factor 2, NICE."""
TODAY = replace(HUB, age="adapters.1.3.0", safetensors=True)
OLD_TASK = AdapterShape(age="2020", task=True)

SOUND: dict[str, tuple[AdapterShape, Callable[[Path], Any]]] = {
    "as on the hub": (HUB, lambda folder: None),
    "as on the hub, for mBERT": (replace(HUB, base=MBERT), lambda folder: None),
    "Houlsby's layout, for mBERT": (replace(HUB, base=MBERT, layout="double_seq_bn"), lambda folder: None),
    "the first format": (replace(HUB, age="2020"), lambda folder: None),
    "the first format, Houlsby's layout": (replace(HUB, age="2020", layout="double_seq_bn"), lambda folder: None),
    "a task adapter of the first format": (OLD_TASK, lambda folder: None),
    "without a version, when gelu was gelu_new": (
        replace(HUB, age="without version", non_linearity="gelu"),
        lambda folder: None,
    ),
    "3.1.0, a task adapter": (
        replace(HUB, base=MBERT, age="3.1.0", inverse=False, reduction_factor=8),
        lambda folder: None,
    ),
    "adapters.1.0.1, without an inverse": (replace(HUB, age="adapters.1.0.1", inverse=False), lambda folder: None),
    "today's": (TODAY, lambda folder: None),
    "today's, with a layer left out": (replace(TODAY, leave_out=(2,), non_linearity="gelu"), lambda folder: None),
    "today's, parallel": (replace(TODAY, layout="par_bn", inverse=False), lambda folder: None),
    "a factor for each layer": (
        TODAY,
        lambda folder: edit_record(
            folder, lambda found: found["config"].update(reduction_factor={"1": 2, "default": 2.0})
        ),
    ),
    "half precision": (replace(TODAY, dtype=torch.float16), lambda folder: None),
    "bfloat16": (replace(TODAY, dtype=torch.bfloat16), lambda folder: None),
    "two files that agree": (TODAY, lambda folder: write_tensors(folder, tensors_of(TODAY))),
    "a masked-LM head beside": (HUB, lambda folder: write_head(folder, HUB.base, "sw", "masked_lm")),
    "a name that no module can have": (replace(HUB, name="to"), lambda folder: None),
}


class Bases:
    """A tiny base model of each type."""

    def __init__(self, folder: Path) -> None:
        self.folders = {kind: folder / kind for kind in ("xlm-roberta", "bert")}
        self.facts = {kind: save_tiny_base(path, kind) for kind, path in self.folders.items()}

    def refusals(self, folder: Path, kind: str = "xlm-roberta") -> list[str]:
        config = base_config(json.loads((self.folders[kind] / "config.json").read_text()))
        checks = adapter_checks(read_adapter(folder, "x"), config, self.facts[kind])
        return [problem.message for problem in problems_of(checks)]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Bases:
    return Bases(tmp_path_factory.mktemp("bases"))


def built(name: str, folder: Path) -> tuple[AdapterShape, Path]:
    shape, change = SOUND[name]
    write_adapter(folder, shape)
    change(folder)
    return shape, folder


def hidden(model: Any) -> Tensor:
    with torch.no_grad():
        found: Tensor = model.eval()(random_ids()).last_hidden_state
    return found


def by_the_library(base: Path, folder: Path, shape: AdapterShape) -> Tensor:
    model = AutoAdapterModel.from_pretrained(str(base))
    model.load_adapter(str(folder), load_as="theirs", with_head=False, use_safetensors=shape.safetensors)
    model.set_active_adapters("theirs")
    model.active_head = None
    return hidden(model)


def test_there_are_at_least_eight_of_them_and_of_every_age() -> None:
    assert len(SOUND) >= 8
    assert len({shape.age for shape, _ in SOUND.values()}) == 6


@pytest.mark.parametrize("name", SOUND)
def test_the_check_says_yes_and_the_output_is_that_of_the_librarys_own_load(
    name: str, bases: Bases, tmp_path: Path
) -> None:
    shape, folder = built(name, tmp_path / "adapter")
    kind = shape.base.model_type
    assert bases.refusals(folder, kind) == []
    model = load_model(bases.folders[kind], "t")
    plain, before = hidden(model), weights_hash(model)
    load_language_adapter(model, folder, "language_sw", bases.facts[kind])
    set_stack(model, ["language_sw"])
    ours = hidden(model)
    assert torch.equal(ours, by_the_library(bases.folders[kind], folder, shape))
    assert not torch.allclose(ours, plain, atol=1e-2)
    assert weights_hash(model) == before
    assert list(model.heads) == []


def test_links_as_in_the_hubs_cache_are_followed(bases: Bases, tmp_path: Path) -> None:
    real = write_adapter(tmp_path / "blobs", HUB)
    (tmp_path / "snapshot").mkdir()
    for file in real.iterdir():
        (tmp_path / "snapshot" / file.name).symlink_to(file)
    assert bases.refusals(tmp_path / "snapshot") == []


def test_what_old_and_narrow_formats_become_is_said_in_the_report(bases: Bases, tmp_path: Path) -> None:
    def note(name: str, row: str) -> str:
        _, folder = built(name, tmp_path / row)
        return next(check.note for check in read_adapter(folder, "x").checks if check.name == row)

    assert note("half precision", "tensor_types") == "They become float32 when they are loaded."
    assert note("without a version, when gelu was gelu_new", "non_linearity") == (
        'Written as "gelu", which meant this before files had a version.'
    )
    assert note("a task adapter of the first format", "invertible_adapter") == (
        "Promised by a task adapter of an old format, which never had one: left out."
    )


def test_an_inverse_that_was_written_with_another_activation_is_noted(bases: Bases, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter", replace(HUB, age="2020", non_linearity="gelu_orig"))
    edit_record(folder, lambda found: found["config"]["invertible_adapter"].update(non_linearity="relu"))
    assert bases.refusals(folder) == []
    (check,) = (check for check in read_adapter(folder, "x").checks if check.name == "invertible_adapter")
    assert check.note == "It was written with relu; the library uses gelu there too."


@pytest.mark.parametrize("said", ["/home/me/xlmr", "~/xlmr", "./out", "C:\\models\\xlmr", "runs/xlmr/checkpoint-5"])
def test_the_folder_that_somebody_trained_from_says_nothing_about_the_base_model(
    bases: Bases, tmp_path: Path, said: str
) -> None:
    folder = write_adapter(tmp_path / "adapter", HUB)
    edit_record(folder, lambda found: found.update(model_name=said))
    facts = bases.facts["xlm-roberta"] | {"name": "FacebookAI/xlm-roberta-base", "revision": "a" * 40}
    check = base_model_checks(read_adapter(folder, "x"), facts)[0]
    assert check.passed
    assert "That is the name of a folder" in check.note


@pytest.mark.parametrize("entry", ["a language adapter without an inverse", "one with it"])
def test_a_masked_lm_head_of_a_static_class_is_never_loaded_and_harms_nothing(tmp_path: Path, entry: str) -> None:
    folder = write_adapter(tmp_path / "adapter", replace(HUB, inverse=False))
    write_static_head(folder, HUB.base, "sw", "XLMRobertaForMaskedLM")
    check = head_check(folder, "x", of_language_adapter=entry == "one with it")
    assert (check.passed, check.value) == (True, "static XLMRobertaForMaskedLM")
    assert "is never loaded" in check.note


def test_label_ids_that_are_written_as_text_are_numbers(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter", replace(HUB, task=True, inverse=False))
    write_head(folder, HUB.base, "sw", "tagging", label2id={"O": "1", "B-PER": "0", "I-PER": "2"})
    head = read_head(folder, "x")
    assert (head.problems, head.config["label2id"]) == ((), {"O": 1, "B-PER": 0, "I-PER": 2})


# What no folder can show by itself

ENTRY = LanguageAdapter(
    repository="AdapterHub/x",
    file_id=None,
    hub_id=None,
    architecture="pfeiffer",
    non_linearity="relu",
    reduction_factor=2,
    revision="a" * 40,
    sha256=None,
    language="sw",
    variant="pfeiffer_relu",
    training_steps=250_000,
    invertible_adapter=True,
    masked_lm_head=False,
)


def pinned(folder: Path) -> LanguageAdapter:
    """The entry with the sha256 of the weights as they are."""
    return ENTRY.model_copy(update={"sha256": read_adapter(folder, "x").sha256["pytorch_adapter.bin"]})


def disagreements(folder: Path, entry: LanguageAdapter) -> list[str]:
    check = catalogue_check(read_adapter(folder, "x"), entry, "a" * 40)
    return [problem.message for problem in check.problems]


def test_an_adapter_agrees_with_its_entry_in_the_catalogue(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter", HUB)
    check = catalogue_check(read_adapter(folder, "x"), pinned(folder), "a" * 40)
    assert (check.passed, check.value) == (True, "pfeiffer, relu, reduction factor 2, with invertible adapter")


def test_a_flipped_byte_that_stays_a_number_is_seen_by_its_sha256_alone(bases: Bases, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter", HUB)
    entry = pinned(folder)
    edit_tensors(folder, lambda found: next(iter(found.values())).view(-1)[:1].mul_(1.5))
    assert bases.refusals(folder) == []
    (message,) = disagreements(folder, entry)
    found = read_adapter(folder, "x").sha256["pytorch_adapter.bin"]
    assert message == f"x: the catalogue says sha256 {entry.sha256}; the weights have {found}."


def test_the_sha256_of_another_commit_is_not_compared(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter", HUB)
    entry = ENTRY.model_copy(update={"sha256": "0" * 64})
    assert catalogue_check(read_adapter(folder, "x"), entry, "b" * 40).passed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"non_linearity": "gelu"}, "the catalogue says non_linearity relu; adapter_config.json has 'gelu'"),
        (
            {"is_parallel": True, "original_ln_before": False},
            "the catalogue says pfeiffer; adapter_config.json has the layout par_bn",
        ),
    ],
)
def test_an_activation_or_a_layout_that_fits_the_tensors_is_seen_by_the_catalogue_alone(
    bases: Bases, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    folder = write_adapter(tmp_path / "adapter", HUB)
    edit_record(folder, lambda found: found["config"].update(change))
    assert bases.refusals(folder) == []
    assert disagreements(folder, ENTRY) == [f"x: {said}."]


def test_another_size_or_a_dropped_inverse_disagrees_with_the_catalogue_too(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter", replace(HUB, inverse=False, reduction_factor=4))
    assert disagreements(folder, ENTRY) == [
        "x: the catalogue says reduction_factor 2; adapter_config.json has 4.",
        "x: the catalogue says an invertible adapter; the weights hold none.",
    ]


def test_an_adapter_that_works_only_with_others_is_noted(tmp_path: Path) -> None:
    [catalogue] = [one for one in catalogues() if any(not variant.standalone for variant in one.variants)]
    needy = next(entry for entry in catalogue.language_adapters if entry.variant == "m2qa")
    read = read_adapter(write_adapter(tmp_path / "adapter", HUB), "x")
    assert catalogue_check(read, needy).note.startswith(f"{needy.repository} is of the variant m2qa: ")
    assert catalogue_check(read, catalogue.language_adapters[0]).note == ""


def test_gelu_in_the_catalogue_is_what_files_call_gelu_new(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter", replace(HUB, non_linearity="gelu_new"))
    assert disagreements(folder, ENTRY.model_copy(update={"non_linearity": "gelu"})) == []
