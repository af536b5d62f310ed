"""A client of the service as anyone would write one: stubs, a token, and errors with their details."""

import os
import threading

import grpc
import google_rpc_pb2 as rpc
from headgate.v1 import admin_service_pb2_grpc, collector_service_pb2_grpc
from headgate.v1 import history_service_pb2_grpc, permit_service_pb2_grpc, record_service_pb2_grpc

ADDRESS = os.environ["HEADGATE_GRPC"]
SECONDS = 20


class Client:
    """All services over one connection; every call carries the token, if there is one."""

    def __init__(self, token=None, **metadata):
        self.channel = grpc.insecure_channel(ADDRESS)
        self.metadata = [(name.replace("_", "-"), value) for name, value in metadata.items()]
        if token is not None:
            self.metadata.append(("authorization", f"Bearer {token}"))
        self.collectors = collector_service_pb2_grpc.CollectorServiceStub(self.channel)
        self.history = history_service_pb2_grpc.HistoryServiceStub(self.channel)
        self.records = record_service_pb2_grpc.RecordServiceStub(self.channel)
        self.permits = permit_service_pb2_grpc.PermitServiceStub(self.channel)
        self.admin = admin_service_pb2_grpc.AdminServiceStub(self.channel)

    def ask(self, method, request, timeout=SECONDS):
        return method(request, metadata=self.metadata, timeout=timeout)

    def refused(self, method, request, timeout=SECONDS):
        """The error of a call that must fail; of a stream, that of its first message."""
        try:
            answer = method(request, metadata=self.metadata, timeout=timeout)
            if hasattr(answer, "__next__"):
                next(answer)
        except grpc.RpcError as error:
            return Refusal(error)
        raise AssertionError(f"was answered: {answer}")

    def close(self):
        self.channel.close()


class Refusal:
    """A status with the details of google.rpc, by the last part of their names."""

    def __init__(self, error):
        self.code = error.code()
        self.message = error.details()
        self.details = {}
        for name, value in error.trailing_metadata() or ():
            if name == "grpc-status-details-bin":
                status = rpc.Status.FromString(value)
                assert status.code == self.code.value[0], status
                for each in status.details:
                    kind = each.type_url.rpartition(".")[2]
                    detail = getattr(rpc, kind)()
                    assert each.Unpack(detail), each
                    self.details[kind] = detail

    @property
    def reason(self):
        info = self.details["ErrorInfo"]
        assert info.domain == "headgate.dev", info
        return info.reason

    @property
    def fields(self):
        return [each.field for each in self.details["BadRequest"].field_violations]


def together(count, call):
    """What `count` calls answered that began at the same moment."""
    begin = threading.Barrier(count)
    answers = [None] * count

    def run(index):
        begin.wait()
        try:
            answers[index] = call(index)
        except grpc.RpcError as error:
            answers[index] = Refusal(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
