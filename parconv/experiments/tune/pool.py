"""The processes of a sweep: started, asked, watched, and ended with all that they started.

Knows nothing of what they compute.
"""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .search import FailedError
from .settings import Setting
from .worker import FOLDER

GRACE_SECONDS = 2.0
TIMEOUT_SECONDS = 60.0  # of one run; the first one may compile
START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    "from parconv.experiments.tune.worker import main; main()"
)
MEND = {
    "omp": "install OpenMP: libgomp1 with apt, libomp with brew",
    "tbb": "`pip install tbb`",
}
Reply = dict[str, Any]


class Worker:
    """One process and its pipe."""

    def __init__(self, environment: Mapping[str, str], start: str = START) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="parconv-tune-"))
        self._errors = open(self._folder / "errors", "w+b")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-c", start, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **environment, FOLDER: str(self._folder)},
            encoding="utf-8",
            # A group of its own: Ctrl-C reaches us alone, and we end the group.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
        )
        self._replies: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._replies.put(line)
        self._replies.put("")

    def receive(self, timeout: float) -> Reply:
        """The next reply; `FailedError` where none comes, and the process is of no more use."""
        try:
            line = self._replies.get(timeout=timeout)
        except queue.Empty:
            raise FailedError(f"no answer within {timeout:g} s") from None
        if not line.endswith("\n"):
            raise FailedError(self._last_words())
        reply: Reply = json.loads(line)
        return reply

    def ask(self, request: Reply, timeout: float) -> Reply:
        """Send a request and wait for its reply."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # a dead process is noticed by the missing reply
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return self.receive(timeout)

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        status = self._process.returncode or 0
        how = signal.strsignal(-status) if status < 0 else f"status {status}"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        return f"its process ended with {how}{last and f': {last}'}"

    def close(self) -> None:
        """End the process and its children, at once where it does not listen."""
        try:
            with contextlib.suppress(OSError):
                assert self._process.stdin is not None
                self._process.stdin.close()
            self._end()
        finally:
            self._signal("SIGKILL")
            self._process.wait()
            self._listener.join(GRACE_SECONDS)
            self._errors.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        for name in ("SIGTERM", "SIGKILL"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_SECONDS)
                return
            self._signal(name)

    def _signal(self, name: str) -> None:
        """To the whole group; elsewhere than on POSIX the process is terminated."""
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, getattr(signal, name))
            else:
                self._process.kill()


class Pool:
    """A worker for each threading layer that works here; a context that ends them all.

    Parameters
    ----------
    layers : sequence of str
        Threading layers to try.
    threads : int
        The most threads of any setting.
    default : str
        The layer for settings that name none.
    timeout : float
        Seconds that one run may take.
    start : str
        What the processes execute.

    Attributes
    ----------
    absent : dict
        Layers that cannot run here, each with the reason.
    """

    def __init__(
        self,
        layers: Sequence[str],
        threads: int,
        default: str,
        timeout: float = TIMEOUT_SECONDS,
        start: str = START,
    ) -> None:
        self._threads, self._default, self._start = threads, default, start
        self._timeout = timeout
        self._workers: dict[str, Worker] = {}
        self._told: set[str] = set()
        self._task: Reply = {}
        self._layers = layers
        self.absent: dict[str, str] = {}

    def __enter__(self) -> "Pool":
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            for layer in self._layers:  # all start at the same time
                self._workers[layer] = self._new(layer)
            for layer in self._layers:
                self._greet(layer)
            stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.ExitStack() as stack:
            while self._workers:
                stack.callback(self._workers.popitem()[1].close)

    @property
    def layers(self) -> tuple[str, ...]:
        """Those that work."""
        return tuple(layer for layer in self._layers if layer not in self.absent)

    def _new(self, layer: str) -> Worker:
        environment = {
            "NUMBA_THREADING_LAYER": layer,
            "NUMBA_NUM_THREADS": str(max(self._threads, os.cpu_count() or 1)),
            "PARCONV_WISDOM": "off",
        }
        return Worker(environment, self._start)

    def _greet(self, layer: str) -> None:
        try:
            reply = self._workers[layer].receive(self._timeout)
        except FailedError as failure:
            reply = {"error": str(failure)}
        if reply.get("layer") != layer:
            self.absent[layer] = _reason(layer, reply)
            self._dismiss(layer)

    def _dismiss(self, layer: str) -> None:
        self._told.discard(layer)
        self._workers.pop(layer).close()

    def introduce(self, subject: Reply, implementation: str) -> None:
        """Name the subject of the settings that follow."""
        self._task, self._told = {"subject": subject, "implementation": implementation}, set()

    def measure(self, setting: Setting) -> float:
        """Seconds per call in one run, in the process that the setting needs."""
        layer = setting.layer or self._default
        if layer in self.absent:
            raise FailedError(f"no process for the threading layer {layer}: {self.absent[layer]}")
        try:
            reply = self._reply(layer, setting)
        except FailedError:
            self._dismiss(layer)  # the next setting gets a new one
            raise
        if "error" in reply:
            raise FailedError(reply["error"])
        return float(reply["seconds"])

    def _reply(self, layer: str, setting: Setting) -> Reply:
        if layer not in self._workers:
            self._workers[layer] = self._new(layer)
            self._workers[layer].receive(self._timeout)
        worker = self._workers[layer]
        if layer not in self._told:
            reply = worker.ask(self._task, self._timeout)
            if "error" in reply:
                return reply
            self._told.add(layer)
        return worker.ask({"setting": asdict(setting)}, self._timeout)


def _reason(layer: str, reply: Reply) -> str:
    """Why a layer does not run, in one line, and the mend."""
    said = str(reply.get("error") or f"numba started {reply.get('layer')} instead")
    lines = " ".join(said.partition("HINT")[0].split()).rstrip(".")
    return f"{lines}: {MEND[layer]}" if layer in MEND else lines
