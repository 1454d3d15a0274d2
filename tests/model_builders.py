"""Tiny random base models made on the spot: real architectures, real tokenizers, nothing learned.

The masked-LM decoder gets a random bias (zeros would hide that a loader drops it) and the embeddings are
wide enough for layers to matter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForMaskedLM, PreTrainedTokenizerFast

from madx_pipeline.records import Artifact, ArtifactRecord
from madx_pipeline.stage import Workspace

WORDS = [chr(97 + i) + chr(97 + j) for i in range(8) for j in range(4)]
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
PIECES = [*SPECIALS, "▁", *(f"▁{word}" for word in WORDS), *WORDS, *"abcdefgh"]
"""Vocabulary in XLM-R's style: a piece that starts a word begins with ▁."""

MODEL_TYPES = ("xlm-roberta", "roberta", "bert", "distilbert")


def tiny_config(model_type: str = "xlm-roberta", **changes: Any) -> Any:
    """A configuration with 3 layers of 16 units."""
    sizes: dict[str, Any] = {
        "vocab_size": len(PIECES),
        "max_position_embeddings": 34,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "initializer_range": 0.3,
    }
    if model_type == "distilbert":
        sizes |= {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 32}
    else:
        sizes |= {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
        sizes |= {"type_vocab_size": 1}
    return AutoConfig.for_model(model_type, **(sizes | changes))


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A unigram tokenizer over `PIECES`, with <s> ... </s> around each text."""
    scores = [(piece, 0.0 if piece in SPECIALS else -1.0 - index / 100) for index, piece in enumerate(PIECES)]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=32,
    )


def save_tiny_base(folder: Path, model_type: str = "xlm-roberta", seed: int = 0, **changes: Any) -> dict[str, Any]:
    """Writes model and tokenizer as `prepare_base_model` would, and returns its facts."""
    config = tiny_config(model_type, **changes)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForMaskedLM.from_config(config)
        bias = model.get_output_embeddings().bias
        with torch.no_grad():
            bias.copy_(torch.randn(bias.shape))
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return {
        "name": f"tiny-{model_type}",
        "revision": None,
        "model_type": model_type,
        "hidden_size": config.hidden_size,
        "layers": config.num_hidden_layers,
        "vocab_size": config.vocab_size,
        "max_length": 32,
        "parameters": model.num_parameters(),
        "tokenizer": "PreTrainedTokenizerFast",
        "languages_seen": None,
        "world_seed": None,
    }


def random_ids(rows: int = 4, length: int = 12, seed: int = 0) -> torch.Tensor:
    """Random token ids without special tokens, (rows, length)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(len(SPECIALS), len(PIECES), (rows, length), generator=generator)


def as_artifact(folder: Path, facts: dict[str, Any]) -> Artifact:
    """A folder opened as a finished artifact of which only path and facts matter."""
    record: Any = ArtifactRecord
    return Artifact(folder, record.model_construct(facts=facts))


def tiny_base(folder: Path, model_type: str = "xlm-roberta", **changes: Any) -> Artifact:
    """A base_model artifact around `save_tiny_base`."""
    return as_artifact(folder, save_tiny_base(folder / "model", model_type, **changes))


def corpus_of(folder: Path, train: list[list[int]], held_out: list[list[int]], language: str = "xx") -> Artifact:
    """A corpus artifact with these lines, in the format of `prepare_corpus`."""
    folder.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([("input_ids", pa.list_(pa.int32()))])
    for name, lines in (("train", train), ("heldout", held_out)):
        with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
            for start in range(0, len(lines), 5):
                batch = pa.array(lines[start : start + 5], type=pa.list_(pa.int32()))
                writer.write_batch(pa.record_batch([batch], schema=schema))
    return as_artifact(folder, {"language": language})


def workspace(folder: Path) -> Workspace:
    """The `.partial` folder of a job, new or left behind by an earlier sitting."""
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    return Workspace(folder, folder / "checkpoints")
