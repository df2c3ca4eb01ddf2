"""Lifecycle rules of a store and the retention stage agree: a rule removes nothing that the stage would keep."""

from datetime import timedelta

import pytest

from runtime.retention import KINDS, Limits, buckets_of_uploads, lifecycle_rules
from runtime.settings import Settings
from sinks.retention import rules
from sinks.retention.listing import COLUMNS, Item

DAY_S = timedelta(days=1).total_seconds()


@pytest.mark.parametrize("age_s", [1, 3600, 86_399, 86_400, 86_401, 30 * 86_400 + 1])
def test_what_a_rule_removes_is_due_in_the_retention_stage(age_s: int) -> None:
    ages = dict.fromkeys((kind.age for kind in KINDS), age_s)
    settings = Settings(_env_file=None, store="s3").model_copy(update=ages)
    found = {rule.prefix: rule for rule in lifecycle_rules(settings)["work"] if rule.prefix}
    kinds = [kind for kind in KINDS if found.keys() & set(kind.prefixes)]
    assert [kind.name for kind in kinds] == ["contents", "corrections", "dead_letters"]
    for kind in kinds:
        (rule,) = (found[prefix] for prefix in kind.prefixes)
        item = Item("a", 1, 1, modified_s=0.0, unfinished=kind.name in COLUMNS)  # a store cannot tell which jobs need it
        assert rules.due(kind.name, item, Limits.of(kind, settings), rule.days * DAY_S + 1) == "age"


@pytest.mark.parametrize("age_s", [1, 86_400, 86_401])
def test_earlier_versions_that_a_rule_removes_are_due_in_the_retention_stage(age_s: int) -> None:
    settings = Settings(_env_file=None, store="s3", retention_versions_s=age_s)
    (rule,) = (rule for rule in lifecycle_rules(settings)["work"] if rule.versions_of)
    (kind,) = (kind for kind in KINDS if kind.name == "versions")
    item = Item("work/retention/figures.json/1", 1, 1, modified_s=0.0)
    assert rules.due("versions", item, Limits.of(kind, settings), rule.days * DAY_S + 1) == "age"


def test_a_rule_for_unfinished_uploads_is_where_the_retention_stage_removes_them() -> None:
    settings = Settings(_env_file=None, store="s3")
    found = [name for name, rules in lifecycle_rules(settings).items() if any(not rule.prefix for rule in rules)]
    assert sorted(found) == sorted(buckets_of_uploads(settings)) == ["results", "uploads", "work"]


def test_a_watched_folder_is_not_searched_for_unfinished_uploads() -> None:
    assert buckets_of_uploads(Settings(_env_file=None, store="directory")) == ("work", "results")
