"""Steps and gradients of our own, against those of torch; and what they spare a small slice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tissuegraph.nn import gradients
from tissuegraph.nn.optimiser import Adam


@pytest.mark.parametrize("decoupled", [False, True])
def test_adam_takes_the_steps_of_torch(decoupled):
    start = torch.arange(6.0).reshape(2, 3)
    ours, theirs, idle = start.clone().requires_grad_(), start.clone().requires_grad_(), start.clone()
    our_adam = Adam([ours, idle], lr=0.1, weight_decay=0.02, decoupled=decoupled)
    kind = torch.optim.AdamW if decoupled else torch.optim.Adam
    their_adam = kind([theirs], lr=0.1, weight_decay=0.02)
    for _ in range(20):
        for optimiser, parameter in ((our_adam, ours), (their_adam, theirs)):
            optimiser.zero_grad()
            (parameter - 1).pow(4).sum().backward()
            optimiser.step()
    torch.testing.assert_close(ours, theirs)
    assert torch.equal(idle, start)


def test_the_two_decays_differ():
    ends = []
    for decoupled in (False, True):
        parameter = torch.full((1,), 5.0, requires_grad=True)
        adam = Adam([parameter], lr=0.1, weight_decay=0.5, decoupled=decoupled)
        (2 * parameter).sum().backward()
        adam.step()
        ends.append(parameter.item())
    # the first step of Adam is lr in the direction of the gradient, whatever was added to it
    assert ends == pytest.approx([5 - 0.1, 5 * (1 - 0.1 * 0.5) - 0.1])


def test_gradients_are_handed_on_as_torch_does():
    inputs = torch.linspace(-2, 2, 12).reshape(4, 3).requires_grad_()
    given = [torch.linspace(-1, 3, 12).reshape(4, 3), torch.tensor([1e30, -2.0, 0.0, 7.0])]

    def made():
        return [inputs.sin(), inputs.square().sum(1)]

    gradients.hand_on(zip(made(), given, strict=True))
    ours, inputs.grad = inputs.grad, None
    torch.autograd.backward(made(), given)
    assert torch.equal(ours, inputs.grad)


def test_a_step_loads_neither_compiler_nor_sympy():
    """Run in a fresh interpreter, since other tests may have loaded them."""
    code = """
import sys, torch
from tissuegraph.nn.gradients import hand_on
from tissuegraph.nn.optimiser import Adam
import tissuegraph.stmfg.training
parameter = torch.ones(3, requires_grad=True)
hand_on([(parameter * 2, torch.ones(3))])
Adam([parameter], lr=0.1).step()
found = {"torch._dynamo", "sympy"} & sys.modules.keys()
assert not found, found
"""
    package = Path(gradients.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(package)})
