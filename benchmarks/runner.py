"""Runs asv on commits of this repository, with its results in a folder of our choice."""

import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
HISTORY = Path(__file__).parent / "history"
QUICK = ("-a", "rounds=1", "-a", "repeat=1", "-a", "number=1", "-a", "warmup_time=0")
NOBODY = {
    f"GIT_{who}_{what}": "benchmarks"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


def git(*arguments: str) -> str:
    """What git answers, in this repository."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, env=os.environ | NOBODY, text=True, capture_output=True
    )
    if done.returncode:
        raise ValueError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def commit_of(name: str) -> str:
    """The full hash of a commit, however it is named."""
    try:
        return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except ValueError:
        message = (
            f"{name!r} names no commit here: pass a hash, a branch or a tag (git log --oneline)"
        )
        raise ValueError(message) from None


def twin_of(commit: str) -> str:
    """A commit with the same files, under no name: git forgets it after a while."""
    return git("commit-tree", f"{commit}^{{tree}}", "-p", commit, "-m", "The same again")


def _branch() -> str:
    """The branch whose commits the pages show."""
    (branch,) = _settings()["branches"]
    try:
        git("rev-parse", "--verify", "--quiet", f"{branch}^{{commit}}")
    except ValueError:  # a checkout of one commit, as CI makes them
        return "HEAD"
    return str(branch)


def _settings() -> dict[str, Any]:
    return dict(json.loads((ROOT / "asv.conf.json").read_text(encoding="utf-8")))


@contextlib.contextmanager
def configuration(results: Path, html: Path | None = None) -> Iterator[Path]:
    """A file with the settings of ``asv.conf.json`` but for where results and pages go."""
    settings = _settings()
    paths = {name: str(ROOT / settings[name]) for name in ("repo", "benchmark_dir", "env_dir")}
    paths["results_dir"] = str(results.resolve())
    paths["html_dir"] = str((html or ROOT / settings["html_dir"]).resolve())
    with tempfile.TemporaryDirectory(prefix="parconv-asv-") as folder:
        path = Path(folder) / "asv.conf.json"
        path.write_text(
            json.dumps({**settings, **paths, "branches": [_branch()]}), encoding="utf-8"
        )
        yield path


def asv(*arguments: str) -> None:
    """Run an asv command; what it prints is progress."""
    done = subprocess.run([sys.executable, "-m", "asv", *arguments], cwd=ROOT, stdout=sys.stderr)
    if done.returncode:
        raise ValueError(
            f"asv {arguments[0]} ended with status {done.returncode}: its lines above say why"
        )


def default_machine() -> str:
    return f"{platform.machine().lower()}-{os.cpu_count()}-cores"


def describe_machine(name: str) -> None:
    """Tell asv what this machine is, without host name and kernel, so that it asks nothing."""
    try:
        from asv.machine import Machine, MachineCollection
    except ImportError:
        raise ValueError("asv is not installed: python3 -m pip install -e '.[test]'") from None

    found = Machine.get_defaults()
    ram = f"{int(found['ram'] or 0) / 2**30:.0f} GiB" if found["ram"] else ""
    facts = {"machine": name, "os": platform.system(), "ram": ram}
    MachineCollection.save(name, {**found, **facts})


def measure(
    commits: Sequence[str], results: Path, machine: str, arguments: Sequence[str] = ()
) -> None:
    """Run the benchmarks on full hashes, each in an environment that holds that commit."""
    describe_machine(machine)
    with configuration(results) as path:
        hashes = path.with_name("commits")
        hashes.write_text("\n".join(commits) + "\n", encoding="utf-8")
        asv(
            "run", f"HASHFILE:{hashes}", "--config", str(path), "--machine", machine,
            "--no-pull", *arguments,
        )  # fmt: skip
