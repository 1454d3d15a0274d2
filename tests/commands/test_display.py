"""What is on the screen while a run runs: a terminal of 80 columns that exists only in memory."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from madx_pipeline.commands.display import Display
from madx_pipeline.errors import Problem
from madx_pipeline.jobs import Job
from madx_pipeline.outcome import Outcome
from madx_pipeline.store import Store
from tests.builders import make_job, make_plan_of

TRAINING = make_job("train_language_adapter/qad", stage="train_language_adapter")
READING = make_job("prepare_corpus/qae")


class Screen:
    """A display on a made-up terminal, with a clock that goes when it is told to."""

    def __init__(self, home: Path, *jobs: Job, height: int = 24, terminal: bool = True) -> None:
        self.store = Store(home)
        self.now = 1000.0
        self.written = io.StringIO()
        self.console = Console(
            file=self.written, force_terminal=terminal, width=80, height=height, soft_wrap=True, highlight=False
        )
        self.display = Display(make_plan_of(*jobs), self.store, self.console, lambda: self.now)

    def tell(self, job: Job, done: int, total: int, **numbers: float) -> None:
        """What the job's process writes."""
        folder = self.store.partial(job)
        folder.mkdir(parents=True, exist_ok=True)
        text = "{" + f'"done": {done}, "total": {total}, "numbers": '
        (folder / "progress.json").write_text(text + str(numbers).replace("'", '"').replace("nan", "NaN") + "}")

    def lines(self) -> list[str]:
        """The table as it would be drawn now."""
        with self.console.capture() as drawn:
            self.console.print(self.display.look())
        return plain(drawn.get())

    def line(self, words: str) -> str:
        """The only line with these words."""
        (line,) = [line for line in self.lines() if words in line]
        return line


def plain(drawn: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn).splitlines()


def test_a_training_shows_its_step_its_loss_and_the_time_left_at_its_pace(tmp_path: Path) -> None:
    screen = Screen(tmp_path, TRAINING)
    screen.display.started(TRAINING)
    screen.tell(TRAINING, 1, 401, loss=5.0)
    screen.lines()
    screen.now += 60
    screen.tell(TRAINING, 101, 401, loss=2.3141)
    assert re.search(r"train_language_adapter/qad .*101/401 +2\.314 +3:00$", screen.line("qad"))
    screen.now += 10
    assert screen.line("qad").endswith("2:50")


def test_a_resumed_training_is_timed_from_its_checkpoint_not_from_step_zero(tmp_path: Path) -> None:
    screen = Screen(tmp_path, TRAINING)
    screen.tell(TRAINING, 920, 1000, loss=9.0)  # left behind by the sitting before
    screen.display.started(TRAINING)
    assert "9" not in screen.line("qad")
    screen.now += 30  # the libraries are loaded
    screen.tell(TRAINING, 900, 1000, loss=1.0)
    screen.lines()
    screen.now += 10
    screen.tell(TRAINING, 910, 1000, loss=1.0)
    assert re.search(r"910/1000 +1\.000 +1:30$", screen.line("qad"))


def test_a_second_phase_of_a_job_is_timed_by_its_own_pace(tmp_path: Path) -> None:
    screen = Screen(tmp_path, TRAINING)
    screen.display.started(TRAINING)
    for done, total in ((5, 100), (100, 100), (10, 50), (20, 50)):  # what it counts in the second one takes longer
        screen.tell(TRAINING, done, total)
        screen.lines()
        screen.now += 10
    assert re.search(r"20/50 +0:20$", screen.line("qad"))
    screen.tell(TRAINING, 30, 200)
    assert re.search(r"30/200 *$", screen.line("qad"))


def test_a_job_that_has_said_nothing_shows_for_how_long_it_has_been_running(tmp_path: Path) -> None:
    screen = Screen(tmp_path, TRAINING)
    screen.display.started(TRAINING)
    screen.now += 3661
    assert screen.line("qad").endswith("for 1:01:01")


def test_a_stage_that_counts_bytes_shows_a_percentage(tmp_path: Path) -> None:
    screen = Screen(tmp_path, READING)
    screen.display.started(READING)
    screen.tell(READING, 123_456, 1_000_000, lines=7)
    line = screen.line("qae")
    assert "12%" in line
    assert "123" not in line


def test_a_loss_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    screen = Screen(tmp_path, TRAINING)
    screen.display.started(TRAINING)
    screen.tell(TRAINING, 5, 10, loss=float("nan"))
    assert screen.line("qad").split()[-1] == "5/10"


@pytest.mark.parametrize(
    "note", ["", "[1]", "null", '{"done": "a", "total": 0}', '{"done": 3}', '{"done": 1, "total": 0}']
)
def test_a_note_that_makes_no_sense_is_passed_over(tmp_path: Path, note: str) -> None:
    screen = Screen(tmp_path, TRAINING)
    screen.display.started(TRAINING)
    screen.tell(TRAINING, 1, 2)
    (screen.store.partial(TRAINING) / "progress.json").write_text(note)
    assert screen.line("qad").endswith("for 0:00")


def test_the_last_line_is_about_the_whole_run(tmp_path: Path) -> None:
    others = [make_job(f"prepare_corpus/{number}") for number in range(5)]
    screen = Screen(tmp_path, TRAINING, *others)
    screen.display.started(TRAINING)
    screen.display.ended(others[0], Outcome(others[0].fingerprint, "found"))
    screen.display.ended(others[1], Outcome(others[1].fingerprint, "failed", problem=Problem("no.")))
    screen.now += 65
    assert screen.lines()[-1] == "2 of 6 jobs ended, 1 failed, 3 waiting, 1:05"


def test_jobs_that_were_not_asked_for_are_no_part_of_the_run(tmp_path: Path) -> None:
    screen = Screen(tmp_path, TRAINING, READING)
    screen.display.ended(READING, Outcome(READING.fingerprint, "not run"))
    screen.display.started(TRAINING)
    assert screen.lines()[-1].startswith("0 of 1 jobs ended, 0 failed, 0 waiting")
    problem = Problem("it was not run: prepare_corpus/qae failed.")
    screen.display.ended(TRAINING, Outcome(TRAINING.fingerprint, "not run", problem=problem))
    assert screen.lines()[-1].startswith("1 of 1 jobs ended")


def test_sixty_four_running_jobs_fit_the_terminal_and_the_rest_is_counted(tmp_path: Path) -> None:
    jobs = [make_job(f"train_language_adapter/q{number:02d}", stage="train_language_adapter") for number in range(64)]
    screen = Screen(tmp_path, *jobs)
    for number, job in enumerate(jobs):
        screen.display.started(job)
        screen.tell(job, number, 10_000, loss=1.0)
    lines = screen.lines()
    assert len(lines) == 23
    assert sum("train_language_adapter" in line for line in lines) == 20
    assert lines[-2:] == ["and 44 more", "0 of 64 jobs ended, 0 failed, 0 waiting, 0:00"]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("height", [1, 3, 4, 5, 6])
def test_a_terminal_of_few_lines_is_never_overfull(tmp_path: Path, height: int) -> None:
    jobs = [make_job(f"prepare_corpus/{number}") for number in range(3)]
    screen = Screen(tmp_path, *jobs, height=height)
    for job in jobs:
        screen.display.started(job)
    lines = screen.lines()
    assert len(lines) <= max(1, height - 1)
    assert lines[-1].startswith("0 of 3 jobs ended")


def test_a_long_name_loses_its_middle_and_no_number_is_shortened(tmp_path: Path) -> None:
    job = make_job(f"train_task_adapter/{'very_long_task_' * 4}/qaa/12345/none", stage="train_task_adapter")
    screen = Screen(tmp_path, job)
    screen.display.started(job)
    screen.tell(job, 1, 2_500_000, loss=0.0123)
    screen.lines()
    screen.now += 1
    screen.tell(job, 1_250_000, 2_500_000, loss=0.0123)
    line = screen.line("1250000/2500000")
    assert re.match(r"train_task\S*…\S*/qaa/12345/none ", line)
    assert re.search(r" 1250000/2500000 +0\.01230 +0:01$", line)
    assert len(line) <= 80


def test_markup_in_a_name_is_shown_as_text(tmp_path: Path) -> None:
    job = make_job("prepare_corpus/[red]x[/red][/]")
    screen = Screen(tmp_path, job)
    screen.display.started(job)
    assert "prepare_corpus/[red]x[/red][/]" in screen.line("prepare_corpus")
    with screen.display:
        screen.display.ended(job, Outcome(job.fingerprint, "ran", 3.0))
    assert "[1/1] ran prepare_corpus/[red]x[/red][/] (3 s)" in "\n".join(plain(screen.written.getvalue()))


def test_a_job_that_ended_leaves_the_table_and_stays_above_as_a_line(tmp_path: Path) -> None:
    screen = Screen(tmp_path, TRAINING, READING)
    with screen.display:
        screen.display.started(TRAINING)
        screen.display.started(READING)
        screen.display.ended(READING, Outcome(READING.fingerprint, "ran", 3.0))
        assert not any("prepare_corpus" in line for line in screen.lines())
    assert "[1/2] ran prepare_corpus/qae (3 s)" in "\n".join(plain(screen.written.getvalue()))


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_table_takes_itself_away_whatever_ends_the_run(tmp_path: Path, error: type[BaseException]) -> None:
    screen = Screen(tmp_path, TRAINING)

    def run() -> None:
        with screen.display:
            screen.display.started(TRAINING)
            screen.display._live.refresh()
            raise error

    with pytest.raises(error):
        run()
    drawn = screen.written.getvalue()
    table = drawn.rindex("jobs ended")
    assert "\x1b[2K" in drawn[table:]  # its lines are erased
    assert "\x1b[?25h" in drawn[table:]  # the cursor is back


def test_without_a_terminal_there_are_plain_lines_and_nothing_else(tmp_path: Path) -> None:
    screen = Screen(tmp_path, TRAINING, READING, terminal=False)
    with screen.display:
        screen.display.started(TRAINING)
        screen.display.ended(TRAINING, Outcome(TRAINING.fingerprint, "ran", 3.0, warnings=("x: y",)))
        screen.display.started(READING)
        problem = Problem("prepare_corpus/qae failed: no text.", "Give it text.")
        screen.display.ended(READING, Outcome(READING.fingerprint, "failed", problem=problem, log="log.txt"))
    assert screen.written.getvalue().splitlines() == [
        "start  train_language_adapter/qad",
        "[1/2] ran train_language_adapter/qad (3 s)",
        "  warning: x: y",
        "start  prepare_corpus/qae",
        "failed: prepare_corpus/qae failed: no text. Log: log.txt",
        "  hint: Give it text.",
    ]
