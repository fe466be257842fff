"""The store's settings, read once from the environment at start."""

import os
from dataclasses import dataclass

from testbed.store.releases import RELEASES, Release


@dataclass(frozen=True, slots=True)
class Settings:
    """The deployment's name, its release, its secrets and the one proxy it trusts."""

    deployment: str
    release: Release
    database_uri: str
    token_key: str
    webhook_key: str
    exemption_key: str
    trusted_proxy: str


def from_environment() -> Settings:
    """Read the settings; a missing variable raises KeyError with its name."""
    return Settings(
        deployment=os.environ["STORE_DEPLOYMENT"],
        release=RELEASES[os.environ["STORE_RELEASE"]],
        database_uri=os.environ["KIRANA_DATABASE_URI"],
        token_key=os.environ["KIRANA_TOKEN_KEY"],
        webhook_key=os.environ["KIRANA_WEBHOOK_KEY"],
        exemption_key=os.environ["KIRANA_EXEMPTION_KEY"],
        trusted_proxy=os.environ["STORE_TRUSTED_PROXY"],
    )
