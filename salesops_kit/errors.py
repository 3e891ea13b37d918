"""What can go wrong, by who can mend it."""


class SalesopsError(Exception):
    """Base of every error the kit raises on purpose; its text tells the remedy."""


class DataError(SalesopsError):
    """The data cannot be used: names file, row, column, value and what to do."""


class SettingsError(SalesopsError):
    """`salesops.toml` is wrong: names the key, its value and what is allowed."""


class ParameterError(SalesopsError):
    """A caller asked for something that does not exist: a period, a column, a scope."""


class ReportError(SalesopsError):
    """A report could not be made; the previous one is left as it was."""
