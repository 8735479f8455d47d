"""The stages of a recipe, one file each: `SCHEMA`, the section that it reads, and `run`, what it does to a job."""

from percept.schema import Section
from percept.stages import assess, benchmark, fit, optimize

SCHEMAS: dict[str, Section] = {
    "optimize": optimize.SCHEMA,
    "fit": fit.SCHEMA,
    "assess": assess.SCHEMA,
    "benchmark": benchmark.SCHEMA,
}
