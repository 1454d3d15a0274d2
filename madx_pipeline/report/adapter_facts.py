"""The part of `results.json` that says what adapters are and where they come from.

Where an adapter was trained here, what says where a published one is from is null, and the other way round.
"""

from __future__ import annotations

from madx_pipeline.records import Json
from madx_pipeline.report.part import Part


class LanguageAdapterFacts(Part):
    """The language adapter of a language."""

    fingerprint: str
    """Fingerprint (sha256, hex) of the job that trained or fetched it."""
    origin: str | None = None
    """`trained` or `published`."""
    name: str | None = None
    """What the adapter is called."""
    repository: str | None = None
    """Repository of a published adapter."""
    path: str | None = None
    """Name of the folder of a published adapter that was brought along; not where it lies on this machine."""
    revision: str | None = None
    """Commit of a published adapter."""
    sha256: Json = None
    """Content hash of a published adapter: of the whole, or by file."""
    licence: str | None = None
    """Licence of a published adapter, where it is stated."""
    variant: str | None = None
    """Which variant of published adapters it is of (`pfeiffer_relu`)."""
    catalogued: bool | None = None
    """Whether our catalogue has a published adapter."""
    trained_for: str | None = None
    """The base model that a published adapter says it was trained for."""
    architecture: str | None = None
    """Layout by the library's name (`seq_bn`)."""
    non_linearity: str | None = None
    """Activation in the bottleneck."""
    reduction_factor: Json = None
    """Hidden size over bottleneck size; by layer where layers differ."""
    leave_out: list[int] | None = None
    """Layers without a bottleneck (MAD-X 2.0 leaves out the last)."""
    has_invertible_adapter: bool | None = None
    """Whether it has an invertible adapter at the embeddings."""
    parameters: int | None = None
    """Number of parameters."""
    bytes: int | None = None
    """Size on disk in bytes."""
    steps: int | None = None
    """Training steps taken."""
    best_step: int | None = None
    """The step whose weights were kept: the one with the lowest held-out loss."""
    heldout_loss_before: float | None = None
    """Masked-LM loss (nats per masked token) on held-out text without the adapter."""
    heldout_loss_after: float | None = None
    """The same with the adapter."""
    heldout_perplexity_before: float | None = None
    """exp of the loss before."""
    heldout_perplexity_after: float | None = None
    """exp of the loss after."""
    curve: list[dict[str, Json]] | None = None
    """Learning curve: held-out loss by step."""


class TaskAdapterFacts(Part):
    """A published task adapter, in the place of training one on the source language adapter."""

    fingerprint: str
    """Fingerprint (sha256, hex) of the job that fetched it."""
    repository: str | None = None
    """Its repository."""
    path: str | None = None
    """Name of the folder of one that was brought along; not where it lies on this machine."""
    revision: str | None = None
    """Its commit."""
    sha256: Json = None
    """Content hash of its weights."""
    licence: str | None = None
    """Its licence, where it is stated."""
    trained_on: str | None = None
    """Code of the language on whose adapter it was trained, as far as known; otherwise the source language."""
    head_labels: dict[str, str] | None = None
    """Label of its prediction head to what the data calls it."""
    extra_labels: list[str] | None = None
    """Labels of its prediction head that the data of the source language does not have."""
    language_leave_out: list[int] | None = None
    """Layers that the language adapters lacked over which it was trained; null where that is not known."""
    parameters: int | None = None
    """Number of parameters, without its prediction head."""
