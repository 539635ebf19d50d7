#!/usr/bin/env python3
"""A service for ocis that is not written in Go: what docs/plugins.md says of the contract, and no more."""
import os, select, socket, struct, sys, threading, time

DATA, WINDOW, PING = 0, 1, 2  # types of yamux frames
SYN, ACK = 1, 2
BOOL, INT, UINT, STRING = 1, 2, 3, 6  # of gob, which every sender and receiver knows


def uint(n):
    if n < 128:
        return bytes([n])
    octets = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([256 - len(octets)]) + octets


def sint(n):
    return uint(n << 1 if n >= 0 else ~n << 1 | 1)


def text(s):
    return uint(len(s.encode())) + s.encode()


def message(content):
    return uint(len(content)) + content


def described(number, name, fields):
    """The message that describes a struct type."""
    listed = b"".join(b"\x01" + text(f) + b"\x01" + sint(t) + b"\x00" for f, t in fields)
    common = b"\x01\x01" + text(name) + b"\x01" + sint(number) + b"\x00"
    return message(sint(-number) + b"\x03" + common + (b"\x01" + uint(len(fields)) + listed if fields else b"") + b"\x00\x00")


def value(number, fields):
    """A struct: what is zero is left out, and the next one says how many were."""
    out, last = sint(number), -1
    for n, (kind, v) in enumerate(fields):
        if v:
            out += uint(n - last) + (text(v) if kind == STRING else sint(v) if kind == INT else uint(int(v)))
            last = n
    return message(out + b"\x00")


def read_uint(b, at):
    if b[at] < 128:
        return b[at], at + 1
    size = 256 - b[at]
    return int.from_bytes(b[at + 1:at + 1 + size], "big"), at + 1 + size


class Calls:
    """net/rpc on one stream."""

    TYPES = [
        ("Response", [("ServiceMethod", STRING), ("Seq", UINT), ("Error", STRING)]),
        ("Empty", []),
        ("Description", [("Protocol", INT), ("Service", STRING), ("Version", STRING), ("Instance", STRING), ("Incarnation", STRING), ("Pid", INT)]),
        ("HealthReply", [("Healthy", BOOL)]),
    ]

    def __init__(self):
        self.got, self.header, self.known = b"", None, set()

    def feed(self, data):
        """Yields method and number of each call that is complete."""
        self.got += data
        while self.got:
            try:
                size, at = read_uint(self.got, 0)
            except IndexError:
                return
            if len(self.got) < at + size:
                return
            content, self.got = self.got[at:at + size], self.got[at + size:]
            kind, at = read_uint(content, 0)
            if kind & 1:  # a negative number: the description of a type, of which we know enough
                continue
            if self.header is None:
                length, at = read_uint(content, at + 1)
                method, at = content[at:at + length].decode(), at + length
                self.header = (method, read_uint(content, at + 1)[0] if content[at] else 0)
                continue
            yield self.header
            self.header = None

    def struct(self, name, values):
        n = next(i for i, (known, _) in enumerate(self.TYPES) if known == name)
        fields, out = self.TYPES[n][1], b""
        if name not in self.known:
            self.known.add(name)
            out = described(65 + n, name, fields)
        return out + value(65 + n, [(kind, v) for (_, kind), v in zip(fields, values)])

    def answer(self, method, number, error=""):
        return self.struct("Response", [method, number, error])


class Session:
    """yamux, and the services of its streams."""

    def __init__(self, connection):
        self.connection, self.calls, self.named = connection, {}, set()

    def send(self, kind, flags, stream, length, content=b""):
        self.connection.sendall(struct.pack(">BBHII", 0, kind, flags, stream, length) + content)

    def exactly(self, size):
        got = b""
        while len(got) < size:
            more = self.connection.recv(size - len(got))
            if not more:
                raise EOFError
            got += more
        return got

    def serve(self):
        while True:
            _, kind, flags, stream, length = struct.unpack(">BBHII", self.exactly(12))
            if kind == PING and flags & SYN:
                self.send(PING, ACK, 0, length)
            if kind in (DATA, WINDOW) and flags & SYN:
                self.calls[stream] = Calls()
                self.send(WINDOW, ACK, stream, 0)
            if kind == DATA and length:
                content = self.exactly(length)
                self.send(WINDOW, 0, stream, length)
                self.take(stream, content)

    def take(self, stream, content):
        calls, first = self.calls[stream], min(self.calls)
        if stream > first + 4 and stream not in self.named:  # after control, stdout and stderr: the contract
            self.named.add(stream)
            self.send(DATA, 0, stream, 4, content[:4])
            content = content[4:]
        for method, number in calls.feed(content):
            out = calls.answer(method, number) + respond(calls, method)
            self.send(DATA, 0, stream, len(out), out)
            if method == "Plugin.Shutdown":
                os._exit(0)


def respond(calls, method):
    if method == "Dispenser.Dispense":
        return message(sint(UINT) + b"\x00" + uint(1))
    if method == "Plugin.Describe":
        return calls.struct("Description", [1, "greeter", "0.1", INSTANCE, INCARNATION, os.getpid()])
    if method == "Plugin.Health":
        return calls.struct("HealthReply", [True])
    return calls.struct("Empty", [])  # WaitReady: it serves already, and is not in the registry


def greet(listener):
    while True:
        select.select([listener], [], [])  # it does not block, for all who share it: leave that so
        try:
            client, _ = listener.accept()
        except BlockingIOError:  # another process was faster
            continue
        client.setblocking(True)
        client.recv(4096)
        body = "%s from process %d\n" % (os.environ.get("GREETER_GREETING", "hello"), os.getpid())
        client.sendall(("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)).encode())
        client.close()


if os.environ.get("OCIS_CHILD") != "d1f0b4a7-supervised" or "1" not in os.environ["PLUGIN_PROTOCOL_VERSIONS"].split(","):
    sys.exit("this is a service for ocis")
INSTANCE, INCARNATION = os.environ["OCIS_CHILD_INSTANCE"], os.environ["OCIS_CHILD_INCARNATION"]
if "OCIS_CHILD_DESCRIBE" not in os.environ:
    threading.Thread(target=greet, args=(socket.socket(fileno=3),), daemon=True).start()
door = socket.socket(socket.AF_UNIX)
path = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "control")
door.bind(path)
door.listen(1)
print("1|1|unix|%s|netrpc|" % path, flush=True)
os.dup2(2, 1)
try:
    Session(door.accept()[0]).serve()
except EOFError:
    time.sleep(120)  # OCIS_CHILD_ORPHAN_GRACE: it serves on for so long
