"""Unlabelled text of one language, made ready for masked language modelling.

Text goes in as lines and comes out as token ids: cleaned (NFC; empty, over-long and repeated lines are
dropped and counted), a part set aside by hash, tokenised by the base model's tokenizer without special
tokens. It is one pass over a stream: memory does not grow with the corpus, except for the eight bytes a
line by which repeats are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from madx_pipeline.errors import JobError
from madx_pipeline.stage import Inputs, Workspace
from madx_pipeline.stage import Params as StageParams

if TYPE_CHECKING:
    from madx_pipeline.data.corpus import CorpusPass
    from madx_pipeline.data.raw_text import RawText

VERSION = 1

FEW_HELD_OUT_LINES = 30
"""With fewer, the held-out loss says little: a soft check warns."""
MANY_UNKNOWN = 0.02
"""Share of unknown tokens from which a soft check warns: the tokenizer cannot write the language."""


class Params(StageParams):
    """What is kept of the text, and how much of it is held out."""

    max_characters: int = Field(ge=1, description="Characters of a line at most; a longer one is dropped whole.")
    max_lines: int | None = Field(
        ge=2, description="Lines read at most; null reads all. A recipe may say it by language."
    )
    heldout_share: float = Field(gt=0, lt=1, description="Share of the lines held out from training (0 to 1).")
    heldout_max_lines: int = Field(ge=1, description="Lines held out at most, whatever the share.")


def run(inputs: Inputs, params: Params, out: Workspace) -> None:
    """Reads, cleans, splits and tokenises the text of one language.

    Raises:
        JobError: If the text cannot be read, or no two different lines are left of it.
    """
    from madx_pipeline.data.corpus import CorpusPass
    from madx_pipeline.data.raw_text import raw_text
    from madx_pipeline.data.sources import CorpusSource
    from madx_pipeline.data.tokens import Tokens

    source = CorpusSource.model_validate(dict(inputs.source))
    base = inputs["base_model"]
    text = raw_text(source, inputs.locations, base.facts.get("world_seed"), params.max_characters)
    reading = CorpusPass(
        text,
        Tokens(base.path / "model"),
        max_characters=params.max_characters,
        max_lines=source.max_lines or params.max_lines,
    )
    rows_train, rows_heldout = _write(reading, text, params, out)
    language = str(inputs.key["language"])
    if not rows_train or not rows_heldout:
        raise _too_little(language, text, reading, rows_train + rows_heldout)
    _describe(language, text, reading, out, lines_train=rows_train, lines_heldout=rows_heldout)


def _write(reading: CorpusPass, text: RawText, params: Params, out: Workspace) -> tuple[int, int]:
    """Writes both parts; gives the number of lines in each."""
    from madx_pipeline.data.held_out import HeldOut
    from madx_pipeline.data.token_rows import TokenRows

    held_out = HeldOut(params.heldout_share, params.heldout_max_lines)
    with TokenRows(out.path / "train.arrow") as train, TokenRows(out.path / "heldout.arrow") as heldout:
        for batch in reading.batches():
            for line_hash, ids in batch:
                for row in held_out.offer(line_hash, ids):
                    train.add(row)
            read = text.position()
            out.progress(read, max(text.size, read + 1), lines=reading.counts["read"])
        kept, back = held_out.finish(train.rows)
        for row in back:
            train.add(row)
        for row in kept:
            heldout.add(row)
    return train.rows, heldout.rows


def _too_little(language: str, text: RawText, reading: CorpusPass, kept: int) -> JobError:
    counts = reading.counts
    if not counts["read"]:
        return JobError(f'the corpus of "{language}" is empty: {text.origin}.', "Give a file with text in it.")
    left = "1 line is" if kept == 1 else f"{kept} lines are"
    return JobError(
        f'the corpus of "{language}" is too small: {left} left of {counts["read"]} read ({_dropped(reading)}), '
        f"from {text.origin}.",
        "At least two different lines are needed, one to train on and one to hold out; thousands make an adapter.",
    )


def _dropped(reading: CorpusPass) -> str:
    from madx_pipeline.data.corpus import DROPPED

    found = [f"{reading.counts[reason]} {reason.replace('_', ' ')}" for reason in DROPPED if reading.counts[reason]]
    return ", ".join(found) or "none dropped"


def _describe(language: str, text: RawText, reading: CorpusPass, out: Workspace, **lines: int) -> None:
    from madx_pipeline.data.corpus import DROPPED

    found = reading.measure.facts()
    out.describe(
        language=language,
        lines_read=reading.counts["read"],
        lines_kept=sum(lines.values()),
        dropped={reason: reading.counts[reason] for reason in DROPPED},
        normalised=reading.counts["normalised"],
        licence=text.licence,
        origin=text.origin,
        **lines,
        **found,
    )
    few, unknown = lines["lines_heldout"], found["unknown_share"]
    enough = f"{few} lines are held out; with fewer than {FEW_HELD_OUT_LINES} the held-out loss says little."
    out.check("enough_held_out_lines", few >= FEW_HELD_OUT_LINES, few, enough, hard=False)
    written = f"{unknown:.1%} of the tokens are unknown to the base model's tokenizer."
    out.check("tokens_are_known", unknown < MANY_UNKNOWN, unknown, written, hard=False)
