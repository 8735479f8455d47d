"""Checks as pytest cases. pytest is imported only here, and only when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from percept.errors import ComponentError
from percept.registry import Component, label, registry
from percept.testing.suites import checks_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

    from percept.specs import Kind


def parametrize(name: str, kind: Kind | None = None, **parameters: Any) -> pytest.MarkDecorator:
    """Decorate a test function with a parameter `check`: it runs once for each check of each component `name`.

    name        of an installed component, or `distribution:name`
    kind        where components of several kinds bear that name, and only one is meant
    parameters  what to build it with

    Known failures become strict xfails with their reasons. Raises ComponentError if nothing installed has that name.
    """
    import pytest

    components = [c for c in registry().components(kind) if name in (c.spec.name, c.qualified)]
    if not components:
        what = label(kind) if kind else "component"
        raise ComponentError(
            f"no installed {what} is called '{name}'; run pip install -e . in the plugin's folder first"
        )
    return pytest.mark.parametrize("check", list(_cases(components, parameters)))


def _cases(components: Iterable[Component], parameters: dict[str, Any]) -> Iterable[Any]:
    import pytest

    for component in components:
        for check in checks_for(component, **parameters):
            reason = component.spec.known_failures.get(check.name)
            marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason is not None else []
            yield pytest.param(check, id=f"{component.spec.kind}-{component.spec.name}-{check.name}", marks=marks)
