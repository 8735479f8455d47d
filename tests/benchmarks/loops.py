"""Training loops as one writes them by hand, on copies of a trainer's networks, with its losses and images."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from percept.training.ahead import Ahead, pinned
from percept.training.patches import PatchSampler
from percept.training.runtime import Runtime
from percept.training.terms import Fidelity
from percept.training.trainer import Trainer
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Losses = dict[str, Tensor]
softplus = nn.functional.softplus


def bare(trainer: Trainer, own_batches: bool = True) -> Callable[[], Losses]:
    """Percept's own passes, by hand: one look of the discriminator at the output serves both sides."""
    runtime, (generator, critic) = trainer.runtime, _networks(trainer)
    adam, its_adam = (torch.optim.Adam(n.parameters(), 1e-4, (0.9, 0.99), fused=True) for n in (generator, critic))
    if runtime.compile:
        generator.compile()
    ema = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(0.999))
    batches, weight = _batches(trainer, own_batches), _weight(trainer)

    def step() -> Losses:
        degraded, target = (runtime.move(t) for t in batches())
        with runtime.autocast():
            output = generator(degraded)
        output = output.float()
        loss = (output - target).abs().mean()
        fake = output.detach().requires_grad_(True)
        with runtime.autocast():
            real_logits, fake_logits = critic(target).float(), critic(fake).float()
            pull = softplus(-fake_logits).mean()
            critics = softplus(-real_logits).mean() + softplus(fake_logits).mean()
        (gradient,) = torch.autograd.grad(pull, fake, retain_graph=True)
        its_adam.zero_grad(set_to_none=True)
        torch.autograd.backward(critics, inputs=list(critic.parameters()))
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward([loss, output], [None, weight * gradient])
        its_adam.step()
        adam.step()
        ema.update_parameters(generator)
        return {"l1": loss.detach(), "adversarial": pull.detach(), "discriminator": critics.detach()}

    return step


def ordered(trainer: Trainer, own_batches: bool = True) -> Callable[[], Losses]:
    """The sequence of passes and updates of BasicSR's GAN trainers, in float32 and torch's default format."""
    plain = Runtime(trainer.runtime.device, torch.float32, trainer.runtime.threads, trainer.runtime.deterministic)
    generator, critic = (n.to(memory_format=torch.contiguous_format) for n in _networks(trainer))
    adam, its_adam = (torch.optim.Adam(n.parameters(), 1e-4, (0.9, 0.99)) for n in (generator, critic))
    average = copy.deepcopy(generator)
    batches, weight = _batches(trainer, own_batches), _weight(trainer)

    def step() -> Losses:
        degraded, target = (plain.move(t) for t in batches())
        for parameter in critic.parameters():
            parameter.requires_grad = False
        adam.zero_grad()
        output = generator(degraded)
        loss = (output - target).abs().mean()
        pull = softplus(-critic(output)).mean()
        (loss + weight * pull).backward()
        adam.step()
        for parameter in critic.parameters():
            parameter.requires_grad = True
        its_adam.zero_grad()
        on_real = softplus(-critic(target)).mean()
        on_real.backward()
        on_fake = softplus(critic(output.detach())).mean()
        on_fake.backward()
        its_adam.step()
        with torch.no_grad():
            for mean, value in zip(average.parameters(), generator.parameters(), strict=True):
                mean.mul_(0.999).add_(value, alpha=0.001)
        return {"l1": loss.detach(), "adversarial": pull.detach(), "discriminator": (on_real + on_fake).detach()}

    return step


def _networks(trainer: Trainer) -> tuple[nn.Module, nn.Module]:
    assert trainer.adversarial is not None
    (term,) = trainer.terms
    assert isinstance(term, Fidelity)
    assert term.label == "l1"
    return copy.deepcopy(trainer.generator), copy.deepcopy(trainer.adversarial.adversary.player.network)


def _weight(trainer: Trainer) -> float:
    assert trainer.adversarial is not None
    return trainer.adversarial.weight.at(0)


def _batches(trainer: Trainer, own: bool) -> Callable[[], tuple[Tensor, Tensor]]:
    sampler = trainer.sampler.sampler if isinstance(trainer.sampler, Ahead) else trainer.sampler
    assert isinstance(sampler, PatchSampler)
    if isinstance(trainer.sampler, Ahead):  # on a GPU all loops have batches made for them, or one would compare that
        ahead = Ahead(copy.deepcopy(sampler), pinned)
        return lambda: ahead.next()[:2]
    if not own:
        twin = copy.deepcopy(sampler)
        return lambda: twin.next()[:2]
    return _random_crops(sampler)


def _random_crops(sampler: PatchSampler) -> Callable[[], tuple[Tensor, Tensor]]:
    """Random crops, flips and turns of images in memory."""
    pairs = [
        tuple(t.float() / 255 if t.dtype == torch.uint8 else t for t in (item.degraded, item.targets[0]))
        for item in sampler.items
        if item.degraded is not None
    ]
    scale, small = sampler.scale, sampler.patch // sampler.scale

    def draw() -> tuple[Tensor, Tensor]:
        crops = []
        for _ in range(sampler.batch):
            degraded, target = pairs[int(torch.randint(len(pairs), ()))]
            top = int(torch.randint(degraded.shape[-2] - small + 1, ()))
            left = int(torch.randint(degraded.shape[-1] - small + 1, ()))
            one = degraded[:, top : top + small, left : left + small]
            two = target[:, top * scale : (top + small) * scale, left * scale : (left + small) * scale]
            turn = int(torch.randint(8, ()))
            axes = [axis for bit, axis in ((1, -1), (2, -2)) if turn & bit]
            one, two = (t.flip(axes) if axes else t for t in (one, two))
            crops.append(tuple(t.transpose(-1, -2) if turn & 4 else t for t in (one, two)))
        return torch.stack([c[0] for c in crops]), torch.stack([c[1] for c in crops])

    return draw
