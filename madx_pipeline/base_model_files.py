"""Base models from outside: inspected before transformers loads them, then loaded without any foreign code.

transformers 4.57 executes code that a hostile `config.json` points at (`auto_map`; attention kernels from
the hub through `_attn_implementation_internal`, CVE-2026-4372 and CVE-2026-5241), so configurations with
such keys are refused unread, and only files that we know by name are shown to transformers at all.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from madx_pipeline.errors import JobError, Problem
from madx_pipeline.tokenizer import load_tokenizer

MODEL_TYPES = ("xlm-roberta", "roberta", "bert", "distilbert")
"""Architectures on which every check of this pipeline has been tried."""

SAFE_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "model-*.safetensors")
PICKLED_WEIGHTS = ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin")
TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model"),
)
CONFIG_FILE = "config.json"

_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model")
_TOKENIZER_CONFIG = "tokenizer_config.json"
_HARMLESS = ("_attn_implementation_autoset",)
_OFFSET_MODEL_TYPES = ("xlm-roberta", "roberta")
"""Their positions are counted from pad_token_id + 1, so fewer of them can be used."""


def check_hashes(folder: Path, expected: Mapping[str, str]) -> None:
    """Makes sure that a local folder is still what it was when the run was planned.

    Raises:
        JobError: If a file is missing or its sha256 (hex) differs.
    """
    for name, digest in sorted(expected.items()):
        file = folder / name
        if not file.is_file():
            raise JobError(f"{folder} had {name} when the run was planned, and has it no more.", "Run again.")
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != digest:
            raise JobError(f"{file} has changed since the run was planned.", "Run again.")


def folder_problems(folder: Path, name: str) -> list[Problem]:
    """Everything that speaks against loading a base model from this folder, found without loading anything.

    Args:
        folder: Where its files lie.
        name: What messages call it.
    """
    if not (folder / CONFIG_FILE).is_file():
        return config_problems(folder, name)
    problems = config_problems(folder, name)
    if (folder / _TOKENIZER_CONFIG).is_file():
        problems += _json_problems(folder / _TOKENIZER_CONFIG, name)
    if not any((folder / file).is_file() for file in _VOCABULARIES):
        hint = "Save the tokenizer into the same folder: tokenizer.save_pretrained(folder)."
        problems.append(Problem(f"{name}: no tokenizer (none of {', '.join(_VOCABULARIES)}).", hint))
    if not any(_matches(folder, (*SAFE_WEIGHTS, *PICKLED_WEIGHTS))):
        problems.append(Problem(f"{name}: no weights (model.safetensors or pytorch_model.bin).", "Fetch it again."))
    return problems


def config_problems(folder: Path, name: str) -> list[Problem]:
    """Everything that speaks against the `config.json` of a base model, found by reading it alone.

    Args:
        folder: Where it lies.
        name: What messages call it.
    """
    file = folder / CONFIG_FILE
    if not file.is_file():
        return [Problem(f"{name}: no config.json.", "A base model is a folder as transformers saves it.")]
    problems = _json_problems(file, name)
    return problems or _type_problems(json.loads(file.read_text(encoding="utf-8")), name)


def load_masked_lm(folder: Path, name: str) -> tuple[Any, Any]:
    """Loads an inspected folder: the masked-LM model in float32 and its fast tokenizer.

    Raises:
        JobError: If it has no pretrained masked-LM head, or no fast tokenizer that fits it, or cannot be read.
    """
    import torch
    from transformers import AutoModelForMaskedLM

    with _known_files_only(folder) as staged:
        tokenizer = _load_tokenizer(staged, name)
        try:
            model, info = AutoModelForMaskedLM.from_pretrained(
                staged,
                dtype=torch.float32,
                attn_implementation="sdpa",
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
        except Exception as error:
            raise JobError(
                f"{name}: the weights cannot be loaded ({_first_line(error)}).", "Fetch it again."
            ) from error
    _check_complete(sorted(info["missing_keys"]), name)
    if len(tokenizer) > model.config.vocab_size:
        raise JobError(
            f"{name}: the tokenizer has {len(tokenizer)} tokens and the model embeds {model.config.vocab_size}.",
            "Model and tokenizer do not belong together.",
        )
    return model, tokenizer


def usable_length(config: Any, tokenizer: Any) -> int:
    """Tokens of the longest input, special tokens included."""
    positions: int = config.max_position_embeddings
    if config.model_type in _OFFSET_MODEL_TYPES:
        positions -= config.pad_token_id + 1
    return min(positions, int(tokenizer.model_max_length))


def _load_tokenizer(folder: Path, name: str) -> Any:
    hint = "Save it with a current transformers, so that the folder has a tokenizer.json."
    try:
        tokenizer = load_tokenizer(folder)
    except JobError as error:
        raise JobError([Problem(f"{name}: {found.message}", found.hint) for found in error.problems]) from error
    except Exception as error:
        raise JobError(f"{name}: the tokenizer cannot be loaded ({_first_line(error)}).", hint) from error
    for role in ("mask_token", "pad_token", "cls_token", "sep_token"):
        if getattr(tokenizer, role) is None:
            raise JobError(f"{name}: the tokenizer has no {role}.", "Masked language modelling needs it.")
    return tokenizer


def _check_complete(missing: list[str], name: str) -> None:
    head = [key for key in missing if key.startswith(("lm_head.", "cls.", "vocab_"))]
    if head:
        raise JobError(
            f"{name} has no pretrained masked-LM head ({len(head)} tensors are missing, the first is {head[0]}).",
            "Language adapters are trained by masked language modelling; use the checkpoint before fine-tuning.",
        )
    if missing:
        raise JobError(f"{name}: {len(missing)} tensors are missing from the weights, the first is {missing[0]}.")


def _json_problems(file: Path, name: str) -> list[Problem]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        return [Problem(f"{name}: {file.name} is not JSON ({error}).", "Fetch it again.")]
    found = sorted(key for key in set(_keys(content)) if _is_dangerous(key))
    hint = "Such a file can make transformers run foreign code. Use a model that needs none."
    return [Problem(f"{name}: {file.name} has {key}, which is refused.", hint) for key in found]


def _type_problems(config: Any, name: str) -> list[Problem]:
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind in MODEL_TYPES:
        return []
    return [
        Problem(f"{name}: model_type is {kind!r}; possible: {', '.join(MODEL_TYPES)}.", "Choose another base model.")
    ]


def _is_dangerous(key: str) -> bool:
    return key in ("auto_map", "quantization_config") or ("attn_implementation" in key and key not in _HARMLESS)


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def _matches(folder: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    return (file for pattern in patterns for file in sorted(folder.glob(pattern)))


@contextmanager
def _known_files_only(folder: Path) -> Iterator[Path]:
    """A folder with links to the files we know by name: whatever else lies there is never seen."""
    weights = SAFE_WEIGHTS if any(_matches(folder, SAFE_WEIGHTS)) else PICKLED_WEIGHTS
    with tempfile.TemporaryDirectory(prefix="madx-base-model-") as staged:
        for file in _matches(folder, (CONFIG_FILE, *weights, *TOKENIZER_FILES)):
            (Path(staged) / file.name).symlink_to(file.resolve())
        yield Path(staged)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
