"""Names of the files that a published adapter consists of, by which alone they are fetched."""

from __future__ import annotations

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILES = ("adapter.safetensors", "pytorch_adapter.bin")
ADAPTER_FILES = (CONFIG_FILE, *WEIGHTS_FILES)
"""An adapter without its prediction head."""

HEAD_CONFIG_FILE = "head_config.json"
HEAD_FILES = (HEAD_CONFIG_FILE, "model_head.safetensors", "pytorch_model_head.bin")
"""A prediction head; only a task adapter's is ever fetched (a masked-LM head has 370 to 770 MB, and does harm)."""

MODEL_CARD = "README.md"
"""Where a repository states its licence."""
