"""How long the report of 200 languages x 5 tasks x 5 seeds x 4 methods takes, 1,000 test examples each.

python -m benchmarks.report_scale [--languages 200]

The scores are made up (`tests/report/large.py`), with predictions to match: sentences of 4 to 16 words for span F1
and for accuracy by word, texts for accuracy by text.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from madx_pipeline.report.write import write_report
from tests.report.large import large_run


def main() -> None:
    """Makes the store, writes the report, prints seconds, memory and sizes; then again, when it is there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--languages", type=int, default=200)
    languages = parser.parse_args().languages
    with tempfile.TemporaryDirectory() as name:
        run = large_run(Path(name), languages)
        for state in ("from scratch", "found"):
            wall, cpu = time.monotonic(), time.process_time()
            outcome = write_report(run.plan, run.store)
            spent = f"{time.process_time() - cpu:.1f} s of CPU, {time.monotonic() - wall:.1f} s on the clock"
            print(f"{len(run.plan.cells)} scores, {state}: {spent}.")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"Peak memory of the process: {peak:.2f} GiB.")
        for path in sorted(outcome.folder.rglob("*")):
            if path.is_file() and path.parent == outcome.folder:
                print(f"{path.name}: {path.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
