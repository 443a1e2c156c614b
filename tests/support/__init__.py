"""What tests of several packages share.  /conftest.py registers the fixtures; children import the targets."""
