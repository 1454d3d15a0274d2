"""The report: what a run found out, as numbers with their meaning (`results`), tables and a folder on disk.

The walk: `collect` reads the store into `Results`, `statistics` and `verdicts` say what the scores
mean, `tables` and `document` write it for people, `write` puts the folder in place.
"""
