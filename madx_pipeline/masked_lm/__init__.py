"""Masked language modelling on a corpus: rows of tokens, masks drawn from a seed, and the loss."""
