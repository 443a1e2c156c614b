"""How rows are measured, a package for each module; which rows there are stands in suites/."""
