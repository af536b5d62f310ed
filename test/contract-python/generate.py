"""Generates the client into a directory: generate.py <directory> <folder of protos>...

Only Debian's grpcio-tools and the .proto files take part: nothing that our own build made of them.
"""

import glob
import os
import sys

import grpc_tools
from grpc_tools import protoc

# The schema of the journal is in the same folder; no client needs it.
JOURNAL = "headgate/events/"
WELLKNOWN = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")


def main(directory, *folders):
    out = [f"--python_out={directory}", f"--grpc_python_out={directory}"]
    for folder in folders:
        every = glob.glob("**/*.proto", root_dir=folder, recursive=True)
        found = [name for name in every if not name.startswith(JOURNAL)]
        roots = [f"-I{each}" for each in (folder, WELLKNOWN, "/usr/include")]
        if not found or protoc.main(["protoc", *roots, *out, *found]) != 0:
            sys.exit(f"protoc failed in {folder}")


main(*sys.argv[1:])
