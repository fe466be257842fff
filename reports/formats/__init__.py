"""Formats of a decision for other programs; each file has the renderer of one format.

cases     the findings of a decision as cases, which every format shows
markdown  Markdown for a pull request, a chat, or the summary of a step
github    annotations and the step summary of GitHub Actions
junit     JUnit XML
sarif     SARIF 2.1.0
ctrf      Common Test Report Format
allure    a folder of results for Allure
cdevents  CDEvents of decisions and of moves of traffic
attestations  in-toto statements, which are signed where a key is configured
"""

from typing import Protocol

from gates import decision_document
from gates.decision_document import DecisionDocument
from reports.formats import allure, attestations, cdevents, ctrf, junit, markdown, sarif


class Renderer(Protocol):
    """Writes the document of a decision in one format."""

    def __call__(self, document: DecisionDocument, /) -> str:
        """Return the text of the decision in this format.

        Args:
            document: the decision; its texts are untrusted.
        """


class FolderRenderer(Protocol):
    """Writes the document of a decision as the files of a folder."""

    def __call__(self, document: DecisionDocument, /) -> dict[str, str]:
        """Return the content of each file, keyed by the name of the file.

        Args:
            document: the decision; its texts are untrusted.
        """


FORMATS: dict[str, Renderer] = {
    "cdevents": cdevents.render,
    "ctrf": ctrf.render,
    "json": decision_document.as_text,
    "junit": junit.render,
    "markdown": markdown.render,
    "sarif": sarif.render,
    "test-result": attestations.test_result,
    "vsa": attestations.summary,
}
XML_FORMATS = frozenset({"junit"})
JSON_FORMATS = frozenset(FORMATS) - XML_FORMATS - {"markdown"}
FOLDER_FORMATS: dict[str, FolderRenderer] = {"allure": allure.files}
# These formats are statements, which can be signed in an envelope.
STATEMENTS = ("test-result", "vsa")
