"""What the two stages that fetch an adapter share: bringing its files, and saying where they are from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from madx_pipeline.durable import sha256_of
from madx_pipeline.errors import JobError
from madx_pipeline.published.files import MODEL_CARD
from madx_pipeline.records import Artifact, Json
from madx_pipeline.stage import Inputs, Workspace

if TYPE_CHECKING:
    from madx_pipeline.adapter_files import AdapterFolder
    from madx_pipeline.published.catalogue import LanguageAdapter, TaskAdapter

_CARD_BYTES = 2**20
"""How much of a model card is read."""
_LICENCE_LENGTH = 200
"""Characters of a licence; what is longer is none."""
_NO_LICENCE = ("", "null", "~")
_HEAD = re.compile(r"\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", re.DOTALL)


@dataclass(frozen=True)
class Fetched:
    """An adapter's folder as it was published.

    Attributes:
        folder: Where its files lie.
        where: What messages call it: the repository, or the folder.
        origin: Facts about where it is from: `repository` and `revision`, or `path`.
    """

    folder: Path
    where: str
    origin: dict[str, Json]

    def entry(self, adapter: AdapterFolder, base: Artifact) -> LanguageAdapter | TaskAdapter | None:
        """What our catalogue says of it, if it has it.

        Raises:
            JobError: If the adapter is not what the catalogue says.
        """
        from madx_pipeline.adapter_files import catalogue_check
        from madx_pipeline.published.ready import catalogue_entry

        entry = catalogue_entry(str(self.origin.get("repository")), str(base.facts["name"]))
        problems = catalogue_check(adapter, entry, self.origin["revision"]).problems if entry is not None else ()
        if problems:
            raise JobError(problems)
        return entry

    def facts(self, adapter: AdapterFolder, head_files: Iterable[str] = ()) -> dict[str, Json]:
        """`origin`, with the sha256 (hex) of each file that was used and of the weights, and the licence.

        Args:
            adapter: What was read.
            head_files: Names of files of a prediction head, where it was used.

        Raises:
            JobError: If no weights were read.
        """
        from madx_pipeline.adapter_files import layout_of

        hashes = {name: sha256_of(self.folder / name) for name in head_files if (self.folder / name).is_file()}
        if adapter.weights_file is None:
            raise JobError(f"{self.where} has no readable weights.", "Fetch it again, or take another adapter.")
        licence, said_by = self._licence()
        return {
            "origin": "published",
            **self.origin,
            "files": {**adapter.sha256, **hashes},
            "sha256": adapter.sha256[adapter.weights_file.name],
            "weights_file": adapter.weights_file.name,
            "licence": licence,
            "licence_source": said_by,
            "trained_for": adapter.record.get("model_name"),
            "format": adapter.record.get("version"),
            "architecture": layout_of(adapter.config),
            **{key: adapter.config.get(key) for key in ("reduction_factor", "leave_out", "non_linearity")},
        }

    def _licence(self) -> tuple[str | None, str | None]:
        """The licence and who states it: the model card, or else our catalogue."""
        from madx_pipeline.published.catalogue import licence_in_catalogue

        stated = licence_of(self.folder / MODEL_CARD)
        if stated is not None:
            return stated, "model card"
        known = licence_in_catalogue(str(self.origin.get("repository")))
        return (known, "catalogue") if known is not None else (None, None)


def fetch(inputs: Inputs, files: Sequence[str]) -> Fetched:
    """Brings the files of a fetch job's adapter that there are, and the model card.

    Args:
        inputs: `source` has `id` and `revision`, or `path_sha256` (file to sha256); `expected` what a lock file says.
        files: Names of files that the adapter may consist of.

    Raises:
        JobError: If it cannot be had, or is not what it was when the run was planned or the lock was written.
    """
    from madx_pipeline.base_model_files import check_hashes
    from madx_pipeline.hub.download import download

    source = inputs.source
    if "id" in source:
        repository = str(source["id"])
        wanted = (*files, MODEL_CARD)
        folder, commit = download(repository, source.get("revision"), wanted, inputs.expected)
        return Fetched(folder, repository, {"repository": repository, "revision": commit})
    folder = Path(inputs.locations["path"])
    check_hashes(folder, source["path_sha256"])
    return Fetched(folder, str(folder), {"path": str(folder), "revision": None})


def check_names_base_model(record: Mapping[str, Json], base: Artifact, out: Workspace) -> None:
    """Whether the adapter names this base model; a mismatch that is certain has been refused before."""
    from madx_pipeline.base_models import canonical_name

    said = record.get("model_name")
    out.check(
        "adapter_names_this_base_model",
        said is not None and canonical_name(str(said)) == canonical_name(str(base.facts["name"])),
        said,
        f"The adapter says that it was trained for {said}; the base model is {base.facts['name']}.",
        hard=False,
    )


def licence_of(card: Path) -> str | None:
    """The licence in the head of a model card (`license: ...` between two lines `---`), if there is one.

    The card is foreign text and decides nothing: one that cannot be understood states no licence. It is read as
    plain texts, lists and maps, so that nothing in it is turned into other types or merged.
    """
    try:
        with card.open("rb") as file:
            text = file.read(_CARD_BYTES).decode("utf-8", errors="replace")
        head = _HEAD.match(text)
        record = yaml.BaseLoader(head[1]).get_single_data() if head is not None else None
    except (ValueError, OSError, TypeError, RecursionError, yaml.YAMLError):
        return None
    stated = record.get("license") if isinstance(record, dict) else None
    names = [stated] if isinstance(stated, str) else stated
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    licence = " ".join(", ".join(names).split())
    return licence if licence not in _NO_LICENCE and len(licence) <= _LICENCE_LENGTH else None
