import asyncio
import os

import aio_pika
import peer
from opentelemetry.instrumentation.aio_pika import AioPikaInstrumentor

AioPikaInstrumentor().instrument()


def connect():
    return aio_pika.connect(os.environ["TRACEHOP_AMQP_URL"])


def make(name):
    async def declare():
        async with await connect() as connection:
            channel = await connection.channel()
            await channel.declare_queue(name, durable=True)

    asyncio.run(declare())
    return name


async def send(queue, orders):
    async with await connect() as connection:
        channel = await connection.channel()
        for body in orders:
            await channel.default_exchange.publish(aio_pika.Message(body.encode()), queue)


async def receive(queue, count, handle):
    async with await connect() as connection:
        channel = await connection.channel()
        # In order, and no more than were asked for.
        await channel.set_qos(prefetch_count=1)
        done = asyncio.Event()
        left = iter(range(count - 1, -1, -1))

        async def on_message(message):
            handle(message.body.decode(), message.headers)
            await message.ack()
            if next(left) == 0:
                done.set()

        await (await channel.get_queue(queue)).consume(on_message)
        await done.wait()


peer.main("aio-pika", "opentelemetry-instrumentation-aio-pika", make, send, receive)
