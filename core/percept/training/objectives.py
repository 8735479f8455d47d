"""Adversarial objectives: what a discriminator and a generator minimise, given the logits of real and fake images.

Logits are (N, 1, h, w), positive for real. Losses are scalars, means over images and positions. The two terms of a
discriminator's loss are added, except for `relativistic`, which halves both sums as ESRGAN's published weights expect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu, softplus

Mean = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """`discriminator(real, fake, mean)` and `generator(real, fake, mean)` → scalar losses.

    mean        takes logits to their mean over the whole batch, of which this process may have a part only
    needs_real  the generator's loss looks at the real logits, too
    penalty     weight of the gradient penalty that the discriminator's loss carries unless the recipe says otherwise
    smoothing   (real, s) → what the discriminator's loss gains if real images are labelled 1 - s instead of 1
                (Salimans et al. 2016, arXiv:1606.03498, §3.4: one-sided); None where there are no labels
    """

    discriminator: Callable[[Tensor, Tensor, Mean], Tensor]
    generator: Callable[[Tensor, Tensor, Mean], Tensor]
    needs_real: bool = False
    penalty: float = 0.0
    smoothing: Callable[[Tensor, float], Tensor] | None = None


def _relativistic(real: Tensor, fake: Tensor, mean: Mean) -> Tensor:
    return 0.5 * (softplus(-(real - mean(fake))).mean() + softplus(fake - mean(real)).mean())


OBJECTIVES: Mapping[str, Objective] = {
    # Goodfellow et al. 2014, arXiv:1406.2661, with the non-saturating generator loss of its section 3.
    "vanilla": Objective(
        lambda real, fake, _: softplus(-real).mean() + softplus(fake).mean(),
        lambda _, fake, __: softplus(-fake).mean(),
        smoothing=lambda real, s: s * real.mean(),
    ),
    # Lim & Ye 2017, arXiv:1705.02894, eq. 5.
    "hinge": Objective(
        lambda real, fake, _: relu(1 - real).mean() + relu(1 + fake).mean(),
        lambda _, fake, __: -fake.mean(),
    ),
    # Mao et al. 2017, arXiv:1611.04076, eq. 9: a = 0, b = c = 1, without the factor of one half.
    "lsgan": Objective(
        lambda real, fake, _: (real - 1).square().mean() + fake.square().mean(),
        lambda _, fake, __: (fake - 1).square().mean(),
        smoothing=lambda real, s: 2 * s * (real - 1).mean() + s**2,
    ),
    # Gulrajani et al. 2017, arXiv:1704.00028, eq. 3, with its λ = 10.
    "wgan-gp": Objective(
        lambda real, fake, _: fake.mean() - real.mean(), lambda _, fake, __: -fake.mean(), penalty=10.0
    ),
    # Relativistic average GAN: Jolicoeur-Martineau 2018, arXiv:1807.00734; ESRGAN, arXiv:1809.00219, eq. 1 and 2.
    "relativistic": Objective(_relativistic, lambda real, fake, mean: _relativistic(fake, real, mean), needs_real=True),
}
