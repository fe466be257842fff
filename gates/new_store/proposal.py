"""Asks a new store and its Prometheus, and proposes target files and a starting policy."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import time

from gates.errors import ConfigurationError
from gates.model import Access, TargetAccess
from gates.new_store import indicator_tables, openapi_suites, policy_text
from gates.new_store.colours import NO_COLOURS, Colours, colours_of
from gates.new_store.indicator_tables import STRUCTURAL, IndicatorTables
from gates.new_store.observation import HealthAnswer, Metrics, health_of
from gates.new_store.openapi_suites import SuiteFit
from gates.new_store.target_text import (
    PLACEHOLDER,
    TargetContent,
    has_login,
    kept_tables,
    target_of,
)
from gates.policy.target_tables.access_tables import PARTS, AccessReader
from gates.policy.target_tables.secret_values import SecretValues
from gates.policy.toml_table import Table
from gates.ramp import salvage
from gates.sources.prometheus import Prometheus

SCRAPES_WINDOW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class NewStore:
    """The options of ``gates init`` about a new store.

    Args:
        url: the address of green.
        prometheus: the address of Prometheus.
        targets: the folder of the target files.
        policy: the file of the starting policy.
        target: the name of green, and of its target file.
        baseline: the name of blue, and of its target file.
        baseline_url: the address of blue; empty where it is not known.
        control: the balancer's control address; empty where it is not known.
        openapi: the OpenAPI file of the store; None where no file is named.
    """

    url: str
    prometheus: str
    targets: Path
    policy: Path
    target: str
    baseline: str
    baseline_url: str = ""
    control: str = ""
    openapi: Path | None = None


@dataclass(slots=True)
class Proposal:
    """The proposed files, the facts that were found, and the steps that a person must take.

    Args:
        files: the text of each proposed file, keyed by its path.
        lines: the facts that were found about the store, one sentence for each fact.
        missing: what a person must do, one sentence for each step; empty where nothing is missing.
    """

    files: dict[Path, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def proposal_of(store: NewStore) -> Proposal:
    """Ask the store's health address and Prometheus, and propose target files and a policy.

    Args:
        store: the options about the new store.

    Raises:
        ConfigurationError: the OpenAPI file cannot be read, or the log-in of an earlier target
            file has a mistake.
    """
    operations = openapi_suites.operations_of(store.openapi) if store.openapi else None
    fits = openapi_suites.suite_fits(operations) if operations else ()
    access = _access(store.targets / f"{store.target}.toml")
    green = health_of(store.url, access.health)
    blue = health_of(store.baseline_url, access.health) if store.baseline_url else None
    metrics = Metrics.of(store.prometheus, access.prometheus)
    indicators = indicator_tables.indicators_of(metrics)
    colours = _colours(metrics, indicators, [answer for answer in (green, blue) if answer])
    if indicators.counter:
        indicator_tables.add_build(indicators, metrics, green.served, colours.green)
    if colours.label:
        indicator_tables.name_colours(indicators, colours.label)
    proposal = Proposal()
    proposal.lines += _lines(green, blue, metrics, indicators, colours)
    proposal.lines += [fit.sentence for fit in fits]
    if not fits:
        mend = (
            "install the suites: pip install kirana-suites"
            if store.openapi
            else "name the store's OpenAPI file with --openapi FILE"
        )
        proposal.lines.append(f"suites: not examined; {mend}")
    interval = _scrape_interval(store.prometheus, access.prometheus, colours)
    values = _metrics_keys(colours, interval)
    if replicas := indicator_tables.replica_labels_of(indicators, metrics):
        values["replica_labels"] = replicas
        labels = ", ".join(replicas)
        proposal.lines.append(
            f"replicas of Prometheus: their time series differ in the label {labels}"
        )
    _add_targets(proposal, store, (green, blue), values, fits)
    if indicators.has("requests"):
        proposal.files[store.policy] = policy_text.policy_of(indicators, store.policy.stem)
    proposal.missing += _missing(store, green, metrics, indicators, colours)
    proposal.missing += _unset(access)
    return proposal


def _access(path: Path) -> TargetAccess:
    """Read the log-ins from an earlier target file; without such a file, return empty log-ins.

    Raises:
        ConfigurationError: a table of access in the earlier file is wrong.
    """
    if path.is_file():
        earlier = salvage.read(path)
        if earlier.access_problems:
            raise ConfigurationError("; ".join(earlier.access_problems))
        return earlier.access
    schemes = dict.fromkeys(PARTS, "https")
    reader = AccessReader(Table(str(path), "access", {}), path, SecretValues({}), schemes, {}, [])
    return reader.target_access(5.0)


def _colours(metrics: Metrics, indicators: IndicatorTables, answers: list[HealthAnswer]) -> Colours:
    if not indicators.counter:
        return NO_COLOURS
    others = STRUCTURAL | {indicators.status_label}
    served = [answer.served for answer in answers]
    return colours_of(metrics.series(indicators.counter), others, served)


def _lines(
    green: HealthAnswer,
    blue: HealthAnswer | None,
    metrics: Metrics,
    indicators: IndicatorTables,
    colours: Colours,
) -> Iterator[str]:
    for name, answer in (("green", green), ("blue", blue)):
        if answer and answer.is_known:
            served = answer.served
            yield (
                f"health of {name}: {answer.url} names the build {served.build} and the deployment "
                f"{served.deployment!r}"
            )
        elif answer:
            yield f"health of {name}: {answer.url}: {answer.served.problem}"
    if metrics.problem:
        yield f"Prometheus: {metrics.url}: {metrics.problem}"
    else:
        yield f"Prometheus: {metrics.url} has {len(metrics.names)} metrics"
    if indicators.counter:
        counter, status = indicators.counter, indicators.status_label
        yield f"requests: {counter} counts the requests; label {status!r} has the HTTP status"
    if metrics.problem:
        return
    yield from (f"indicators: {note}" for note in indicators.notes)
    if colours.label:
        values = f"green is {colours.green!r}, blue is {colours.blue!r}"
        yield f"colours: label {colours.label!r}; {values} ({colours.reason})"
    else:
        yield f"colours: {colours.reason}"


def _scrape_interval(url: str, access: Access, colours: Colours) -> float:
    """Find the usual time between two scrapes of green, seconds; 0 where it is not known."""
    if not colours.green:
        return 0.0
    selector = f'up{{{colours.label}="{colours.green}"}}'
    answer = Prometheus(url, access).samples(selector, SCRAPES_WINDOW, time())
    gaps = [
        later.at - earlier.at
        for series in answer.series
        for earlier, later in pairwise(series.samples)
    ]
    return round(median(gaps), 1) if gaps else 0.0


def _add_targets(
    proposal: Proposal,
    store: NewStore,
    answers: tuple[HealthAnswer, HealthAnswer | None],
    metrics: Mapping[str, object],
    fits: tuple[SuiteFit, ...],
) -> None:
    """Add the target file of green, and the target file of blue where its address is known."""
    suites = tuple(fit.suite for fit in fits if fit.applies)
    secrets = tuple(sorted({name for fit in fits if fit.applies for name in fit.secrets}))
    named = ((store.target, store.url), (store.baseline, store.baseline_url))
    earlier_tables = kept_tables(store.targets / f"{store.target}.toml")
    for (name, url), answer in zip(named, answers, strict=True):
        if answer is None:
            continue
        addresses = {"api": url, "health": answer.url, "prometheus": store.prometheus}
        if store.control:
            addresses["balancer_control"] = store.control
        own_metrics = dict(metrics)
        if name == store.baseline:
            slots = {"slot": metrics["baseline_slot"], "baseline_slot": metrics["slot"]}
            own_metrics |= slots
        content = TargetContent(
            name,
            answer.served.deployment,
            answer.served.build,
            addresses,
            own_metrics,
            suites,
            secrets,
        )
        path = store.targets / f"{name}.toml"
        own = kept_tables(path)
        if not has_login(own):
            own |= _only_access(earlier_tables)
        proposal.files[path] = target_of(content, own)
        proposal.missing += [f"fill in {key} in {path}" for key in content.placeholders]
    proposal.missing += [
        f"set the environment variable KIRANA_{secret.upper()} (a suite uses secrets.{secret})"
        for secret in secrets
        if not os.environ.get(f"KIRANA_{secret.upper()}")
    ]


def _metrics_keys(colours: Colours, interval: float) -> dict[str, object]:
    """Return the keys and values of ``[metrics]`` for green's target file."""
    keys: dict[str, object] = {
        "slot": colours.green or f"{PLACEHOLDER}-green",
        "baseline_slot": colours.blue or f"{PLACEHOLDER}-blue",
    }
    if colours.label:
        keys["colour_label"] = colours.label
    if interval:
        keys["scrape_interval_seconds"] = interval
    return keys


def _only_access(kept: Mapping[str, object]) -> dict[str, object]:
    return {"access": kept["access"]} if "access" in kept else {}


def _missing(
    store: NewStore,
    green: HealthAnswer,
    metrics: Metrics,
    indicators: IndicatorTables,
    colours: Colours,
) -> Iterator[str]:
    if not green.is_known:
        yield f"the health answer must name release, version, digest and deployment ({green.url})"
    if metrics.problem:
        yield f"Prometheus cannot be read: {metrics.problem}"
    elif not indicators.counter:
        yield "no policy was written, because no counter of requests with a status was found"
    yield from indicators.missing
    if not metrics.problem and not colours.label:
        yield "let each scrape job add a label, such as track, with the colour of its processes"
    if not store.baseline_url:
        yield f"{store.baseline} has no target file: type the command again with --baseline-url URL"
    if not store.control:
        yield "gates ramp needs the balancer's control address: type --control URL, too"


def _unset(access: TargetAccess) -> Iterator[str]:
    for part in PARTS:
        for key, variable in getattr(access, part).unset:
            yield f"set the environment variable {variable} (access.{part}.{key} names it)"
