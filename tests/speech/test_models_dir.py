"""Original weights by name, from a folder of models: no hub is asked."""

import pytest

from murmur.models import catalogue
from scripts import models


@pytest.mark.parametrize("name", ["tiny.en", "base"])
def test_the_weights_are_usable_by_name(name: str) -> None:
    path = models.path(name)
    model = catalogue.resolve(name, models.directory())
    assert model.path == path
    assert model.ref.name == name
    assert model.ref.revision != catalogue.resolve(name).ref.revision  # weights of another origin are another revision
    assert catalogue.fetch(model, lambda done, total: None) == path
