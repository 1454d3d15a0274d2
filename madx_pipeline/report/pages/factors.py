"""What goes with a gain: corpus size, how the tokenizer cuts the language up, whether it was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from madx_pipeline.report.markdown import signed_points
from madx_pipeline.report.pages.drawing import MUTED, SERIES
from madx_pipeline.report.pages.lookup import Lookup
from madx_pipeline.report.pages.panels import Panel, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELLED_AT_MOST = 30
"""Points of a scatter plot that carry their language's code."""
FEW_LANGUAGES = 8
"""With fewer, the page says that no trend can be read from so few."""
_GROUPS = (
    (False, "not seen by the base model", SERIES[0], "o"),
    (True, "seen", SERIES[1], "s"),
    (None, "not known", MUTED, "D"),
)


@dataclass(frozen=True)
class _Factor:
    """Something known of a language that may go with its gain."""

    name: str
    title: str
    axis: str
    scale: str
    value: Callable[[Lookup, str], float | None]


def panels(lookup: Lookup) -> list[Panel | None]:
    """Gain against each factor."""
    return [_panel(lookup, factor) for factor in _FACTORS]


def tokens_per_word(lookup: Lookup, language: str) -> float | None:
    """Of the corpus; of the first task's data where there is no corpus."""
    corpus = lookup.results.languages[language].corpus
    if corpus is not None and corpus.tokens_per_word is not None:
        return corpus.tokens_per_word
    data = [task.data.get(language) for task in lookup.results.tasks.values()]
    return next((part.tokens_per_word for part in data if part and part.tokens_per_word is not None), None)


def unknown_share(lookup: Lookup, language: str) -> float | None:
    """Of the corpus, as a fraction; of the first task's data where there is no corpus."""
    corpus = lookup.results.languages[language].corpus
    if corpus is not None and corpus.unknown_share is not None:
        return corpus.unknown_share
    data = [task.data.get(language) for task in lookup.results.tasks.values()]
    return next((part.unknown_share for part in data if part and part.unknown_share is not None), None)


def corpus_tokens(lookup: Lookup, language: str) -> float | None:
    """Word pieces of the text that the language adapter was trained on."""
    corpus = lookup.results.languages[language].corpus
    return float(corpus.tokens) if corpus is not None and corpus.tokens else None


def _unknown_percent(lookup: Lookup, language: str) -> float | None:
    share = unknown_share(lookup, language)
    return None if share is None else 100 * share


_FACTORS = (
    _Factor("corpus-size", "Corpus size", "tokens of the corpus", "log", corpus_tokens),
    _Factor("tokens-per-word", "Tokens per word", "tokens per word", "linear", tokens_per_word),
    _Factor("unknown-tokens", "Unknown tokens", "unknown tokens (%)", "linear", _unknown_percent),
)


def _panel(lookup: Lookup, factor: _Factor) -> Panel | None:
    """Gain against one factor, for the languages that both are known of."""
    known = _known(lookup, factor)
    if len({value for value, _ in known.values()}) < 2:
        return None  # what is the same everywhere explains no difference

    def paint(axes: Axes, languages: Sequence[str]) -> None:
        axes.axhline(0, color=MUTED, linewidth=0.8)
        for seen, name, colour, marker in _GROUPS:
            group = [language for language in languages if lookup.results.languages[language].seen is seen]
            _scatter(axes, lookup, {language: known[language] for language in group}, (name, colour, marker))
        _annotate(axes, {language: known[language] for language in languages})
        axes.set(xlabel=factor.axis, ylabel="gain in points", xscale=factor.scale)
        if factor.scale == "log":
            _plain_ticks(axes, [known[language][0] for language in languages])
        axes.margins(x=0.12, y=0.12)
        axes.grid()
        legend(axes)

    def alt(languages: Sequence[str]) -> str:
        parts = [f"{code} {known[code][0]:.4g}: {signed_points(known[code][1], 1)}" for code in languages[:12]]
        return f"Gain in points against {factor.axis}: {'; '.join(parts)}."

    few = f"{len(known)} languages: too few to read a trend from." if len(known) < FEW_LANGUAGES else ""
    return Panel(f"gain-by-{factor.name}", factor.title, list(known), 0.0, 2.5, paint, alt, few)


def _known(lookup: Lookup, factor: _Factor) -> dict[str, tuple[float, float]]:
    """Target language to the factor and the gain, where both are known."""
    found: dict[str, tuple[float, float]] = {}
    for language in lookup.results.target_languages:
        value, verdict = factor.value(lookup, language), lookup.verdicts.get(language)
        if value is not None and verdict is not None and verdict.margin is not None:
            found[language] = (value, verdict.margin)
    return found


def _annotate(axes: Axes, places: dict[str, tuple[float, float]]) -> None:
    """Codes beside the points, where they do not cover each other altogether."""
    if len(places) > _LABELLED_AT_MOST:
        return
    for language, (x, y) in places.items():
        axes.annotate(language, (x, 100 * y), (4, 3), textcoords="offset points", fontsize=6)


def _plain_ticks(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis with a few numbers that a reader knows: 50k, 2M."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    narrow = max(values) < 30 * min(values)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    if max(values) < 3 * min(values):
        ends = sorted({min(values), max(values)})
        axes.set_xticks(ends, [_short(value) for value in ends])


def _short(value: float) -> str:
    """`65k`, `1.2M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def _scatter(axes: Axes, lookup: Lookup, places: dict[str, tuple[float, float]], look: tuple[str, str, str]) -> None:
    """One group of languages, with the intervals of their gains."""
    name, colour, marker = look
    verdicts = [(x, lookup.verdicts[language]) for language, (x, _) in places.items()]
    bounds = [(x, 100 * v.low, 100 * v.high) for x, v in verdicts if v.low is not None and v.high is not None]
    if bounds:
        axes.vlines(*zip(*bounds, strict=True), color=colour, linewidth=0.8, alpha=0.6)
    if places:
        xs, ys = zip(*places.values(), strict=True)
        axes.plot(xs, [100 * y for y in ys], linestyle="none", marker=marker, color=colour, label=name)
