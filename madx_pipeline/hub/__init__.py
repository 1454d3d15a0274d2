"""The Hugging Face Hub: pinned files of models and adapters, through its cache, with and without a network.

`download.py` brings files; `cache.py` knows what is there; `client.py` asks the hub; `errors.py` says what went wrong.
"""
