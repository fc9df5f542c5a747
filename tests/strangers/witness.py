"""Stands between a client and the simulator, and notes what each of them really sent."""

import socket
import struct
import threading
import time

# Types of packets, as MS-TDS numbers them.
SQL_BATCH, RPC, REPLY, ATTENTION, TRANSACTION, LOGIN7, PRELOGIN = 0x01, 0x03, 0x04, 0x06, 0x0E, 0x10, 0x12
TLS_HANDSHAKE = 0x16
TLS_RECORDS = {0x14, 0x15, TLS_HANDSHAKE, 0x17}
KNOWN = {SQL_BATCH, RPC, REPLY, ATTENTION, 0x07, TRANSACTION, LOGIN7, 0x11, PRELOGIN}

# More of one direction is not kept: results of 100 MB pass here too.
MOST_KEPT = 4 * 1024 * 1024

ENCRYPTION_OPTION = 1
# Procedures that have a number instead of a name, as MS-TDS has them.
NUMBERED = {10: "sp_executesql", 11: "sp_prepare", 12: "sp_execute", 13: "sp_prepexec", 15: "sp_unprepare"}
BY_NUMBER = 0xFFFF
ERROR_TOKEN, INFO_TOKEN = 0xAA, 0xAB


class Packets:
    """Cuts one direction into packets and TLS records; looks into those that are not encrypted."""

    def __init__(self):
        self.first = b""
        # (type, body) of packets in the clear, and when each of them passed.
        self.kept = []
        self.times = []
        # TLS records outside of packets: what is encrypted.
        self.records = 0
        self._rest = b""
        self._bytes = 0
        self.is_lost = False

    def take(self, data):
        if not self.first:
            self.first = data[:16]
        if self.is_lost or self._bytes > MOST_KEPT:
            return
        self._bytes += len(data)
        self._rest += data
        while len(self._rest) >= 8:
            kind = self._rest[0]
            if kind in TLS_RECORDS:
                length, header = struct.unpack_from(">H", self._rest, 3)[0] + 5, 5
            elif kind in KNOWN:
                length, header = struct.unpack_from(">H", self._rest, 2)[0], 8
            else:
                self.is_lost = True
                return
            if length < header or len(self._rest) < length:
                return
            if kind in KNOWN:
                self.kept.append((kind, self._rest[header:length]))
                self.times.append(time.monotonic())
            else:
                self.records += 1
            self._rest = self._rest[length:]


class Conversation:
    """One connection: what the client sent, and what it was sent."""

    def __init__(self):
        self.client = Packets()
        self.server = Packets()

    def client_kinds(self):
        return [kind for kind, _ in self.client.kept]

    def requests(self, kind):
        return [body for each, body in self.client.kept if each == kind]

    def calls(self):
        """The procedures that the client calls, in order: the first one of each request."""
        found = []
        for body in self.requests(RPC):
            # Headers come first, whose length they tell.
            at = struct.unpack_from("<I", body)[0]
            letters, number = struct.unpack_from("<HH", body, at)
            if letters == BY_NUMBER:
                found.append(NUMBERED.get(number, str(number)))
            else:
                found.append(body[at + 2:at + 2 + 2 * letters].decode("utf-16-le").removeprefix("sys."))
        return found

    def replies(self):
        return b"".join(body for kind, body in self.server.kept if kind == REPLY)

    def reply_before(self, moment):
        """What the client had been sent of replies until then."""
        return b"".join(body for (kind, body), at in zip(self.server.kept, self.server.times)
                        if kind == REPLY and at <= moment)

    def opens_with_tls(self):
        """Whether the client began with TLS itself, as TDS 8.0 does."""
        return self.client.first[:1] == bytes([TLS_HANDSHAKE])

    def encryption_asked(self):
        """The client's byte of PRELOGIN's option ENCRYPTION: 0 off, 1 on, 2 not supported."""
        for body in self.requests(PRELOGIN)[:1]:
            at = 0
            while at + 5 <= len(body) and body[at] != 0xFF:
                option, offset, length = struct.unpack_from(">BHH", body, at)
                if option == ENCRYPTION_OPTION and length == 1:
                    return body[offset]
                at += 5
        return None

    def numbers_sent(self):
        """Numbers of the ERROR and INFO tokens that the client was sent, in order."""
        return [number for _, number, _ in self.messages_sent()]

    def messages_sent(self):
        """`(token, number, class)` of the messages in the replies.

        Found by their shape, as the witness knows no columns: a token whose length fits the
        texts in it.
        """
        data, found, at = self.replies(), [], 0
        while at + 12 <= len(data):
            if data[at] in (ERROR_TOKEN, INFO_TOKEN):
                length, number, _, severity, letters = struct.unpack_from("<HiBBH", data, at + 1)
                end = at + 3 + length
                if self._fits(data, at + 11, letters, end):
                    found.append((data[at], number, severity))
                    at = end
                    continue
            at += 1
        return found

    @staticmethod
    def _fits(data, at, letters, end):
        if end > len(data):
            return False
        at += 2 * letters
        for _ in ("server", "procedure"):
            if at >= end:
                return False
            at += 1 + 2 * data[at]
        return at + 4 == end


class Witness:
    """Listens at a port of its own and passes everything on to the simulator's."""

    def __init__(self, port):
        self.conversations = []
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                # Nobody is there, which is what the client then sees as well.
                client.close()
                continue
            conversation = Conversation()
            self.conversations.append(conversation)
            for source, target, packets in (
                (client, server, conversation.client),
                (server, client, conversation.server),
            ):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(
                    target=self._pass, args=(source, target, packets), daemon=True
                ).start()

    @staticmethod
    def _pass(source, target, packets):
        try:
            while data := source.recv(256 * 1024):
                packets.take(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            # One side is gone: the other is told by the end of its connection.
            for each in (source, target):
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
