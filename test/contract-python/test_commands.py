"""Commands: repeated, conditional, tried out, refused; and who may give them."""

import unittest
from datetime import datetime, timezone

import grpc
from google.protobuf import duration_pb2, field_mask_pb2
from headgate.v1 import admin_service_pb2 as admin_pb
from headgate.v1 import collector_service_pb2 as pb
from headgate.v1 import history_service_pb2 as history_pb
from headgate.v1 import permit_service_pb2 as permit_pb
from headgate.v1 import words_pb2 as words

from client import Client, Refusal, together
from tokens import ADMIN, NOBODY, OPERATOR, VIEWER

A = "moralis"
B = "historical"
CODE = grpc.StatusCode


def etag(name):
    return VIEWER.ask(VIEWER.collectors.GetCollector, pb.GetCollectorRequest(name=name)).collector.etag


class Repeated(unittest.TestCase):
    def test_one_request_id_many_times_at_once_is_done_once_and_answered_equally(self):
        request = pb.DisableCollectorRequest(name=A, request_id="py-1", reason="fifty at once")
        answers = together(50, lambda _: OPERATOR.ask(OPERATOR.collectors.DisableCollector, request))
        first = answers[0]
        self.assertIsInstance(first, pb.DisableCollectorResponse)
        self.assertTrue(first.changed)
        for answer in answers:
            self.assertEqual(answer, first)
        facts = [
            each.event
            for each in OPERATOR.ask(
                OPERATOR.history.ReadEvents,
                history_pb.ReadEventsRequest(collector=A, types=["CollectorDisabled"]),
            )
            if each.event.metadata.reason == "fifty at once"
        ]
        self.assertEqual(len(facts), 1)
        self.assertEqual(facts[0].metadata.actor, "token:py-operator")
        self.assertEqual(facts[0].metadata.interface, words.INTERFACE_GRPC)

    def test_the_same_request_id_for_another_request_is_refused(self):
        request = pb.EnableCollectorRequest(name=A, request_id="py-2")
        OPERATOR.ask(OPERATOR.collectors.EnableCollector, request)
        other = pb.EnableCollectorRequest(name=A, request_id="py-2", reason="another")
        told = OPERATOR.refused(OPERATOR.collectors.EnableCollector, other)
        self.assertEqual((told.code, told.reason), (CODE.INVALID_ARGUMENT, "IDEMPOTENCY_CONFLICT"))

    def test_the_ids_of_two_principals_are_apart(self):
        request = pb.UpdateRateLimitRequest(name=B, max_backoff=17, request_id="py-3")
        told = [who.ask(who.collectors.UpdateRateLimit, request).changed for who in (OPERATOR, ADMIN, ADMIN)]
        # Of one id, the second would have heard what the first did.
        self.assertEqual(told, [True, False, False])


class Conditional(unittest.TestCase):
    def test_of_two_with_one_etag_one_wins_and_the_other_learns_the_current_one(self):
        seen = etag(B)
        answers = together(
            2,
            lambda index: OPERATOR.ask(
                OPERATOR.collectors.UpdateRateLimit,
                pb.UpdateRateLimitRequest(name=B, max_requests_per_second=40 + index, etag=seen),
            ),
        )
        won = [each for each in answers if isinstance(each, pb.UpdateRateLimitResponse)]
        lost = [each for each in answers if isinstance(each, Refusal)]
        self.assertEqual((len(won), len(lost)), (1, 1), answers)
        self.assertEqual((lost[0].code, lost[0].reason), (CODE.ABORTED, "PRECONDITION_FAILED"))
        self.assertEqual(lost[0].details["ErrorInfo"].metadata["etag"], won[0].etag)

    def test_an_answer_carries_the_etag_the_next_command_takes(self):
        for rate in (30.0, 31.0, 32.0):
            request = pb.UpdateRateLimitRequest(name=B, max_requests_per_second=rate, etag=etag(B))
            answer = OPERATOR.ask(OPERATOR.collectors.UpdateRateLimit, request)
            self.assertEqual(answer.updated_config.max_requests_per_second, rate)
            shown = pb.GetCollectorRequest(name=B, min_revision=answer.etag)
            page = VIEWER.ask(VIEWER.collectors.GetCollector, shown).collector
            self.assertEqual((page.etag, page.configured_rate_limit), (answer.etag, rate))


class TriedOut(unittest.TestCase):
    def test_validate_only_tells_what_would_be_written_and_writes_nothing(self):
        before = etag(B)
        request = pb.SetCircuitBreakerStateRequest(
            name=B,
            state=words.BREAKER_STATE_OPEN,
            validate_only=True,
            reason="only asking",
            ttl=duration_pb2.Duration(seconds=60),
        )
        answer = OPERATOR.ask(OPERATOR.collectors.SetCircuitBreakerState, request)
        self.assertTrue(answer.dry_run)
        self.assertEqual([(each.stream, each.type) for each in answer.events], [(f"breaker-{B}", "BreakerForced")])
        self.assertEqual(etag(B), before)


class Refused(unittest.TestCase):
    def refusal(self, method, request, code, reason):
        told = OPERATOR.refused(method, request)
        self.assertEqual((told.code, told.reason), (code, reason), told.message)
        return told

    def test_a_collector_that_is_not_there(self):
        request = pb.EnableCollectorRequest(name="nobody")
        told = self.refusal(OPERATOR.collectors.EnableCollector, request, CODE.NOT_FOUND, "COLLECTOR_NOT_FOUND")
        resource = told.details["ResourceInfo"]
        self.assertEqual((resource.resource_type, resource.resource_name), ("headgate.dev/Collector", "nobody"))

    def test_values_outside_their_range_by_field(self):
        request = pb.UpdateRateLimitRequest(name=B, max_requests_per_second=-1, backoff_multiplier=0.5)
        told = self.refusal(OPERATOR.collectors.UpdateRateLimit, request, CODE.INVALID_ARGUMENT, "INVALID_INPUT")
        self.assertEqual(set(told.fields), {"max_requests_per_second", "backoff_multiplier"})

    def test_zero_is_a_value_and_absent_is_none(self):
        zero = pb.UpdateRateLimitRequest(name=B, max_requests_per_second=0)
        told = self.refusal(OPERATOR.collectors.UpdateRateLimit, zero, CODE.INVALID_ARGUMENT, "INVALID_INPUT")
        self.assertEqual(told.fields, ["max_requests_per_second"])
        none = pb.UpdateRateLimitRequest(name=B)
        self.refusal(OPERATOR.collectors.UpdateRateLimit, none, CODE.INVALID_ARGUMENT, "INVALID_INPUT")

    def test_a_mask_that_names_what_is_not_there(self):
        mask = field_mask_pb2.FieldMask(paths=["max_backoff", "name"])
        request = pb.UpdateRateLimitRequest(name=B, backoff_multiplier=3, update_mask=mask)
        told = self.refusal(OPERATOR.collectors.UpdateRateLimit, request, CODE.INVALID_ARGUMENT, "INVALID_INPUT")
        self.assertEqual(set(told.fields), {"max_backoff", "update_mask"})

    def test_an_enum_value_of_a_newer_client(self):
        request = pb.SetCircuitBreakerStateRequest(name=B, state=77)
        told = self.refusal(OPERATOR.collectors.SetCircuitBreakerState, request, CODE.INVALID_ARGUMENT, "INVALID_INPUT")
        self.assertEqual(told.fields, ["state"])

    def test_what_is_illegal_in_this_state(self):
        request = pb.UpdateCursorRequest(name=B, series="BTCUSDT/1m", cursor="")
        told = self.refusal(OPERATOR.collectors.UpdateCursor, request, CODE.FAILED_PRECONDITION, "ILLEGAL_STATE")
        self.assertEqual(len(told.details["PreconditionFailure"].violations), 1)

    def test_settings_that_could_never_open_a_breaker(self):
        config = {"failure_threshold": 0, "minimum_calls": 10_000, "window_ms": 1000}
        request = pb.UpdateCircuitBreakerRequest(name=B, config=config)
        self.refusal(OPERATOR.collectors.UpdateCircuitBreaker, request, CODE.INVALID_ARGUMENT, "WOULD_NEVER_TRIP")


class Settings(unittest.TestCase):
    def test_a_breaker_setting_is_set_and_by_its_mask_given_back(self):
        config = pb.GetCircuitBreakerConfigRequest(name=B)
        before = VIEWER.ask(VIEWER.collectors.GetCircuitBreakerConfig, config)
        change = pb.UpdateCircuitBreakerRequest(name=B, config={"open_ms": 1234})
        answer = OPERATOR.ask(OPERATOR.collectors.UpdateCircuitBreaker, change)
        self.assertEqual(answer.updated_config.open_ms, 1234)
        held = VIEWER.ask(VIEWER.collectors.GetCircuitBreakerConfig, config)
        self.assertEqual(list(held.set_by_operator), ["open_ms"])
        back = pb.UpdateCircuitBreakerRequest(name=B, update_mask=field_mask_pb2.FieldMask(paths=["open_ms"]))
        answer = OPERATOR.ask(OPERATOR.collectors.UpdateCircuitBreaker, back)
        self.assertEqual(answer.updated_config, before.config)

    def test_a_batch_has_a_result_for_each(self):
        request = pb.BatchCollectorsRequest(names=[B, "nobody"], action=pb.BATCH_ACTION_ENABLE)
        answer = OPERATOR.ask(OPERATOR.collectors.BatchCollectors, request)
        self.assertEqual([(each.collector, each.success) for each in answer.results], [(B, True), ("nobody", False)])
        self.assertEqual(answer.results[1].error.code, "collector_not_found")
        self.assertEqual((answer.succeeded, answer.failed), (1, 1))


class Permits(unittest.TestCase):
    def test_a_permit_is_given_reported_and_told_again_to_a_repeated_report(self):
        types = VIEWER.ask(VIEWER.collectors.ListCollectorTypes, pb.ListCollectorTypesRequest())
        [source] = [each for each in types.collector_types if each.name == B]
        endpoint = source.upstreams[0].endpoints[0]
        request = permit_pb.AcquireRequest(name=B, endpoint=endpoint, max_wait=duration_pb2.Duration(seconds=10))
        answer = OPERATOR.ask(OPERATOR.permits.Acquire, request)
        self.assertEqual(answer.WhichOneof("answer"), "permit", answer)
        self.assertGreater(answer.permit.expires_at.ToDatetime(timezone.utc), datetime.now(timezone.utc))
        report = permit_pb.ReportRequest(permit_id=answer.permit.permit_id, outcome=words.OUTCOME_OK, status=200)
        told = [OPERATOR.ask(OPERATOR.permits.Report, report) for _ in range(2)]
        self.assertEqual([(each.outcome, each.repeated) for each in told], [(words.OUTCOME_OK, False), (words.OUTCOME_OK, True)])

    def test_one_that_is_not_there(self):
        report = permit_pb.ReportRequest(permit_id="none", outcome=words.OUTCOME_OK)
        told = OPERATOR.refused(OPERATOR.permits.Report, report)
        self.assertEqual((told.code, told.reason), (CODE.NOT_FOUND, "PERMIT_NOT_FOUND"))


class Callers(unittest.TestCase):
    def test_who_says_nothing_or_something_wrong_is_not_let_in(self):
        wrong = Client("hg_none_none")
        for who in (NOBODY, wrong):
            told = who.refused(who.collectors.ListCollectors, pb.ListCollectorsRequest())
            self.assertEqual((told.code, told.reason), (CODE.UNAUTHENTICATED, "UNAUTHENTICATED"))
            told = who.refused(who.history.ReadEvents, history_pb.ReadEventsRequest())
            self.assertEqual(told.code, CODE.UNAUTHENTICATED)
        wrong.close()

    def test_a_viewer_may_change_nothing_and_an_operator_make_no_token(self):
        told = VIEWER.refused(VIEWER.collectors.EnableCollector, pb.EnableCollectorRequest(name=B))
        self.assertEqual((told.code, told.reason), (CODE.PERMISSION_DENIED, "PERMISSION_DENIED"))
        request = admin_pb.CreateTokenRequest(name="x", role=words.ROLE_ADMIN)
        told = OPERATOR.refused(OPERATOR.admin.CreateToken, request)
        self.assertEqual(told.code, CODE.PERMISSION_DENIED)

    def test_a_token_that_was_revoked_ends_at_once(self):
        request = admin_pb.CreateTokenRequest(name="py-short", role=words.ROLE_VIEWER)
        made = ADMIN.ask(ADMIN.admin.CreateToken, request)
        short = Client(made.secret)
        short.ask(short.collectors.ListCollectors, pb.ListCollectorsRequest())
        listed = ADMIN.ask(ADMIN.admin.ListTokens, admin_pb.ListTokensRequest())
        self.assertIn(made.token.id, [each.id for each in listed.tokens])
        self.assertNotIn(made.secret, str(listed))
        ADMIN.ask(ADMIN.admin.RevokeToken, admin_pb.RevokeTokenRequest(id=made.token.id))
        told = short.refused(short.collectors.ListCollectors, pb.ListCollectorsRequest())
        self.assertEqual(told.code, CODE.UNAUTHENTICATED)
        short.close()

    def test_the_audit_names_who_did_it_and_who_was_not_let(self):
        VIEWER.refused(VIEWER.collectors.DisableCollector, pb.DisableCollectorRequest(name=B))
        request = history_pb.ListAuditRequest(actor="token:py-operator", operation="enableCollector")
        OPERATOR.ask(OPERATOR.collectors.EnableCollector, pb.EnableCollectorRequest(name=B, request_id="py-audit"))
        page = OPERATOR.ask(OPERATOR.history.ListAudit, request)
        self.assertTrue(page.entries)
        for entry in page.entries:
            self.assertEqual((entry.actor, entry.interface), ("token:py-operator", words.INTERFACE_GRPC))
