"""The rights that the decoder process drops before it reads the first byte of a file. Called by `child`, once; irreversible.

POSIX limits, on every platform: no new file descriptor (so no file and no socket can be opened), no process, no byte written to a
file, no core dump, bounded CPU time; bounded address space where the platform enforces it (Linux). Linux with libseccomp: only
the system calls of ALLOWED_CALLS, and no memory that can be executed; every other call fails with EPERM.
"""

import contextlib
import errno
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyseccomp import SyscallFilter


CPU_S = 3600  # of one child in total; it is replaced long before (`process.RETIRE_AFTER_CPU_S`)
LIMITS = ("NOFILE", "NPROC", "FSIZE", "CORE", "CPU", "AS")
SECCOMP = "seccomp"
EVERYTHING = (*LIMITS, SECCOMP)  # the names of what can be enforced
PROT_EXEC = 4
# What the interpreter, numpy and FFmpeg need to compute and to read and write the two pipes that are open already.
ALLOWED_CALLS = (
    "brk",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "exit",
    "exit_group",
    "fstat",
    "futex",
    "getpid",
    "getrandom",
    "getrusage",
    "gettid",
    "gettimeofday",
    "lseek",
    "madvise",
    "mremap",
    "munmap",
    "nanosleep",
    "poll",
    "ppoll",
    "read",
    "readv",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "sigaltstack",
    "tgkill",  # abort()
    "write",
    "writev",
)


def confine(memory_bytes: int) -> list[str]:
    """`memory_bytes`: by how much the address space may still grow. Returns the names of what is enforced."""
    address_space_bytes = _address_space_bytes() + memory_bytes
    calls = (
        _allowed_calls()
    )  # loads libraries, which nothing does after the limits; setting limits is not allowed after the filter
    enforced = [*_limits(address_space_bytes)]
    if calls is not None:
        with contextlib.suppress(OSError):  # a kernel without seccomp
            calls.load()  # sets no_new_privs, too
            enforced.append(SECCOMP)
    return enforced


def _address_space_bytes() -> int:
    """That of this process; 0 where it is not known: there, the limit is refused, too."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _limits(address_space_bytes: int) -> Iterator[str]:
    for name in LIMITS:
        limit = {"CPU": CPU_S, "AS": address_space_bytes}.get(name, 0)
        with contextlib.suppress(OSError, ValueError):  # macOS refuses AS
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (limit, limit))
            yield name


def _allowed_calls() -> "SyscallFilter | None":
    """None where there is no libseccomp."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError):
        return None
    calls = pyseccomp.SyscallFilter(defaction=pyseccomp.ERRNO(errno.EPERM))
    for name in ALLOWED_CALLS:
        calls.add_rule(pyseccomp.ALLOW, name)
    for name in ("mmap", "mprotect"):
        calls.add_rule(pyseccomp.ALLOW, name, pyseccomp.Arg(2, pyseccomp.MASKED_EQ, PROT_EXEC, 0))
    return calls
