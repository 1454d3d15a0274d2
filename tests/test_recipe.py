"""Reading a recipe: every mistake is reported at once, in words that say what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from madx_pipeline.durable import sha256_of
from madx_pipeline.errors import InputError, Problem
from madx_pipeline.materials import Materials, find_materials
from madx_pipeline.published.lock import Lock
from madx_pipeline.published.pin import Pinning
from madx_pipeline.recipe import Recipe
from madx_pipeline.recipe_file import find_recipe, read_recipe, recipe_names

GOOD: dict[str, Any] = {
    "name": "trial",
    "base_model": {"builtin": "miniature"},
    "source_language": "qaa",
    "target_languages": ["qad"],
    "corpora": {"default": {"card": "miniature"}},
    "tasks": {"pos": {"card": "miniature_pos"}},
}

NO_LOCK = Pinning(Lock(Path("recipe.lock.yaml")))


def problems_of(folder: Path, text: str) -> list[Problem]:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        find_materials(read_recipe(path), sha256_of, NO_LOCK)
    except InputError as error:
        return list(error.problems)
    return []


def problems_with(folder: Path, **changes: Any) -> list[Problem]:
    return problems_of(folder, yaml.safe_dump({**GOOD, **changes}))


def lines(problems: list[Problem]) -> list[str]:
    return [f"{problem.message} | {problem.hint}" for problem in problems]


def test_a_good_recipe_has_no_problems(tmp_path: Path) -> None:
    assert problems_with(tmp_path) == []


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_can_be_planned(name: str) -> None:
    recipe, materials = find_materials(read_recipe(find_recipe(name)), sha256_of, NO_LOCK)
    assert recipe.name == name
    assert materials.base_model is not None


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"sorce_language": "qaa"}, "recipe.yaml: sorce_language is not a known key.", 'Nearest: "source_language".'),
        ({"seeds": "many"}, 'recipe.yaml: seeds is "many"; expected a list.', "Correct the value."),
        ({"seeds": [1, "two"]}, 'recipe.yaml: seeds[1] is "two"; expected a whole number.', "Correct the value."),
        (
            {"source_language": "qqq"},
            'recipe.yaml: source_language is "qqq", which is not a language code.',
            "Codes are BCP 47",
        ),
        (
            {"target_languages": ["swahili"]},
            'recipe.yaml: target_languages[0] is "swahili", which is not a language code.',
            'The code of Swahili is "sw".',
        ),
        (
            {"methods": ["madx", "madxx"]},
            'recipe.yaml: methods[1] is "madxx". Possible: madx, madx_source_kept, task_adapter_only, full_finetuning,'
            " lora, mlm_target, majority_class.",
            'Nearest: "madx".',
        ),
        (
            {"target_languages": ["qaa"]},
            'recipe.yaml: target_languages[0] is "qaa", the source language.',
            "Leave it out: the source is always evaluated.",
        ),
        (
            {"stages": {"train_languge_adapter": {}}},
            "recipe.yaml: stages.train_languge_adapter: there is no such stage.",
            'Nearest: "train_language_adapter".',
        ),
        (
            {"stages": {"train_language_adapter": {"max_step": 3}}},
            "recipe.yaml: stages.train_language_adapter.max_step is not a known key.",
            'Nearest: "max_steps".',
        ),
        (
            {"stages": {"train_language_adapter": {"line_by_line": True}}},
            "recipe.yaml: stages.train_language_adapter.line_by_line is not a known key.",
            "Say packing: none (a line a row), lines (the same, several in a row) or documents (full rows).",
        ),
        (
            {"stages": {"train_language_adapter": {"max_steps": "x"}}},
            'recipe.yaml: stages.train_language_adapter.max_steps is "x"; expected a whole number.',
            "Correct the value.",
        ),
        (
            {"name": "../up"},
            'recipe.yaml: name is "../up": a name has letters, digits, _ and - only',
            "Correct the value.",
        ),
        (
            {"base_model": {"id": "x/y", "path": "z"}},
            'recipe.yaml: base_model is {"id": "x/y", "path": "z"}: give exactly one of id, path, builtin.',
            "Correct the value.",
        ),
        (
            {"base_model": {"id": "x/y", "revision": "main"}},
            "revision 'main' is not a commit (40 hex digits); a branch name pins nothing.",
            "Correct the value.",
        ),
        (
            {"base_model": {"id": "some/model"}},
            "recipe.yaml: base_model.revision is missing, and no commit of some/model is known here.",
            "Add the commit to use",
        ),
        (
            {"base_model": {"path": "nowhere"}},
            "recipe.yaml: base_model.path is nowhere, which is not a folder",
            "Correct the path.",
        ),
        (
            {"language_adapters": {"default": "publishd"}},
            'recipe.yaml: language_adapters.default is "publishd": possible: train, published, none, an id',
            "Correct the value.",
        ),
        (
            {"language_adapters": {"default": {"id": "a/b", "revision": "main"}}},
            "revision 'main' is not a commit (40 hex digits); a branch name pins nothing.",
            "Correct the value.",
        ),
        (
            {"language_adapters": {"default": {"train": True, "id": "a/b"}}},
            "give exactly one of: train, published, none, an id",
            "Correct the value.",
        ),
        (
            {"tasks": {"pos": {"card": "miniature_pos", "adapter": {"labels": {"0": "O"}}}}},
            "give exactly one of: an id, {path: ...}, {id: ..., revision: ...}",
            "Correct the value.",
        ),
        (
            {"tasks": {"pos": {"card": "miniature_pos", "adapter": {"id": "a/b", "label": {}}}}},
            "recipe.yaml: tasks.pos.adapter.label is not a known key.",
            'Nearest: "labels".',
        ),
        (
            {"corpora": {}},
            'recipe.yaml: corpora has nothing for "qaa"',
            'Add corpora: {"qaa": {path: ...}}, or language_adapters: {"qaa": none} to leave it out.',
        ),
        (
            {"tasks": {"pos": {"card": "conllu", "files": {"qab": {"test": "x"}}}}},
            'recipe.yaml: tasks.pos.files has "qab", which is neither source nor target.',
            'Nearest: "qad".',
        ),
        (
            {"tasks": {"pos": {"card": "miniature_pos", "continue_from": "nre"}, "ner": {"card": "miniature_ner"}}},
            'recipe.yaml: tasks.pos.continue_from is "nre", which is no task of the recipe.',
            'Nearest: "ner".',
        ),
        (
            {
                "tasks": {
                    "pos": {"card": "miniature_pos", "continue_from": "ner"},
                    "ner": {"card": "miniature_ner", "continue_from": "pos"},
                }
            },
            "recipe.yaml: tasks.pos.continue_from goes in a circle: pos from ner from pos.",
            "Leave it out of the task that is learnt first.",
        ),
        (
            {"tasks": {"pos": {"card": "miniature_pos", "continue_from": "pos"}}},
            "recipe.yaml: tasks.pos.continue_from goes in a circle: pos from pos.",
            "Leave it out of the task that is learnt first.",
        ),
        (
            {"tasks": {"pos": {"card": "miniature_pos", "continue_from": "top"}, "top": {"card": "miniature_topics"}}},
            "recipe.yaml: tasks.pos.continue_from: top is classification, and pos is tagging.",
            "A task can go on from one of its own type",
        ),
        (
            {
                "tasks": {
                    "pos": {"card": "miniature_pos", "continue_from": "ner", "adapter": "a/b"},
                    "ner": {"card": "miniature_ner"},
                }
            },
            "recipe.yaml: tasks.pos.continue_from and adapter exclude each other: a ready adapter is not trained.",
            "Leave one of them out.",
        ),
        (
            {"tasks": {"pos": {"card": "miniature_pos", "target_languages": ["qae"]}}},
            'recipe.yaml: tasks.pos.target_languages has "qae", which is neither source nor target.',
            'Nearest: "qad".',
        ),
        (
            {"corpora": {"default": {"card": "miniature"}, "sw": {"card": "wikipedia"}}},
            'recipe.yaml: corpora has "sw", which is neither source nor target.',
            "Leave it out",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_to_do(
    tmp_path: Path, changes: dict[str, Any], message: str, hint: str
) -> None:
    found = problems_with(tmp_path, **changes)
    assert any(message in problem.message and hint in problem.hint for problem in found), lines(found)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    recipe = {key: value for key, value in GOOD.items() if key != "tasks"}
    assert lines(problems_of(tmp_path, yaml.safe_dump(recipe))) == [
        "recipe.yaml: tasks is missing. | It has no default: say what you want."
    ]


def test_a_bare_no_is_explained(tmp_path: Path) -> None:
    text = yaml.safe_dump(GOOD).replace("- qad", "- qad\n- no")
    assert lines(problems_of(tmp_path, text)) == [
        'recipe.yaml: target_languages[1] is false. YAML reads a bare no as false: write "no" in quotes.'
        " | Quote language codes: they are text."
    ]


def test_a_bare_no_as_a_key_is_explained(tmp_path: Path) -> None:
    text = yaml.safe_dump({**GOOD, "corpora": {}}).replace("corpora: {}", "corpora: {no: {card: wikipedia}}")
    found = problems_of(tmp_path, text)
    assert any('YAML reads a bare no as false: write "no" in quotes.' in problem.message for problem in found)


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    found = problems_with(
        tmp_path,
        seeds="many",
        target_languages=["qad", "qad", "xx-none-such"],
        tasks={"pos": {"card": "no_such_card"}},
        base_model={"path": "nowhere"},
        stages={"train_language_adapter": {"max_step": 3}},
    )
    text = "\n".join(lines(found))
    for part in ("seeds", "second time", "xx-none-such", "no_such_card", "nowhere", "max_step"):
        assert part in text


def test_each_problem_is_one_line(tmp_path: Path) -> None:
    for problem in problems_with(tmp_path, seeds="many", base_model={"id": "a\nb"}, name="x\ny"):
        assert "\n" not in problem.message + problem.hint


def test_a_key_written_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='the key "name" is there twice'):
        read_recipe_text(tmp_path, yaml.safe_dump(GOOD) + "name: again\n")


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"recipe.yaml cannot be read as YAML: .*line 1"):
        read_recipe_text(tmp_path, "name: [")


def test_a_recipe_that_does_not_exist_names_the_shipped_ones() -> None:
    with pytest.raises(InputError, match="quickstrt is neither a file nor a shipped recipe") as raised:
        find_recipe("quickstrt")
    assert raised.value.problems[0].hint == 'Nearest: "quickstart".'


def read_recipe_text(folder: Path, text: str) -> Recipe | None:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(path).recipe


def materials_with(folder: Path, **changes: Any) -> Materials:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}), encoding="utf-8")
    return find_materials(read_recipe(path), sha256_of, NO_LOCK)[1]


def test_text_is_looked_up_for_continued_pretraining_too(tmp_path: Path) -> None:
    assert materials_with(tmp_path, methods=["task_adapter_only"]).corpora == {}
    assert set(materials_with(tmp_path, methods=["mlm_target"]).corpora) == {"qaa", "qad"}


def test_a_language_without_text_is_no_mistake_of_a_recipe_that_goes_on_pretraining(tmp_path: Path) -> None:
    assert materials_with(tmp_path, methods=["mlm_target"], corpora={}).corpora == {}
    found = materials_with(
        tmp_path,
        methods=["mlm_target"],
        corpora={"default": {"card": "wikipedia"}, "qaa": {"card": "miniature"}},  # wikipedia has no qad
    )
    assert set(found.corpora) == {"qaa"}


def test_a_card_that_does_not_exist_is_a_mistake_also_where_text_may_be_missing(tmp_path: Path) -> None:
    corpora = {"default": {"card": "minature"}}
    (problem,) = problems_with(tmp_path, methods=["mlm_target"], corpora=corpora)
    assert problem.message == 'recipe.yaml: there is no corpus card "minature". Nearest: "miniature".'


def test_text_that_the_recipe_names_and_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    for corpora in ({"qad": {"path": "no.txt"}}, {"default": {"path": "no.txt"}}, {"qad": {"card": "wikipedia"}}):
        assert problems_with(tmp_path, methods=["mlm_target"], corpora=corpora), corpora
