"""Random numbers come from the generator that is passed in, and from nothing else."""

import pytest
import torch
from torch import nn

from tissuegraph.nn.random import Dropout, drawing_from, generator


def test_layers_built_from_a_generator_move_it_on_and_not_global_state():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    draws = generator(7)
    with drawing_from(draws):
        first = nn.Linear(3, 2)
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)
    torch.manual_seed(7)
    torch.testing.assert_close(first.weight, nn.Linear(3, 2).weight, rtol=0, atol=0)
    torch.testing.assert_close(torch.rand(4, generator=draws), torch.rand(4), rtol=0, atol=0)


def test_global_state_comes_back_also_after_an_error():
    before = torch.get_rng_state()

    def interrupted():
        with drawing_from(generator(7)):
            nn.Linear(3, "two")

    with pytest.raises(TypeError):
        interrupted()
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)


def test_dropout_is_that_of_torch_with_the_generator_in_place_of_global_state():
    x = torch.arange(1.0, 13.0).reshape(3, 4)
    torch.manual_seed(3)
    expected = nn.functional.dropout(x, 0.25)
    torch.testing.assert_close(Dropout(0.25, generator(3))(x), expected, rtol=0, atol=0)
    kept = expected != 0
    assert 0 < kept.sum() < 12
    torch.testing.assert_close(expected[kept], x[kept] / 0.75)


def test_dropout_does_nothing_outside_training_nor_at_rate_0():
    x, draws = torch.ones(5), generator(0)
    assert Dropout(0.5, draws).eval()(x) is x
    assert Dropout(0.0, draws)(x) is x
    torch.testing.assert_close(draws.get_state(), generator(0).get_state(), rtol=0, atol=0)
