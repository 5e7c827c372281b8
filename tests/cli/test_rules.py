"""`rebalancer rules`: the catalogue, as the code has it."""

from domain.values.rules import catalogue
from tests.cli.conftest import Command


def test_every_rule_of_the_code_is_listed_with_its_file(command: Command) -> None:
    listed = {each["code"]: each for each in command("rules", "--format", "json").json}
    assert listed.keys() == {rule.code for rule, _ in catalogue()}
    assert listed["MINIMUM-1"]["file"] == "domain/targets/minimums.py"
    assert listed["MINIMUM-1"]["says"].startswith("A model opens only where")


def test_the_table_has_a_line_for_each(command: Command) -> None:
    said = command("rules")
    assert said.code == 0
    assert all(rule.code in said.out for rule, _ in catalogue())


def test_one_rule_with_what_its_file_says_of_itself(command: Command) -> None:
    said = command("rules", "minimum-1")
    assert "MINIMUM-1  A model opens only where" in said.out
    assert "Investment minimums: may this account open that model?" in said.out


def test_an_unknown_code_names_near_ones(command: Command) -> None:
    said = command("rules", "MINIMUM-9")
    assert (said.code, said.out) == (1, "")
    assert said.err.strip() == (
        "rebalancer: there is no rule MINIMUM-9; there is MINIMUM-1, MINIMUM-2, MINIMUM-3. `rebalancer rules` lists all"
    )
    assert "TARGET-1" in command("rules", "TARGT-1").err
