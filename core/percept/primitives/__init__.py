"""What metrics are made of: colours, windows, roots. Part of the face that plugins may use.

Everything is differentiable, keeps the precision and the device of its input, and looks at each image by itself.
Whoever changes a value that one of these gives changes every metric that uses it, and raises their versions.
"""

from percept.primitives.colour import GRAY, gray, mix, rounded
from percept.primitives.roots import safe_norm, safe_sqrt
from percept.primitives.windows import gaussian, halve, separable, spread

__all__ = ["GRAY", "gaussian", "gray", "halve", "mix", "rounded", "safe_norm", "safe_sqrt", "separable", "spread"]
