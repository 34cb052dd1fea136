"""Makes LocalStack as strict as AWS about message attributes: SQS refuses more than 10; in a batch
only the entry fails.

LocalStack runs this file inside its own process when it starts (an init hook). GET /_tracehop/strict
is answered from then on.
"""

from localstack.aws.api import CommonServiceException
from localstack.http import Request
from localstack.services.edge import ROUTER
from localstack.services.sqs import provider

MAX_ATTRIBUTES = 10


def count_attributes(attributes):
    if attributes and len(attributes) > MAX_ATTRIBUTES:
        raise CommonServiceException(
            "InvalidParameterValue",
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{MAX_ATTRIBUTES}].",
            sender_fault=True,
        )
    check_the_rest(attributes)


def answer(_: Request):
    return {"message_attributes": MAX_ATTRIBUTES}


check_the_rest = provider.check_attributes
provider.check_attributes = count_attributes
ROUTER.add("/_tracehop/strict", answer, methods=["GET"])
