"""The quickstart over several fresh seeds: another world, base model and adapters each time, one configuration.

    python -m benchmarks.quickstart_seeds --seeds 5 --home /somewhere/with/space

Writes `benchmarks/results/quickstart_seeds.json` and prints the table of the README. Seeds that were used
while the configuration was chosen are not among the ones used here (see `FIRST_SEED`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from madx_pipeline.miniature import LANGUAGES, SOURCE
from madx_pipeline.recipe_file import find_recipe

FIRST_SEED = 3
RESULTS = Path(__file__).parent / "results" / "quickstart_seeds.json"
METHODS = ("madx", "madx_source_kept", "task_adapter_only", "full_finetuning")


def main() -> None:
    """Runs the quickstart for each seed, then prints and keeps the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=2, help="Seeds that run side by side.")
    parser.add_argument("--workers", type=int, default=1, help="Processes of each run.")
    parser.add_argument("--home", type=Path, default=Path("madx_runs/seeds"))
    parser.add_argument("--show", action="store_true", help="Only print what was measured before.")
    arguments = parser.parse_args()
    if arguments.show:
        show(json.loads(RESULTS.read_text(encoding="utf-8")))
        return
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    with ThreadPoolExecutor(arguments.at_once) as pool:
        finished = pool.map(partial(run_quickstart, home=arguments.home, workers=arguments.workers), seeds)
        runs = dict(zip(seeds, finished, strict=True))
    result: dict[str, Any] = {"machine": machine(), "seeds": list(seeds)}
    result |= {part: {seed: run[part] for seed, run in runs.items()} for part in ("seconds", "losses", "scores")}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    show(result)


def run_quickstart(seed: int, home: Path, workers: int) -> dict[str, Any]:
    """Runs the shipped quickstart with everything seeded by `seed`.

    Returns:
        `seconds` of all jobs, `losses` of the language adapters by language (held out, nats a masked token), and
        `scores` in points by task/language/method.
    """
    recipe = yaml.safe_load(find_recipe("quickstart").read_text(encoding="utf-8"))
    recipe["name"] = f"quickstart-{seed}"
    recipe["base_model"]["world_seed"] = seed
    recipe["seeds"] = [seed]
    recipe["stages"]["train_language_adapter"]["seed"] = seed
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{recipe['name']}.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    command = [sys.executable, "-m", "madx_pipeline", "run", str(path), "--home", str(home), "--workers", str(workers)]
    subprocess.run(command, check=True)
    results = json.loads((home / "reports" / recipe["name"] / "results.json").read_text(encoding="utf-8"))
    scores = {
        f"{score['task']}/{score['language']}/{score['method']}": 100 * score["value"]
        for score in results["scores"]
        if score["primary"]
    }
    seconds = round(sum(job["seconds"] for job in results["jobs"]))
    return {"seconds": seconds, "losses": losses(results), "scores": scores}


def losses(results: dict[str, Any]) -> dict[str, float]:
    """Held-out loss of each language adapter, nats a masked token."""
    adapters = {language: facts["language_adapter"] for language, facts in results["languages"].items()}
    return {language: round(adapter["heldout_loss_after"], 4) for language, adapter in adapters.items()}


def machine() -> str:
    """The machine in words."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"


def table(scores: dict[str, dict[str, float]]) -> list[str]:
    """Lines of Markdown: mean and standard deviation over the seeds, in points."""
    lines = [f"| task | language | {' | '.join(METHODS)} | gain |", "|---|---|" + "---|" * (len(METHODS) + 1)]
    for task, language in cells(scores):
        values = [[run[f"{task}/{language}/{method}"] for run in scores.values()] for method in METHODS]
        shown = " | ".join(map(spread, [*values, gains(scores, task, language)]))
        lines.append(f"| {task} | {language} ({'seen' if LANGUAGES[language].seen else 'unseen'}) | {shown} |")
    return lines


def cells(scores: dict[str, dict[str, float]]) -> list[tuple[str, str]]:
    """Tasks and languages that have scores."""
    return sorted({(key.split("/")[0], key.split("/")[1]) for key in next(iter(scores.values()))})


def show(result: dict[str, Any]) -> None:
    """Prints the table and what it comes to."""
    scores: dict[str, dict[str, float]] = result["scores"]
    rows = cells(scores)
    print("\n".join(table(scores)))
    unseen = [row for row in rows if not LANGUAGES[row[1]].seen]
    overall = statistics.mean(statistics.mean(gains(scores, *row)) for row in unseen)
    print(f"\nMean gain over all unseen targets and tasks: {overall:.1f} points.")
    for language in sorted({language for _, language in rows}):
        own = [gain for row in rows if row[1] == language for gain in gains(scores, *row)]
        print(f"Gain on {language}: {statistics.mean(own):.1f} points, from {min(own):.1f} to {max(own):.1f}.")
    source = [
        run[f"{task}/{SOURCE}/madx"] - run[f"{task}/{SOURCE}/task_adapter_only"]
        for run in scores.values()
        for task, language in rows
        if language == SOURCE
    ]
    print(f"On the source against the task adapter alone: {statistics.mean(source):.1f} points.")
    measured: list[dict[str, float]] = list(result["losses"].values())
    for language in measured[0]:
        held_out = [run[language] for run in measured]
        print(f"Held-out loss of the adapter of {language}: {spread(held_out, digits=2)} nats a masked token.")


def gains(scores: dict[str, dict[str, float]], task: str, language: str) -> list[float]:
    """Points of `madx` over the better of `madx_source_kept` and `task_adapter_only`, for each seed."""
    cells = [[run[f"{task}/{language}/{method}"] for method in METHODS[:3]] for run in scores.values()]
    return [madx - max(kept, alone) for madx, kept, alone in cells]


def spread(values: list[float], digits: int = 1) -> str:
    """Mean and sample standard deviation."""
    deviation = statistics.stdev(values) if len(values) > 1 else float("nan")
    return f"{statistics.mean(values):.{digits}f} ± {deviation:.{digits}f}"


if __name__ == "__main__":
    main()
