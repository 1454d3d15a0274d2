r"""`table.tex`: the scores as tables for a paper, to be included with `\input`.

A table per task, languages by methods, in points. A table that would not fit on a page becomes a
`longtable`. What surprises: a language whose name has letters that plain LaTeX cannot set is named by its
code alone. Nothing is computed here: every number and every mark stands in `results.json`.
"""

from __future__ import annotations

import re
import unicodedata

from madx_pipeline.report.adapters import has_one_score
from madx_pipeline.report.markdown import points
from madx_pipeline.report.results import PairedComparison, Results, Summary
from madx_pipeline.report.wording import language_label, shows_majority

ROWS_ON_A_PAGE = 40
"""A table with more languages than this is set as a `longtable`."""

MARKS = {"task_adapter_only": "*", "madx_source_kept": r"\dagger"}
"""Baseline to the mark of a method that differs from it."""

_NARROW = r"\small\setlength{\tabcolsep}{4pt}"

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
}
_PLAIN = re.compile("[\x20-\x7e\xa1-\u017e]*")
"""ASCII, Latin-1 and Latin Extended-A: what LaTeX sets in its usual fonts."""


def table_tex(results: Results, digits: int) -> str:
    """The text of `table.tex`.

    Args:
        results: The results.
        digits: Digits after the point of scores in points.
    """
    tables = [_Table(results, task, digits).text() for task in results.tasks]
    needs = r"% In the preamble: \usepackage[T1]{fontenc} \usepackage{booktabs}"
    if len(results.languages) > ROWS_ON_A_PAGE:
        needs += r" \usepackage{longtable}"
    head = f"% Made by madx-pipeline from results.json; every number is in there.\n{needs}"
    return "\n\n".join([head, *tables]) + "\n"


def tex(value: object) -> str:
    """A value on one line, as text that LaTeX shows as it is; a letter that it cannot set is a question mark."""
    line = " ".join(str(value).split())
    shown = (letter for letter in line if unicodedata.category(letter) not in ("Cc", "Cf", "Cs"))
    return "".join(_SPECIAL.get(letter, letter if _PLAIN.fullmatch(letter) else "?") for letter in shown)


def _stacked(name: str) -> str:
    r"""A long name in two lines, broken before its last part, so that columns stay narrow: `\shortstack[r]{...}`."""
    first, _, last = name.rpartition("_")
    return rf"\shortstack[r]{{{tex(first)}\\{tex('_' + last)}}}" if first else tex(name)


class _Table:
    """The table of one task."""

    def __init__(self, results: Results, task: str, digits: int) -> None:
        self._results = results
        self._task = task
        self._digits = digits
        self._summaries = {
            (row.language, row.method): row for row in results.summary if row.primary and row.task == task
        }
        self._compared: dict[tuple[str, str], list[PairedComparison]] = {}
        for row in results.comparisons:
            if row.task == task:
                self._compared.setdefault((row.language, row.method), []).append(row)

    def text(self) -> str:
        """A float, or a `longtable` that runs over pages."""
        languages = [self._results.source_language, *self._results.targets_of(self._task)]
        rows = [self._row(language) for language in languages]
        beside = [r"\shortstack[r]{majority\\class}"] if shows_majority(self._results) else []
        columns = f"l{'r' * (len(self._results.methods) + len(beside))}"
        methods = (_stacked(method) for method in self._results.methods)
        header = " & ".join(["Language", *methods, *beside])
        title = rf"\caption{{{self._caption()}}}\label{{tab:{self._results.recipe}-{self._task}}}"
        top = [r"\toprule", rf"{header} \\", r"\midrule"]
        body = [rows[0], r"\midrule", *rows[1:]]
        if len(languages) <= ROWS_ON_A_PAGE:
            inside = [rf"\begin{{tabular}}{{{columns}}}", *top, *body, r"\bottomrule", r"\end{tabular}"]
            return "\n".join([r"\begin{table}", rf"\centering{_NARROW}", title, *inside, r"\end{table}"])
        first = [rf"{title} \\", *top, r"\endfirsthead", *top, r"\endhead", r"\bottomrule", r"\endfoot"]
        return "\n".join([f"{{{_NARROW}", rf"\begin{{longtable}}{{{columns}}}", *first, *body, r"\end{longtable}", "}"])

    def _row(self, language: str) -> str:
        """A language: the best shown mean in bold, so that of two that look the same both are."""
        found = [self._summaries.get((language, method)) for method in self._results.methods]
        shown = [points(summary.mean, self._digits) for summary in found if summary is not None]
        best = max(shown, key=float, default="")
        cells = [self._cell(summary, best) for summary in found]
        beside = [self._majority(found)] if shows_majority(self._results) else []
        return " & ".join([self._label(language), *cells, *beside]) + r" \\"

    def _cell(self, summary: Summary | None, best: str) -> str:
        r"""Mean, with the spread below it and the marks above: `\textbf{74.9}$_{\pm 2.1}^{*}$`."""
        if summary is None:
            return "--"
        mean = points(summary.mean, self._digits)
        spread = "" if summary.std is None else rf"_{{\pm {points(summary.std, self._digits)}}}"
        marks = self._marks(summary)
        shown = rf"\textbf{{{mean}}}" if mean == best else mean
        if spread or marks:
            shown += f"${spread}{f'^{{{marks}}}' if marks else ''}$"
        seeds = f" ({len(summary.seeds)}/{len(self._results.seeds)})" if self._lacks_seeds(summary) else ""
        return shown + seeds

    def _lacks_seeds(self, summary: Summary) -> bool:
        """Whether seeds are missing; a published task adapter has none to vary."""
        single = has_one_score(self._results, self._task, summary.method)
        return not single and len(summary.seeds) < len(self._results.seeds)

    def _marks(self, summary: Summary) -> str:
        """A star or a dagger for better than a baseline, with a minus before it for worse."""
        rows = self._compared.get((summary.language, summary.method), [])
        signs = {"helps": "", "hurts": "-"}
        return "".join(
            f"{signs[row.answer]}{MARKS[row.baseline]}" for row in rows if row.answer in signs and row.baseline in MARKS
        )

    def _majority(self, summaries: list[Summary | None]) -> str:
        known = [row.majority for row in summaries if row is not None and row.majority is not None]
        return points(known[0], self._digits) if known else "--"

    def _label(self, language: str) -> str:
        label = language_label(self._results, language)
        return tex(label if _PLAIN.fullmatch(label) else language)

    def _caption(self) -> str:
        """What the numbers are, and what bold print, marks and gaps mean."""
        results = self._results
        metric = results.tasks[self._task].metric or "metric not known"
        several = len(results.seeds) > 1
        spread = rf"mean over {len(results.seeds)} seeds $\pm$ sample standard deviation" if several else "one seed"
        parts = [
            f"{tex(self._task)} ({tex(metric)}, in points) on {tex(results.base_model.name)}, trained on "
            f"{self._label(results.source_language)}: {spread}.",
            "The best method of a language is in bold.",
            self._legend(),
            self._missing(),
        ]
        return " ".join(part for part in parts if part)

    def _legend(self) -> str:
        """What the marks mean; nothing where nothing was tested."""
        tested = [row for rows in self._compared.values() for row in rows if row.answer is not None]
        baselines = [name for name in MARKS if any(row.baseline == name for row in tested)]
        if not baselines:
            return ""
        meaning = " and ".join(f"$^{{{MARKS[name]}}}$ than {tex(name)}" for name in baselines)
        counted = " and seeds" if any(row.interval == "examples and seeds" for row in tested) else ""
        level = f"{1 - self._results.confidence:.6g}"
        return (
            f"Significantly better: {meaning}; with a minus before the mark, worse (paired test over the test "
            f"examples{counted}, $p < {level}$ after Holm's correction over languages)."
        )

    def _missing(self) -> str:
        """What stands where scores are missing."""
        expected = len(self._results.seeds)
        wanted = len(self._results.languages) * len(self._results.methods)
        dash = "--: no score." if len(self._summaries) < wanted else ""
        some = any(self._lacks_seeds(summary) for summary in self._summaries.values())
        return " ".join(part for part in (dash, f"($k$/{expected}): $k$ of {expected} seeds." if some else "") if part)
