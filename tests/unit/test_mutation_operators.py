"""The operators of the mutation proof: each makes the change that its name says."""

import pytest
from mutation import Explanation, changes_nothing, report, sample
from mutation_operators import Source, changes
from mutation_shard import Mutant, Result

EXAMPLES = {
    "drop_effect": ("await db.orders.insert_one(order)\n", "pass\n"),
    "repeat_effect": ("queue.put(event)\n", "queue.put(event); queue.put(event)\n"),
    "drop_filter_clause": (
        'x = db.orders.find_one({"_id": key, "user_id": user})\n',
        'x = db.orders.find_one({"user_id": user})\n',
    ),
    "swap_ids": ("x = grant(user_id, order_id)\n", "x = grant(order_id, user_id)\n"),
    "widen_limit": ("CODE_SECONDS = 300\n", "CODE_SECONDS = 10 * 300\n"),
    "remove_index": (
        'db.users.create_index("phone", unique=True)\n',
        'db.users.create_index("phone", unique=False)\n',
    ),
    "ignore_query_parameter": ('x = context.query.get("page", "1")\n', 'x = "1"\n'),
}


@pytest.mark.parametrize("operator", EXAMPLES)
def test_an_operator_makes_its_change(operator: str) -> None:
    before, after = EXAMPLES[operator]
    mutants = [change.applied(before) for change in changes(before) if change.operator == operator]
    assert after in mutants


def test_two_ids_of_a_document_are_exchanged() -> None:
    source = 'x = {"a": user_id, "b": 1, "c": order_id}\n'
    assert [change.applied(source) for change in changes(source)] == [
        'x = {"a": order_id, "b": 1, "c": user_id}\n'
    ]


def test_a_docstring_is_no_effect() -> None:
    assert not changes('"""A module."""\n\n\ndef read() -> int:\n    """Read."""\n    return 1\n')


def test_a_text_with_other_characters_is_refused() -> None:
    with pytest.raises(ValueError, match="not ASCII"):
        Source("x = '\u20b9'\n")


def test_a_sample_has_every_file_and_depends_on_the_seed_alone() -> None:
    known = {name: [Mutant(name, "drop_effect", number) for number in range(9)] for name in "abc"}
    known["d"] = [Mutant("d", "drop_effect", 0)]
    chosen = sample(known, 10, 20)
    assert chosen == sample(known, 10, 20) != sample(known, 10, 21)
    assert sorted({mutant.module for mutant in chosen}) == ["a", "b", "c", "d"]
    assert len(set(chosen)) == 10


def test_an_explained_survivor_is_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    mutants = [Mutant("a.py", "drop_effect", number) for number in range(10)]
    results = [Result(mutant, mutant.occurrence > 1, 1.0, "-x") for mutant in mutants]
    assert report(results, {}, 1.0) == 1
    explained, of_other_line = Explanation("x", "no effect"), Explanation("y", "no effect")
    assert report(results, {mutants[0]: explained}, 1.0) == 1
    assert report(results, {mutants[0]: explained, mutants[1]: of_other_line}, 1.0) == 1
    assert report(results, {mutants[0]: explained, mutants[1]: explained}, 1.0) == 0
    assert "8 of 8 mutants killed, 0 survived, 2 explained" in capsys.readouterr().out


def test_without_results_nothing_is_shown() -> None:
    assert report([], {}, 1.0) == 1


def test_a_place_that_changes_nothing_is_left_out() -> None:
    line = "    def _change(self, connection: int, *, checked_out: bool) -> None:"
    assert changes_nothing(line, line.index("*,"))
    assert changes_nothing("@dataclass(frozen=True, slots=True)", 18)
    assert not changes_nothing("    total = price * quantity", 18)
