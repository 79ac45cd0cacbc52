"""What does a call cost before the first multiplication, and a process before the first call?"""

import subprocess
import sys

from .common import Convolution, taps


class SmallImages(Convolution):
    """Microseconds per call."""

    param_names = ("size",)
    params = ([8, 28, 64, 256],)
    version = "1"
    number = 500

    def setup(self, size):
        import parconv

        self.prepare((size, size), "3x3")
        self.conv2d, self.g = parconv.conv2d, taps((3, 3))
        self.conv2d(self.f, self.g, mode="same", boundary="mirror")

    def time_conv2d(self, size):
        self.conv2d(self.f, self.g, mode="same", boundary="mirror")

    def time_plan(self, size):
        self.plan(self.f, out=self.out)


class Stack(Convolution):
    """A thousand images of 28 x 28 in one call."""

    param_names = ("filter",)
    params = (["3x3", "7x7"],)
    version = "1"

    def setup(self, kernel):
        self.prepare((1000, 28, 28), kernel)

    def time_stack(self, kernel):
        self.plan(self.f, out=self.out)


class NewProcess:
    """Seconds of a whole process: import, and a first call with a warm cache on disk."""

    version = "1"
    timeout = 120
    rounds = 1
    number = 1
    repeat = 5
    warmup_time = 0
    warm = False

    def setup(self):
        if not self.warm:
            self.time_first_call()
        self.warm = True

    def _run(self, code):
        subprocess.run([sys.executable, "-c", code], check=True)

    def time_import_numpy(self):
        self._run("import numpy")

    def time_import(self):
        self._run("import numpy, parconv")

    def time_first_call(self):
        self._run("import numpy as n, parconv; parconv.conv2d(n.ones((9, 9)), n.ones((3, 3)))")
