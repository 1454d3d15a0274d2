"""Every way we know in which an adapter folder can be damaged, or sound and not for this base model.

Each is a sound folder of `adapter_builder`, what is done to it, and what must be said: all of it, in order.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from tests.published.adapter_builder import (
    MBERT,
    XLMR,
    AdapterShape,
    BaseShape,
    Tensors,
    edit_record,
    edit_tensors,
    tensors_of,
    write_head,
    write_static_head,
    write_tensors,
)

Damage = Callable[[Path], Any]
CONFIG = "adapter_config.json"
FIRST = "encoder.layer.0.output.adapters.sw.adapter_down.0.weight"
SOUND = AdapterShape()
TASK = AdapterShape(task=True, inverse=False)
SAFE = AdapterShape(age="adapters.1.3.0", safetensors=True)
RECIPE_NAMES_XLMR = {"name": "FacebookAI/xlm-roberta-base"}


@dataclass(frozen=True)
class Damaged:
    """A folder that must be refused.

    Attributes:
        said: What the messages must hold, one pattern a message (a regular expression found at the start).
        shape: The sound folder it is made from.
        damage: What is done to it.
        facts: What the base model's facts say beside those of the tiny XLM-R.
        as_task: Whether it is loaded as a task adapter, with its head.
    """

    said: tuple[str, ...]
    shape: AdapterShape = SOUND
    damage: Damage = lambda folder: None
    facts: dict[str, Any] = field(default_factory=dict)
    as_task: bool = False


def record(**changes: Any) -> Damage:
    """Sets keys of `adapter_config.json`."""
    return lambda folder: edit_record(folder, lambda found: found.update(changes))


def without(key: str) -> Damage:
    """Removes a key of `adapter_config.json`."""
    return lambda folder: edit_record(folder, lambda found: found.pop(key))


def config(**changes: Any) -> Damage:
    """Sets keys of the adapter's config."""
    return lambda folder: edit_record(folder, lambda found: found["config"].update(changes))


def flip(flag: str) -> Damage:
    """Turns a flag of the adapter's config over."""
    return lambda folder: edit_record(folder, lambda found: found["config"].update({flag: not found["config"][flag]}))


def misspell(key: str, typo: str) -> Damage:
    """Renames a key of the adapter's config."""
    return lambda folder: edit_record(folder, lambda found: found["config"].update({typo: found["config"].pop(key)}))


def add(**tensors: torch.Tensor) -> Damage:
    """Puts more tensors into the weights; `__` stands for a dot."""
    dotted = {name.replace("__", "."): tensor for name, tensor in tensors.items()}
    return lambda folder: edit_tensors(folder, lambda found: found.update(dotted))


def drop(part: str) -> Damage:
    """Removes the tensors with this in their names."""
    return lambda folder: edit_tensors(folder, lambda found: [found.pop(name) for name in list(found) if part in name])


def rename(old: str, new: str) -> Damage:
    """Replaces a part of the tensors' names."""

    def change(found: Tensors) -> None:
        for name in list(found):
            found[name.replace(old, new)] = found.pop(name)

    return lambda folder: edit_tensors(folder, change)


def put(value: float) -> Damage:
    """Sets one number of one tensor."""
    return lambda folder: edit_tensors(folder, lambda found: found["roberta." + FIRST].view(-1).__setitem__(3, value))


def retype(kind: torch.dtype, factor: float = 1.0) -> Damage:
    """Stores one tensor as another type of number, multiplied."""

    def change(found: Tensors) -> None:
        found["roberta." + FIRST] = (found["roberta." + FIRST].double() * factor).to(kind)

    return lambda folder: edit_tensors(folder, change)


def file(name: str, content: bytes | None) -> Damage:
    """Replaces the content of a file, or removes it."""
    return lambda folder: (folder / name).write_bytes(content) if content is not None else (folder / name).unlink()


def halve(name: str) -> Damage:
    """Cuts a file in the middle."""
    return lambda folder: (folder / name).write_bytes(
        (folder / name).read_bytes()[: (folder / name).stat().st_size // 2]
    )


class _Code:
    """What a malicious pickle runs when it is loaded by something careless."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.witness,)


def _malicious(folder: Path) -> None:
    content = pickle.dumps({"weights": _Code(folder / "was-here")}, protocol=2)
    (folder / "pytorch_adapter.bin").write_bytes(content)


def _stretched(folder: Path) -> None:
    """A few bytes that claim to be a terabyte."""
    edit_tensors(folder, lambda found: found.update({"roberta." + FIRST: torch.ones(1).expand(2**19, 2**19)}))


def _both_files(folder: Path) -> None:
    write_tensors(folder, {name: tensor + 1 for name, tensor in tensors_of(SAFE).items()})


def _tagging_head(**changes: Any) -> Damage:
    return lambda folder: write_head(folder, XLMR, "sw", "tagging", **changes)


OTHER_LAYERS = {number: replace(SOUND, base=replace(XLMR, layers=number)) for number in (2, 5)}
ROBERTA = replace(SOUND, base=BaseShape("roberta", "roberta-base"))
NO_LAYOUT = r"adapter_config.json has no known layout \(seq_bn, double_seq_bn, par_bn\): "
LACKING = r"layers {} should have an adapter \(see leave_out\) and the weights hold none or a part\."
FLAGS = (
    *("mh_adapter", "output_adapter", "original_ln_before", "original_ln_after", "ln_before", "ln_after"),
    *("residual_before_ln", "adapter_residual_before_ln", "is_parallel"),
)

OF_ANOTHER_BASE_MODEL = {  # fact 15; width and layers also facts 18 and 20
    "by its name": Damaged(
        (r"AdapterHub/x was trained for roberta-base; the recipe uses FacebookAI/xlm-roberta-base\.",),
        damage=record(model_name="roberta-base"),
        facts=RECIPE_NAMES_XLMR,
    ),
    "mBERT, of the same width": Damaged(
        (r"AdapterHub/x is for model_type bert; the base model tiny-xlm-roberta has xlm-roberta\.",),
        shape=replace(SOUND, base=MBERT),
    ),
    "mBERT, by name and type": Damaged(
        (
            r"AdapterHub/x was trained for bert-base-multilingual-cased; the recipe uses FacebookAI/xlm-roberta-base\.",
            r"AdapterHub/x is for model_type bert; the base model FacebookAI/xlm-roberta-base has xlm-roberta\.",
        ),
        shape=replace(SOUND, base=MBERT),
        facts=RECIPE_NAMES_XLMR,
    ),
    "RoBERTa, with the same tensor names": Damaged((r"AdapterHub/x is for model_type roberta;",), shape=ROBERTA),
    "no word about the type": Damaged((r"adapter_config.json has no model_type\.",), damage=without("model_type")),
    "by its name, on a hub that has no account in it": Damaged(
        (r"AdapterHub/x was trained for somebody/their-model_1\.0; the recipe uses",),
        damage=record(model_name="somebody/their-model_1.0"),
        facts=RECIPE_NAMES_XLMR,
    ),
    "BERT's tensors, said to be XLM-R's": Damaged(
        (r"20 tensors are named for another kind of base model, 'bert\.'; this one's names begin with 'roberta\.'",),
        shape=replace(SOUND, base=MBERT),
        damage=record(model_type="xlm-roberta"),
    ),
    "of another width": Damaged(
        (r"AdapterHub/x is for hidden_size 32; the base model tiny-xlm-roberta has 16\.",),
        shape=replace(SOUND, base=replace(XLMR, hidden=32)),
    ),
    "of another width, said to be of this one": Damaged(
        (r"20 tensors have the wrong shape: encoder.* is \(16,\) and should be \(8,\)\.",),
        shape=replace(SOUND, base=replace(XLMR, hidden=32)),
        damage=record(hidden_size=16),
    ),
    "a width that is text": Damaged(
        (r"AdapterHub/x is for hidden_size '16'; .* has 16",), damage=record(hidden_size="16")
    ),
    "trained on other weights": Damaged(
        (r"AdapterHub/x was trained on other weights than this tiny-xlm-roberta has\.",),
        damage=record(base_weights_sha256="0" * 64),
        facts={"weights_sha256": "1" * 64},
    ),
    "of more layers": Damaged(
        (r"the weights hold adapters in layers 3-4; adapter_config.json and base model have 0-2\.",),
        shape=OTHER_LAYERS[5],
    ),
    "of fewer layers": Damaged((LACKING.format("2"),), shape=OTHER_LAYERS[2]),
}

WRONG_TENSORS = {  # facts 16 to 18
    "the base model's word embeddings": Damaged(
        (r"the weights hold 1 tensors of a base model, which would overwrite ours: embeddings\.word_embeddings",),
        damage=add(roberta__embeddings__word_embeddings__weight=torch.zeros(78, 16)),
    ),
    "a layer of the base model": Damaged(
        (r"the weights hold 1 tensors of a base model, which would overwrite ours: encoder\.layer\.0\.output\.dense",),
        damage=add(roberta__encoder__layer__0__output__dense__weight=torch.zeros(16, 32)),
    ),
    "a masked-LM head": Damaged(
        (r"the weights hold 1 tensors of a prediction head, the first is heads\.sw\.3\.weight",),
        damage=add(heads__sw__3__weight=torch.zeros(78, 16)),
    ),
    "the decoder of the base model": Damaged(
        (r"the weights hold 1 tensors of a prediction head, the first is lm_head\.decoder\.weight",),
        damage=add(lm_head__decoder__weight=torch.zeros(78, 16)),
    ),
    "LoRA": Damaged(
        (r"the weights hold 1 tensors that are not an adapter's, the first is encoder\..*\.loras\.sw\.lora_A",),
        damage=add(roberta__encoder__layer__0__attention__self__query__loras__sw__lora_A=torch.zeros(8, 16)),
    ),
    "another adapter as well": Damaged(
        (r"the weights hold 20 tensors of another adapter, 'de'; adapter_config.json names 'sw'",),
        damage=lambda folder: edit_tensors(
            folder, lambda found: found.update(tensors_of(replace(SOUND, name="de", seed=1)))
        ),
    ),
    "only another adapter": Damaged(
        (
            r"the invertible adapter is not complete",
            LACKING.format("0-2"),
            r"the weights hold 20 tensors of another adapter, 'de'; adapter_config.json names 'sw'",
        ),
        damage=rename("adapters.sw.", "adapters.de."),
    ),
    "one tensor under two names": Damaged(
        (r"1 tensors are there twice, by an old name and today's: roberta\.invertible_adapters\.sw\.F\.0\.bias",),
        damage=add(roberta__invertible_lang_adapters__sw__F__0__bias=torch.zeros(4)),
    ),
    "one tensor with and without the model's prefix": Damaged(
        (r"1 tensors are there twice: invertible_adapters\.sw\.F\.0\.bias",),
        damage=add(invertible_adapters__sw__F__0__bias=torch.zeros(4)),
    ),
    "no inverse": Damaged(
        (r"adapter_config.json promises an invertible adapter \(inv_adapter: nice\) and the weights hold none",),
        damage=drop("invertible"),
    ),
    "half an inverse": Damaged((r"the invertible adapter is not complete",), damage=drop(".sw.G.")),
    "an inverse too many": Damaged(
        (r"the weights hold an invertible adapter that adapter_config.json does not have \(inv_adapter: None\)",),
        damage=config(inv_adapter=None),
    ),
    "one tensor missing": Damaged((LACKING.format("0"),), damage=drop(FIRST)),
    "one tensor of another shape": Damaged(
        (r"1 tensors have the wrong shape: encoder\.layer\.0.* is \(3, 3\) and should be \(8, 16\)",),
        damage=add(**{"roberta." + FIRST: torch.zeros(3, 3)}),
    ),
    "a layer more than leave_out says": Damaged(
        (r"the weights hold adapters in layers 2; adapter_config.json and base model have 0-1",),
        damage=config(leave_out=[2]),
    ),
    "a layer less than leave_out says": Damaged(
        (LACKING.format("2"),), shape=replace(SOUND, leave_out=(2,)), damage=config(leave_out=[])
    ),
    "leave_out of a larger model": Damaged(
        (r"leave_out has layer 11; the base model has layers 0-2",), damage=config(leave_out=[11])
    ),
    "Houlsby weights, said to be Pfeiffer's": Damaged(
        (r"layers 0-2 hold more than the layout seq_bn has: encoder\.layer\.0\.attention\.output",),
        shape=replace(SOUND, layout="double_seq_bn"),
        damage=config(mh_adapter=False, original_ln_before=True),
    ),
    "Pfeiffer weights, said to be Houlsby's": Damaged(
        (LACKING.format("0-2"),), damage=config(mh_adapter=True, original_ln_before=False)
    ),
}

WRONG_VALUES = {  # facts 19, 20 and 24
    "a misspelt key": Damaged(
        (r'adapter_config.json has an unknown config key "inv_adaptor"\. Nearest: "inv_adapter"\.',),
        damage=misspell("inv_adapter", "inv_adaptor"),
    ),
    "an activation that there is not": Damaged(
        (r"adapter_config.json has non_linearity='Relu'; possible: relu, gelu, gelu_new,",),
        damage=config(non_linearity="Relu"),
    ),
    **{f"flipped {flag}": Damaged((NO_LAYOUT,), damage=flip(flag)) for flag in FLAGS},
    "a flag that is text": Damaged((NO_LAYOUT,), damage=config(original_ln_before="true")),
    "another reduction factor": Damaged(
        (r"9 tensors have the wrong shape: .* is \(8,\) and should be \(4,\)",), damage=config(reduction_factor=4)
    ),
    "another factor of the inverse": Damaged(
        (r"6 tensors have the wrong shape: invertible_adapters\.sw\.F\.0\.bias",),
        damage=config(inv_adapter_reduction_factor=4),
    ),
    "a factor of zero": Damaged(
        (r".* reduction_factor=0; possible: a number from",), damage=config(reduction_factor=0)
    ),
    "a factor that overflows": Damaged(
        (r".* reduction_factor=1e-300; possible: a number from",), damage=config(reduction_factor=1e-300)
    ),
    "a factor that is not a number": Damaged(
        (r".* reduction_factor=nan; possible: a number from",), damage=config(reduction_factor=float("nan"))
    ),
    "a factor for some layers": Damaged(
        (r"adapter_config.json gives no reduction_factor for some layer",), damage=config(reduction_factor={"0": 2})
    ),
    "a factor for a layer that is no number": Damaged(
        (r".* reduction_factor=\{'0 ': 4, 'default': 2\}; possible",),
        damage=config(reduction_factor={"0 ": 4, "default": 2}),
    ),
    "a GLOW inverse": Damaged((r".* inv_adapter='glow'; possible: nice, null",), damage=config(inv_adapter="glow")),
    "scaling of parallel adapters": Damaged(
        (r".* scaling=4\.0 with the layout seq_bn; possible: 1\.0",), damage=config(scaling=4.0)
    ),
    "LoRA's architecture": Damaged((r".* architecture='lora'; possible: null",), damage=config(architecture="lora")),
    "an initialisation that there is not": Damaged(
        (r".* init_weights='x'; possible: bert, mam_adapter",), damage=config(init_weights="x")
    ),
    "a version that is none": Damaged((r".* version='latest'; possible: a number",), damage=record(version="latest")),
    "a type that is none": Damaged((r".* type='text'; possible: text_lang, text_task",), damage=record(type="text")),
    "a key of ten thousand letters": Damaged(
        (r'adapter_config.json has an unknown config key "x{100}"\.$',), damage=config(**{"x" * 10_000: 1})
    ),
    "a value of ten thousand letters": Damaged(
        (r".* non_linearity='x{119}\.\.\. \(10002 characters\); possible",), damage=config(non_linearity="x" * 10_000)
    ),
}

DAMAGED_FILES = {  # facts 19 to 22
    "NaN": Damaged((rf"1 tensors hold NaN or infinity, the first is roberta\.{FIRST}",), damage=put(float("nan"))),
    "infinity": Damaged((r"1 tensors hold NaN or infinity",), damage=put(float("inf"))),
    "more than float32 can hold": Damaged((r"1 tensors hold NaN or infinity",), damage=retype(torch.float64, 1e60)),
    "whole numbers": Damaged(
        (r"1 tensors are not plain floating-point numbers, the first is .* \(torch\.int8,",), damage=retype(torch.int8)
    ),
    "complex numbers": Damaged((r"1 tensors are not plain .* \(torch\.complex64,",), damage=retype(torch.complex64)),
    "a terabyte in a few bytes": Damaged(
        (r"1 tensors are not plain floating-point numbers", r"1 tensors have the wrong shape"), damage=_stretched
    ),
    "a truncated pickle": Damaged(
        (r"pytorch_adapter\.bin cannot be read, it is truncated or damaged \(",), damage=halve("pytorch_adapter.bin")
    ),
    "truncated safetensors": Damaged(
        (r"adapter\.safetensors cannot be read, it is truncated or damaged \(",), SAFE, halve("adapter.safetensors")
    ),
    "an empty file": Damaged(
        (r"pytorch_adapter\.bin cannot be read, it is truncated or damaged \(",),
        damage=file("pytorch_adapter.bin", b""),
    ),
    "a page of HTML": Damaged(
        (r"pytorch_adapter\.bin cannot be read, it is truncated or damaged \(",),
        damage=file("pytorch_adapter.bin", b"<!doctype html><title>Too many requests</title>"),
    ),
    "a pickle that runs code": Damaged(
        (r"pytorch_adapter\.bin holds something other than tensors\.",), damage=_malicious
    ),
    "a list of tensors": Damaged(
        (r"pytorch_adapter\.bin is not a table of tensors",),
        damage=lambda folder: torch.save([torch.zeros(3)], folder / "pytorch_adapter.bin"),
    ),
    "no weights": Damaged(
        (r"no weights \(adapter\.safetensors or pytorch_adapter\.bin\)\.",), damage=file("pytorch_adapter.bin", None)
    ),
    "two files that disagree": Damaged(
        (r"adapter\.safetensors and pytorch_adapter\.bin hold different weights\.",), SAFE, _both_files
    ),
    "no config": Damaged((r"no adapter_config\.json\.",), damage=file(CONFIG, None)),
    "half a config": Damaged((r"adapter_config\.json is not JSON \(",), damage=halve(CONFIG)),
    "a config that is a list": Damaged((r"adapter_config\.json is not a JSON object\.",), damage=file(CONFIG, b"[1]")),
    "a config that is not text": Damaged((r"adapter_config\.json is not JSON \(",), damage=file(CONFIG, b"\xff\xfe{")),
    "a config a hundred thousand brackets deep": Damaged(
        (r"adapter_config\.json is not JSON \(",), damage=file(CONFIG, b"[" * 100_000)
    ),
    "a config with a number of five thousand digits": Damaged(
        (r"adapter_config\.json is not JSON \(",), damage=file(CONFIG, b'{"x": ' + b"9" * 5000 + b"}")
    ),
    "a config of five megabytes": Damaged(
        (r"adapter_config\.json has 5000000 bytes; no more than 4194304 are read\.",),
        damage=file(CONFIG, b" " * 5_000_000),
    ),
    "no name": Damaged((r"adapter_config\.json has no name\.",), damage=without("name")),
    "a name that is no text": Damaged(
        (r"adapter_config\.json has name=\['sw'\]; possible",), damage=record(name=["sw"])
    ),
    "a config within that is no object": Damaged(
        (r"adapter_config\.json has config='seq_bn'; possible",), damage=record(config="seq_bn")
    ),
}

WRONG_HEADS = {  # facts 12 and 17, for task adapters
    "no head": Damaged((r"no head_config\.json\.", r"no weights \(model_head"), TASK, as_task=True),
    "a masked-LM head beside": Damaged(
        (r"head_type is 'masked_lm'; possible: tagging, .*, question_answering, dependency_parsing\.",),
        TASK,
        lambda folder: write_head(folder, XLMR, "sw", "masked_lm"),
        as_task=True,
    ),
    "two labels with one id": Damaged(
        (r"head_config\.json has no complete label2id\.",),
        TASK,
        _tagging_head(label2id={"O": 0, "B-PER": 0, "I-PER": 2}),
        as_task=True,
    ),
    "a head on the pooler": Damaged(
        (r"head_config\.json has use_pooler=True; possible: false \(masked-LM checkpoints have no pooler",),
        TASK,
        lambda folder: write_head(folder, XLMR, "sw", "classification", use_pooler=True),
        as_task=True,
    ),
    "a head of a million layers": Damaged(
        (r"head_config\.json has layers=1000000; possible: 1 to 8\.",), TASK, _tagging_head(layers=10**6), as_task=True
    ),
    "a second map of labels": Damaged(
        (r'head_config\.json has the key "id2label", which a tagging head does not have\.',),
        TASK,
        _tagging_head(id2label={"0": "O"}),
        as_task=True,
    ),
    "a tagger with a classifier's bias": Damaged(
        (r'head_config\.json has the key "bias", which a tagging head does not have\.',),
        TASK,
        _tagging_head(bias=True),
        as_task=True,
    ),
    "a tagger with a classifier's pooler": Damaged(
        (r'head_config\.json has the key "use_pooler", which a tagging head does not have\.',),
        TASK,
        _tagging_head(use_pooler=False),
        as_task=True,
    ),
    "a head of a static model class": Damaged(
        (r"its head is one of a static XLMRobertaForTokenClassification, which cannot be taken over\.",),
        TASK,
        lambda folder: write_static_head(folder, XLMR, "sw", "XLMRobertaForTokenClassification"),
        as_task=True,
    ),
    "a label id that is no number": Damaged(
        (r"head_config\.json has no complete label2id\.",),
        TASK,
        _tagging_head(label2id={"O": "1", "B-PER": "-0", "I-PER": "9" * 5000}),
        as_task=True,
    ),
    "a head for another number of labels": Damaged(
        (r"the head's weights do not fit head_config\.json",),
        TASK,
        _tagging_head(num_labels=2, label2id={"O": 0, "B-PER": 1}),
        as_task=True,
    ),
}

ALL = {
    f"{group}: {name}": case
    for group, cases in {
        "another base model": OF_ANOTHER_BASE_MODEL,
        "tensors": WRONG_TENSORS,
        "values": WRONG_VALUES,
        "files": DAMAGED_FILES,
        "head": WRONG_HEADS,
    }.items()
    for name, case in cases.items()
}
