"""Studies: pure functions from a cube to a table and a figure, each a question about both lives of a metric.

`STUDIES` maps a study's name to its module, which has a function of that name: cube → a result with `rows()` (one dict
a line of its table) and `as_dict()` (everything, for JSON). Raises QueryError where the cube cannot answer.
"""

from __future__ import annotations

STUDIES = {"asymmetry": "percept_store.studies.asymmetry"}
