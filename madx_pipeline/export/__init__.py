"""A finished adapter as a folder for the Hugging Face Hub: chosen, described by a model card, written, uploaded.

The walk: `choose` (which artifact of the store, and why that one), `described` (what was recorded about it),
`metadata` and `card` (the model card), `folder` (the files), `push` (the upload).
"""
