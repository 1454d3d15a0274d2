"""The head of the model card: what the hub reads (tags, language, base model, licence, data sets, scores).

Only what is true of the hub goes in: a base model or data set that is not there is left out of the metadata and
named in the text. Scores are fractions, as in `results.json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from madx_pipeline.cards import corpus_card, task_card
from madx_pipeline.errors import InputError
from madx_pipeline.export.described import Described
from madx_pipeline.export.names import hub_language, hub_licence
from madx_pipeline.export.tables import scores_with
from madx_pipeline.records import Artifact, Json

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

_LIBRARY = "adapter-transformers"
"""The hub's name of the adapters library, also as a tag: it kept that of its predecessor."""

_TASKS = {
    "tagging": "token-classification",
    "classification": "text-classification",
    "multiple_choice": "multiple-choice",
    "question_answering": "question-answering",
    "dependency_parsing": "token-classification",
}
"""Our type of a task to the hub's."""

_METRICS: dict[str, tuple[str, str]] = {
    "span_f1": ("f1", "F1 over entity spans"),
    "macro_f1": ("f1", "F1, macro average over labels"),
    "accuracy": ("accuracy", "accuracy"),
    "answer_f1": ("f1", "F1 over the words of answers"),
    "exact_match": ("exact_match", "exact match of answers"),
    "las": ("las", "labelled attachment score"),
    "uas": ("uas", "unlabelled attachment score"),
}
"""Our name of a metric to the hub's, and what to call it there."""


def card_data(described: Described, called: str, licence: str | None) -> ModelCardData:
    """The metadata of the model card.

    Args:
        described: The adapter.
        called: The repository or folder it will be loaded from.
        licence: The adapter's licence as the user states it; None where nobody did.
    """
    from huggingface_hub import ModelCardData

    language, stated = hub_language(described.language), hub_licence(licence)
    results = _perplexity(described) if described.is_language_adapter else _scores(described)
    metrics = list(dict.fromkeys(result.metric_type for result in results))
    more: dict[str, Json] = {"language_bcp47": [language.bcp47]} if language.bcp47 else {}
    return ModelCardData(
        language=[language.code] if language.code else None,
        license=stated.identifier,
        license_name=stated.name,
        library_name=_LIBRARY,
        tags=_tags(described),
        pipeline_tag=None if described.is_language_adapter else _TASKS.get(str(described.facts.get("task_type"))),
        base_model=described.base.name if described.base.on_hub else None,
        datasets=_data_sets(described),
        metrics=metrics or None,
        model_name=called if results else None,
        eval_results=results or None,
        **more,
    )


def _tags(described: Described) -> list[str]:
    """Tags as AdapterHub's own cards have them, and what kind of adapter it is."""
    tags = [_LIBRARY, str(described.base_model.facts.get("model_type"))]
    if described.is_language_adapter:
        tags.append("language-adapter")
        if _hub_id(next(iter(described.data.values()))) == "wikimedia/wikipedia":
            tags.append(f"adapterhub:{described.language}/wiki")
    else:
        tags += ["task-adapter", str(described.choice.job.key["task"])]
    return [*tags, "mad-x", "cross-lingual-transfer"]


def _data_sets(described: Described) -> list[str] | None:
    """Ids of the data sets that it has learnt from, those that are on the hub."""
    found = [name for artifact in described.data.values() if (name := _hub_id(artifact))]
    return list(dict.fromkeys(found)) or None


def _hub_id(data: Artifact) -> str | None:
    """Id of the data set on the hub that prepared data is from."""
    hub = (data.record.source or {}).get("hub")
    return str(hub["repository"]) if hub else None


def _perplexity(described: Described) -> list[EvalResult]:
    """What a language adapter does to its own language, on held-out text."""
    from huggingface_hub import EvalResult

    value = described.facts.get("heldout_perplexity_after")
    if value is None:
        return []
    corpus = next(iter(described.data.values()))
    return [
        EvalResult(
            task_type="fill-mask",
            metric_type="perplexity",
            metric_name="perplexity per masked token on held-out text",
            metric_value=value,
            **_data_set(corpus, described.language, "held-out text"),
        )
    ]


def _scores(described: Described) -> list[EvalResult]:
    """The scores of this very task adapter, on every language, with the language adapter that was under it."""
    from huggingface_hub import EvalResult

    jobs = {job.name: job for job in described.plan.jobs.values()}
    results = []
    for score in scores_with(described):
        job = jobs[score.job]
        metric, called = _METRICS.get(score.metric, (score.metric, score.metric))
        under = f"language adapter: {score.language_adapter}" if score.language_adapter else "no language adapter"
        source = described.plan.jobs[job.inputs["task_data"]].source or {}
        source = source.get("test") or source
        results.append(
            EvalResult(
                task_type=_TASKS.get(str(described.facts.get("task_type")), "other"),
                task_name=score.task,
                metric_type=metric,
                metric_name=f"{called} ({under})",
                metric_value=score.value,
                **_place(source, score.language, f"{score.task} in {score.language}, test"),
                dataset_split="test",
            )
        )
    return results


def _data_set(data: Artifact, language: str, called: str) -> dict[str, Json]:
    return _place(data.record.source or {}, language, f"{called} in {language}")


def _place(source: dict[str, Json], language: str, called: str) -> dict[str, Json]:
    """The data set of an evaluation: its id on the hub, or the card's name where the data are not there.

    Each language has a configuration of its own, or the hub's metadata would take two test sets for one.
    """
    hub, card = source.get("hub"), source.get("card")
    if not hub:
        return {"dataset_type": str(card or "text"), "dataset_name": called, "dataset_config": language}
    return {
        "dataset_type": hub["repository"],
        "dataset_name": called,
        "dataset_config": _config(str(card), language),
        "dataset_revision": hub["revision"],
    }


def _config(card: str, language: str) -> str | None:
    """What the data set calls the language."""
    for look_up in (corpus_card, task_card):
        try:
            return str(look_up(card).call(language))
        except InputError:
            continue
    return None
