"""What each release of the store is and which features it has."""

from dataclasses import dataclass

BASIC = frozenset({"auth", "catalogue", "cart", "orders", "payments", "search"})
PHASE_5 = frozenset(
    {"access", "saved_methods", "gamification", "offline_sync", "realtime", "advanced_search"}
)


@dataclass(frozen=True, slots=True)
class Release:
    """One shipped build: its name, version, image digest and features."""

    name: str
    version: str
    digest: str
    features: frozenset[str]


V4 = Release("v4", "4.9.2", "sha256:784b2af54f49cd2c1ff4d52b3b7fb9a3", BASIC)
V5 = Release("v5", "5.0.0", "sha256:08ed378cc04fcedf358679a1b519475a", BASIC | PHASE_5)
RELEASES = {release.name: release for release in (V4, V5)}
