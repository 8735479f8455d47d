"""The answer to a name that no plugin offers: the nearest names, and the plugin to install or to mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from percept.registry.plugin import Plugin
from percept.specs import Kind

# Distributions of this project and what they offer, so that a missing one can be named.
KNOWN: dict[str, tuple[str, ...]] = {
    "percept-brisque": ("brisque",),
    "percept-cnniqa": ("cnniqa",),
    "percept-degradations": (
        *("bicubic", "gaussian-noise", "jpeg", "gaussian-blur", "contrast", "downscaling", "white-noise", "ladder"),
        "identity",
    ),
    "percept-dncnn": ("dncnn",),
    "percept-edsr": ("edsr",),
    "percept-folders": ("folder", "rated", "groups"),
    "percept-fsim": ("fsim", "fsimc", "vsi"),
    "percept-gmsd": ("gmsd", "ms-gmsd"),
    "percept-haarpsi": ("haarpsi",),
    "percept-imdn": ("imdn",),
    "percept-mad": ("mad",),
    "percept-mdsi": ("mdsi",),
    "percept-niqe": ("niqe", "il-niqe"),
    "percept-nlpd": ("nlpd",),
    "percept-patchgan": ("patch",),
    "percept-pcqi": ("pcqi",),
    "percept-photos": ("photos", "photo-groups"),
    "percept-piqe": ("piqe",),
    "percept-pixel": ("l1", "l2", "charbonnier", "psnr", "psnr-y", "psnr-hvs-m"),
    "percept-pixels": ("pixels",),
    "percept-rfdn": ("rfdn",),
    "percept-rlfn": ("rlfn",),
    "percept-rrdb": ("rrdb",),
    "percept-sfsn": ("sfsn",),
    "percept-spandrel": ("spandrel",),
    "percept-sr-sim": ("sr-sim",),
    "percept-srresnet": ("srresnet",),
    "percept-srvgg": ("srvgg",),
    "percept-ssim": ("ssim", "ssim-rgb", "ms-ssim", "ms-ssim-rgb", "cw-ssim", "iw-ssim"),
    "percept-statistics": ("entropy", "total-variation"),
    "percept-swinir": ("swinir", "swinir-light", "swinir-real"),
    "percept-timm": ("timm-patch", "timm-vanilla"),
    "percept-unet-discriminator": ("pixel",),
    "percept-vgg-discriminator": ("vanilla",),
    "percept-vif": ("vif", "vif-pixel"),
}


def unknown_component(kind: Kind, name: str, plugins: Iterable[Plugin]) -> str:
    """One line: that there is no such component, and what to do about it."""
    plugins = tuple(plugins)
    text = f"unknown {kind.replace('_', ' ')} '{name}'"
    for distribution, names in KNOWN.items():
        if name in names:
            hint = _where_it_went(distribution, plugins)
            if hint:
                return f"{text}: {hint}"
    others = sorted({s.kind for p in plugins for s in p.specs if s.name == name})
    if others:
        return f"{text}: there is {_article(others[0])} of that name, which cannot serve as {_article(kind)}"
    installed = sorted({s.name for p in plugins for s in p.specs if s.kind == kind})
    near = difflib.get_close_matches(name, installed, 3, cutoff=0.5)
    failed = _failed(plugins)
    if near:
        return f"{text}, did you mean {' or '.join(near)}?{failed}"
    return f"{text}; installed: {', '.join(installed) or 'none'}{failed}"


def _where_it_went(distribution: str, plugins: tuple[Plugin, ...]) -> str:
    for plugin in plugins:
        if plugin.distribution == distribution:
            if plugin.status == "blocked":
                return f"{distribution} is blocked by PERCEPT_DISABLE_PLUGINS"
            return f"{distribution} failed to load: {plugin.reason}" if plugin.status == "failed" else ""
    return f"pip install {distribution}"


def _failed(plugins: tuple[Plugin, ...]) -> str:
    """Whose it may be: plugins that did not load cannot say what they offer."""
    names = [p.distribution for p in plugins if p.status == "failed"]
    return f" (not loaded: {', '.join(names)}; percept plugins list says why)" if names else ""


def _article(kind: str) -> str:
    words = kind.replace("_", " ")
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"
