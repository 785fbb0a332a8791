"""Values that stand for nobody, whatever form they are written in."""

from __future__ import annotations

import pytest

from journeymap import IdentityRules, Namespace


@pytest.mark.parametrize("value", ["…", " … ", "N/A", "n/a ", "№"])
@pytest.mark.parametrize("form", ["exact", "folded"])
def test_placeholders_are_known_in_every_form(form: str, value: str) -> None:
    space = Namespace("mail", form=form, placeholders=("…", "n/a", "№"))  # type: ignore[arg-type]
    assert IdentityRules([space]).reader(space).read(value) == ""
    assert IdentityRules([space]).reader(space).read("ada@example.org") == "ada@example.org"
