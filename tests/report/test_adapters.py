"""Published adapters in the report: what pins them, whether they go together, and that they have no seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from madx_pipeline.published.shapes import variant_of
from madx_pipeline.report.adapters import adapter_checks
from madx_pipeline.report.collect import collect
from madx_pipeline.report.document import report_markdown
from madx_pipeline.report.provenance import LanguageAdapterFacts, LanguageFacts, TaskAdapterFacts
from madx_pipeline.report.results import Results
from tests.report.builders import make_run

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PUBLISHED: dict[str, Any] = {
    "origin": "published",
    "repository": "AdapterHub/xlm-roberta-base-qad-wiki_pfeiffer",
    "revision": COMMIT,
    "sha256": "ab" * 32,
    "licence": "apache-2.0",
    "variant": "pfeiffer_relu",
    "catalogued": True,
    "architecture": "seq_bn",
    "non_linearity": "relu",
}


def facts(origin: str, **changes: Any) -> LanguageFacts:
    shape = {"architecture": "seq_bn", "reduction_factor": 2, "non_linearity": "relu", "leave_out": []}
    adapter = LanguageAdapterFacts.model_validate({"fingerprint": "0", "origin": origin, **shape, **changes})
    return LanguageFacts(name="A", role="target", seen=None, corpus=None, language_adapter=adapter, licences={})


def published(**changes: Any) -> LanguageFacts:
    return facts("published", **{"variant": "pfeiffer_relu", "catalogued": True, **changes})


def checks(**languages: LanguageFacts) -> dict[str, tuple[bool, str]]:
    return {check.name: (check.passed, check.detail) for check in adapter_checks("en", languages)}


def test_where_everything_was_trained_here_nothing_is_asked() -> None:
    assert checks(en=facts("trained"), sw=facts("trained")) == {}


def test_one_variant_and_one_shape_pass() -> None:
    found = checks(en=published(), sw=published(), qu=facts("trained"))
    assert [passed for passed, _ in found.values()] == [True, True]
    assert "pfeiffer_relu" in found["published_adapters_are_of_one_variant"][1]


def test_a_mix_of_variants_warns_and_names_the_languages() -> None:
    other = published(variant="houlsby_gelu", architecture="double_seq_bn", non_linearity="gelu")
    found = checks(en=published(), sw=other)
    passed, detail = found["published_adapters_are_of_one_variant"]
    assert not passed
    assert "pfeiffer_relu for en; houlsby_gelu for sw" in detail
    assert found["language_adapters_have_the_shape_of_the_sources"][0]  # said once, by the variant


def test_a_trained_adapter_of_another_shape_than_the_published_one_of_the_source_warns() -> None:
    trained = facts("trained", reduction_factor=16.0, leave_out=[11])
    found = checks(en=published(), sw=trained, qu=trained, ht=facts("trained"))
    passed, detail = found["language_adapters_have_the_shape_of_the_sources"]
    assert not passed
    assert detail == (
        "The language adapter of the source en is published, and that of sw, qu has another shape: "
        "reduction_factor 16.0 (source: 2), leave_out [11] (source: []). The task is learnt on that of en."
    )


def test_an_adapter_that_works_only_with_others_warns() -> None:
    needy = published(variant="m2qa", repository="AdapterHub/m2qa-xlm-roberta-base-mad-x-2-english")
    found = checks(en=needy, sw=published(variant="m2qa"))
    passed, detail = found["published_adapters_work_alone"]
    assert not passed
    assert detail.startswith("en: AdapterHub/m2qa-xlm-roberta-base-mad-x-2-english is of the variant m2qa: ")


def test_gelu_of_the_catalogue_and_of_files_is_one() -> None:
    assert variant_of({"architecture": "seq_bn", "non_linearity": "gelu_new"}) == "pfeiffer_gelu"
    found = checks(en=published(non_linearity="gelu_new"), sw=facts("trained", non_linearity="gelu"))
    assert found["language_adapters_have_the_shape_of_the_sources"][0]


def test_what_is_not_known_of_an_adapter_is_not_held_against_it() -> None:
    found = checks(en=published(), sw=facts("trained", architecture=None, non_linearity=None))
    assert all(passed for passed, _ in found.values())


def run_with_published(home: Path) -> Results:
    run = make_run(home)
    run.extra_facts["train_language_adapter/qad"] = PUBLISHED
    run.extra_facts["train_language_adapter/qae"] = {"reduction_factor": 16}
    return collect(run.finish_all().plan, run.store)


def test_the_report_names_repository_commit_hash_licence_and_variant(tmp_path: Path) -> None:
    results = run_with_published(tmp_path)
    adapter = results.languages["qad"].language_adapter
    assert adapter is not None
    for name in ("repository", "revision", "sha256", "licence", "variant"):
        assert getattr(adapter, name) == PUBLISHED[name]
    lines = report_markdown(results, 1).splitlines()
    [row] = [line for line in lines if line.startswith("|") and COMMIT in line]
    for name in ("repository", "revision", "sha256", "licence", "variant"):
        assert PUBLISHED[name] in row.replace("\\", "")


def test_adapters_that_do_not_go_together_are_noted_beside_them_and_among_the_checks(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.extra_facts["train_language_adapter/qaa"] = PUBLISHED
    run.extra_facts["train_language_adapter/qae"] = {"reduction_factor": 16}
    results = collect(run.finish_all().plan, run.store)
    markdown = report_markdown(results, 1)
    section = markdown.split("## Language adapters")[1].split("##")[0]
    assert "**Note.** The language adapter of the source qaa is published, and that of qae" in section
    assert [check.job for check in results.checks if not check.passed] == ["recipe"]


def test_a_ready_task_adapter_has_one_score_and_the_report_says_that_the_seed_was_not_varied(tmp_path: Path) -> None:
    tasks = {"ner": {"card": "miniature_ner", "adapter": "wikiann/en@ukp"}, "pos": {"card": "miniature_pos"}}
    run = make_run(tmp_path, tasks=tasks, seeds=[1, 2, 3])
    results = collect(run.finish_all().plan, run.store)
    assert results.gaps == []
    seeds: dict[tuple[str, str], set[int]] = {(score.task, score.method): set() for score in results.scores}
    for score in results.scores:
        seeds[score.task, score.method].add(score.seed)
    assert seeds["ner", "madx"] == seeds["ner", "madx_source_kept"] == {1}
    assert seeds["ner", "task_adapter_only"] == seeds["pos", "madx"] == {1, 2, 3}
    adapter = TaskAdapterFacts(fingerprint="0", repository="AdapterHub/ner", revision=COMMIT, sha256="cd" * 32)
    ner = results.tasks["ner"].model_copy(update={"adapter": adapter})
    markdown = report_markdown(results.model_copy(update={"tasks": {**results.tasks, "ner": ner}}), 1)
    assert (
        "The task adapter of ner is published (AdapterHub/ner) and was not trained here: for madx and madx_source_kept "
        "the seed was not varied, and there is one score each." in markdown
    )
    assert "(published)" in markdown.split("### ner")[1].split("### pos")[0]
    assert "(published)" not in markdown.split("### pos")[1]
    assert "of 3 seeds" not in markdown
    assert "| task ner | AdapterHub/ner |" in markdown
