"""madx_pipeline: staged MAD-X (Pfeiffer et al. 2020) from a recipe to a report per language."""

__version__ = "0.1.0"
