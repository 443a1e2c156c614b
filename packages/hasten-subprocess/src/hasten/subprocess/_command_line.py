"""list2cmdline(): arguments as one command line, as Windows programs parse it."""

import os

from hasten.subprocess._shown import shown


@shown
def list2cmdline(seq):
    """Join arguments to a command line, by the rules of Microsoft's C runtime.

    seq: str, bytes or paths.  An argument that is empty or has a blank or tab in it is put into double
    quotes.  A double quote in an argument is escaped by a backslash.  Backslashes are literal, but doubled
    before a double quote.  Not for shells: neither cmd.exe nor a Unix shell parses it this way.
    """
    return " ".join(_quoted(os.fsdecode(argument)) for argument in seq)


def _quoted(argument):
    import re  # rarely needed on Linux, so imported here

    quoted = re.sub(r'(\\*)"', r'\1\1\\"', argument)
    if argument and " " not in argument and "\t" not in argument:
        return quoted
    return '"' + re.sub(r"(\\+)\Z", r"\1\1", quoted) + '"'
