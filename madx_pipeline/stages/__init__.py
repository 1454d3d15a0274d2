"""One module a stage: `VERSION`, `Params` and `run`; the values are in the pages under `stages/`."""
