"""One client per role. The service runs open until the first token is made; from then on all need one."""

from headgate.v1 import admin_service_pb2 as admin_pb
from headgate.v1 import words_pb2 as words

from client import Client

NOBODY = Client()


def with_role(maker, name, role):
    request = admin_pb.CreateTokenRequest(name=f"py-{name}", role=role, reason="contract")
    return Client(maker.ask(maker.admin.CreateToken, request).secret)


ADMIN = with_role(NOBODY, "admin", words.ROLE_ADMIN)
OPERATOR = with_role(ADMIN, "operator", words.ROLE_OPERATOR)
VIEWER = with_role(ADMIN, "viewer", words.ROLE_VIEWER)
