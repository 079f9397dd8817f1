"""The one exception that carries a sentence for the user."""


class InfoplaneError(Exception):
    """A mistake in the input, told in one sentence.

    The message names the file or key, what was found and what is allowed. The command line prints it
    without a traceback and exits with code 1.
    """
