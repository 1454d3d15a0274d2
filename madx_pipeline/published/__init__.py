"""Published adapters: which exist, what an id means, and which bytes a run took.

`catalogue.py` reads the pages of `data_cards/adapters/`, `resolve.py` turns what a recipe or a command says into
one repository, without a network and without a guess. Nothing here loads an adapter.
"""
