"""Coverage's plugin for lines of Cython.

Cython's own (3.3) looks for a source by the name that Cython wrote, from the working directory of the moment,
and raises at an included .pxi, after which no line of Cython is measured.  Which lines can run it reads from
the C: that is taken from it.  In a process of the tests nothing of Cython is imported.
"""

from __future__ import annotations

import os
from operator import attrgetter
from typing import Any

from coverage import CoveragePlugin, FileReporter, FileTracer

HOME = "hasten"  # the folder that names start with: hasten/queue/_queue.pyx


class Tracer(FileTracer):
    def __init__(self, source: str) -> None:
        self.source = source
        # In C, and no method in Python: it is called at each line, and another thread could go on in the
        # middle of what the GIL keeps whole.
        self.line_number_range = attrgetter("f_lineno", "f_lineno")

    def source_filename(self) -> str:
        return self.source


class Lines(CoveragePlugin):
    def __init__(self, tree: str) -> None:
        self.tree = tree
        self.excluded: list[str] = []
        self.reader: Any = None

    def configure(self, config: Any) -> None:
        self.excluded = config.get_option("report:exclude_lines")

    def file_tracer(self, filename: str) -> FileTracer | None:
        """The file in the tree, whatever folder coverage has put before the name that the code has.

        Code of public functions has the name of the shared object (tools/include/function.h).
        """
        if not filename.endswith((".pyx", ".so")):
            return None
        folder, name = os.path.split(filename.rpartition(f"/{HOME}/")[2])
        source = os.path.join(self.tree, HOME, folder, name.partition(".")[0] + ".pyx")
        return Tracer(source) if os.path.exists(source) else None

    def file_reporter(self, filename: str) -> FileReporter | str:
        if self.reader is None:
            from Cython.Coverage import Plugin

            self.reader = Plugin()
            self.reader._excluded_line_patterns = self.excluded
        return self.reader.file_reporter(filename)


def coverage_init(reg: Any, options: dict[str, str]) -> None:
    plugin = Lines(options["tree"])
    reg.add_configurer(plugin)
    reg.add_file_tracer(plugin)
