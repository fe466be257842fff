"""Formats of a decision for other programs and places: one renderer a file, all from the document.

cases     the findings of a decision as cases with a name and a status; every format shows these
markdown  a pull request, a chat, or the summary of a step
github    annotations and the step summary of GitHub Actions
junit     JUnit XML
sarif     SARIF 2.1.0
ctrf      Common Test Report Format
"""

from typing import Protocol

from gates import decision_document
from gates.decision_document import DecisionDocument
from reports.formats import ctrf, junit, markdown, sarif


class Renderer(Protocol):
    """Turns the document of a decision into one format."""

    def __call__(self, document: DecisionDocument, /) -> str:
        """The decision in the format.

        Args:
            document: the decision; its texts are untrusted.
        """


FORMATS: dict[str, Renderer] = {
    "ctrf": ctrf.render,
    "json": decision_document.as_text,
    "junit": junit.render,
    "markdown": markdown.render,
    "sarif": sarif.render,
}
