"""Steps of training that a GPU repeats by itself: recorded once, replayed without Python.

A small network's step is hundreds of short kernels, and starting them takes longer than running them. What is
recorded (CUDA's stream capture) keeps its places in memory, so each replay writes over the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Loss = Callable[[Tensor], dict[str, Tensor]]  # rows of a batch to its terms, `total` among them
_WARM_UPS = 3  # before recording, as libraries allocate on first use


def descend(loss: Loss, parameters: Sequence[Tensor], rows: Tensor) -> dict[str, Tensor]:
    """Terms of one batch, detached; the gradients of `total` are in the parameters afterwards."""
    for parameter in parameters:
        parameter.grad = None
    terms = loss(rows)
    terms["total"].backward()
    return {name: value.detach() for name, value in terms.items()}


class Replayed:
    """`descend` for batches on a GPU, recorded once for each size of batch.

    loss: draws nothing at random and waits for nothing from the GPU. Terms and gradients are valid until the
    next call. Parameters may be changed in place between calls, never replaced.
    """

    def __init__(self, loss: Loss, parameters: Sequence[Tensor]):
        self.loss, self.parameters = loss, parameters
        self.recorded: dict[int, _Recording] = {}

    def __call__(self, rows: Tensor) -> dict[str, Tensor]:
        recording = self.recorded.get(len(rows))
        if recording is None:
            recording = self.recorded[len(rows)] = _Recording(self.loss, self.parameters, rows)
        return recording.replay(rows)


class _Recording:
    def __init__(self, loss: Loss, parameters: Sequence[Tensor], rows: Tensor):
        self.parameters, self.rows, self.graph = parameters, rows.clone(), torch.cuda.CUDAGraph()
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(_WARM_UPS):
                descend(loss, parameters, self.rows)
        torch.cuda.current_stream().wait_stream(beside)
        with torch.cuda.graph(self.graph):
            self.terms = descend(loss, parameters, self.rows)
        self.gradients = [parameter.grad for parameter in parameters]

    def replay(self, rows: Tensor) -> dict[str, Tensor]:
        self.rows.copy_(rows)
        self.graph.replay()
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient
        return self.terms
