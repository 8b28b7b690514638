"""Files as zstd packs them."""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def packed(data: bytes, window_log: int = 0) -> bytes:
    """Return one frame.

    Args:
        window_log: How far back it may refer, as a power of two; 0 to leave it to zstd.
    """
    options: dict[int, int] = {zstd.CompressionParameter.window_log: window_log}
    packer = zstd.ZstdCompressor(options=options if window_log else None)
    return packer.compress(data) + packer.flush()
