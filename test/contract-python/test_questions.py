"""Questions and streams: pages, presence, resuming, deadlines; health and reflection."""

import unittest

import grpc
import health_pb2
import health_pb2_grpc
import reflection_pb2
import reflection_pb2_grpc
from google.protobuf import descriptor_pb2, timestamp_pb2
from headgate.v1 import admin_service_pb2 as admin_pb
from headgate.v1 import collector_service_pb2 as pb
from headgate.v1 import history_service_pb2 as history_pb
from headgate.v1 import record_service_pb2 as record_pb
from headgate.v1 import words_pb2 as words

from tokens import OPERATOR, VIEWER

A = "moralis"
B = "historical"
CODE = grpc.StatusCode


class Pages(unittest.TestCase):
    def test_all_collectors_come_a_page_at_a_time(self):
        names, token = [], ""
        while True:
            request = pb.ListCollectorsRequest(page_size=1, page_token=token)
            page = VIEWER.ask(VIEWER.collectors.ListCollectors, request)
            self.assertEqual(page.total_count, 2)
            names += [each.name for each in page.collectors]
            token = page.next_page_token
            if token == "":
                break
        self.assertEqual(names, [B, A])

    def test_filters_are_enums(self):
        request = pb.ListCollectorsRequest(type=words.COLLECTOR_TYPE_ONCHAIN)
        page = VIEWER.ask(VIEWER.collectors.ListCollectors, request)
        self.assertEqual([each.name for each in page.collectors], [A])

    def test_a_collector_is_told_with_what_is_there_and_without_what_is_not(self):
        page = VIEWER.ask(VIEWER.collectors.GetCollector, pb.GetCollectorRequest(name=B)).collector
        self.assertEqual((page.name, page.type, page.enabled), (B, words.COLLECTOR_TYPE_MARKET_DATA, True))
        self.assertNotEqual(page.why, "")
        self.assertEqual(page.circuit_breaker.upstreams[0].name, "primary")
        self.assertFalse(page.circuit_breaker.HasField("half_open"))
        self.assertTrue(page.rate_limiter.HasField("queue"))
        past = VIEWER.ask(VIEWER.collectors.GetCollector, pb.GetCollectorRequest(name=B, at=page.timestamp))
        self.assertFalse(past.collector.rate_limiter.HasField("queue"))

    def test_the_future_is_refused_by_field(self):
        later = timestamp_pb2.Timestamp(seconds=32503680000)
        told = VIEWER.refused(VIEWER.collectors.GetCollector, pb.GetCollectorRequest(name=B, at=later))
        self.assertEqual((told.code, told.fields), (CODE.INVALID_ARGUMENT, ["at"]))
        wild = timestamp_pb2.Timestamp(seconds=2**62)
        told = VIEWER.refused(VIEWER.collectors.GetCollector, pb.GetCollectorRequest(name=B, at=wild))
        self.assertEqual((told.code, told.fields), (CODE.INVALID_ARGUMENT, ["at"]))

    def test_the_rest_is_answered(self):
        costs = VIEWER.ask(VIEWER.collectors.GetCosts, pb.GetCostsRequest())
        self.assertEqual([each.name for each in costs.collectors], [B, A])
        cursor = VIEWER.ask(VIEWER.collectors.GetCursor, pb.GetCursorRequest(name=B))
        self.assertEqual(cursor.collector, B)
        service = VIEWER.ask(VIEWER.admin.GetService, admin_pb.GetServiceRequest())
        self.assertTrue(service.ready)
        health = VIEWER.ask(VIEWER.history.ListHealth, history_pb.ListHealthRequest(name=B, hours=1.5))
        self.assertEqual(health.collector_name, B)

    def test_metadata_names_the_request(self):
        call = VIEWER.collectors.ListCollectors.with_call(
            pb.ListCollectorsRequest(), metadata=[*VIEWER.metadata, ("x-request-id", "py-request")]
        )[1]
        self.assertIn(("x-request-id", "py-request"), list(call.initial_metadata()))


class Watch(unittest.TestCase):
    def watch(self, **request):
        return VIEWER.ask(VIEWER.collectors.WatchCollectors, pb.WatchCollectorsRequest(**request), timeout=60)

    def test_a_snapshot_then_changes_then_only_what_changed_since(self):
        stream = self.watch()
        names = []
        for message in stream:
            if message.kind == pb.WATCH_KIND_SNAPSHOT_COMPLETE:
                break
            if message.kind == pb.WATCH_KIND_SNAPSHOT:
                names.append(message.collector.name)
        self.assertEqual(sorted(names), [B, A])
        position = message.position
        stream.cancel()
        request = pb.DisableCollectorRequest(name=A, reason="seen from afar")
        OPERATOR.ask(OPERATOR.collectors.DisableCollector, request)
        again = self.watch(after_position=position, names=[A])
        for message in again:
            self.assertNotEqual(message.kind, pb.WATCH_KIND_SNAPSHOT)
            if message.kind == pb.WATCH_KIND_CHANGED and not message.collector.enabled:
                break
        again.cancel()
        OPERATOR.ask(OPERATOR.collectors.EnableCollector, pb.EnableCollectorRequest(name=A))


class Facts(unittest.TestCase):
    def read(self, **request):
        return VIEWER.ask(VIEWER.history.ReadEvents, history_pb.ReadEventsRequest(**request), timeout=60)

    def test_a_reader_that_was_cut_off_goes_on_where_it_was(self):
        whole = [each.event.position for each in self.read(collector=A)]
        self.assertGreater(len(whole), 2)
        self.assertEqual(whole, sorted(set(whole)))
        half = len(whole) // 2
        stream = self.read(collector=A)
        first = [next(stream).event.position for _ in range(half)]
        stream.cancel()
        rest = [each.event.position for each in self.read(collector=A, after_position=first[-1])]
        self.assertEqual((first + rest)[: len(whole)], whole)

    def test_a_follower_hears_of_what_happens_next(self):
        head = [each.event.position for each in self.read()][-1]
        stream = self.read(after_position=head, follow=True, collector=B, types=["BreakerReset"])
        OPERATOR.ask(OPERATOR.collectors.ResetCircuitBreaker, pb.ResetCircuitBreakerRequest(name=B, reason="heard"))
        event = next(stream).event
        self.assertEqual((event.type, event.metadata.reason), ("BreakerReset", "heard"))
        self.assertEqual(event.metadata.actor, "token:py-operator")
        stream.cancel()

    def test_a_deadline_ends_a_stream_that_nothing_comes_by(self):
        request = history_pb.ReadEventsRequest(follow=True, types=["NeverHappens"])
        told = VIEWER.refused(VIEWER.history.ReadEvents, request, timeout=0.5)
        self.assertEqual(told.code, CODE.DEADLINE_EXCEEDED)

    def test_a_page_of_facts_says_where_to_go_on(self):
        request = history_pb.ListEventsRequest(collector=A, limit=3)
        page = VIEWER.ask(VIEWER.history.ListEvents, request)
        self.assertEqual(len(page.events), 3)
        request.after_position = page.next_after
        self.assertGreater(VIEWER.ask(VIEWER.history.ListEvents, request).events[0].position, page.events[-1].position)


class Past(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for state in (words.BREAKER_STATE_OPEN, words.BREAKER_STATE_CLOSED):
            request = pb.SetCircuitBreakerStateRequest(name=A, state=state, reason="for the history")
            OPERATOR.ask(OPERATOR.collectors.SetCircuitBreakerState, request)

    def test_every_transition_of_a_breaker_is_told_a_page_at_a_time(self):
        request = history_pb.ListBreakerHistoryRequest(name=A, page_size=1)
        turns = []
        while True:
            page = VIEWER.ask(VIEWER.history.ListBreakerHistory, request)
            turns += page.transitions
            request.page_token = page.next_page_token
            if page.next_page_token == "":
                break
        told = [(each.to, each.reason) for each in turns]
        self.assertIn((words.BREAKER_STATE_FORCED_OPEN, "for the history"), told)
        self.assertEqual(turns[-1].to, words.BREAKER_STATE_CLOSED)
        self.assertTrue(all(each.HasField("revision") for each in turns))

    def test_a_replay_tells_the_state_after_each_fact_and_resumes(self):
        request = history_pb.ReplayBreakerRequest(name=A)
        steps = list(VIEWER.ask(VIEWER.history.ReplayBreaker, request))
        forced = [each for each in steps if each.type == "BreakerForced"][-1]
        self.assertEqual(forced.effective, words.BREAKER_STATE_FORCED_OPEN)
        self.assertEqual(forced.state.override.reason, "for the history")
        request.after_revision = forced.revision
        rest = list(VIEWER.ask(VIEWER.history.ReplayBreaker, request))
        wanted = [each for each in steps if each.revision > forced.revision]
        self.assertEqual(rest[: len(wanted)], wanted)

    def test_a_collector_is_told_as_it_was_when_a_fact_was_the_newest(self):
        facts = VIEWER.ask(
            VIEWER.history.ReadEvents,
            history_pb.ReadEventsRequest(collector=A, types=["BreakerForced"]),
        )
        *_, last = (each.event for each in facts)
        request = history_pb.GetStateAtRequest(name=A, position=last.position)
        page = VIEWER.ask(VIEWER.history.GetStateAt, request).collector
        self.assertEqual(page.circuit_breaker.effective, words.BREAKER_STATE_FORCED_OPEN)

    def test_a_simulation_obeys_what_it_is_given(self):
        request = history_pb.SimulateBreakerRequest(name=A, config={"failure_threshold": 1})
        told = VIEWER.ask(VIEWER.history.SimulateBreaker, request)
        self.assertEqual(told.config.failure_threshold, 1)
        self.assertEqual(told.simulated.calls_admitted + told.simulated.calls_barred, told.calls)

    def test_the_journal_is_whole(self):
        told = OPERATOR.ask(OPERATOR.history.VerifyJournal, history_pb.VerifyJournalRequest(), timeout=60)
        self.assertTrue(told.valid, told)
        self.assertGreater(told.events, 0)
        refused = VIEWER.refused(VIEWER.history.VerifyJournal, history_pb.VerifyJournalRequest())
        self.assertEqual(refused.code, CODE.PERMISSION_DENIED)


class Records(unittest.TestCase):
    def test_a_subscriber_resumes_by_its_cursor(self):
        request = record_pb.SubscribeRecordsRequest(name=B, follow=True)
        stream = VIEWER.ask(VIEWER.records.SubscribeRecords, request, timeout=60)
        first = [next(stream).record for _ in range(5)]
        stream.cancel()
        request = record_pb.SubscribeRecordsRequest(name=B, after=first[2].sequence)
        again = VIEWER.ask(VIEWER.records.SubscribeRecords, request, timeout=60)
        self.assertEqual([next(again).record for _ in range(2)], first[3:])
        again.cancel()
        self.assertIn("close", first[0].data.fields)


class Around(unittest.TestCase):
    def test_health_serves_the_whole_and_each_service(self):
        stub = health_pb2_grpc.HealthStub(VIEWER.channel)
        for service in ("", "headgate.v1.CollectorService"):
            told = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            self.assertEqual(told.status, health_pb2.HealthCheckResponse.SERVING)

    def reflect(self, **request):
        stub = reflection_pb2_grpc.ServerReflectionStub(VIEWER.channel)
        asked = iter([reflection_pb2.ServerReflectionRequest(**request)])
        return next(stub.ServerReflectionInfo(asked, metadata=VIEWER.metadata, timeout=10))

    def test_reflection_lists_what_there_is_and_describes_it(self):
        listed = self.reflect(list_services="").list_services_response.service
        names = {each.name for each in listed}
        ours = ("Collector", "History", "Record", "Permit", "Admin")
        self.assertLessEqual({f"headgate.v1.{each}Service" for each in ours}, names)
        told = self.reflect(file_containing_symbol="headgate.v1.CollectorService")
        files = [
            descriptor_pb2.FileDescriptorProto.FromString(each)
            for each in told.file_descriptor_response.file_descriptor_proto
        ]
        self.assertIn("headgate/v1/collector_service.proto", [each.name for each in files])

    def test_a_method_that_is_not_there_is_unimplemented(self):
        method = VIEWER.channel.unary_unary("/headgate.v1.CollectorService/Nothing")
        with self.assertRaises(grpc.RpcError) as caught:
            method(b"", metadata=VIEWER.metadata, timeout=5)
        self.assertEqual(caught.exception.code(), CODE.UNIMPLEMENTED)
