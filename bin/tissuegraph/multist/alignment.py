"""Agreement of two modalities within a batch. B spots, D dimensions, tau the temperature."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, normalize


def infonce(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Symmetric cross-entropy: row i of one modality belongs to row i of the other. Both (B, D)."""
    logits = normalize(first, dim=1) @ normalize(second, dim=1).T / temperature  # (B, B)
    own = torch.arange(len(first), device=first.device)
    return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2


def similarity_matching(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """SDM: symmetrised KL between the modalities' row-softmax of cosine similarities. (B, D1), (B, D2)."""
    p, q = (
        log_softmax(unit @ unit.T / temperature, dim=1)
        for unit in (normalize(first, dim=1), normalize(second, dim=1))
    )
    return ((p.exp() - q.exp()) * (p - q)).sum(1).mean() / 2
