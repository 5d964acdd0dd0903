"""llama.cpp's own server with one model: MODEL PORT. It ends with its standard input.

The server says when it listens; the process that starts this one asks it for that.
"""
from __future__ import annotations

import os
import sys

import xllamacpp

# Prompts with a document fit.
CONTEXT_TOKENS = 4096


def main() -> None:
    """Loads the model, and serves until nobody holds the other end of standard input."""
    model, port = sys.argv[1:]
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = ["m"]
    params.hostnames = ["127.0.0.1"]
    params.port = int(port)
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.warmup = False
    params.cpuparams.n_threads = 2
    # Held for as long as it serves.
    server = xllamacpp.Server(params)
    sys.stdin.buffer.read()
    del server
    # Its threads need not be waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
