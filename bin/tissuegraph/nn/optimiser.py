"""Adam, written out: building torch.optim's costs 4 s of imports, half of a small slice's training."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


class Adam:
    """Adam with L2 weight decay (Kingma and Ba, 2015), equal to torch.optim.Adam.

    lr: step size; weight_decay: added to the gradient as weight_decay * parameter or, decoupled (Loshchilov
    and Hutter, 2019; torch.optim.AdamW), taken off the parameter as lr * weight_decay * parameter.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        lr: float,
        weight_decay: float = 0.0,
        decoupled: bool = False,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ):
        self.parameters = list(parameters)
        self.lr, self.weight_decay, self.betas, self.eps = lr, weight_decay, betas, eps
        self.decoupled = decoupled
        self.steps = 0
        self.mean = [torch.zeros_like(p) for p in self.parameters]
        self.square = [torch.zeros_like(p) for p in self.parameters]

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters in place; one without a gradient stays as it is."""
        self.steps += 1
        moved = [place for place, parameter in enumerate(self.parameters) if parameter.grad is not None]
        if not moved:
            return
        # One operation over all parameters: on a GPU the starts of many small ones are what a step takes
        parameters, mean, square = (
            [every[place] for place in moved] for every in (self.parameters, self.mean, self.square)
        )
        gradients = [parameter.grad for parameter in parameters]
        if self.weight_decay and self.decoupled:
            torch._foreach_mul_(parameters, 1 - self.lr * self.weight_decay)
        elif self.weight_decay:
            gradients = torch._foreach_add(gradients, parameters, alpha=self.weight_decay)
        beta1, beta2 = self.betas
        torch._foreach_lerp_(mean, gradients, 1 - beta1)
        torch._foreach_mul_(square, beta2)
        torch._foreach_addcmul_(square, gradients, gradients, 1 - beta2)
        scale = torch._foreach_sqrt(square)
        torch._foreach_div_(scale, (1 - beta2**self.steps) ** 0.5)
        torch._foreach_add_(scale, self.eps)
        torch._foreach_addcdiv_(parameters, mean, scale, -self.lr / (1 - beta1**self.steps))
