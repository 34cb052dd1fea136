import os

import confluent_kafka
import peer
from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor

ConfluentKafkaInstrumentor().instrument()
BROKERS = {"bootstrap.servers": os.environ["TRACEHOP_KAFKA_BROKERS"]}


def make(name):
    return name  # the broker makes a topic that somebody writes to


def send(topic, orders):
    producer = confluent_kafka.Producer(BROKERS)
    for body in orders:
        producer.produce(topic, body.encode(), headers=[])
    producer.flush()


def receive(topic, count, handle):
    consumer = confluent_kafka.Consumer(BROKERS | {"group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    while count > 0:
        record = consumer.poll(1)
        if record is None:
            continue
        if record.error():
            raise confluent_kafka.KafkaException(record.error())
        handle(record.value().decode(), {key: value.decode() for key, value in record.headers() or []})
        count -= 1
    consumer.close()


peer.main("confluent-kafka", "opentelemetry-instrumentation-confluent-kafka", make, send, receive)
