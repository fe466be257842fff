"""A world's target files: copies of the repository's files, with the world's ports and paths."""

import re
from pathlib import Path

from testbed.ports import GUIDE
from testbed.world import PUBLIC, World, public_address

TEMPLATES = Path(__file__).parent.parent / "targets"
WRITTEN = ("blue.toml", "green.toml")
HOME = "../out/testbed/"


def write(world: World) -> None:
    """Write each target file with the guide's ports and the default folder replaced."""
    by_guide_port = {str(port): str(world.ports[name]) for name, port in GUIDE.items()}

    def replaced(match: re.Match[str]) -> str:
        return ":" + by_guide_port.get(match[1], match[1])

    for name in WRITTEN:
        text = (TEMPLATES / name).read_text(encoding="utf-8")
        text = re.sub(r":(\d{4,5})\b", replaced, text).replace(HOME, "../")
        text = text.replace(f'"{PUBLIC}"', f'"{public_address(world.ports)}"')
        (world.targets / name).write_text(text, encoding="utf-8")
