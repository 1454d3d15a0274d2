from __future__ import annotations

from pathlib import Path

import pytest

from madx_pipeline.errors import InputError, JobError
from madx_pipeline.published.lock import Lock, LockedAdapter, lock_path, read_lock
from madx_pipeline.shipped import recipes_folder

SWAHILI = LockedAdapter("AdapterHub/sw", "a" * 40, {"pytorch_adapter.bin": "1" * 64, "adapter_config.json": "2" * 64})
ENGLISH = LockedAdapter("AdapterHub/en", "0" * 40, {"adapter.safetensors": "3" * 64})
TEXT = f"""\
format: 1
adapters:
- repository: AdapterHub/en
  revision: '{"0" * 40}'
  files:
    adapter.safetensors: '{"3" * 64}'
- repository: AdapterHub/sw
  revision: {"a" * 40}
  files:
    adapter_config.json: '{"2" * 64}'
    pytorch_adapter.bin: '{"1" * 64}'
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recipe.lock.yaml"


def test_what_is_written_is_read_again(path: Path) -> None:
    lock = Lock(path).with_adapters([SWAHILI, ENGLISH])
    lock.write()
    assert read_lock(path) == lock


def test_a_lock_says_what_it_is_and_is_sorted(path: Path) -> None:
    Lock(path).with_adapters([SWAHILI, ENGLISH]).write()
    lines = path.read_text().splitlines(keepends=True)
    comment = [line for line in lines if line.startswith("#")]
    assert "".join(comment).startswith("# What `madx run` got for each published adapter of the recipe beside this")
    assert "".join(lines[len(comment) :]) == TEXT


def test_the_same_rows_are_the_same_bytes_and_are_not_written_again(path: Path) -> None:
    Lock(path, (SWAHILI, ENGLISH)).write()
    before = (path.read_bytes(), path.stat().st_ino)
    read_lock(path).with_adapters([ENGLISH, SWAHILI]).write()
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_no_half_written_file_is_left_behind(path: Path) -> None:
    Lock(path, (SWAHILI,)).write()
    assert list(path.parent.iterdir()) == [path]


def test_a_row_replaces_the_one_of_its_repository_and_commit_only(path: Path) -> None:
    other_commit = LockedAdapter(ENGLISH.repository, "b" * 40, ENGLISH.files)
    other_bytes = LockedAdapter(ENGLISH.repository, ENGLISH.revision, {"adapter.safetensors": "9" * 64})
    lock = Lock(path, (ENGLISH,)).with_adapters([other_commit, other_bytes, SWAHILI])
    assert lock.adapters == (other_bytes, other_commit, SWAHILI)


def test_a_row_is_found_by_its_commit_or_as_the_only_one(path: Path) -> None:
    lock = Lock(path, (ENGLISH, SWAHILI))
    assert lock.find("AdapterHub/sw", "a" * 40) == SWAHILI
    assert lock.find("AdapterHub/sw", None) == SWAHILI
    assert lock.find("AdapterHub/sw", "b" * 40) is None
    assert lock.find("AdapterHub/qu", None) is None


def test_a_lock_that_is_not_there_locks_nothing(path: Path) -> None:
    assert read_lock(path) == Lock(path)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("a" * 40, "main", "adapters[1].revision is \"main\": string should match pattern '^[0-9a-f]{40}$'"),
        ("AdapterHub/sw", "../sw", 'adapters[1].repository is "../sw": string should match pattern'),
        ("    adapter_config.json", "    ../adapter_config.json", "adapters[1].files.../adapter_config.json is "),
        ("1" * 64, "1" * 63, "adapters[1].files.pytorch_adapter.bin is "),
        ("  revision: a", "  commit: a", "adapters[1].commit is not a known key."),
        ("format: 1", "format: 2", "format is 2. Possible: 1."),
    ],
)
def test_a_damaged_row_is_named(path: Path, before: str, after: str, message: str) -> None:
    assert before in TEXT
    path.write_text(TEXT.replace(before, after))
    with pytest.raises(InputError) as raised:
        read_lock(path)
    assert raised.value.problems[-1 if "commit" in message else 0].message.startswith(f"recipe.lock.yaml: {message}")
    assert raised.value.problems[0].hint == "Restore the file, or delete it: the next run writes it again."


def test_every_damaged_row_is_said_at_once(path: Path) -> None:
    path.write_text(TEXT.replace("AdapterHub/", "AdapterHub"))
    with pytest.raises(InputError) as raised:
        read_lock(path)
    assert len(raised.value.problems) == 2


def test_a_row_that_is_there_twice_is_refused(path: Path) -> None:
    path.write_text(TEXT + TEXT.partition("adapters:\n")[2])
    with pytest.raises(InputError, match=f"AdapterHub/sw at {'a' * 40} is there twice"):
        read_lock(path)


@pytest.mark.parametrize("text", ["<<<<<<< HEAD\n", "format: [", "!!python/object/apply:os.getcwd []", "\x00"])
def test_what_is_no_yaml_is_said_to_be_none_and_nothing_in_it_is_executed(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(InputError, match=r"recipe\.lock\.yaml"):
        read_lock(path)


def test_a_folder_that_cannot_be_written_is_an_error_that_says_why_it_matters(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JobError, match=r"the lock file .*recipe\.lock\.yaml cannot be written: "):
        Lock(tmp_path / "file" / "recipe.lock.yaml", (SWAHILI,)).write()


def test_a_lock_lies_beside_its_recipe_and_that_of_a_shipped_recipe_in_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert lock_path(tmp_path / "ner.yaml", home) == tmp_path / "ner.lock.yaml"
    assert lock_path(tmp_path / "ner.v2.yaml", home) == tmp_path / "ner.v2.lock.yaml"
    assert lock_path(recipes_folder() / "quickstart.yaml", home) == home / "quickstart.lock.yaml"
