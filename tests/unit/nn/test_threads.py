"""Shares of one computation on several threads."""

import pytest
import torch

from tissuegraph.nn.threads import in_threads

CPU = torch.device("cpu")


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_every_piece_is_worked_on_once_and_results_keep_their_order():
    assert in_threads(list, range(7), CPU) == [[0, 1, 2], [3, 4, 5, 6]]


@pytest.mark.usefixtures("two_threads")
def test_a_share_has_one_thread_and_no_gradient_and_leaves_the_settings_as_they_were():
    seen = in_threads(lambda part: (torch.get_num_threads(), torch.is_grad_enabled()), range(2), CPU)
    assert seen == [(1, False), (1, False)]
    assert torch.get_num_threads() == 2
    assert torch.is_grad_enabled()


@pytest.mark.usefixtures("two_threads")
def test_one_piece_stays_whole():
    assert in_threads(list, [5], CPU) == [[5]]


@pytest.mark.usefixtures("two_threads")
def test_an_error_in_a_share_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda part: [1 / item for item in part], [1, 2, 0, 4], CPU)
