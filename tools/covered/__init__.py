"""Which lines of hasten the tests run: python tools/covered --help."""
