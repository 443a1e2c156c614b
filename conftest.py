"""The fixtures that all tests have, in the packages and in tests/: registered here, once."""

pytest_plugins = ("support.interruptible", "support.leftovers", "support.tasks", "support.signalling")
