"""The head for dependency trees: the library's own on disk, and what it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from adapters import AutoAdapterModel
from adapters.heads import BiaffineParsingHead
from torch.nn.functional import cross_entropy

from madx_pipeline.adapter_model import (
    AdapterModel,
    AdapterShape,
    add_adapter,
    head_labels,
    load_model,
    load_task_adapter,
    load_task_model,
    save_adapter,
    save_task_model,
    set_stack,
)
from madx_pipeline.adapter_model.parsing_head import ParsingHead, add_parsing_head, word_vectors
from madx_pipeline.errors import JobError
from tests.model_builders import random_ids, save_tiny_base

RELATIONS = ["det", "nsubj", "root"]
WORD_IDS = torch.tensor([[-1, 0, 0, 1, 2, 3, 3, -1], [-1, 0, 1, 1, -1, -1, -1, -1]])
"""Four words in six pieces, and two in three, between special tokens."""
STARTS = ([1, 3, 4, 5, 7], [1, 2, 4])
"""The same as the library wants it: where words start, and where the last one ends."""


def tuned(folder: Path, model_type: str, pad: int) -> tuple[AdapterModel, dict[str, Any]]:
    """A model with a task adapter and a head that is not all zeros."""
    facts = save_tiny_base(folder / "base", model_type, pad_token_id=pad)
    model = load_model(folder / "base", str(facts["name"]))
    add_adapter(model, "task_p", AdapterShape("seq_bn", 4), seed=1)
    add_parsing_head(model, "task_p", RELATIONS)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.heads["task_p"].parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    set_stack(model, ["task_p"])
    return model.eval(), facts


def inputs(pad: int) -> dict[str, torch.Tensor]:
    ids = random_ids(2, WORD_IDS.shape[1])
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    return {"input_ids": ids.masked_fill(mask == 0, pad), "attention_mask": mask}


def scores(model: AdapterModel, pad: int, **given: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(**inputs(pad), word_ids=WORD_IDS, **given).logits
    return found


def plain(folder: Path) -> Any:
    """What the library alone makes of base model and adapter."""
    model = AutoAdapterModel.from_pretrained(str(folder / "base"))
    name = model.load_adapter(str(folder / "adapter"), use_safetensors=True)
    model.set_active_adapters(name)
    assert type(model.heads[name]) is BiaffineParsingHead
    return model.eval()


def test_the_plain_library_loads_what_is_saved_and_gives_the_same_scores(tmp_path: Path) -> None:
    model, _ = tuned(tmp_path, "bert", pad=0)
    save_adapter(model, "task_p", tmp_path / "adapter", with_head=True)
    starts = torch.zeros(2, WORD_IDS.shape[1], dtype=torch.long)
    for row, places in enumerate(STARTS):
        starts[row, : len(places)] = torch.tensor(places)
    with torch.no_grad():
        theirs = plain(tmp_path)(**inputs(0), word_starts=starts)
    ours = scores(model, 0)
    for row, words in enumerate((4, 2)):
        possible = ours[row, :words, : words + 1, 0] > torch.finfo(torch.float32).min
        assert possible.sum() == words * words
        arcs = theirs.arc_preds[row, :words, : words + 1]
        assert torch.allclose(ours[row, :words, : words + 1, 0][possible], arcs[possible], atol=1e-5)
        relations = theirs.rel_preds[row, :words, : words + 1]
        assert torch.allclose(ours[row, :words, : words + 1, 1:], relations, atol=1e-5)


def test_the_library_alone_loses_the_first_word_where_padding_has_the_id_1(tmp_path: Path) -> None:
    """Why the forward pass is our own: when this fails, the library has been mended."""
    model, _ = tuned(tmp_path, "xlm-roberta", pad=1)
    save_adapter(model, "task_p", tmp_path / "adapter", with_head=True)
    starts = torch.full((1, WORD_IDS.shape[1]), 1)
    starts[0, : len(STARTS[0])] = torch.tensor(STARTS[0])
    given = {name: tensor[:1] for name, tensor in inputs(1).items()}
    with torch.no_grad():
        theirs = plain(tmp_path)(**given, word_starts=starts).rel_preds[0]
    ours = scores(model, 1)[0, :, :, 1:]
    assert not torch.allclose(theirs[:4, :5], ours[:4, :5], atol=1e-3)
    assert torch.allclose(theirs[:3, 1:4], ours[1:4, 2:5], atol=1e-5)


def test_a_task_adapter_comes_back_with_the_same_scores_and_relations_by_name(tmp_path: Path) -> None:
    model, facts = tuned(tmp_path, "xlm-roberta", pad=1)
    save_adapter(model, "task_p", tmp_path / "adapter", with_head=True)
    again = load_model(tmp_path / "base", "tiny-xlm-roberta")
    load_task_adapter(again, tmp_path / "adapter", "task_q", facts)
    set_stack(again, ["task_q"])
    assert head_labels(again, "task_q") == RELATIONS
    assert torch.equal(scores(again.eval(), 1), scores(model, 1))


def test_a_whole_model_comes_back_with_the_same_scores(tmp_path: Path) -> None:
    save_tiny_base(tmp_path / "base")
    model = load_model(tmp_path / "base", "tiny-xlm-roberta")
    add_parsing_head(model, "task_p", RELATIONS)
    with torch.no_grad():
        for parameter in model.heads["task_p"].parameters():
            parameter.fill_(0.5)
    save_task_model(model, tmp_path / "model")
    again = load_task_model(tmp_path / "model")
    assert type(again.heads["task_p"]) is ParsingHead
    assert torch.equal(scores(again, 1), scores(model.eval(), 1))


def test_padding_changes_no_score_and_is_nobody_s_head(tmp_path: Path) -> None:
    model, _ = tuned(tmp_path, "xlm-roberta", pad=1)
    together = scores(model, 1)[1]
    alone = {name: tensor[1:, :5] for name, tensor in inputs(1).items()}
    with torch.no_grad():
        found = model(**alone, word_ids=WORD_IDS[1:, :5]).logits[0]
    assert found.shape == (2, 3, 1 + len(RELATIONS))
    assert torch.allclose(together[:2, :3], found, atol=1e-5)
    assert bool((together[:, 3:, 0] == torch.finfo(torch.float32).min).all())


def test_no_word_is_its_own_head(tmp_path: Path) -> None:
    model, _ = tuned(tmp_path, "xlm-roberta", pad=1)
    arcs = scores(model, 1)[0, :, :, 0]
    assert [arcs[word, word + 1].item() for word in range(4)] == [torch.finfo(torch.float32).min] * 4


def test_a_sentence_of_one_word_in_a_batch_of_one_has_a_score(tmp_path: Path) -> None:
    model, _ = tuned(tmp_path, "xlm-roberta", pad=1)
    with torch.no_grad():
        found = model(input_ids=random_ids(1, 3), word_ids=torch.tensor([[-1, 0, -1]])).logits
    assert found.shape == (1, 1, 2, 1 + len(RELATIONS))


def test_a_word_is_the_mean_of_its_pieces() -> None:
    pieces = torch.arange(16.0).view(2, 8, 1)
    vectors, there = word_vectors(pieces, WORD_IDS)
    assert vectors[..., 0].tolist() == [[1.5, 3.0, 4.0, 5.5], [9.0, 10.5, 0.0, 0.0]]
    assert there.tolist() == [[True] * 4, [True, True, False, False]]


def test_the_loss_is_that_of_the_heads_and_of_the_relations_to_the_true_heads(tmp_path: Path) -> None:
    model, _ = tuned(tmp_path, "xlm-roberta", pad=1)
    labels = torch.full((2, 2, 6), -100)
    labels[0, :, :4] = torch.tensor([[2, 0, -100, 2], [0, 2, -100, 1]])
    labels[1, :, :2] = torch.tensor([[2, 0], [0, 2]])
    with torch.no_grad():
        loss = model(**inputs(1), word_ids=WORD_IDS, labels=labels).loss
    found = scores(model, 1)
    known = [(0, 0), (0, 1), (0, 3), (1, 0), (1, 1)]
    expected = torch.tensor(0.0)
    for row, word in known:
        head, relation = labels[row, :, word].tolist()
        expected += cross_entropy(found[row, word, :, 0], torch.tensor(head))
        expected += cross_entropy(found[row, word, head, 1:], torch.tensor(relation))
    assert float(loss) == pytest.approx(float(expected) / len(known), rel=1e-5)


def test_a_batch_in_which_no_head_is_known_has_no_loss(tmp_path: Path) -> None:
    model, _ = tuned(tmp_path, "xlm-roberta", pad=1)
    with torch.no_grad():
        loss = model(**inputs(1), word_ids=WORD_IDS, labels=torch.full((2, 2, 4), -100)).loss
    assert float(loss) == 0.0


def test_a_head_with_keys_of_other_heads_is_refused(tmp_path: Path) -> None:
    model, facts = tuned(tmp_path, "xlm-roberta", pad=1)
    save_adapter(model, "task_p", tmp_path / "adapter", with_head=True)
    path = tmp_path / "adapter" / "head_config.json"
    path.write_text(path.read_text().replace('"num_labels"', '"layers": 2, "num_labels"'))
    again = load_model(tmp_path / "base", "tiny-xlm-roberta")
    with pytest.raises(JobError, match='the key "layers", which a dependency_parsing head does not have'):
        load_task_adapter(again, tmp_path / "adapter", "task_p", facts)
