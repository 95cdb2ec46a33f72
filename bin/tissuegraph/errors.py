"""The errors a user can act on. Each message is one line: the rule, the value received, the remedy."""


class TissuegraphError(Exception):
    """Base of the errors whose message is meant for the user; anything else is a bug."""

    def __init__(self, message: str):
        super().__init__(" ".join(message.split()))


class InputError(TissuegraphError):
    """A file or value that the user supplied cannot be used."""


class SettingsError(TissuegraphError):
    """A parameter or preset holds a value outside its documented range."""
