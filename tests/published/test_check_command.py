"""`madx adapters check`: every check with its value, nothing loaded, and an exit code that a script can use."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig
from typer.testing import CliRunner

from madx_pipeline.cli_adapters import adapters
from madx_pipeline.commands.adapters_check import check_adapter
from madx_pipeline.errors import InputError, JobError
from tests.hub_cache import COMMIT, put_in_cache
from tests.model_builders import tiny_config
from tests.published.adapter_builder import XLMR_BASE, AdapterShape, edit_record, write_adapter, write_head

Output = pytest.CaptureFixture[str]
SW = "AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer"


@pytest.fixture
def base(tmp_path: Path) -> str:
    """A folder with the configuration of a base model and nothing else."""
    tiny_config().save_pretrained(tmp_path / "base")
    return str(tmp_path / "base")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter", AdapterShape())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def report(written: str, base: str, output: Output) -> dict[str, Any]:
    """What --json prints; the exit code must be what it says."""
    code = check_adapter(written, base, as_json=True)
    found: dict[str, Any] = json.loads(output.readouterr().out)
    assert code == (0 if found["passed"] else 1)
    return found


def rows(found: dict[str, Any]) -> dict[str, Any]:
    return {row["name"]: row for row in found["checks"]}


def refusals(found: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: row["detail"] for row in found["checks"] if not row["passed"]}


# What is shown


def test_every_check_is_a_line_with_its_value_whether_it_says_yes_or_no(
    adapter: Path, base: str, capsys: Output
) -> None:
    edit_record(adapter, lambda found: found["config"].update(leave_out=[1]))
    assert check_adapter(str(adapter), base, as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{adapter}, for {base}"
    assert "ok  non_linearity       relu" in lines
    assert "ok  invertible_adapter  nice, reduction factor 2" in lines
    assert "ok  finite              20 of 20 tensors" in lines
    assert "NO  layers              0, 2 of 3" in lines
    assert lines[-3].startswith(f"problem: {adapter}: the weights hold adapters in layers 1; ")
    assert lines[-2] == "  hint: Fetch or save the adapter again."
    assert lines[-1] == "22 checks, 1 say no: it is not to be used with this base model."


def test_the_report_names_everything_that_was_asked(adapter: Path, base: str, capsys: Output) -> None:
    write_head(adapter, AdapterShape().base, "sw", "masked_lm")
    found = report(str(adapter), base, capsys)
    assert (found["adapter"], found["base_model"], found["passed"]) == (str(adapter), base, True)
    values = {name: row["value"] for name, row in rows(found).items()}
    expected = {
        "format": "0.2.0",
        "layout": "seq_bn",
        "reduction_factor": 2,
        "leave_out": [],
        "tensor_types": "float32",
        "base_model": "xlm-roberta-base",
        "model_type": "xlm-roberta",
        "hidden_size": 16,
        "base_weights": None,
        "invertible_tensors": "8 of 8",
        "layers": "0-2 of 3",
        "adapter_name": "sw",
        "tensors": "20 found, 20 expected",
        "shapes": "20 of 20 as expected",
        "prediction_head": "masked_lm",
    }
    assert {name: values[name] for name in expected} == expected
    assert rows(found)["prediction_head"]["detail"] == "A language adapter's prediction head is never loaded."
    assert values["weights_file"].startswith("pytorch_adapter.bin, ")
    assert "sha256 " in values["config_file"]


def test_the_labels_of_a_task_adapters_head_are_shown_by_id(base: str, tmp_path: Path, capsys: Output) -> None:
    folder = write_adapter(tmp_path / "task", AdapterShape(inverse=False))
    write_head(folder, AdapterShape().base, "sw", "tagging")
    (folder / "pytorch_model_head.bin").unlink()  # its weights are not needed, and never read
    assert rows(report(str(folder), base, capsys))["prediction_head"]["value"] == (
        "tagging, 3 labels: 0=B-PER, 1=O, 2=I-PER"
    )
    write_head(folder, AdapterShape().base, "sw", "tagging", label2id={"O": 0})
    assert refusals(report(str(folder), base, capsys)) == {
        "prediction_head": f"{folder}: head_config.json has no complete label2id."
    }


def test_text_of_the_adapter_cannot_steer_the_terminal(adapter: Path, base: str, capsys: Output) -> None:
    edit_record(adapter, lambda found: found.update(model_name="\x1b[2J\u202exlm"))
    check_adapter(str(adapter), base, as_json=False)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "base_model          \\x1b[2J\\u202exlm" in shown


def test_the_command_line_ends_with_what_the_check_says(adapter: Path, base: str) -> None:
    runner = CliRunner()
    assert runner.invoke(adapters, ["check", str(adapter), "--base", base]).exit_code == 0
    (adapter / "pytorch_adapter.bin").unlink()
    result = runner.invoke(adapters, ["check", str(adapter), "--base", base, "--json"])
    assert (result.exit_code, json.loads(result.stdout)["passed"]) == (1, False)


# Which adapter


def test_an_id_is_checked_from_the_cache_without_its_heads_weights(
    adapter: Path, base: str, cache: Path, capsys: Output
) -> None:
    write_head(adapter, AdapterShape().base, "sw", "masked_lm")
    (adapter / "pytorch_model_head.bin").unlink()
    put_in_cache(cache, SW, adapter)
    found = report(SW, base, capsys)
    assert (found["adapter"], found["revision"], found["passed"]) == (SW, COMMIT, True)
    assert rows(found)["catalogue"]["value"] == "pfeiffer, relu, reduction factor 2, with invertible adapter"


def test_an_id_whose_files_are_not_what_the_catalogue_says_is_refused(
    tmp_path: Path, base: str, cache: Path, capsys: Output
) -> None:
    put_in_cache(cache, SW, write_adapter(tmp_path / "adapter", AdapterShape(non_linearity="gelu")))
    assert refusals(report(SW, base, capsys)) == {
        "catalogue": f"{SW}: the catalogue says non_linearity relu; adapter_config.json has 'gelu'."
    }


def test_a_repository_that_no_catalogue_has_is_checked_at_its_commit(
    adapter: Path, base: str, cache: Path, capsys: Output
) -> None:
    put_in_cache(cache, "someone/adapter", adapter)
    found = report(f"someone/adapter@{COMMIT}", base, capsys)
    assert (found["passed"], "catalogue" in rows(found)) == (True, False)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("sw/wikki@ukp", r'no published language adapter is called "sw/wikki@ukp"\. Nearest: "sw/wiki@ukp"'),
        ("./nowhere", r"there is no folder \./nowhere\."),
        ("~nosuchuser/adapter", r"there is no folder ~nosuchuser/adapter\."),
    ],
)
def test_what_means_no_adapter_is_bad_input_and_makes_no_connection(
    written: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", _forbidden)
    with pytest.raises(InputError, match=said):
        check_adapter(written, "xlm-roberta-base", as_json=False)


def test_an_adapter_of_another_base_model_is_refused_by_its_id_as_by_its_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(socket, "socket", _forbidden)
    written = "@ukp/bert-base-multilingual-cased-ar-wiki_pfeiffer"
    assert refusals(report(written, "xlm-roberta-base", capsys)) == {
        "base_model": f"{written} was trained for google-bert/bert-base-multilingual-cased; --base is xlm-roberta-base."
    }


def _forbidden(*arguments: Any, **named: Any) -> None:
    raise AssertionError("a connection was tried")


def test_an_id_that_cannot_be_had_is_an_error(cache: Path) -> None:
    with pytest.raises(JobError, match=f"{SW} at .* is not in the cache"):
        check_adapter("sw/wiki@ukp", "xlm-roberta-base", as_json=False)


# Which base model


def test_the_base_model_may_be_an_id_in_the_cache(adapter: Path, base: str, cache: Path, capsys: Output) -> None:
    put_in_cache(cache, "someone/small-xlmr", Path(base))
    found = report(str(adapter), "someone/small-xlmr", capsys)
    assert refusals(found) == {
        "base_model": f"{adapter} was trained for xlm-roberta-base; --base is someone/small-xlmr."
    }


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("xlm-roberta-bse", r'--base: no base model is called xlm-roberta-bse\. Nearest: "xlm-roberta-base"\.'),
        (
            "someone/unknown",
            r"--base: no base model is called someone/unknown\..*; someone/unknown at .* not in",
        ),
        ("./nowhere", r"--base: there is no folder \./nowhere\."),
        ("~nosuchuser/base", r"--base: there is no folder ~nosuchuser/base\."),
    ],
)
def test_what_means_no_base_model_is_bad_input(adapter: Path, cache: Path, written: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_adapter(str(adapter), written, as_json=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"auto_map": {"AutoModel": "evil.Model"}}, "config.json has auto_map, which is refused"),
        ({"model_type": "gpt2"}, "model_type is 'gpt2'; possible: "),
    ],
)
def test_a_base_model_that_may_run_code_or_is_of_another_kind_is_bad_input(
    adapter: Path, base: str, change: dict[str, Any], said: str
) -> None:
    file = Path(base) / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InputError, match=said):
        check_adapter(str(adapter), base, as_json=False)


# A real adapter, and real sizes


def test_a_real_adapter_passes_for_its_base_model_and_fails_for_another_with_the_reason(
    shared: Path, tmp_path: Path, capsys: Output
) -> None:
    folder = str(shared / "published" / "mbert-metaphor")
    assert refusals(report(folder, "bert-base-multilingual-cased", capsys)) == {}
    assert refusals(report(folder, "xlm-roberta-base", capsys)) == {
        "base_model": f"{folder} was trained for bert-base-multilingual-cased; --base is xlm-roberta-base.",
        "model_type": f"{folder} is for model_type bert; the base model xlm-roberta-base has xlm-roberta.",
    }
    BertConfig(vocab_size=119547).save_pretrained(tmp_path / "mbert")
    assert rows(report(folder, str(tmp_path / "mbert"), capsys))["prediction_head"]["value"] == (
        "classification, 2 labels: 0=1, 1=0"
    )


MEASURED = '''
import sys
import adapters, torch, transformers, madx_pipeline.adapter_model
from adapters import AutoAdapterModel, XLMRobertaAdapterModel
from madx_pipeline.commands.adapters_check import check_adapter

def peak():
    """MiB; getrusage would count the process that started this one."""
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024

before = peak()
code = check_adapter(sys.argv[1], "xlm-roberta-base", as_json=False)
print(f"{peak() - before:.0f} MiB above the imports")
sys.exit(code)
'''


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel does not say how much memory was used")
def test_checking_an_adapter_of_xlm_r_bases_size_needs_no_base_model_in_memory(tmp_path: Path) -> None:
    """The base model alone would be 1.1 GB; the adapter's file is 29.6 MB."""
    folder = write_adapter(tmp_path / "adapter", replace(AdapterShape(), base=XLMR_BASE))
    assert (folder / "pytorch_adapter.bin").stat().st_size == pytest.approx(29.6e6, rel=0.01)
    command = [sys.executable, "-c", MEASURED, str(folder)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    *lines, measured = result.stdout.splitlines()
    assert lines[-1] == "22 checks, all say yes."
    assert int(measured.split()[0]) < 300
