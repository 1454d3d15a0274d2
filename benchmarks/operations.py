"""What a step of MAD-X on masked text has to compute, counted by hand."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.random_model import Size


def least_operations(lengths: Sequence[int], masked: int, size: Size, bottlenecks: tuple[int, int]) -> int:
    """Floating point operations of a step; a multiplication and an addition are two.

    Frozen weights need a forward product and the gradient of their input, adapters the gradient of their weights too;
    a product of two activations needs the gradients of both. Nothing is counted for padding, for the attention of one
    text to another, or for positions that are not masked after the attention of the last layer, which is computed for
    all.

    Args:
        lengths: Tokens of each text.
        masked: Positions to predict, in all of them.
        size: Shape of the base model.
        bottlenecks: Hidden units of the adapter of a layer, and of each half of the invertible adapter.
    """
    tokens, (bottleneck, inverse_bottleneck) = sum(lengths), bottlenecks
    after_attention = (size.layers - 1) * tokens + masked
    frozen = size.layers * 2 * tokens * 3 * size.hidden**2
    frozen += 2 * after_attention * (size.hidden**2 + 2 * size.hidden * size.inner)
    frozen += 2 * masked * (size.hidden**2 + size.hidden * size.words)
    attention = size.layers * sum(2 * 2 * length**2 * size.hidden for length in lengths)
    trained = 2 * after_attention * 2 * size.hidden * bottleneck
    trained += 2 * (tokens + masked) * 4 * (size.hidden // 2) * inverse_bottleneck  # forward, and its inverse
    return 2 * frozen + 3 * attention + 3 * trained
