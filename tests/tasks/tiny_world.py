"""A world of a few seconds for stages that train and evaluate on tasks: base model, language adapters, labelled data.

A word's first letter says what it is (p given name, s surname after it, l place, v verb, t thing), and the base
model, random otherwise, has a dimension of its embeddings for each, so that tasks are learnt at once. The language
adapters are random, and strong enough to matter.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForMaskedLM

from madx_pipeline import adapter_model
from madx_pipeline.records import Artifact
from madx_pipeline.stage import Inputs, Workspace, stage_module, stage_page
from tests.tasks.artifacts import artifact

SOURCE, TARGET = "qaa", "qab"
MAX_LENGTH = 24
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [first + second for first in "pslvt" for second in string.ascii_lowercase[:8]]
TASKS = {
    "ner": ("tagging", "span_f1", "iob2", ["B-LOC", "B-PER", "I-PER", "O"]),
    "pos": ("tagging", "accuracy", "plain", ["NOUN", "PROPN", "VERB"]),
    "topics": ("classification", "accuracy", "plain", ["health", "sports"]),
    "pairs": ("classification", "accuracy", "plain", ["follows", "other"]),
    "choice": ("multiple_choice", "accuracy", "plain", ["choice1", "choice2"]),
    "questions": ("question_answering", "answer_f1", "span", ["start", "end"]),
    "parsing": ("dependency_parsing", "las", "plain", ["flat", "nsubj", "obj", "obl", "root"]),
}
LABEL = {
    "ner": {"p": "B-PER", "s": "I-PER", "l": "B-LOC", "v": "O", "t": "O"},
    "pos": {"p": "PROPN", "s": "PROPN", "l": "PROPN", "v": "VERB", "t": "NOUN"},
    "parsing": {"p": "nsubj", "s": "flat", "l": "obl", "v": "root", "t": "obj"},
}
QUICK: Mapping[str, Any] = {
    "num_train_epochs": 4,
    "per_device_train_batch_size": 8,
    "learning_rate": 0.02,
    "logging_steps": 5,
}
"""Training parameters under which a task of this world is learnt in a second."""


def tokenizer() -> PreTrainedTokenizerFast:
    """Whole words of the world are one piece each; anything else is spelt; invisible marks have no piece."""
    letters = string.ascii_lowercase
    pieces = [*SPECIAL, *WORDS, *letters, *(f"##{letter}" for letter in letters)]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    backend.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=backend, **dict(zip(names, SPECIAL, strict=True)))


def example(task: str, chance: random.Random, length: int) -> dict[str, Any]:
    """One labelled example of `length` words."""
    if task == "topics":
        label, kinds = chance.choice([("sports", "ps"), ("health", "lt")])
        return {"text": " ".join(word(chance, kinds) for _ in range(length)), "label": label}
    if task in ("pairs", "choice", "questions"):
        return _of_several_texts(task, chance, length)
    words: list[str] = []
    while len(words) < length:
        words.append(word(chance, "plt" if task == "parsing" else "plvt"))
        words += [word(chance, "s")] if words[-1][0] == "p" else []
    if task == "parsing":
        return _tree(chance, words[:length])
    labels = [LABEL[task][spelled[0]] for spelled in words[:length]]
    return {"words": words[:length], "labels": labels}


def _tree(chance: random.Random, words: list[str]) -> dict[str, Any]:
    """A sentence with one verb, on which all words depend but surnames, which depend on the word before."""
    verb = chance.choice(
        [place for place in range(len(words) + 1) if not words[place : place + 1] or words[place][0] != "s"]
    )
    words = [*words[:verb], word(chance, "v"), *words[verb:]]
    heads = [place if spelled[0] == "s" else verb + 1 for place, spelled in enumerate(words)]
    heads[verb] = 0
    return {"words": words, "heads": heads, "labels": [LABEL["parsing"][spelled[0]] for spelled in words]}


def _of_several_texts(task: str, chance: random.Random, length: int) -> dict[str, Any]:
    """A pair whose second text tells the label, choices of which people are right, a question for the one place."""
    first, people, things = (" ".join(word(chance, kinds) for _ in range(length)) for kinds in ("v", "ps", "tv"))
    place = chance.randrange(2)
    if task == "pairs":
        return {"text": first, "text_pair": (people, things)[place], "label": ("follows", "other")[place]}
    if task == "choice":
        choices = [things, people] if place else [people, things]
        return {"premise": first, "question": "", "choices": choices, "label": f"choice{place + 1}"}
    before, answer = " ".join(word(chance, "tv") for _ in range(place + 1)), word(chance, "l")
    context = f"{before} {answer} {things}"
    answers = [{"text": answer, "start": len(before) + 1}]
    return {"id": "1", "question": word(chance, "v"), "context": context, "answers": answers, "language": SOURCE}


def word(chance: random.Random, kinds: str) -> str:
    """Some word of one of these kinds."""
    return chance.choice(kinds) + chance.choice(string.ascii_lowercase[:8])


class TinyWorld:
    """Artifacts made by hand in a folder, and a way to run a stage on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = self._base_model()
        self.adapters = {
            language: self.language_adapter(language, index) for index, language in enumerate((SOURCE, TARGET))
        }

    def _base_model(self) -> Artifact:
        folder = self.folder / "base_model"
        config = XLMRobertaConfig(
            vocab_size=len(tokenizer()),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=MAX_LENGTH + 1,
            pad_token_id=0,
            type_vocab_size=1,
            initializer_range=0.1,
            hidden_dropout_prob=0.1,
        )
        with adapter_model.seeded(0):
            model = XLMRobertaForMaskedLM(config)
        with torch.no_grad():
            for piece, index in tokenizer().vocab.items():
                if piece in WORDS:
                    model.get_input_embeddings().weight[index, "pslvt".index(piece[0])] += 1.0
        model.save_pretrained(folder / "model")
        tokenizer().save_pretrained(folder / "model")
        facts = {"name": "tiny", "model_type": "xlm-roberta", "hidden_size": 32, "layers": 2, "max_length": MAX_LENGTH}
        return artifact(folder, {**facts, "vocab_size": config.vocab_size, "revision": None})

    def language_adapter(self, language: str, seed: int, strength: float = 0.3) -> Artifact:
        """A random language adapter; with `strength` 0 it changes nothing."""
        folder = self.folder / f"language_adapter_{language}_{seed}_{strength}"
        model = adapter_model.load_model(self.base.path / "model", "tiny")
        name = adapter_model.language_adapter_name(language)
        shape = adapter_model.AdapterShape("seq_bn", 2, inv_adapter="nice", inv_adapter_reduction_factor=2)
        adapter_model.add_adapter(model, name, shape, seed)
        with adapter_model.seeded(seed), torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                if f".{name}." in parameter_name:
                    parameter.normal_(0, strength)
        adapter_model.save_adapter(model, name, folder / "adapter", with_head=False)
        return artifact(folder, {"language": language, "origin": "trained", "name": name})

    def task_data(self, task: str, language: str, sizes: Mapping[str, int] | None = None, **changes: Any) -> Artifact:
        """Labelled data; the test set holds sentences longer than the model, and odd words."""
        folder = self.folder / f"task_data_{task}_{language}_{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        chance = random.Random(f"{task} {language}")
        for split, size in (sizes or {"train": 64, "validation": 24, "test": 30}).items():
            examples = [example(task, chance, chance.randint(3, 9)) for _ in range(size)]
            if split == "test":
                examples[1:1] = [example(task, chance, 3 * MAX_LENGTH)]
            write_lines(folder / f"{split}.jsonl", examples)
        kind, metric, scheme, labels = TASKS[task]
        facts = {"task": task, "language": language, "task_type": kind, "metric": metric, "label_scheme": scheme}
        return artifact(folder, {**facts, "labels": labels, **changes})


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def task_training_values() -> dict[str, Any]:
    """Parameters of a task training, as the page of the full fine-tuning baseline has them."""
    return {**stage_page("finetune_base_model").params, **QUICK}


def run_stage(
    name: str, out: Path, artifacts: Mapping[str, Artifact], key: Mapping[str, str | int], **changes: Any
) -> Workspace:
    """Runs a stage with its page's parameters and `changes`, as a runner would."""
    module = stage_module(name)
    params = module.Params.model_validate({**stage_page(name).params, **changes})
    (out / "checkpoints").mkdir(parents=True, exist_ok=True)
    workspace = Workspace(out, out / "checkpoints")
    module.run(Inputs(key, {}, {}, artifacts), params, workspace)
    return workspace


def interrupt_at(step: int) -> Callable[..., None]:
    """A `Workspace.progress` at which the process is interrupted."""

    def progress(self: Workspace, done: int, total: int, **numbers: float) -> None:
        if done == step:
            raise KeyboardInterrupt

    return progress
