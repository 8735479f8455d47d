"""Discovery of plugins, and lookup of their components by name. Torch is imported only when something is built."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from percept.errors import ComponentError, PerceptError
from percept.registry.memory import keep_freed_memory
from percept.registry.plugin import HOOKS, Plugin, blocked_names, load_plugin
from percept.registry.signature import parameter_problems, parameters_of
from percept.registry.unknown import unknown_component
from percept.specs import Kind, Spec

__all__ = ["HOOKS", "Component", "Plugin", "Registry", "registry"]

GROUP = "percept"


@dataclass(frozen=True)
class Component:
    """A spec and the plugin that it came from."""

    spec: Spec
    plugin: Plugin

    @property
    def version(self) -> str:
        """What runs and scores are kept by: the spec's own version, else that of its distribution."""
        return self.spec.version or self.plugin.version

    @property
    def qualified(self) -> str:
        """The name that stays unique when two distributions offer the same one."""
        return f"{self.plugin.distribution}:{self.spec.name}"

    def target(self) -> Any:
        """Import and return what the spec's target names. Raises ComponentError if that fails."""
        module, attribute = self.spec.target.split(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:  # importing a library can raise anything: a broken torchvision raises RuntimeError
            raise ComponentError(
                f"{self.spec.kind} '{self.spec.name}' ({self.plugin.distribution}): {self.spec.target} "
                f"cannot be imported: {type(error).__name__}: {error}"
            ) from error


class Registry:
    """All plugins of one environment. `plugins` has every entry point, also those that failed or are blocked."""

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.plugins = tuple(plugins)

    @classmethod
    def discover(cls) -> Registry:
        """Load every entry point of the group `percept`, each by itself, in the order of their names."""
        entries = importlib.metadata.entry_points(group=GROUP)
        blocked = blocked_names()
        return cls(load_plugin(entry, blocked) for entry in sorted(entries, key=lambda e: (e.name, e.value)))

    def components(self, kind: Kind | None = None) -> Iterator[Component]:
        """Every component, or those of one kind, in the order of the plugins."""
        for plugin in self.plugins:
            for spec in plugin.specs:
                if kind in (None, spec.kind):
                    yield Component(spec, plugin)

    def conflicts(self) -> dict[tuple[Kind, str], list[Component]]:
        """(kind, name) → the components that claim it, where there are several."""
        claims: dict[tuple[Kind, str], list[Component]] = {}
        for component in self.components():
            claims.setdefault((component.spec.kind, component.spec.name), []).append(component)
        return {key: found for key, found in claims.items() if len(found) > 1}

    def find(self, kind: Kind, name: str) -> Component:
        """The component of that name, or `distribution:name`. Raises ComponentError if there is none, or several."""
        found = [c for c in self.components(kind) if name in (c.spec.name, c.qualified)]
        if len(found) == 1:
            return found[0]
        if found:
            choices = " or ".join(c.qualified for c in found)
            raise ComponentError(f"{label(kind)} '{name}' is claimed by {len(found)} plugins: write {choices}")
        raise ComponentError(unknown_component(kind, name, self.plugins))

    def problems(self, kind: Kind, name: str, parameters: dict[str, Any]) -> list[tuple[str, str]]:
        """What is wrong with building a component so, as (parameter or `use`, message); empty if nothing is."""
        try:
            component = self.find(kind, name)
            target = component.target()
        except ComponentError as error:
            return [("use", str(error))]
        return parameter_problems(target, {**component.spec.arguments, **parameters})

    def parameters(self, component: Component) -> dict[str, str]:
        """Parameter → how it is declared, with its default, as `plugins info` prints it."""
        return parameters_of(component.target(), component.spec.arguments)

    def build(self, kind: Kind, name: str, **parameters: Any) -> Any:
        """Build a component. Raises ComponentError if it is unknown, broken, or does not take a parameter."""
        component = self.find(kind, name)
        target = component.target()
        arguments = {**component.spec.arguments, **parameters}
        problems = parameter_problems(target, arguments)
        if problems:
            raise ComponentError("; ".join(f"{label(kind)} '{name}': {key}: {what}" for key, what in problems))
        keep_freed_memory()
        try:
            return target(**arguments)
        except PerceptError:
            raise
        except (TypeError, ValueError, OSError) as error:
            raise ComponentError(f"{label(kind)} '{name}' cannot be built: {error}") from error


def label(kind: Kind) -> str:
    """The kind as people write it: `fidelity loss`."""
    return kind.replace("_", " ")


@functools.cache
def registry() -> Registry:
    """The registry of this process; plugins are discovered when it is first asked for."""
    return Registry.discover()
