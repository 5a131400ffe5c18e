#!/usr/bin/env python3
"""A netmgr collaborator in Python, written from docs/protocol.md. Its own needs are the standard library alone; for keys
see netmgr_security.py.

    NETMGR_TOKEN=nmtk-1-… python3 netmgr_client.py wss://HOST:7700 NAME     # the first time
    python3 netmgr_client.py wss://HOST:7700 NAME                           # from then on its key is enough
    python3 netmgr_client.py ws://127.0.0.1:7700 NAME                       # a leader that runs with --plaintext

Answers `py.sum` ({"numbers": [1, 2]}) and `py.wait` ({"seconds": 1}) until SIGINT or SIGTERM. With --compress large
payloads travel compressed, and `py.repeat` ({"text": "a", "times": 2000}) gives one.
"""
import argparse
import asyncio
import base64
import hashlib
import json
import os
import random
import signal
import ssl
import struct
import subprocess
import sys
import time
import zlib
from urllib.parse import urlsplit

from netmgr_security import BACKENDS, DIAL_SECONDS, Identity, Refused, Token, without_secrets

ROLE, PORT = "collaborator", 7700
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
WINDOW_BITS, MIN_DEFLATED, MAX_FRAME = -15, 1024, 1024 * 1024


class WebSocket:
    """The client's end of RFC 6455, as far as netmgr needs it."""

    @classmethod
    async def connect(cls, url, subprotocol, identity):
        """With an identity over TLS, to a leader that it knows; otherwise in plaintext."""
        self, host, port = cls(), urlsplit(url).hostname, urlsplit(url).port or PORT
        context = identity and identity.context(host, port)
        self.reader, self.writer = await asyncio.open_connection(host, port, ssl=context)
        if identity:
            identity.check_leader(self.writer.get_extra_info("ssl_object"))
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write((
            f"GET / HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
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
    def __init__(self, name, handlers, trace=False, compress=False):
        self.name, self.handlers, self.trace, self.compress = name, handlers, trace, compress
        self.instance, self.counter, self.running = os.urandom(6).hex(), 0, {}
        self.received = self.acknowledged = 0

    async def join(self, url, identity):
        subprotocol = "netmgr.v1.json+deflate" if self.compress else "netmgr.v1.json"
        self.socket = await WebSocket.connect(url, subprotocol, identity)
        if identity and self.trace:
            print(f"= binding {identity.binding.hex()}", file=sys.stderr, flush=True)
        self.say("control", "hello", {"role": ROLE, "instance": self.instance, "version": "0.1.0",
                                      "greeting": {"pid": os.getpid()}})
        if identity:
            challenge = await self.next("challenge")
            self.say("control", *identity.answer(challenge["payload"], ROLE, self.name))
        welcome = await self.next("welcome")
        if identity:
            identity.welcomed(welcome["payload"]["greeting"])
        self.pace = welcome["payload"]["greeting"]["heartbeatMs"] / 1000
        self.say("control", "register", {"sequence": 1, "handlers": list(self.handlers), "tags": {}, "slots": 1})

    async def serve(self):
        """Answers until the connection is closed."""
        beating = asyncio.create_task(self.beat())
        try:
            while (messages := await self.read()) is not None:
                for message in messages:
                    self.take(message)
        except (asyncio.IncompleteReadError, OSError):
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
            if self.acknowledged < self.received:
                self.acknowledge()
            await asyncio.sleep(self.pace * random.uniform(0.9, 1.1))

    def leave(self):
        self.say("control", "goodbye", {})
        self.socket.send(CLOSE, struct.pack(">H", 1000))

    def say(self, kind, verb, payload, to=None, re=None):
        self.counter += 1
        message = {"v": 1, "id": f"{self.instance}-{self.counter}", "kind": kind, "type": verb, "from": self.name,
                   "to": to, "ts": int(time.time() * 1000), "re": re}
        present = {field: value for field, value in message.items() if value is not None}
        text = text_of({**present, **(deflated(kind, payload) if self.compress else {"payload": payload})})
        if self.trace:
            print(f"> {without_secrets(text)}", file=sys.stderr, flush=True)
        self.socket.send(TEXT, text.encode())

    async def next(self, verb):
        """The one message that the leader says next, as long as it has not let us in."""
        (message,) = await self.read() or [{"kind": "end", "type": "end"}]
        if message["type"] != verb:
            why = message["payload"] if message["kind"] == "error" else {"code": "INVALID_MESSAGE", "message": f"no {verb}"}
            raise Refused(f"{why['code']}: {why['message']}")
        return message

    async def read(self):
        """The messages of the next frame, which may be a list; None when the connection is closed."""
        data = await self.socket.receive()
        if data is None:
            return None
        if self.trace:
            print(f"< {data.decode()}", file=sys.stderr, flush=True)
        frame = json.loads(data)
        messages = frame if isinstance(frame, list) else [frame]
        for message in messages:
            if "deflate" in message:
                message["payload"] = json.loads(inflated(message.pop("deflate")))
        if any(message["type"] not in ("heartbeat", "ack") for message in messages):
            self.received += len(data)
            if self.received - self.acknowledged >= 131072:
                self.acknowledge()
        return messages

    def acknowledge(self):
        self.acknowledged = self.received
        self.say("control", "ack", {"bytes": self.received})


def text_of(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def deflated(kind, payload):
    """The field for a payload: compressed if it may be, and if that makes it smaller."""
    text = text_of(payload).encode()
    if kind not in ("control", "heartbeat") and len(text) >= MIN_DEFLATED:
        stream = zlib.compressobj(1, zlib.DEFLATED, WINDOW_BITS)
        short = base64.b64encode(stream.compress(text) + stream.flush()).decode()
        if len(short) + 2 < len(text):
            return {"deflate": short}
    return {"payload": payload}


def inflated(short):
    """No more than a frame may be large, whatever the stream claims."""
    stream = zlib.decompressobj(WINDOW_BITS)
    text = stream.decompress(base64.b64decode(short, validate=True), MAX_FRAME)
    if not stream.eof or stream.unused_data:
        raise ConnectionError("a compressed payload that is too large, or no whole stream")
    return text


async def repeat(payload):
    return {"text": payload["text"] * payload["times"]}


async def total(payload):
    return {"sum": sum(payload["numbers"])}


async def wait(payload):
    print("waiting", flush=True)
    await asyncio.sleep(payload["seconds"])


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("name")
    parser.add_argument("--state", metavar="DIR", help="where the key is kept")
    parser.add_argument("--keys", choices=list(BACKENDS), help="what signs")
    parser.add_argument("--compress", action="store_true", help="compress payloads of 1 KiB and more")
    parser.add_argument("--trace", action="store_true", help="show every frame on stderr")
    given = parser.parse_args()
    given.state = given.state or os.path.expanduser(f"~/.local/state/netmgr-python/{given.name}")
    return given


def identity_of(given):
    if not given.url.startswith("wss:"):
        return None
    token = Token(os.environ["NETMGR_TOKEN"]) if os.environ.get("NETMGR_TOKEN") else None
    if token and token.role != ROLE:
        raise Refused(f"the token {token.id} is for the role {token.role}")
    return Identity(given.state, token, given.keys)


async def main(given):
    handlers = {"py.sum": total, "py.wait": wait, **({"py.repeat": repeat} if given.compress else {})}
    collaborator = Collaborator(given.name, handlers, given.trace, given.compress)
    await asyncio.wait_for(collaborator.join(given.url, identity_of(given)), DIAL_SECONDS)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, collaborator.leave)
    print("joined", flush=True)
    await collaborator.serve()


try:
    asyncio.run(main(arguments()))
except (Refused, ssl.SSLError, OSError, asyncio.IncompleteReadError, asyncio.TimeoutError,
        subprocess.TimeoutExpired) as error:
    sys.exit(f"not joined: {error or type(error).__name__}")
