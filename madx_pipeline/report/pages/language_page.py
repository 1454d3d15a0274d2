"""`languages/<code>.html`: everything the run knows of one language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from madx_pipeline.report.pages.corpus_lines import read_corpus_lines
from madx_pipeline.report.pages.curves import curve_of, losses_from_start
from madx_pipeline.report.pages.index_view import causes
from madx_pipeline.report.pages.language_view import native_name, task_view
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.pages.render import render
from madx_pipeline.report.pages.verdict_words import answer_of
from madx_pipeline.report.provenance import LanguageFacts
from madx_pipeline.report.wording import verdict_sentences

_CURVE = (360.0, 140.0)
"""Width and height of the learning curve, as the template places it."""


def language_page(lookup: Lookup, home: Path, language: str, tokenizer: Any, digits: int) -> str:
    """The page of a language as HTML.

    Args:
        lookup: The run.
        home: Folder that the paths in results are relative to.
        language: Its code.
        tokenizer: The base model's `tokenizers.Tokenizer`, or None.
        digits: Digits after the point of scores in points.
    """
    results = lookup.results
    facts = results.languages[language]
    verdict = lookup.verdicts.get(language)
    jobs = lookup.jobs_of(language)
    checks = lookup.checks_of(jobs)
    before, after = _neighbours(lookup, language)
    return render(
        "language.html.j2",
        results=results,
        digits=digits,
        language=language,
        native=native_name(language),
        scripts=_scripts(facts),
        verdict=verdict,
        answer=answer_of(verdict) if verdict else None,
        sentences=_answer_and_rest(verdict_sentences(results, verdict, digits)) if verdict else ("", ""),
        tasks=[task_view(lookup, home, task, language) for task in results.tasks],
        curve=curve_of(losses_from_start(facts.language_adapter), *_CURVE),
        dropped=_dropped(facts),
        lines=read_corpus_lines(lookup, home, language, tokenizer),
        gaps=causes(lookup.gaps_of(language), results)[0],
        materials=_materials(lookup, language),
        jobs=jobs,
        checks=checks,
        failed=[check for check in checks if not check.passed],
        before=before,
        after=after,
    )


def _answer_and_rest(sentences: str) -> tuple[str, str]:
    """A verdict's first sentence, which is the answer, and the others."""
    answer, _, rest = sentences.partition(". ")
    return f"{answer.rstrip('.')}.", rest


def _neighbours(lookup: Lookup, language: str) -> tuple[str | None, str | None]:
    """The languages before and after this one."""
    codes = lookup.languages
    place = codes.index(language)
    return codes[place - 1] if place else None, codes[place + 1] if place + 1 < len(codes) else None


def _scripts(facts: LanguageFacts) -> list[str]:
    """Scripts of the corpus, with shares where there is more than one."""
    scripts = facts.corpus.scripts if facts.corpus else None
    if not scripts:
        return []
    if len(scripts) == 1:
        return [f"{script} script" for script in scripts]
    ranked = sorted(scripts.items(), key=lambda item: (-item[1], item[0]))
    return [f"{script} script {100 * share:.0f}%" for script, share in ranked if share >= 0.005]


def _dropped(facts: LanguageFacts) -> list[tuple[str, int]]:
    """Why lines were dropped and how many, the most frequent first."""
    dropped = (facts.corpus.dropped if facts.corpus else None) or {}
    found = [(why, count) for why, count in dropped.items() if count]
    return sorted(found, key=lambda item: -item[1])


def _materials(lookup: Lookup, language: str) -> list[tuple[str, str, Any, str]]:
    """Material, licence, where it comes from, fingerprint."""
    results = lookup.results
    facts = results.languages[language]
    rows: list[tuple[str, str, Any, str]] = []
    if facts.corpus is not None:
        rows.append(("corpus", facts.corpus.licence or "not stated", facts.corpus.origin, facts.corpus.fingerprint))
    adapter = facts.language_adapter
    if adapter is not None:
        published = adapter.origin == "published"
        licence = (adapter.licence or "not stated") if published else "that of what it was trained on"
        origin = (adapter.repository or adapter.path) if published else "trained in this run"
        rows.append(("language adapter", licence, origin, adapter.fingerprint))
    for task, task_facts in results.tasks.items():
        data = task_facts.data.get(language)
        if data is not None:
            rows.append((f"task {task}", data.licence or "not stated", data.origin, data.fingerprint))
    return rows
