import os

import boto3
import peer
from opentelemetry.instrumentation.boto3sqs import Boto3SQSInstrumentor

Boto3SQSInstrumentor().instrument()
# boto3 reads the endpoint from AWS_ENDPOINT_URL, but knows no AWS_REGION.
sqs = boto3.client("sqs", region_name=os.environ["AWS_REGION"])


def make(name):
    return sqs.create_queue(QueueName=name)["QueueUrl"]


def send(queue, orders):
    for body in orders:
        sqs.send_message(QueueUrl=queue, MessageBody=body)


def receive(queue, count, handle):
    while count > 0:
        response = sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=min(count, 10),
            WaitTimeSeconds=1,
            MessageAttributeNames=["All"],
        )
        # Each step of this loop makes that message's span the current one.
        for message in response.get("Messages", []):
            attributes = message.get("MessageAttributes", {})
            handle(message["Body"], {key: value["StringValue"] for key, value in attributes.items()})
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            count -= 1


peer.main("boto3", "opentelemetry-instrumentation-boto3sqs", make, send, receive)
