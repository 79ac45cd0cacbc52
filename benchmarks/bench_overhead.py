"""What does a call cost before the first multiplication, and a process before the first call?"""

import subprocess
import sys

import parconv

from .common import Convolution


class SmallImages(Convolution):
    """Microseconds per call."""

    param_names = ("size",)
    params = ([8, 28, 64, 256],)
    version = "1"

    def setup(self, size):
        self.prepare((size, size), (3, 3))

    def time_conv2d(self, size):
        parconv.conv2d(self.f, self.g, mode="same", boundary="mirror")

    def time_plan(self, size):
        self.plan(self.f, out=self.out)


class NewProcess:
    """Seconds of a whole process: import, and a first call with a warm cache on disk."""

    version = "1"
    timeout = 120

    def setup(self):
        self.time_first_call()

    def _run(self, code):
        subprocess.run([sys.executable, "-c", code], check=True)

    def time_import_numpy(self):
        self._run("import numpy")

    def time_import(self):
        self._run("import numpy, parconv")

    def time_first_call(self):
        self._run("import numpy as n, parconv; parconv.conv2d(n.ones((9, 9)), n.ones((3, 3)))")
