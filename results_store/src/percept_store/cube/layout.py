"""What the cube consists of: the variables, their dimensions, types, chunks and CF attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA = 2
"""Version of this layout. A cube with another one is built anew from the ledger."""

STATUS = ("not_run", "ok", "failed", "not_applicable")
NOT_RUN, OK, FAILED, NOT_APPLICABLE = range(4)

FACTORS = ("generator", "discriminator", "fidelity_loss", "seed")
"""Factors that every cube has, whether a run says them or not."""

Type = Literal["f8", "i8", "u1", "bool", "str"]

_CHUNKS = {"run": 256, "assessor": 16, "image": 64}
_CHUNKS_ALONE = {"run": 2048, "assessor": 256, "image": 1024, "obs": 65536, "curve": 2048}


@dataclass(frozen=True)
class Variable:
    """One array: `dims` name its axes, `attrs` follow CF."""

    name: str
    dims: tuple[str, ...]
    type: Type
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Fixed for good: a longer cube has more chunks, not other ones."""
        sizes = _CHUNKS if len(self.dims) > 1 else _CHUNKS_ALONE
        return tuple(sizes[dim] for dim in self.dims)


def _run(name: str, kind: Type, long_name: str, **attrs: Any) -> Variable:
    return Variable(name, ("run",), kind, {"long_name": long_name, **attrs})


def _assessor(name: str, kind: Type, long_name: str, **attrs: Any) -> Variable:
    return Variable(name, ("assessor",), kind, {"long_name": long_name, **attrs})


def _image(name: str, kind: Type, long_name: str, **attrs: Any) -> Variable:
    return Variable(name, ("image",), kind, {"long_name": long_name, **attrs})


RUN_COORDINATES = (
    _run("run", "str", "name of the run: hash of everything that determines its result"),
    _run("recipe", "str", "recipe whose run this is"),
    _run("recipes", "str", "every recipe that contains this run, comma-separated, in order of time"),
    _run("run_status", "str", "whether the run ended well", flag_meanings="ok failed"),
    _run("reason", "str", "why the run failed"),
    _run("seconds", "f8", "wall-clock time of the run", units="s"),
    _run("created", "str", "when the run's record was written, ISO-8601"),
)
ASSESSOR_COORDINATES = (
    _assessor("assessor", "str", "assessor"),
    _assessor("assessor_key", "str", "name, version and hash of parameters and weights"),
    _assessor("assessor_name", "str", "component name of the assessor"),
    _assessor("assessor_version", "str", "version of the assessor"),
    _assessor("direction", "str", "which way is better: higher or lower"),
    _assessor("range_low", "f8", "lowest possible score"),
    _assessor("range_high", "f8", "highest possible score"),
    _assessor("reference_kind", "str", "what it compares with: full, none or set"),
    _assessor("colour", "str", "colour space that it looks at"),
    _assessor("variant", "str", "what distinguishes it from its namesakes elsewhere"),
)
IMAGE_COORDINATES = (
    _image("image", "str", "image"),
    _image("dataset", "str", "data set that the image is from"),
    _image("image_sha256", "str", "sha256 of the target's content"),
    _image("height", "i8", "height of the target", units="pixel"),
    _image("width", "i8", "width of the target", units="pixel"),
    _image("mos", "f8", "mean opinion score, higher is better; NaN where nobody rated the image"),
    _image("mos_std", "f8", "standard deviation of the opinions; NaN where it is not known"),
    _image("distortion_type", "str", "what was done to a rated image"),
    _image("rated_reference", "str", "reference that a rated image was made from"),
)
_CELL = ("run", "assessor", "image")
DATA = (
    Variable(
        "score",
        _CELL,
        "f8",
        {"long_name": "score in the assessor's own units", "units": "1", "ancillary_variables": "status"},
    ),
    Variable(
        "status",
        _CELL,
        "u1",
        {"long_name": "what the score means", "flag_values": list(range(4)), "flag_meanings": " ".join(STATUS)},
    ),
)
# Coordinates too: xarray's `where` and arithmetic leave coordinates alone, and cannot mix strings with NaN.
TEXTS = (
    Variable("output", ("run", "image"), "str", {"long_name": "artefact that holds the scored image"}),
    Variable("input", ("run", "image"), "str", {"long_name": "artefact that holds the generator's input"}),
    _image("reference", "str", "artefact that holds the target"),
    _run("cell_reasons", "str", "why cells were not scored: JSON, assessor → image → reason"),
)
CURVES = (
    Variable("row_size", ("curve",), "i8", {"long_name": "number of points of this curve", "sample_dimension": "obs"}),
    Variable("curve_run", ("curve",), "str", {"long_name": "run that the curve is of"}),
    Variable("curve_series", ("curve",), "str", {"long_name": "what the curve shows"}),
    Variable("step", ("obs",), "i8", {"long_name": "optimisation step", "units": "1"}),
    Variable("value", ("obs",), "f8", {"long_name": "value of the series at this step", "units": "1"}),
)

RESERVED = frozenset(
    {v.name for v in (*RUN_COORDINATES, *ASSESSOR_COORDINATES, *IMAGE_COORDINATES, *DATA, *TEXTS, *CURVES)}
    | {"curves", "obs", "curve"}
)


def variables(factors: Mapping[str, Type]) -> list[Variable]:
    """All variables of the root group, for these factors."""
    chosen = [_run(name, kind, f"factor {name}") for name, kind in factors.items()]
    coordinates = [*RUN_COORDINATES, *chosen, *ASSESSOR_COORDINATES, *IMAGE_COORDINATES, *TEXTS]
    return [*coordinates, *(_with_coordinates(variable, coordinates) for variable in DATA)]


def _with_coordinates(variable: Variable, coordinates: list[Variable]) -> Variable:
    names = [c.name for c in coordinates if c.name not in c.dims and set(c.dims) <= set(variable.dims)]
    return Variable(variable.name, variable.dims, variable.type, {**variable.attrs, "coordinates": " ".join(names)})
