from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from madx_pipeline.errors import JobError
from madx_pipeline.masked_lm.masking import IGNORED, Ids, Masking, mask_row, masking_for, word_starts
from tests.model_builders import PIECES, tiny_tokenizer

START, PAD, END, UNKNOWN, MASK = range(5)


def masking(**changes: float) -> Masking:
    return dataclasses.replace(masking_for(tiny_tokenizer(), 0.15, 0.0), **changes)  # type: ignore[arg-type]  # numbers


def line(length: int = 400, seed: int = 0) -> Ids:
    ids = np.random.default_rng(seed).integers(5, len(PIECES), size=length)
    return np.concatenate([[START], ids, [END]])


def spread(how: Masking, rows: int = 60) -> tuple[Ids, Ids, Ids]:
    """Original, masked ids and labels of many rows, joined."""
    ids = [line(seed=row) for row in range(rows)]
    masked = [mask_row(row, how, np.random.default_rng(number)) for number, row in enumerate(ids)]
    return np.concatenate(ids), np.concatenate([row[0] for row in masked]), np.concatenate([row[1] for row in masked])


def test_about_as_many_tokens_are_chosen_as_asked_for_and_treated_80_10_10() -> None:
    ids, inputs, labels = spread(masking())
    chosen = labels != IGNORED
    assert chosen.mean() == pytest.approx(0.15, abs=0.01)
    assert (inputs[chosen] == MASK).mean() == pytest.approx(0.8, abs=0.03)
    assert (inputs[chosen] == ids[chosen]).mean() == pytest.approx(0.1, abs=0.03)


def test_labels_are_the_original_tokens_and_everything_else_stays_as_it_was() -> None:
    ids, inputs, labels = spread(masking())
    chosen = labels != IGNORED
    assert (labels[chosen] == ids[chosen]).all()
    assert (inputs[~chosen] == ids[~chosen]).all()


def test_special_tokens_are_neither_chosen_nor_put_in_place_of_others() -> None:
    ids, inputs, labels = spread(masking(probability=0.9))
    assert (labels[(ids == START) | (ids == END)] == IGNORED).all()
    replaced = (labels != IGNORED) & (inputs != MASK)
    assert (inputs[replaced] >= 5).all()


def test_the_same_generator_gives_the_same_masks_and_another_gives_others() -> None:
    how, row = masking(), line()
    first, again, other = (mask_row(row, how, np.random.default_rng(seed))[0].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_a_row_of_one_token_has_that_token_masked() -> None:
    row = np.array([START, 7, END])
    for seed in range(20):
        assert mask_row(row, masking(), np.random.default_rng(seed))[1].tolist() == [IGNORED, 7, IGNORED]


def test_unknown_tokens_are_chosen_only_where_there_is_nothing_else() -> None:
    mixed, alone = np.array([START, UNKNOWN, 9, UNKNOWN, END]), np.array([START, UNKNOWN, UNKNOWN, END])
    how = masking(probability=0.9)
    for seed in range(20):
        assert (mask_row(mixed, how, np.random.default_rng(seed))[1][[1, 3]] == IGNORED).all()
        assert (mask_row(alone, how, np.random.default_rng(seed))[1] != IGNORED).any()


def test_a_row_of_special_tokens_alone_still_has_something_to_predict() -> None:
    for row in (np.array([END]), np.array([START, PAD, END])):
        for share in (0.0, 1.0):
            _, labels = mask_row(row, masking(whole_word_share=share), np.random.default_rng(0))
            assert (labels != IGNORED).any()


def test_whole_words_are_chosen_with_all_their_pieces_or_not_at_all() -> None:
    how = masking(whole_word_share=1.0)
    ids, _, labels = spread(how)
    starts = how.starts_word[ids] | how.structural[ids] | np.roll(how.structural[ids], 1)
    word = np.cumsum(starts)
    chosen = labels != IGNORED
    shares = np.bincount(word, chosen) / np.maximum(np.bincount(word), 1)
    assert set(shares[np.bincount(word) <= 16]) <= {0.0, 1.0}
    assert chosen.mean() == pytest.approx(0.15, abs=0.03)


def test_the_share_of_rows_with_whole_words_is_the_one_asked_for() -> None:
    piece_that_continues = PIECES.index("aa")
    row = np.array([START] + [PIECES.index("▁aa"), piece_that_continues] * 50 + [END])
    whole = 0
    for seed in range(300):
        chosen = mask_row(row, masking(whole_word_share=0.5), np.random.default_rng(seed))[1][1:-1] != IGNORED
        whole += int((chosen[::2] == chosen[1::2]).all())
    assert whole / 300 == pytest.approx(0.5, abs=0.1)


def test_a_very_long_word_as_in_scripts_without_spaces_is_masked_piece_by_piece() -> None:
    row = np.array([START, PIECES.index("▁aa")] + [PIECES.index("bb")] * 200 + [END])
    for seed in range(20):
        share = (mask_row(row, masking(whole_word_share=1.0), np.random.default_rng(seed))[1] != IGNORED).mean()
        assert 0.02 < share < 0.4


@pytest.mark.parametrize(
    ("pieces", "starts"),
    [
        (["<s>", "▁the", "▁cat", "s", "##"], [False, True, True, False, False]),
        (["Ġthe", "Ġcat", "s", "▁"], [True, True, False, False]),
        (["the", "##s", "##er", "▁"], [True, False, False, True]),
    ],
    ids=["sentencepiece", "byte-level", "wordpiece"],
)
def test_where_words_begin_is_read_off_the_vocabulary(pieces: list[str], starts: list[bool]) -> None:
    found = word_starts(pieces)
    assert found is not None
    assert found.tolist() == starts


def test_a_vocabulary_that_does_not_mark_words_is_an_error_only_if_whole_words_are_asked_for() -> None:
    class Characters:
        all_special_ids = (0,)
        unk_token_id = None
        mask_token_id = 0

        def __len__(self) -> int:
            return 5

        def convert_ids_to_tokens(self, ids: range) -> list[str]:
            return ["<mask>", "a", "b", "c", "d"]

    assert masking_for(Characters(), 0.15, 0.0).starts_word.all()
    with pytest.raises(JobError, match="does not mark where words begin") as raised:
        masking_for(Characters(), 0.15, 0.5)
    assert raised.value.problems[0].hint == "Set whole_word_share to 0."
