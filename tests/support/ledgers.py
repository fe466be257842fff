"""The entries of a ledger as they lie on the disk, without the decoder of the gate."""

import json
from pathlib import Path
from typing import Any


def json_entries(folder: Path) -> list[dict[str, Any]]:
    """Every entry of the newest file, oldest first, as JSON."""
    lines = (folder / "ledger.jsonl").read_text().splitlines()
    return [json.loads(line)["entry"] for line in lines]
