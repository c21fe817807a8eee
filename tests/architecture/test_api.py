"""What users may name is exported, and every bit of it says what it does."""

from __future__ import annotations

import importlib
import inspect

import pytest

from tests.architecture import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "hyperloom" / "api.py").exists(), reason="there is no hyperloom/api.py yet"
)


def test_all_names_of_the_package_are_there() -> None:
    """Names are fetched lazily: a slip in the table would show only to the user who asks."""
    package = importlib.import_module("hyperloom")
    missing = [name for name in package.__all__ if not hasattr(package, name)]
    assert missing == []
    assert sorted(package.__all__) == sorted(set(package.__all__))


def test_the_public_api_is_documented() -> None:
    package = importlib.import_module("hyperloom")
    silent = [
        name
        for name in package.__all__
        if callable(thing := getattr(package, name)) and not inspect.getdoc(thing)
    ]
    assert silent == []


def test_the_package_exports_what_the_api_defines() -> None:
    """A public function of api.py that nobody can reach as loom.<name> was forgotten."""
    api = importlib.import_module("hyperloom.api")
    own = {
        name
        for name, thing in vars(api).items()
        if inspect.isfunction(thing) and thing.__module__ == api.__name__ and name[0] != "_"
    }
    assert own - set(importlib.import_module("hyperloom").__all__) == set()
