"""What left-out teachers showed of regions that are taught: the guard of a model."""

SHOWN = "shown"  # regions carried over to sections that the model had not seen
NOT_SHOWN = "not shown"  # they did not
NOT_CHECKED = "not checked"  # a single teacher: nothing could be left out
