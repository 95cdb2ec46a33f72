"""Steps that are recorded and replayed give what the same steps give one by one."""

import pytest
import torch

from tissuegraph.nn.graphed import Replayed, descend

ROWS = torch.arange(12.0).reshape(6, 2)


def loss_of(weight):
    def loss(rows):
        miss = (ROWS.to(weight.device)[rows] @ weight).square().mean()
        return {"miss": miss, "total": 2 * miss}

    return loss


def test_gradients_of_a_batch_replace_those_of_the_last():
    weight = torch.ones(2, requires_grad=True)
    for _ in range(2):
        terms = descend(loss_of(weight), [weight], torch.tensor([0]))  # row (0, 1): miss (0 + 1)^2
        assert weight.grad.tolist() == [0.0, 4.0]  # twice 2 * 1 * (0, 1)
    assert {name: float(value) for name, value in terms.items()} == {"miss": 1.0, "total": 2.0}
    assert not terms["total"].requires_grad


@pytest.mark.skipif(not torch.cuda.is_available(), reason="records on a GPU only")
def test_replayed_steps_equal_the_same_steps_without_recording():
    ends = []
    for replayed in (False, True):
        weight = torch.ones(2, device="cuda", requires_grad=True)
        step = Replayed(loss_of(weight), [weight]) if replayed else None
        for rows in torch.arange(6, device="cuda").repeat(3).tensor_split(7):  # of two sizes
            terms = step(rows) if replayed else descend(loss_of(weight), [weight], rows)
            with torch.no_grad():
                weight -= 1e-4 * weight.grad
        ends.append((weight.tolist(), float(terms["total"])))
    assert ends[0] == pytest.approx(ends[1])
