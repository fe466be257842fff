"""A world: one running testbed, with its state in one folder."""

import json
import secrets
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from testbed.ports import GUIDE
from testbed.processes import Running

DEFAULT_FOLDER = Path("out/testbed")
PUBLIC = "127.0.0.3"
SECRETS = ("KIRANA_DATABASE_URI", "KIRANA_WEBHOOK_KEY", "KIRANA_EXEMPTION_KEY", "KIRANA_TOKEN_KEY")


@dataclass(slots=True)
class World:
    """The ports, secrets and files of one testbed.

    Args:
        folder: the folder that holds its state, logs, data and target files.
        ports: port by name.
        sockets: a short folder for Unix sockets, whose paths have a length limit.
        environment: variables for its processes, secrets among them.
        running: the started processes by part name.
    """

    folder: Path
    ports: dict[str, int]
    sockets: Path
    environment: dict[str, str]
    running: dict[str, Running] = field(default_factory=dict)

    def log(self, part: str) -> Path:
        return self.folder / "logs" / f"{part}.log"

    def switch(self, colour: str) -> Path:
        """The socket of a colour's fault switch."""
        return self.sockets / f"{colour}.sock"

    def fault_folder(self, name: str) -> Path:
        """The folder in which a fault that is on keeps what it replaced; absent while it is off."""
        return self.folder / "faults" / name

    @property
    def balancer_socket(self) -> Path:
        return self.sockets / "haproxy.sock"

    @property
    def targets(self) -> Path:
        return self.folder / "targets"

    def save(self) -> None:
        """Write the state; it holds secrets, so only its owner reads it."""
        state = asdict(self)
        state |= {"folder": str(self.folder), "sockets": str(self.sockets)}
        path = self.folder / "state.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(state, indent=1))


def create(folder: Path, ports: dict[str, int]) -> World:
    """A world with new secrets; no process runs yet."""
    for name in ("logs", "data", "targets"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    database_uri = f"mongodb://127.0.0.1:{ports['database']}/kirana?retryWrites=false"
    environment = {
        "KIRANA_DATABASE_URI": database_uri,
        "KIRANA_PUBLIC_ADDRESS": public_address(ports),
        "KIRANA_WEBHOOK_KEY": secrets.token_hex(24),
        "KIRANA_EXEMPTION_KEY": secrets.token_hex(24),
        "KIRANA_TOKEN_KEY": secrets.token_hex(32),
    }
    sockets = Path(tempfile.mkdtemp(prefix="kirana-"))
    world = World(folder.resolve(), ports, sockets, environment)
    world.save()
    lines = [f"{name}={environment[name]}\n" for name in SECRETS]
    secrets_file = folder / "secrets.env"
    secrets_file.touch(mode=0o600)
    secrets_file.write_text("".join(lines))
    return world


def public_address(ports: dict[str, int]) -> str:
    """The public address of this world, which no other world has; only the edge listens there."""
    if ports == GUIDE:
        return PUBLIC
    return f"127.3.{ports['edge_tls'] >> 8}.{ports['edge_tls'] & 255}"


def load(folder: Path) -> World | None:
    """The world of a folder; None when the folder has no world."""
    path = folder / "state.json"
    if not path.exists():
        return None
    state = json.loads(path.read_text())
    return World(
        folder=Path(state["folder"]),
        ports=state["ports"],
        sockets=Path(state["sockets"]),
        environment=state["environment"],
        running={name: Running(**running) for name, running in state["running"].items()},
    )


def remove(world: World) -> None:
    """Delete every file of a world."""
    shutil.rmtree(world.sockets, ignore_errors=True)
    shutil.rmtree(world.folder, ignore_errors=True)
