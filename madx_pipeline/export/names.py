"""Names as the hub understands them: of base models, languages, licences and of the exported folder.

Surprising: a name is not free text there. `base_model` and `datasets` are ids that the hub links to, `language` is
ISO 639 without script or region, and a licence outside its list makes it refuse the whole card.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath

import yaml

from madx_pipeline.base_models import canonical_name
from madx_pipeline.records import Artifact

_LICENCES = Path(__file__).with_name("hub_licences.yaml")
_PRIVATE_USE = re.compile(r"q[a-t][a-z]")
"""`qaa` to `qtz`, ISO 639-3: no language of this world, so no language on the hub."""

_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class BaseName:
    """What an adapter says it was trained for.

    Attributes:
        name: Hub id, or the name of what is not on the hub; never a path.
        kind: `hub`, `miniature` or `folder`.
    """

    name: str
    kind: str

    @property
    def on_hub(self) -> bool:
        """Whether `name` is an id of the hub."""
        return self.kind == "hub"


def base_name(base_model: Artifact) -> BaseName:
    """The honest name of a base model: the hub's id where it came from the hub, otherwise what people call it.

    A local folder that is called like a hub model is still a local folder: nobody compared the weights.
    """
    source = base_model.record.source or {}
    name = str(base_model.facts["name"])
    if "id" in source:
        return BaseName(canonical_name(name), "hub")
    return BaseName(PurePath(name).name, "miniature" if "builtin" in source else "folder")


@dataclass(frozen=True)
class HubLanguage:
    """A language in the hub's metadata.

    Attributes:
        code: ISO 639 code of two or three letters; None for a constructed language, which has none.
        bcp47: The whole tag where it says more than the code (`zh-Hant`); None otherwise.
    """

    code: str | None
    bcp47: str | None


def hub_language(tag: str) -> HubLanguage:
    """A BCP 47 tag as the hub's fields `language` and `language_bcp47` want it."""
    code = tag.partition("-")[0].lower()
    if _PRIVATE_USE.fullmatch(code):
        return HubLanguage(None, None)
    return HubLanguage(code, tag if tag != code else None)


@dataclass(frozen=True)
class HubLicence:
    """A licence in the hub's metadata.

    Attributes:
        identifier: One of the hub's list.
        name: What it is called where the list has only `other` for it.
    """

    identifier: str
    name: str | None = None


def hub_licence(said: str | None) -> HubLicence:
    """A licence as the hub's fields want it; `other` where nobody said anything."""
    if said is None:
        return HubLicence("other")
    if said.lower() in hub_licences():
        return HubLicence(said.lower())
    return HubLicence("other", file_name(said).lower())


def folder_name(base: BaseName, *parts: str) -> str:
    """The name of an exported folder: base model, then what it is (`xlm-roberta-base-language-sw`)."""
    return file_name("-".join([base.name.rpartition("/")[2], *parts]))


def file_name(text: str) -> str:
    """The text with everything that a name on the hub cannot have replaced by `-`."""
    return _FILE_NAME.sub("-", text).strip("-.") or "adapter"


@cache
def hub_licences() -> frozenset[str]:
    """Identifiers of the licences that the hub has in its list."""
    return frozenset(yaml.safe_load(_LICENCES.read_text(encoding="utf-8")))
