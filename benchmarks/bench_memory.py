"""How much memory does a call take beyond image and output?"""

from .common import Convolution, image, taps


class Memory(Convolution):
    """4096 x 4096 float32; `peakmem_setup` is what to subtract."""

    param_names = ("mode", "boundary")
    params = (["valid", "same", "full"], ["constant", "mirror", "wrap"])
    version = "1"

    def setup(self, mode, boundary):
        self.use(image((4096, 4096)), taps((15, 15)), mode=mode, boundary=boundary)

    def peakmem_setup(self, mode, boundary):
        pass

    def peakmem_reused_output(self, mode, boundary):
        self.plan(self.f, out=self.out)

    def track_workspace(self, mode, boundary):
        return self.plan.workspace

    track_workspace.unit = "bytes"
