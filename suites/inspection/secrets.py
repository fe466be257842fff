"""Look for secrets in lines of text, with the detectors of detect-secrets.

This module calls only ``analyze_string`` of a detector, and never ``analyze_line``, because
``analyze_line`` may send a secret over the network to test whether the secret is valid.

Source: detect-secrets 1.5, https://github.com/Yelp/detect-secrets.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from detect_secrets.filters import heuristic
from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.keyword import (
    CONFIG_DENYLIST_REGEX_TO_GROUP,
    DENYLIST,
    QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP,
    REGEX_BY_FILETYPE,
    KeywordDetector,
)
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.private_key import PrivateKeyDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector
from detect_secrets.util.filetype import determine_file_type

RAZORPAY = "Razorpay Key"


class RazorpayKeyDetector(RegexBasedDetector):
    """Detects keys of Razorpay, the payment gateway; detect-secrets has no detector for them."""

    secret_type = RAZORPAY
    denylist = (re.compile(r"\brzp_live_[0-9A-Za-z]{10,}"),)


# Not used: the detectors of entropy and of IP addresses, as they report every digest and every
# loopback address of this repository, and the detectors of IBM's services.
DETECTORS = (
    ArtifactoryDetector(),
    AWSKeyDetector(),
    AzureStorageKeyDetector(),
    BasicAuthDetector(),
    DiscordBotTokenDetector(),
    GitHubTokenDetector(),
    GitLabTokenDetector(),
    JwtTokenDetector(),
    MailchimpDetector(),
    NpmDetector(),
    OpenAIDetector(),
    PypiTokenDetector(),
    RazorpayKeyDetector(),
    SendGridDetector(),
    SlackDetector(),
    SquareOAuthDetector(),
    StripeDetector(),
    TelegramBotTokenDetector(),
    TwilioKeyDetector(),
)
KEYWORDS = KeywordDetector()
# Every pattern of the keyword detector has one of these words. A line without a word is skipped.
KEYWORD = re.compile("|".join(DENYLIST), re.IGNORECASE)
PRIVATE_KEYS = PrivateKeyDetector()
# Each filter returns true for a value that is no secret, such as a placeholder or a variable.
VALUE_FILTERS = (
    heuristic.is_templated_secret,
    heuristic.is_prefixed_with_dollar_sign,
    heuristic.is_not_alphanumeric_string,
    heuristic.is_sequential_string,
)
# Files in which a value needs no quotes; detect-secrets knows other such files by their endings.
SETTINGS_FILE = re.compile(r"(^|/)\.env|\.env$|\.(conf|cnf|sh)$")

MAX_LINE = 2000
LINE_OVERLAP = 200
MAX_KEY_LINES = 100
DIGEST_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that looks like a secret.

    Args:
        kind: the kind of the secret, such as ``AWS Access Key``.
        position: the index of the secret's first line, counted from 0.
        value: the secret itself, which no message may show.
    """

    kind: str
    position: int
    value: str

    @property
    def positions(self) -> range:
        """The indexes of all lines of the secret, counted from 0."""
        return range(self.position, self.position + self.value.count("\n") + 1)

    @property
    def digest(self) -> str:
        """An id of the secret. It does not reveal the secret, and is the same in every commit."""
        return f"sha256:{hashlib.sha256(self.value.encode()).hexdigest()[:DIGEST_DIGITS]}"


def secrets_in(lines: Iterable[str], file: str) -> Iterator[Secret]:
    """Yield everything that looks like a secret in consecutive lines of a file.

    Args:
        lines: the lines, in their order.
        file: the path of the file; its ending decides whether a value needs quotes.
    """
    texts = list(lines)
    for position, line in enumerate(texts):
        for text in _pieces(line):
            for kind, value in _values(text, file):
                yield Secret(kind, position, value)
            if any(PRIVATE_KEYS.analyze_string(text)):
                yield Secret("Private Key", position, _private_key(texts[position:]))


def _pieces(line: str) -> Iterator[str]:
    """Split a long line into overlapping pieces, because some patterns are slow on long texts."""
    for start in range(0, max(len(line), 1), MAX_LINE - LINE_OVERLAP):
        yield line[start : start + MAX_LINE]


def _values(text: str, file: str) -> Iterator[tuple[str, str]]:
    """Yield kind and value of every secret in a piece of a line."""
    for detector in DETECTORS:
        for value in detector.analyze_string(text):
            if not any(is_harmless(value) for is_harmless in VALUE_FILTERS):
                yield detector.secret_type, value
    if not KEYWORD.search(text) or heuristic.is_indirect_reference(text):
        return
    patterns = REGEX_BY_FILETYPE.get(
        determine_file_type(file), QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP
    )
    if SETTINGS_FILE.search(file):
        patterns = CONFIG_DENYLIST_REGEX_TO_GROUP
    for value in KEYWORDS.analyze_string(text, patterns):
        if not any(is_harmless(value) for is_harmless in VALUE_FILTERS):
            yield KEYWORDS.secret_type, value


def _private_key(lines: list[str]) -> str:
    """Return the lines of a private key, because the first line is the same for every key."""
    bounded = lines[:MAX_KEY_LINES]
    ends = [number for number, line in enumerate(bounded, 1) if "END " in line]
    return "\n".join(line.strip() for line in bounded[: ends[0] if ends else None])
