"""Makes LocalStack as strict as AWS about message attributes, and faulty on demand.

LocalStack runs this file inside its own process when it starts (an init hook).

Strict: SQS refuses more than 10 message attributes; in a batch only the entry fails.

Faults, for one queue each, so that tests running side by side do not meet each other's:
    PUT /_tracehop/faults/<queue name>    {"every": 3, "status": 503, "delay_ms": 0, "operation": "SendMessage"}
    DELETE /_tracehop/faults/<queue name>
    GET /_tracehop/faults
Every `every`-th request to the queue (of the one operation, if it is named) waits for
`delay_ms` milliseconds and is then answered with `status`; with no status it is served.
"""

import itertools
import threading
import time

from localstack.aws import handlers
from localstack.aws.api import CommonServiceException
from localstack.http import Request
from localstack.services.edge import ROUTER
from localstack.services.sqs import provider

MAX_ATTRIBUTES = 10
faults = {}


class Fault:
    def __init__(self, every=1, status=None, delay_ms=0, operation=None):
        self.every = int(every)
        self.status = None if status is None else int(status)
        self.delay_ms = int(delay_ms)
        self.operation = operation
        self.count = itertools.count(1)
        self.lock = threading.Lock()

    def hits(self, operation):
        if self.operation not in (None, operation):
            return False
        with self.lock:
            return next(self.count) % self.every == 0


def count_attributes(attributes):
    if attributes and len(attributes) > MAX_ATTRIBUTES:
        raise CommonServiceException(
            "InvalidParameterValue",
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{MAX_ATTRIBUTES}].",
            sender_fault=True,
        )
    check_the_rest(attributes)


def inject_faults(_chain, context, _response):
    queue_url = (context.service_request or {}).get("QueueUrl")
    fault = queue_url and faults.get(queue_url.rsplit("/", 1)[-1])
    if not fault or not fault.hits(context.operation.name):
        return
    time.sleep(fault.delay_ms / 1000)
    if fault.status is not None:
        raise CommonServiceException("ServiceUnavailable", "A fault that a test asked for.", fault.status)


def manage_faults(request: Request, queue=None):
    if request.method == "PUT":
        faults[queue] = Fault(**request.get_json(force=True))
    elif request.method == "DELETE":
        faults.pop(queue, None)
    return sorted(faults)


check_the_rest = provider.check_attributes
provider.check_attributes = count_attributes
handlers.serve_custom_service_request_handlers.append(inject_faults)
ROUTER.add("/_tracehop/faults", manage_faults, methods=["GET"])
ROUTER.add("/_tracehop/faults/<queue>", manage_faults, methods=["PUT", "DELETE"])
