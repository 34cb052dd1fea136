import os

import aiokafka
import peer
from opentelemetry.instrumentation.aiokafka import AIOKafkaInstrumentor

AIOKafkaInstrumentor().instrument()
BROKERS = os.environ["TRACEHOP_KAFKA_BROKERS"]


def make(name):
    return name  # the broker makes a topic that somebody writes to


async def send(topic, orders):
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=BROKERS) as producer:
        for body in orders:
            await producer.send_and_wait(topic, body.encode())


async def receive(topic, count, handle):
    consumer = aiokafka.AIOKafkaConsumer(
        topic, bootstrap_servers=BROKERS, group_id=topic, auto_offset_reset="earliest"
    )
    async with consumer:
        for _ in range(count):
            record = await consumer.getone()
            handle(record.value.decode(), {key: value.decode() for key, value in record.headers})


peer.main("aiokafka", "opentelemetry-instrumentation-aiokafka", make, send, receive)
