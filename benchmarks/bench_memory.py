"""How much memory does a call take beyond image and output?"""

from .common import BIG, THREADS, Convolution


class Memory(Convolution):
    """4096 x 4096 float32, 15 x 15; `peakmem_setup` is what to subtract."""

    param_names = ("mode",)
    params = (["valid", "same", "full"],)
    version = "1"

    def setup(self, mode):
        self.prepare(BIG, "15x15", mode=mode)

    def peakmem_setup(self, mode):
        pass

    def peakmem_reused_output(self, mode):
        self.plan(self.f, out=self.out)


class Workspace(Convolution):
    """Scratch of all threads together, 4096 x 4096 float32, 15 x 15."""

    param_names = ("threads",)
    params = (THREADS,)
    version = "1"

    def setup(self, threads):
        self.prepare(BIG, "15x15", threads=threads)

    def track_workspace(self, threads):
        return self.plan.workspace

    track_workspace.unit = "bytes"
