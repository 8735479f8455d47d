"""One plugin: how it is loaded, alone, so that whatever it does wrong stays its own affair."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from types import FrameType, ModuleType
from typing import Literal

import pluggy

from percept import __version__, hookspecs
from percept.specs import SPECS, Kind, Spec

# Importing specs takes milliseconds; what needs longer is importing something heavy, and every command pays for it.
SLOW_SECONDS = 0.5
HANG_SECONDS = 10.0

HOOKS: dict[Kind, str] = {
    "generator": "percept_generators",
    "discriminator": "percept_discriminators",
    "fidelity_loss": "percept_fidelity_losses",
    "assessor": "percept_assessors",
    "dataset": "percept_datasets",
    "degradation": "percept_degradations",
}

Status = Literal["ok", "slow", "failed", "blocked"]


@dataclass(frozen=True)
class Plugin:
    """What became of one entry point. `reason` is empty only if `status` is ok; `specs` is empty unless ok or slow."""

    name: str
    distribution: str
    version: str
    module: str
    status: Status
    reason: str = ""
    seconds: float = 0.0
    specs: tuple[Spec, ...] = field(default=(), repr=False)


class _HangError(Exception):
    pass


def load_plugin(entry: EntryPoint, blocked: frozenset[str] = frozenset()) -> Plugin:
    """Import the module that `entry` names, check its hooks, and collect its specs. Never raises."""
    distribution = entry.dist.name if entry.dist else "unknown"
    version = entry.dist.version if entry.dist else ""
    if blocked & {entry.name, distribution}:
        return Plugin(entry.name, distribution, version, entry.value, "blocked", "by PERCEPT_DISABLE_PLUGINS")
    started = time.perf_counter()
    specs: tuple[Spec, ...] = ()
    try:
        _check_core_version(entry)
        with _alarm(HANG_SECONDS):
            specs = _collect(importlib.import_module(entry.module))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may even call sys.exit; the others must go on
        seconds = time.perf_counter() - started
        return Plugin(entry.name, distribution, version, entry.value, "failed", _describe(error), seconds)
    seconds = time.perf_counter() - started
    status: Status = "slow" if seconds > SLOW_SECONDS else "ok"
    reason = f"took {seconds:.1f} s to import, should take under {SLOW_SECONDS} s" if status == "slow" else ""
    return Plugin(entry.name, distribution, version, entry.value, status, reason, seconds, specs)


def blocked_names() -> frozenset[str]:
    """The plugins or distributions that the environment variable PERCEPT_DISABLE_PLUGINS names."""
    return frozenset(filter(None, (n.strip() for n in os.environ.get("PERCEPT_DISABLE_PLUGINS", "").split(","))))


def _collect(module: ModuleType) -> tuple[Spec, ...]:
    _check_spelling(module)
    manager = pluggy.PluginManager("percept")
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    manager.check_pending()
    specs: list[Spec] = []
    for kind, hook in HOOKS.items():
        for offered in getattr(manager.hook, hook)():
            specs.extend(_checked(kind, hook, offered))
    if not specs:
        raise ValueError(f"{module.__name__} offers nothing: mark its hooks with @hookimpl and return specs")
    return tuple(specs)


def _checked(kind: Kind, hook: str, offered: object) -> Iterator[Spec]:
    if not isinstance(offered, list | tuple):
        raise TypeError(f"{hook} returned {type(offered).__name__}, not a list of specs")
    for spec in offered:
        if not isinstance(spec, SPECS[kind]):
            raise TypeError(f"{hook} returned a {type(spec).__name__}, not a {SPECS[kind].__name__}")
        yield spec


def _check_spelling(module: ModuleType) -> None:
    """Pluggy tells of marked functions that are no hook; this tells of those that somebody forgot to mark, too."""
    for name in vars(module):
        if name.startswith("percept_") and callable(getattr(module, name)):
            if name not in HOOKS.values():
                near = difflib.get_close_matches(name, HOOKS.values(), 1)
                raise AttributeError(f"{name} is not a hook" + (f", did you mean {near[0]}?" if near else ""))
            if not hasattr(getattr(module, name), "percept_impl"):
                raise AttributeError(f"{name} is not marked with @hookimpl")


def _check_core_version(entry: EntryPoint) -> None:
    wanted = [r for r in (entry.dist.requires or [] if entry.dist else []) if re.match(r"percept[-_.]core\b", r, re.I)]
    if not wanted:
        return
    from packaging.requirements import Requirement

    requirement = Requirement(wanted[0])
    if not requirement.specifier.contains(__version__, prereleases=True):
        raise ImportError(f"wants percept-core{requirement.specifier}, this is {__version__}")


def _describe(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r}) while it was imported"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Interrupt an import that hangs. Signals reach only the main thread of a Unix process; elsewhere it just waits."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise _HangError(f"still importing after {seconds:g} s")

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
