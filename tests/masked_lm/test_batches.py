from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from transformers import AutoConfig

from madx_pipeline.adapter_model import load_language_model
from madx_pipeline.masked_lm.batches import BatchShape, FilledRows, MaskedWindows, held_out_batches, pass_tokens
from madx_pipeline.masked_lm.loss import masked_lm_loss
from madx_pipeline.masked_lm.masking import masking_for
from madx_pipeline.masked_lm.packing import Batch, Window
from madx_pipeline.masked_lm.windows import CorpusWindows, WindowShape
from madx_pipeline.training.schedule import Schedule
from tests.model_builders import corpus_of, random_ids, save_tiny_base, tiny_tokenizer

ROOM = 32
PADDED = BatchShape(ROOM, pad_id=1, first=None, repack=False)
PACKED = BatchShape(ROOM, pad_id=1, first=2, repack=True)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("bert", "attention_probs_dropout_prob"),
        ("xlm-roberta", "attention_probs_dropout_prob"),
        ("distilbert", "attention_dropout"),
    ],
)
def test_a_model_whose_attention_has_dropout_takes_fewer_tokens_at_a_time(kind: str, name: str) -> None:
    assert pass_tokens(AutoConfig.for_model(kind)) == 512
    assert pass_tokens(AutoConfig.for_model(kind, **{name: 0.0})) == 1024


def masked_windows(folder: Path, lines: int = 20, seed: int = 0, full: bool = False) -> MaskedWindows:
    """Lines of 3 tokens and more, the last of several windows."""
    ids = random_ids(lines, 3 * ROOM).tolist()
    corpus_of(folder, [line[: 3 + 2 * number] for number, line in enumerate(ids)], [])
    windows = CorpusWindows(folder / "train.arrow", WindowShape(0, 2, ROOM, full))
    return MaskedWindows(windows, masking_for(tiny_tokenizer(), 0.3, 0.5), seed)


def texts(windows: list[Window]) -> list[tuple[list[int], list[int]]]:
    return sorted((window["input_ids"].tolist(), window["labels"].tolist()) for window in windows)


def shown(examples: Any, epochs: int) -> list[list[Window]]:
    schedule = Schedule(examples, epochs * len(examples), seed=3)
    return [schedule[position] for position in range(len(schedule))]


def test_masks_depend_on_seed_and_epoch_and_change_each_time_a_line_is_shown(tmp_path: Path) -> None:
    windows, same = masked_windows(tmp_path / "a"), masked_windows(tmp_path / "b")
    other = masked_windows(tmp_path / "c", seed=1)
    first, again, others = (
        [one.example(19, epoch * len(one))[0]["input_ids"].tolist() for epoch in range(5)]
        for one in (windows, same, other)
    )
    assert first == again != others
    assert len({tuple(window) for window in first}) > 1


def test_lines_and_documents_show_a_text_of_short_lines_with_the_same_masks(tmp_path: Path) -> None:
    windows = masked_windows(tmp_path, lines=12)
    lines, rows = shown(windows, epochs=2), shown(FilledRows(windows, ROOM), epochs=2)
    for by_line, by_row in zip(halves(lines), halves(rows), strict=True):
        assert texts(by_line) == texts(by_row)


def halves(examples: list[list[Window]]) -> list[list[Window]]:
    """The windows of each of two epochs."""
    middle = len(examples) // 2
    return [list(chain(*examples[:middle])), list(chain(*examples[middle:]))]


def test_filled_rows_hold_every_window_once_and_are_full(tmp_path: Path) -> None:
    windows = masked_windows(tmp_path, full=True)
    rows = FilledRows(windows, ROOM)
    sizes = [sum(len(window["input_ids"]) for window in rows.example(index, 0)) for index in range(len(rows))]
    assert sum(sizes) == windows.windows.lengths().sum()
    assert max(sizes) == ROOM
    assert sum(sizes) / len(sizes) > 0.9 * ROOM


def test_masks_do_not_depend_on_which_row_a_window_is_in(tmp_path: Path) -> None:
    windows = masked_windows(tmp_path, full=True)
    epochs = []
    for room in (ROOM, 3 * ROOM):
        rows = FilledRows(windows, room)
        found = shown(rows, epochs=2)
        epochs.append([texts(list(chain(*found[: len(rows)]))), texts(list(chain(*found[len(rows) :])))])
    assert epochs[0] == epochs[1]
    assert epochs[0][0] != epochs[0][1]


def test_masks_do_not_depend_on_how_many_workers_read_the_corpus(tmp_path: Path) -> None:
    windows = masked_windows(tmp_path)
    for examples in (windows, FilledRows(windows, ROOM)):
        schedule = Schedule(examples, 2 * len(examples), seed=3)
        alone, shared = (list(DataLoader(schedule, 8, num_workers=n, collate_fn=texts_of)) for n in (0, 2))
        assert alone == shared


def texts_of(examples: list[list[Window]]) -> list[Any]:
    return [texts(windows) for windows in examples]


def test_which_windows_share_a_row_is_drawn_from_the_seed(tmp_path: Path) -> None:
    first, again, other = (members_of(tmp_path / str(number), seed) for number, seed in enumerate((0, 0, 1)))
    assert first == again != other


def members_of(folder: Path, seed: int) -> list[list[int]]:
    """The lines of each row, told by their tokens, where all lines are equally long."""
    corpus_of(folder, [[6 + number] * 6 for number in range(40)], [])
    windows = CorpusWindows(folder / "train.arrow", WindowShape(0, 2, ROOM, full=True))
    how = masking_for(tiny_tokenizer(), 0.01, 0.0)
    rows = FilledRows(MaskedWindows(windows, how, seed), ROOM)
    return [
        [int(np.bincount(window["input_ids"][1:-1]).argmax()) for window in rows.example(index, 0)]
        for index in range(len(rows))
    ]


def test_packed_or_padded_a_step_shows_the_same_lines_with_the_same_masks(tmp_path: Path) -> None:
    examples = shown(masked_windows(tmp_path), epochs=1)[:8]
    packed, padded = PACKED.batch(examples), PADDED.batch(examples)
    assert len(packed["input_ids"]) < len(padded["input_ids"]) == 8
    assert sorted(packed["labels"][packed["labels"] >= 0]) == sorted(padded["labels"][padded["labels"] >= 0])
    assert packed["position_ids"].count_nonzero() == padded["attention_mask"].sum()


def test_held_out_masks_never_change_and_no_more_lines_are_used_than_asked_for(tmp_path: Path) -> None:
    windows = masked_windows(tmp_path)
    for shape, sizes in ((PADDED, [3, 3, 1]), (PACKED, [3, 2])):
        first, again = (held_out_batches(windows, most=7, batch_size=3, shape=shape) for _ in range(2))
        assert [len(batch["labels"]) for batch in first] == sizes
        assert all(torch.equal(one[name], two[name]) for one, two in zip(first, again, strict=True) for name in one)


def test_the_held_out_loss_is_the_mean_over_masked_tokens_however_the_lines_are_batched(tmp_path: Path) -> None:
    save_tiny_base(tmp_path)
    model, windows = load_language_model(tmp_path, "tiny").double(), masked_windows(tmp_path / "corpus")

    def loss(shape: BatchShape, size: int) -> float:
        found: list[Batch] = held_out_batches(windows, 20, size, shape)
        return masked_lm_loss(model, found)

    losses = [loss(shape, size) for shape in (PADDED, PACKED) for size in (1, 3, 20)]
    assert losses == pytest.approx([losses[0]] * 6, rel=1e-12)
