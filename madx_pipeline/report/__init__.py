"""The report: what a run found out, as numbers with their meaning (`results`), tables and a folder on disk.

The walk: `collect` reads the store into `Results`; `intervals` reads the single predictions, and from them
`conclusions` says what the scores mean: how sure each is (`statistics`), which methods differ (`comparisons`), whether
MAD-X helps (`verdicts`). `document`, `tables` and `paper` write that for people, programs and papers, `write` puts the
folder in place, and `compare` sets several recipes side by side.
"""
