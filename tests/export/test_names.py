"""Names that the hub understands, and none that is a path or a claim."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from madx_pipeline.export.names import (
    BaseName,
    HubLanguage,
    HubLicence,
    base_name,
    folder_name,
    hub_language,
    hub_licence,
)
from madx_pipeline.records import Artifact, ArtifactRecord


def base(name: str, source: dict[str, Any]) -> Artifact:
    record: Any = ArtifactRecord
    return Artifact(Path("base"), record.model_construct(facts={"name": name}, source=source))


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("xlm-roberta-base", {"id": "xlm-roberta-base"}, BaseName("FacebookAI/xlm-roberta-base", "hub")),
        ("me/my-model", {"id": "me/my-model"}, BaseName("me/my-model", "hub")),
        ("miniature", {"builtin": "miniature"}, BaseName("miniature", "miniature")),
        ("xlm-roberta-base", {"name": "xlm-roberta-base"}, BaseName("xlm-roberta-base", "folder")),
        ("/home/me/models/mine", {"name": "mine"}, BaseName("mine", "folder")),
    ],
)
def test_a_base_model_has_its_hub_id_or_its_own_name_and_never_a_path(
    name: str, source: dict[str, Any], expected: BaseName
) -> None:
    assert base_name(base(name, source)) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("sw", HubLanguage("sw", None)),
        ("zh-Hant", HubLanguage("zh", "zh-Hant")),
        ("ceb", HubLanguage("ceb", None)),
        ("qad", HubLanguage(None, None)),
        ("qu", HubLanguage("qu", None)),
        ("quz", HubLanguage("quz", None)),
    ],
)
def test_languages_are_iso_639_and_constructed_ones_are_none(tag: str, expected: HubLanguage) -> None:
    assert hub_language(tag) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, HubLicence("other")),
        ("Apache-2.0", HubLicence("apache-2.0")),
        ("My own licence, 1.0", HubLicence("other", "my-own-licence-1.0")),
    ],
)
def test_a_licence_is_stated_only_if_somebody_states_it(said: str | None, expected: HubLicence) -> None:
    assert hub_licence(said) == expected


def test_folders_are_named_after_base_model_and_adapter() -> None:
    name = folder_name(BaseName("FacebookAI/xlm-roberta-base", "hub"), "language", "zh-Hant")
    assert name == "xlm-roberta-base-language-zh-Hant"
