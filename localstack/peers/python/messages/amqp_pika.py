import os

import peer
import pika
from opentelemetry.instrumentation.pika import PikaInstrumentor

PikaInstrumentor().instrument()
connection = pika.BlockingConnection(pika.URLParameters(os.environ["TRACEHOP_AMQP_URL"]))
channel = connection.channel()


def make(name):
    channel.queue_declare(name, durable=True)
    return name


def send(queue, orders):
    channel.confirm_delivery()
    for body in orders:
        channel.basic_publish("", queue, body.encode(), mandatory=True)


def receive(queue, count, handle):
    left = iter(range(count - 1, -1, -1))

    def on_message(_, delivery, properties, body):
        handle(body.decode(), properties.headers)
        channel.basic_ack(delivery.delivery_tag)
        if next(left) == 0:
            channel.stop_consuming()

    channel.basic_consume(queue, on_message)
    channel.start_consuming()


peer.main("pika", "opentelemetry-instrumentation-pika", make, send, receive)
connection.close()
