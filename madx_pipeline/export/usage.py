"""The code in a model card: three lines that load the adapter with nothing but the `adapters` library.

Tests run it as it stands in the card. Surprising: `use_safetensors=True` is needed, for without it the library never
looks for a `.safetensors` file; and a language adapter is loaded with `with_head=False`, because a masked-LM head
that a published one may bring would overwrite the word embeddings.
"""

from __future__ import annotations

import json
from pathlib import PurePath

from madx_pipeline.export.described import Described, language_adapter_folder
from madx_pipeline.export.names import BaseName
from madx_pipeline.jobs import Job
from madx_pipeline.records import Artifact, Json


def usage_code(described: Described, called: str, *, on_hub: bool = False) -> str:
    """Python that loads the adapter and makes it active.

    Args:
        described: The adapter.
        called: The repository or folder it is loaded from.
        on_hub: Whether that is a repository.
    """
    under = described.language_adapter
    imports = ["from adapters import AutoAdapterModel"]
    load = _load(called)
    if under is None:
        lines = [f"adapter = {load}", "model.set_active_adapters(adapter)"]
    else:
        imports.append("from adapters.composition import Stack")
        lines = [f"language = {_load_language_adapter(described, under, _owner(called, on_hub))}"]
        lines.append(f"model.set_active_adapters(Stack(language, {load}))")
    model = f"model = AutoAdapterModel.from_pretrained({_quoted(described.base.name)}{_commit(described)})"
    return "\n".join([*imports, "", model, *lines])


def language_adapter_to_upload(described: Described, called: str) -> str | None:
    """The repository where a task adapter's card expects the language adapter under it that was trained here.

    Args:
        described: The adapter.
        called: The task adapter's repository.
    """
    under = described.language_adapter
    if under is None or under.facts.get("origin") == "published":
        return None
    return _owner(called, True) + language_adapter_folder(described.base, str(under.facts["language"]))


def _owner(called: str, on_hub: bool) -> str:
    return f"{called.partition('/')[0]}/" if on_hub and "/" in called else ""


def _commit(described: Described) -> str:
    revision = described.base_model.facts.get("revision")
    return f", revision={_quoted(revision)}" if described.base.on_hub and revision else ""


def language_adapter_sources(described: Described) -> dict[str, str]:
    """Language to where its adapter comes from: the task adapter works with any of them under it."""
    jobs = [job for job in described.plan.jobs.values() if job.stage.endswith("_language_adapter")]
    return {str(job.key["language"]): _source(job, described.base) for job in jobs}


def _source(job: Job, base: BaseName) -> str:
    if job.stage == "train_language_adapter":
        language = str(job.key["language"])
        folder = language_adapter_folder(base, language)
        return f"trained in the same run: madx export recipe.yaml --language {language} writes {folder}"
    source = job.source or {}
    if "id" not in source:
        return f"a folder that was brought along: {PurePath(job.locations['path']).name}"
    commit = f" at {source['revision']}" if source.get("revision") else ""
    return f"published: {source['id']}{commit}"


def _load_language_adapter(described: Described, adapter: Artifact, owner: str) -> str:
    """The call that loads the language adapter that the task adapter was trained on; `owner` is `me/` or empty."""
    facts = adapter.facts
    if facts.get("origin") != "published":
        return _load(owner + language_adapter_folder(described.base, str(facts["language"])), with_head=False)
    options: dict[str, Json] = {"version": facts.get("revision"), "leave_out": facts.get("leave_out")}
    given = {name: value for name, value in options.items() if value}
    called = facts.get("repository") or PurePath(str(facts.get("path"))).name
    return _load(str(called), with_head=False, **given)


def _load(called: str, **options: Json) -> str:
    given = "".join(f", {name}={_quoted(value)}" for name, value in options.items())
    return f"model.load_adapter({_quoted(called)}{given}, use_safetensors=True)"


def _quoted(value: Json) -> str:
    """A value as Python writes it, with double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
