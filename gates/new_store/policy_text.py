"""Writes a starting policy: the installed starting policy with the new store's indicators."""

import re

from gates import places
from gates.new_store.indicator_tables import IndicatorTables
from gates.new_store.toml_text import table_of

MARK = "# Written by gates init"
INCLUDE = re.compile(r'^include = ".*"\n', re.MULTILINE)
HEAD = re.compile(r"\A(?:#.*\n)+")
# Objectives that need an indicator which a store may lack.
NEEDS = {
    "latency-against-blue": "slow_requests",
    "latency-trigger": "very_slow_requests",
}


def policy_of(indicators: IndicatorTables, name: str) -> str:
    """Return the text of a starting policy.

    Args:
        indicators: the indicators of the new store.
        name: the name of the policy, which its text states.
    """
    text = (places.policy_installed().parent / "starting.toml").read_text()
    text = HEAD.sub("", text)
    text = text.replace('name = "starting"', f'name = "{name}"')
    include = f'include = "{indicators.include}"\n' if indicators.include else ""
    text = INCLUDE.sub(include, text)
    for objective, indicator in NEEDS.items():
        if not indicators.has(indicator):
            text = _without(text, objective)
    tables = "\n".join(
        table_of(f"indicators.{indicator}", content)
        for indicator, content in indicators.tables.items()
    )
    head = (
        f"{MARK}: a policy to begin with. Its limits are those of the deployment guide of\n"
        "# Kirana Store; docs/other-stores.md tells what to change first.\n"
    )
    heading = "\n# The indicators, with the names of this store's metrics.\n" if tables else ""
    return f"{head}{text.rstrip()}\n{heading}{tables}"


def _without(text: str, objective: str) -> str:
    """Remove an objective from the text of a policy."""
    table = re.compile(rf"(?:^#.*\n)*^\[objectives\.{objective}\]\n(?:.+\n)+\n?", re.MULTILINE)
    return re.sub(rf'"{objective}",? ?', "", table.sub("", text))
