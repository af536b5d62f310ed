"""Against a service that lets each caller ask once a second."""

import unittest

import grpc
from headgate.v1 import collector_service_pb2 as pb

from client import Client, Refusal


class TooMany(unittest.TestCase):
    def test_who_asks_too_often_is_told_when_to_come_again(self):
        client = Client()
        request = pb.ListCollectorsRequest()
        for _ in range(20):
            try:
                client.ask(client.collectors.ListCollectors, request)
            except grpc.RpcError as error:
                told = Refusal(error)
                break
        self.assertEqual((told.code, told.reason), (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_REQUESTS"))
        self.assertGreaterEqual(told.details["RetryInfo"].retry_delay.seconds, 1)
        client.close()
