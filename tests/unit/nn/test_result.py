"""What training leaves behind, and what is refused."""

import math

import numpy as np
import pytest

from tissuegraph.errors import InputError
from tissuegraph.nn.result import TrainingResult, refuse_divergence


def result(losses, embedding=((1.0,), (2.0,))):
    arrays = {"embedding": np.array(embedding), "untrained": np.zeros((2, 1)), "attention": np.ones((2, 1))}
    return TrainingResult(**arrays, losses={"total": losses}, seconds=1.0, device="cpu", views=("genes",))


def test_a_finite_result_passes_also_one_without_any_epoch():
    refuse_divergence(result([3.0, 2.0]), "stMFG", 0, 0.1)
    refuse_divergence(result([]), "stMFG", 0, 0.1)


def test_divergence_says_when_and_with_which_seed_and_what_to_change():
    with pytest.raises(InputError, match=r"with seed 4: its loss is inf in epoch 2 of 3; .*now 0.1"):
        refuse_divergence(result([1.0, math.inf, math.nan]), "stMFG", 4, 0.1)
    with pytest.raises(InputError, match="its embedding is not finite"):
        refuse_divergence(result([1.0], embedding=((1.0,), (math.nan,))), "stMFG", 4, 0.1)
