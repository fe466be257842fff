"""Adds to the wheel of a whole checkout what is needed in two places."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TargetsOfTheTestbed(BuildHookInterface):
    """The testbed writes the target files of its worlds from the folder beside it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """An editable installation has the folder already."""
        if version == "standard":
            build_data["force_include"]["targets"] = "suites/_bundled/targets"
