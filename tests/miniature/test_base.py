from __future__ import annotations

import hashlib
import inspect
import os
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from madx_pipeline.miniature import base, world
from madx_pipeline.miniature.rows import NO_WORD, Schedule, encode
from madx_pipeline.miniature.tokenizer import VOCABULARY, train_tokenizer
from madx_pipeline.miniature.world import World

STEPS = 6


class KilledError(Exception):
    """Stands for the end of the process."""


def quiet(done: int, total: int, loss: float) -> None:
    pass


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module", autouse=True)
def small_and_on_one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "CHECKPOINT_EVERY", 2)
        patch.setattr(world, "SEEN_SENTENCES", 900)
        patch.setattr(world, "UNSEEN_SENTENCES", 900)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    base.pretrain(0, folder / "model", folder / "checkpoints", quiet, steps=STEPS)
    return folder / "model"


@pytest.fixture(scope="module")
def tokenizer(made: Path) -> Any:
    return AutoTokenizer.from_pretrained(made)


def test_the_base_loads_as_a_masked_language_model_in_float32(made: Path) -> None:
    model, info = AutoModelForMaskedLM.from_pretrained(made, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert sorted(path.suffix for path in made.iterdir() if path.name.startswith("model")) == [".safetensors"]


def test_a_killed_pretraining_resumes_to_the_same_bytes(made: Path, tmp_path: Path) -> None:
    def dies(done: int, total: int, loss: float) -> None:
        if done == 5:
            raise KilledError

    with pytest.raises(KilledError):
        base.pretrain(0, tmp_path / "model", tmp_path / "checkpoints", dies, steps=STEPS)
    first: list[int] = []
    facts = base.pretrain(0, tmp_path / "model", tmp_path / "checkpoints", lambda d, t, x: first.append(d), steps=STEPS)
    assert first[0] == 5  # steps 1 to 4 came from the checkpoint
    assert facts["languages_seen"] == ["qaa", "qab", "qac"]
    assert digest(tmp_path / "model") == digest(made)


def test_a_checkpoint_of_another_world_is_not_resumed_from(tmp_path: Path) -> None:
    for seed in (1, 2):
        first: list[int] = []
        base.pretrain(seed, tmp_path / "model", tmp_path, lambda d, t, x, first=first: first.append(d), steps=2)  # type: ignore[misc]
        assert first[0] == 1


def test_a_torn_draft_of_a_checkpoint_is_ignored(made: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("pretraining.draft").write_bytes(b"half")
    base.pretrain(0, tmp_path / "model", tmp_path, quiet, steps=STEPS)
    assert digest(tmp_path / "model") == digest(made)


def test_pretraining_leaves_the_global_random_state_alone(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    base.pretrain(0, tmp_path / "model", tmp_path, quiet, steps=1)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_number_of_steps_is_the_callers_to_say(tmp_path: Path) -> None:
    assert inspect.signature(base.pretrain).parameters["steps"].default is inspect.Parameter.empty
    assert not hasattr(base, "STEPS")


@pytest.mark.slow
def test_a_pretraining_killed_by_the_system_ends_with_the_same_bytes(tmp_path: Path) -> None:
    program = (
        "import sys, torch; from pathlib import Path; from madx_pipeline.miniature import base, world; "
        "torch.set_num_threads(1); base.CHECKPOINT_EVERY = 2; world.SEEN_SENTENCES = 900; p = Path(sys.argv[1]); "
        "base.pretrain(0, p / 'model', p / 'c', lambda d, t, x: print(d, flush=True), steps=8)"
    )

    def start(folder: Path) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)

    whole = start(tmp_path / "whole")
    whole.communicate()
    for _ in range(3):
        process = start(tmp_path / "killed")
        assert process.stdout is not None
        list(islice(process.stdout, 3))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    start(tmp_path / "killed").communicate()
    assert digest(tmp_path / "killed" / "model") == digest(tmp_path / "whole" / "model")


def test_the_tokenizer_loads_offline_and_writes_rows_as_bert_does(tokenizer: Any, made: Path) -> None:
    line = next(World(0).corpus("qad"))
    pieces = tokenizer.convert_ids_to_tokens(tokenizer(line)["input_ids"])
    assert (pieces[0], pieces[-1]) == ("[CLS]", "[SEP]")
    assert "[UNK]" not in pieces
    assert tokenizer.is_fast
    assert len(tokenizer) == VOCABULARY
    assert tokenizer.model_max_length == base.MAX_LENGTH


def test_words_and_the_text_they_make_are_tokenised_alike(tokenizer: Any) -> None:
    example = next(World(0).labelled("ner", "qae", "train"))
    text = " ".join(example["words"]).replace(" .", ".")
    assert tokenizer(example["words"], is_split_into_words=True)["input_ids"] == tokenizer(text)["input_ids"]


def test_the_tokenizer_is_the_same_in_every_process() -> None:
    program = (
        "from madx_pipeline.miniature import tokenizer, world; "
        "world.SEEN_SENTENCES = world.UNSEEN_SENTENCES = 900; "
        "print(tokenizer.train_tokenizer(world.World(5), 128).backend_tokenizer.to_str(), end='')"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert run.stdout == train_tokenizer(World(5), 128).backend_tokenizer.to_str()


def test_no_document_is_longer_than_the_model_takes(tokenizer: Any) -> None:
    assert max(map(len, tokenizer(list(World(0).corpus("qac")))["input_ids"])) < base.MAX_LENGTH


def test_the_loss_of_the_chosen_tokens_is_that_of_the_whole_model(tokenizer: Any) -> None:
    batch = Schedule(encode(tokenizer, list(islice(World(0).corpus("qaa"), 8))), tokenizer, 8, 0).batch(0)
    model = base.new_model(len(tokenizer), 0).eval()
    labels = torch.full_like(batch.ids, -100)
    labels[batch.chosen] = batch.answers
    whole = model(input_ids=batch.ids, attention_mask=batch.attention, labels=labels).loss
    assert torch.allclose(base.masked_loss(model, batch), whole, atol=1e-6)


def test_masks_are_never_on_special_tokens_and_a_function_of_seed_and_step(tokenizer: Any) -> None:
    rows = encode(tokenizer, list(islice(World(0).corpus("qaa"), 200)))
    here, there = (Schedule(rows, tokenizer, 32, 0) for _ in range(2))
    there.batch(0)
    assert torch.equal(here.batch(9).ids, there.batch(9).ids)
    assert not torch.equal(here.batch(9).chosen, Schedule(rows, tokenizer, 32, 1).batch(9).chosen)
    batch = here.batch(3)
    special = torch.isin(batch.answers, torch.tensor(tokenizer.all_special_ids))
    assert not special.any()
    assert 0.15 < batch.chosen.sum() / batch.attention.sum() < 0.4


def test_an_epoch_shows_every_row_once(tokenizer: Any) -> None:
    rows = encode(tokenizer, list(islice(World(0).corpus("qaa"), 128)))
    schedule = Schedule(rows, tokenizer, 16, 0)
    shown = sum(int((schedule.batch(step).attention).sum()) for step in range(8))
    assert shown == sum(len(row.ids) for row in rows)
    assert all((row.words == NO_WORD).sum() == 2 for row in rows)


def test_the_vocabulary_covers_languages_the_model_never_sees() -> None:
    tokenizer = train_tokenizer(World(0), 128)
    for code in ("qad", "qae", "qag"):
        assert not any(tokenizer.unk_token_id in ids for ids in tokenizer(list(World(0).corpus(code)))["input_ids"])
