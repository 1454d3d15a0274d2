"""The schema of results.json: closed, immutable, and every key with its meaning."""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Iterator
from types import ModuleType

import pytest
from pydantic import BaseModel, ValidationError

from madx_pipeline.report import adapter_facts, compare, effects, provenance, results
from madx_pipeline.report.results import Results
from tests.report.builders import make_run


def _models() -> Iterator[type[BaseModel]]:
    for module in (results, effects, provenance, adapter_facts, compare):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__:
                yield value


def _documented(module: ModuleType, model: str) -> set[str]:
    """Fields of a model that are followed by a docstring in the source."""
    tree = ast.parse(inspect.getsource(module))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == model)
    return {
        field.target.id
        for field, after in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    }


@pytest.mark.parametrize("model", list(_models()), ids=lambda model: model.__name__)
def test_every_key_of_results_json_says_what_it_means(model: type[BaseModel]) -> None:
    module = inspect.getmodule(model)
    assert module is not None
    assert set(model.__annotations__) - {"model_config"} <= _documented(module, model.__name__)


@pytest.mark.parametrize("model", list(_models()), ids=lambda model: model.__name__)
def test_results_are_immutable_closed_and_know_no_nan(model: type[BaseModel]) -> None:
    assert model.model_config.get("frozen") is True
    assert model.model_config.get("extra") == "forbid"
    assert model.model_config.get("allow_inf_nan") is False


def test_the_keys_that_others_rely_on_are_there() -> None:
    wanted = {
        "recipe",
        "base_model",
        "source_language",
        "target_languages",
        "scores",
        "summary",
        "checks",
        "jobs",
        "languages",
        "tasks",
        "efficiency",
        "storage",
        "gaps",
        "libraries",
        "parameters",
    }
    assert wanted <= set(Results.model_fields)
    scores = {"task", "method", "source_language", "language", "seed", "metric", "value", "examples"}
    assert scores <= set(results.Score.model_fields)
    summary = {"task", "method", "language", "metric", "mean", "std", "low", "high", "seeds"}
    assert summary <= set(results.Summary.model_fields)
    assert {"name", "job", "passed", "value", "detail", "hard"} <= set(provenance.CheckResult.model_fields)
    assert {"name", "stage", "fingerprint", "state", "seconds"} <= set(provenance.JobResult.model_fields)


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValidationError):
        results.Summary.model_validate({"mean": float("nan")})


def test_the_builder_makes_a_plan_whose_jobs_come_after_those_they_need(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    plan = make_run(tmp_path_factory.mktemp("home")).plan
    seen: set[str] = set()
    for job in plan.jobs.values():
        assert set(job.inputs.values()) <= seen
        seen.add(job.fingerprint)
