"""Generates the client into a directory: generate.py <directory> <descriptor set> <folder of protos>...

The services come from the committed descriptor set, as a client without our sources would get them from
reflection: Debian 12's grpcio-tools is too old to parse `optional`, and reads it well from there.
"""

import os
import sys

import grpc_tools
from google.protobuf import descriptor_pb2
from grpc_tools import protoc


def run(*arguments):
    if protoc.main(["protoc", *arguments]) != 0:
        sys.exit("protoc failed")


def main(directory, image, *folders):
    out = [f"--python_out={directory}", f"--grpc_python_out={directory}"]
    files = descriptor_pb2.FileDescriptorSet()
    with open(image, "rb") as stream:
        files.ParseFromString(stream.read())
    ours = [each.name for each in files.file if each.package == "headgate.v1"]
    run(f"--descriptor_set_in={image}", *out, *ours)
    wellknown = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    for folder in folders:
        found = [name for name in os.listdir(folder) if name.endswith(".proto")]
        run("-I", folder, "-I", wellknown, "-I", "/usr/include", *out, *found)


main(*sys.argv[1:])
