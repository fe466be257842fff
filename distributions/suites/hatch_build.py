"""Takes the dependencies of kirana-suites from the project of the checkout."""

import tomllib
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

EXTRAS = ("browser", "load", "testbed")


class DependenciesOfTheCheckout(MetadataHookInterface):
    """The extra ``suites`` of the checkout is what the suites depend on."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the dependencies to the metadata, among them the gate of the same version."""
        checkout = Path(self.root).parent.parent / "pyproject.toml"
        extras = tomllib.loads(checkout.read_text(encoding="utf-8"))["project"][
            "optional-dependencies"
        ]
        metadata["dependencies"] = [f"kirana-gates=={metadata['version']}", *extras["suites"]]
        metadata["optional-dependencies"] = {name: extras[name] for name in EXTRAS}
