"""Parameter files that some metrics need and no package brings: from the test data, if these are present."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.benchmarks.peers.libraries import AbsentError, data


def weights(name: str) -> Callable[[], str]:
    """How to find the file `name` of the test data's weights. Raises AbsentError if it is absent."""

    def find() -> str:
        path = data() / "weights" / name
        if not path.is_file():
            raise AbsentError(f"its parameter file {name} is absent")
        return str(path)

    return find


@cache
def niqe_mat() -> str:
    """NIQE's parameters of the test data as pyiqa reads them: a MATLAB file that this process alone needs."""
    import numpy as np
    from scipy.io import savemat

    stored = np.load(weights("niqe_pris_params.npz")())
    path = Path(tempfile.mkdtemp()) / "niqe.mat"
    savemat(path, {"mu_prisparam": stored["mu_pris_param"], "cov_prisparam": stored["cov_pris_param"]})
    return str(path)
