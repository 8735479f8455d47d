from __future__ import annotations

import pytest
import skimage.data
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def photograph() -> Tensor:
    image = skimage.data.chelsea()  # type: ignore[no-untyped-call]  # scikit-image is not annotated
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
