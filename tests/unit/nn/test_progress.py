"""How often a training says how far it is."""

from tissuegraph.nn.progress import Teller


def told(epochs: int, seconds_per_epoch: float) -> list[int]:
    now = [0.0]
    teller = Teller(epochs, lambda: now[0])
    found = []
    for epoch in range(1, epochs + 1):
        now[0] += seconds_per_epoch
        if teller.due(epoch):
            found.append(epoch)
    return found


def test_a_quick_training_reports_every_tenth_of_its_epochs():
    assert told(100, 0.01) == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]


def test_a_slow_one_is_never_silent_for_longer_than_half_a_minute_and_an_epoch():
    # tenths at 10 and 20; in between every third epoch of 10 s, counted from the report before
    assert told(20, 10.0) == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]
    assert told(100, 10.0)[:4] == [3, 6, 9, 10]


def test_the_last_epoch_is_reported():
    assert told(7, 0.1) == [1, 2, 3, 4, 5, 6, 7]
    assert told(25, 0.1)[-1] == 25
