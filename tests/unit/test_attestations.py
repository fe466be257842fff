"""Signed statements of decisions: no changed byte, other key or other release is ever verified."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from format_documents import AT, document, finding
from hypothesis import given
from hypothesis import strategies as st
from in_process import gates
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from judging import GREEN
from test_format_option import check
from worlds import ROOT, Done

from gates import ledger
from gates.attestation import envelope, statement
from gates.attestation.verification import Expectation, verified
from gates.decision_document import DecisionDocument
from gates.errors import AttestationError, ConfigurationError
from gates.exitcodes import ExitCode
from gates.model import Advisory, Build, Finding, Outcome, Verdict
from reports.formats import FORMATS, STATEMENTS

EVIDENCE = "ab" * 32
NOW = AT + timedelta(minutes=5)
EXPECTED = Expectation("green", "ramp-30", GREEN.expected)
BUILD_DIGEST = GREEN.expected.digest.removeprefix("sha256:")


def key_pair(folder: Path, name: str = "key") -> tuple[Path, Path]:
    """The files of a new private key and its public key."""
    folder.mkdir(exist_ok=True)
    return write_keys(folder, name, Ed25519PrivateKey.generate())


def write_keys(folder: Path, name: str, key: Any) -> tuple[Path, Path]:
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private, public


def decided(
    outcome: Outcome = Outcome.GO,
    findings: tuple[Finding, ...] = (finding(Verdict.PASS, "a"),),
    **changes: Any,
) -> DecisionDocument:
    """A decision about the expected release."""
    plain = document(*findings, outcome=outcome)
    decision = replace(
        plain.decision,
        stage="ramp-30",
        target="green",
        build=str(GREEN.expected),
        build_digest=GREEN.expected.digest,
        time_scale=1.0,
    )
    return replace(plain, decision=replace(decision, **changes), evidence_digest=EVIDENCE)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return key_pair(tmp_path_factory.mktemp("keys"))


def signed(text: str, keys: tuple[Path, Path]) -> bytes:
    return f"{envelope.signed(text, keys[0])}\n".encode()


@pytest.fixture(scope="module")
def files(keys: tuple[Path, Path]) -> dict[str, bytes]:
    """The signed statements of a go."""
    return {name: signed(FORMATS[name](decided()), keys) for name in STATEMENTS}


def read(raw: bytes, public: Path, folder: Path, expected: Expectation = EXPECTED) -> Outcome:
    path = folder / "statement.json"
    path.write_bytes(raw)
    return verified(path, public, expected, NOW).outcome


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_signed_statement_is_verified(
    name: str, files: Mapping[str, bytes], keys: tuple[Path, Path], tmp_path: Path
) -> None:
    assert read(files[name], keys[1], tmp_path) is Outcome.GO


@given(data=st.data())
def test_no_changed_byte_is_verified(
    data: st.DataObject, files: Mapping[str, bytes], keys: tuple[Path, Path]
) -> None:
    raw = files[data.draw(st.sampled_from(STATEMENTS))]
    place = data.draw(st.integers(0, len(raw) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda value: value != raw[place]))
    changed = raw[:place] + bytes([other]) + raw[place + 1 :]
    with pytest.raises(AttestationError):
        envelope.opened(changed, keys[1])


@given(data=st.data())
def test_no_missing_or_additional_byte_is_verified(
    data: st.DataObject, files: Mapping[str, bytes], keys: tuple[Path, Path]
) -> None:
    raw = files["vsa"]
    place = data.draw(st.integers(0, len(raw)))
    added = data.draw(st.binary(min_size=1, max_size=3))
    cut = data.draw(st.integers(1, 3))
    for changed in (raw[:place] + added + raw[place:], raw[:place] + raw[place + cut :]):
        if changed != raw:
            with pytest.raises(AttestationError):
                envelope.opened(changed, keys[1])


def test_each_byte_of_the_base64_padding_counts(
    files: Mapping[str, bytes], keys: tuple[Path, Path]
) -> None:
    """The last letter before the padding has bits that a lenient reader ignores."""
    raw = files["vsa"]
    at = raw.index(b"=", raw.index(b'"sig"')) - 1
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    accepted = [
        letter
        for letter in letters
        if letter != raw[at] and opens(raw[:at] + bytes([letter]) + raw[at + 1 :], keys[1])
    ]
    assert accepted == []


def opens(raw: bytes, public: Path) -> bool:
    try:
        envelope.opened(raw, public)
    except AttestationError:
        return False
    return True


@pytest.mark.parametrize("name", STATEMENTS)
def test_another_key_does_not_verify(name: str, files: Mapping[str, bytes], tmp_path: Path) -> None:
    _, other = key_pair(tmp_path, "other")
    with pytest.raises(AttestationError, match="the signature does not match the public key in"):
        read(files[name], other, tmp_path)


def test_a_key_that_the_file_names_itself_does_not_verify(
    files: Mapping[str, bytes], keys: tuple[Path, Path], tmp_path: Path
) -> None:
    """The key id of a file says which key was used, and proves nothing."""
    other, _ = key_pair(tmp_path, "other")
    forged = json.loads(signed(FORMATS["vsa"](decided()), (other, other)))
    forged["signatures"][0]["keyid"] = json.loads(files["vsa"])["signatures"][0]["keyid"]
    raw = f"{json.dumps(forged, indent=2, sort_keys=True)}\n".encode()
    with pytest.raises(AttestationError, match="does not match the public key"):
        read(raw, keys[1], tmp_path)


OTHER = Build("v6", "6.0.0", f"sha256:{'0' * 32}")
ELSEWHERE: list[tuple[dict[str, Any], Expectation, str]] = [
    ({}, replace(EXPECTED, build=OTHER), "another release"),
    ({}, replace(EXPECTED, build=replace(GREEN.expected, digest=OTHER.digest)), "another release"),
    ({}, replace(EXPECTED, build=replace(GREEN.expected, version="5.0.1")), "another release"),
    ({"build_digest": ""}, EXPECTED, "without a digest"),
    ({"build_digest": "latest"}, EXPECTED, "without a digest"),
    ({"build": "unknown"}, EXPECTED, "another release"),
    ({}, replace(EXPECTED, stage="ramp-40"), "another stage"),
    ({}, replace(EXPECTED, target="blue"), "another target"),
    ({"time_scale": 15.0}, EXPECTED, "another time scale"),
    ({"at": NOW + timedelta(minutes=2)}, EXPECTED, "a time in the future"),
    (
        {},
        replace(EXPECTED, max_age=timedelta(minutes=4)),
        "is 300 s old; at most 240 s are accepted",
    ),
]


@pytest.mark.parametrize("case", ELSEWHERE, ids=range(len(ELSEWHERE)))
@pytest.mark.parametrize("name", STATEMENTS)
def test_evidence_of_something_else_is_not_verified(
    name: str,
    case: tuple[dict[str, Any], Expectation, str],
    keys: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    changes, expected, message = case
    raw = signed(FORMATS[name](decided(**changes)), keys)
    with pytest.raises(AttestationError, match=message):
        read(raw, keys[1], tmp_path, expected)


def with_predicate(**fields: str) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["predicate"].update(fields)


MALFORMED: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (with_predicate(verificationResult="FAILED"), "contradicts itself"),
    (lambda content: content["subject"][1]["annotations"].update(decision="hold"), "contradicts"),
    (lambda content: content["subject"][1]["annotations"].pop("decision"), "a decision"),
    (lambda content: content["subject"][1]["annotations"].pop("at"), "the time of the decision"),
    (lambda content: content["subject"][1]["annotations"].pop("time_scale"), "a time scale"),
    (lambda content: content["subject"][1].pop("annotations"), "annotations of the evidence"),
    (lambda content: content["subject"].pop(1), "a subject named evidence"),
    (lambda content: content.update(predicateType="https://example.org/"), "predicate type"),
    (lambda content: content.update(_type="https://example.org/"), "expected a statement of gates"),
    (lambda content: content.update(subject=5), "a subject named evidence"),
]


@pytest.mark.parametrize(("change", "message"), MALFORMED, ids=range(len(MALFORMED)))
def test_a_signed_statement_of_another_form_is_not_verified(
    change: Callable[[dict[str, Any]], object],
    message: str,
    keys: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    content = json.loads(FORMATS["vsa"](decided()))
    change(content)
    with pytest.raises(AttestationError, match=message):
        read(signed(json.dumps(content), keys), keys[1], tmp_path)


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"{", b"[" * 100_000, b"\xff"])
def test_a_payload_that_is_no_statement_is_an_error(payload: bytes) -> None:
    with pytest.raises(AttestationError):
        statement.read(payload)


def test_a_file_that_is_too_large_or_missing_is_not_verified(
    keys: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(AttestationError, match="has more than 4,000,000 bytes"):
        read(b" " * 4_000_001, keys[1], tmp_path)
    with pytest.raises(AttestationError, match="cannot be read"):
        verified(tmp_path / "none", keys[1], EXPECTED, NOW)


def verify(path: Path, key: Path, *options: str) -> Done:
    """``gates verify-attestation`` on a file about the stage ramp-30 of green."""
    subject = ("--stage", "ramp-30", "--target", "green", "--targets", str(ROOT / "targets"))
    return gates("verify-attestation", str(path), "--key", str(key), *subject, *options)


@pytest.mark.parametrize(
    ("outcome", "result", "code"),
    [
        (Outcome.GO, "PASSED", ExitCode.GO),
        (Outcome.HOLD, "FAILED", ExitCode.HOLD),
        (Outcome.NO_GO, "FAILED", ExitCode.NO_GO),
        (Outcome.ROLLBACK, "FAILED", ExitCode.ROLLBACK),
    ],
)
def test_only_a_go_passes_and_the_exit_code_is_that_of_the_decision(
    outcome: Outcome, result: str, code: ExitCode, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    path = tmp_path / "statement.json"
    text = FORMATS["vsa"](decided(outcome))
    assert json.loads(text)["predicate"]["verificationResult"] == result
    assert json.loads(FORMATS["test-result"](decided(outcome)))["predicate"]["result"] == result
    path.write_bytes(signed(text, keys))
    done = verify(path, keys[1])
    assert done.code == code
    assert "verified: build v5 5.0.0" in done.out


def test_the_command_says_why_a_file_is_not_verified(
    files: Mapping[str, bytes], keys: tuple[Path, Path], tmp_path: Path
) -> None:
    path = tmp_path / "statement.json"
    path.write_bytes(files["vsa"].replace(b"payloadType", b"payloadtype"))
    done = verify(path, keys[1])
    assert done.code == ExitCode.NO_GO
    assert done.out.startswith(f"NOT VERIFIED  {path}: the file is not a DSSE envelope")
    path.write_bytes(files["vsa"])
    done = verify(path, keys[1], "--max-age", "1s")
    assert done.code == ExitCode.NO_GO
    assert "old; at most 1 s are accepted" in done.out


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\n"])
def test_a_file_without_a_key_is_a_mistake(
    content: bytes, files: Mapping[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="expected a public ed25519 key in PEM"):
        envelope.opened(files["vsa"], path)
    with pytest.raises(ConfigurationError, match="expected a private ed25519 key in PEM"):
        envelope.signed("{}", path)


def test_a_key_of_another_kind_is_a_mistake(files: Mapping[str, bytes], tmp_path: Path) -> None:
    private, public = write_keys(tmp_path, "curve", generate_private_key(SECP256R1()))
    with pytest.raises(ConfigurationError, match="expected a private ed25519 key"):
        envelope.signed("{}", private)
    with pytest.raises(ConfigurationError, match="expected a public ed25519 key"):
        envelope.opened(files["vsa"], public)


def test_a_decision_is_signed_where_a_key_is_configured(
    keys: tuple[Path, Path], tmp_path: Path
) -> None:
    path = tmp_path / "vsa.json"
    variables = {envelope.KEY_VARIABLE: str(keys[0])}
    done = check(tmp_path, "--format", f"vsa={path}", variables=variables)
    assert done.code == ExitCode.HOLD
    content = json.loads(envelope.opened(path.read_bytes(), keys[1]))
    facts = content["subject"][-1]["annotations"]
    assert (facts["decision"], facts["stage"], facts["target"]) == ("hold", "green-ready", "green")


def test_a_decision_that_its_evidence_does_not_lead_to_is_not_signed(
    keys: tuple[Path, Path], tmp_path: Path
) -> None:
    """Whoever can write the ledger cannot have the gate sign a go."""
    check(tmp_path)
    out, path = tmp_path / "out", tmp_path / "vsa.json"
    newest = list(ledger.entries(out))[-1].entry
    assert isinstance(newest, ledger.DecisionEntry)
    honest = list(ledger.entries(out))[-1].entry_id
    go = replace(newest.document.decision, outcome=Outcome.GO, reason="all 2 findings pass")
    forged = ledger.append(out, ledger.DecisionEntry(replace(newest.document, decision=go)))
    variables = {envelope.KEY_VARIABLE: str(keys[0])}
    options = ("--out", str(out), "--format", f"vsa={path}")
    done = gates("explain", forged, *options, variables=variables)
    assert done.code == ExitCode.INTERNAL
    assert "is not signed: judged again from its evidence, the decision is hold" in done.err
    assert not path.exists()
    assert gates("explain", honest, *options, variables=variables).code == ExitCode.GO
    assert envelope.opened(path.read_bytes(), keys[1])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (" ", "KIRANA_ATTESTATION_KEY is blank"),
        ("/nowhere/key.pem", "/nowhere/key.pem: cannot be read"),
    ],
)
def test_a_wrong_key_is_a_mistake_before_anything_is_asked(
    value: str, message: str, tmp_path: Path
) -> None:
    variables = {envelope.KEY_VARIABLE: value}
    done = check(tmp_path, "--format", "vsa", variables=variables)
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert message in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_statement_is_valid_by_the_library_of_its_specification(name: str) -> None:
    content = json.loads(FORMATS[name](decided()))
    subjects = [
        ResourceDescriptor(name=subject["name"], digest=subject["digest"]).pb
        for subject in content["subject"]
    ]
    Statement(subjects, content["predicateType"], content["predicate"]).validate()
    assert [subject["digest"]["sha256"] for subject in content["subject"]] == [
        BUILD_DIGEST,
        EVIDENCE,
    ]


def test_the_results_of_tests_are_counted_apart() -> None:
    trial = Advisory("Asha Rao", datetime(2026, 12, 1, tzinfo=UTC))
    findings = (
        finding(Verdict.PASS, "good"),
        replace(finding(Verdict.FAIL, "trial"), advisory=trial, subjects=()),
    )
    predicate = json.loads(FORMATS["test-result"](decided(findings=findings)))["predicate"]
    assert predicate["result"] == "WARNED"
    assert predicate["passedTests"] == ["good: good"]
    assert predicate["warnedTests"] == ["trial (advisory: fail)"]
    assert predicate["failedTests"] == []
    bad = (*findings, finding(Verdict.INCONCLUSIVE, "unsure"))
    predicate = json.loads(FORMATS["test-result"](decided(Outcome.HOLD, bad)))["predicate"]
    assert (predicate["result"], predicate["failedTests"]) == ("FAILED", ["unsure: unsure"])


def test_a_rehearsal_is_about_another_resource() -> None:
    real = json.loads(FORMATS["vsa"](decided()))["predicate"]["resourceUri"]
    rehearsal = json.loads(FORMATS["vsa"](decided(time_scale=15.0)))["predicate"]["resourceUri"]
    assert real.startswith("urn:kirana-gates:green:v5%205.0.0")
    assert rehearsal.startswith("urn:kirana-gates:rehearsal:green:")
