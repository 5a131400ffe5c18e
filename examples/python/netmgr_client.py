#!/usr/bin/env python3
"""A netmgr collaborator in nothing but Python's standard library, written from docs/protocol.md.

    python3 netmgr_client.py ws://127.0.0.1:7700 NAME [--trace]

Answers `py.sum` ({"numbers": [1, 2]}) and `py.wait` ({"seconds": 1}) until SIGINT or SIGTERM.
"""
import asyncio
import base64
import hashlib
import json
import os
import random
import signal
import struct
import sys
import time
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


class WebSocket:
    """The client's end of RFC 6455, as far as netmgr needs it."""

    @classmethod
    async def connect(cls, url, subprotocol):
        self, host, port = cls(), urlsplit(url).hostname, urlsplit(url).port
        self.reader, self.writer = await asyncio.open_connection(host, port)
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write((
            f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n").encode())
        answer = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        proof = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        if " 101 " not in answer or base64.b64encode(proof).decode() not in answer:
            raise ConnectionError(answer)
        return self

    def send(self, opcode, data):
        size = len(data)
        length = bytes([0x80 | size]) if size < 126 else \
            struct.pack(">BH", 0x80 | 126, size) if size < 65536 else struct.pack(">BQ", 0x80 | 127, size)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        self.writer.write(bytes([0x80 | opcode]) + length + mask + masked)

    async def receive(self):
        """The next data frame; None when the other side closes."""
        whole = b""
        while True:
            first, size = await self.reader.readexactly(2)
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            data, opcode = await self.reader.readexactly(size), first & 0x0F
            if opcode == PING:
                self.send(PONG, data)
            elif opcode == CLOSE:
                self.send(CLOSE, data[:2])
                return None
            elif opcode != PONG:
                whole += data
                if first & 0x80:
                    return whole


class Collaborator:
    def __init__(self, name, handlers, trace=False):
        self.name, self.handlers, self.trace = name, handlers, trace
        self.instance, self.counter, self.received, self.running = os.urandom(6).hex(), 0, 0, {}

    async def join(self, url):
        self.socket = await WebSocket.connect(url, "netmgr.v1.json")
        self.say("control", "hello", {"role": "collaborator", "instance": self.instance, "version": "0.1.0",
                                      "greeting": {"pid": os.getpid()}})
        (welcome,) = await self.read()
        if welcome["type"] != "welcome":
            raise PermissionError(welcome["payload"])
        self.pace = welcome["payload"]["greeting"]["heartbeatMs"] / 1000
        self.say("control", "register", {"sequence": 1, "handlers": list(self.handlers), "tags": {}, "slots": 1})

    async def serve(self):
        """Answers until the connection is closed."""
        beating = asyncio.create_task(self.beat())
        try:
            while (messages := await self.read()) is not None:
                for message in messages:
                    self.take(message)
        except (asyncio.IncompleteReadError, ConnectionError):
            print("the leader is gone", flush=True)
        finally:
            beating.cancel()

    def take(self, message):
        kind, about = message["kind"], message.get("re")
        if kind == "request":
            self.running[message["id"]] = asyncio.create_task(self.answer(message))
        elif kind == "control" and message["type"] == "cancel" and about in self.running:
            self.running[about].cancel()
        elif kind == "heartbeat":
            self.pace = message["payload"]["heartbeatMs"] / 1000

    async def answer(self, request):
        kind, payload = "error", {"code": "NO_HANDLER", "message": f"no handler for '{request['type']}'"}
        try:
            if request["type"] in self.handlers:
                kind, payload = "response", await self.handlers[request["type"]](request.get("payload"))
        except asyncio.CancelledError:
            print(f"cancelled {request['type']}", flush=True)
            return
        except Exception as error:
            payload = {"code": "HANDLER_FAILED", "message": str(error)}
        finally:
            del self.running[request["id"]]
        self.say(kind, request["type"], payload, to=request["from"], re=request["id"])

    async def beat(self):
        while True:
            self.say("heartbeat", "heartbeat", {"busy": len(self.running), "registration": 1})
            self.say("control", "ack", {"bytes": self.received})
            await asyncio.sleep(self.pace * random.uniform(0.9, 1.1))

    def leave(self):
        self.say("control", "goodbye", {})
        self.socket.send(CLOSE, struct.pack(">H", 1000))

    def say(self, kind, verb, payload, to=None, re=None):
        self.counter += 1
        message = {"v": 1, "id": f"{self.instance}-{self.counter}", "kind": kind, "type": verb, "from": self.name,
                   "to": to, "ts": int(time.time() * 1000), "re": re, "payload": payload}
        present = {field: value for field, value in message.items() if value is not None or field == "payload"}
        text = json.dumps(present, separators=(",", ":"), ensure_ascii=False)
        if self.trace:
            print(f"> {text}", file=sys.stderr, flush=True)
        self.socket.send(TEXT, text.encode())

    async def read(self):
        """The messages of the next frame, which may be a list; None when the connection is closed."""
        data = await self.socket.receive()
        if data is None:
            return None
        if self.trace:
            print(f"< {data.decode()}", file=sys.stderr, flush=True)
        frame = json.loads(data)
        messages = frame if isinstance(frame, list) else [frame]
        if [message["type"] for message in messages] != ["ack"]:
            before, self.received = self.received, self.received + len(data)
            if before // 131072 < self.received // 131072:
                self.say("control", "ack", {"bytes": self.received})
        return messages


async def total(payload):
    return {"sum": sum(payload["numbers"])}


async def wait(payload):
    print("waiting", flush=True)
    await asyncio.sleep(payload["seconds"])


async def main(url, name, *flags):
    collaborator = Collaborator(name, {"py.sum": total, "py.wait": wait}, "--trace" in flags)
    await collaborator.join(url)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, collaborator.leave)
    print("joined", flush=True)
    await collaborator.serve()


asyncio.run(main(*sys.argv[1:]))
