"""Memory that one trial frees is reused by the next."""

import numpy as np

__all__ = ["keep_freed_memory"]


def keep_freed_memory() -> None:
    """Let the C library keep freed blocks of up to 31 MiB for reuse instead of returning them to the system.

    By default every matrix above 128 KiB gets fresh pages at each allocation, which took a third of the time of a trial
    with n = 150 and k = 300. glibc raises its threshold when a larger block is freed; elsewhere this does nothing.
    """
    block = np.empty(31 * 2**20, np.uint8)
    del block
