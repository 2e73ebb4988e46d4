"""Stands between a client and the PostgreSQL door and searches all that the door sends for the marks of hidden rows.

usage: watch.py PORT DOOR_PORT FOLDER
       watch.py --self-test

Writes FOLDER/listening when it listens; at SIGTERM FOLDER/watched with counts, and FOLDER/shown with what went before a mark.
Ends with 1 where there was one. Statements are counted as simple queries and executed portals; the protocol must be plain.
"""

import asyncio
import pathlib
import signal
import struct
import sys

# As text, as a number, and as the number in binary (8 bytes, big end first).
MARKS = [b"XMARKX", b"987654321", struct.pack(">q", 987654321), struct.pack(">d", 987654321.5)]
LONGEST = max(len(mark) for mark in MARKS)


class Search:
    """Finds marks in a stream of pieces, also where a mark is cut in two."""

    def __init__(self):
        self.rest = b""
        self.found = []

    def feed(self, piece):
        text = self.rest + piece
        self.found += [text[-400:] for mark in MARKS if mark in text]
        self.rest = text[-(LONGEST - 1):]


class Messages:
    """Counts messages of the protocol by their type; the first of a client has none."""

    def __init__(self, has_start):
        self.has_start = has_start
        self.buffer = b""
        self.counts = {}

    def feed(self, piece):
        self.buffer += piece
        while True:
            head = 0 if self.has_start else 1
            if len(self.buffer) < head + 4:
                return
            (length,) = struct.unpack(">I", self.buffer[head:head + 4])
            if len(self.buffer) < head + length:
                return
            if self.has_start:
                (code,) = struct.unpack(">I", self.buffer[4:8])
                # A wish for TLS or GSS comes before the start; it is refused with one byte.
                self.has_start = code in (80877103, 80877104)
            else:
                kind = self.buffer[:1].decode("latin-1")
                self.counts[kind] = self.counts.get(kind, 0) + 1
            self.buffer = self.buffer[head + length:]


class Watch:
    def __init__(self, door, folder):
        self.door, self.folder = door, pathlib.Path(folder)
        self.search_all, self.clients, self.servers = [], [], []

    async def serve(self, reader, writer):
        search = Search()
        client, server = Messages(True), Messages(False)
        self.search_all.append(search)
        self.clients.append(client)
        self.servers.append(server)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.door)
        except OSError:
            writer.close()
            return
        await asyncio.gather(
            self.carry(reader, up_writer, [client]),
            self.carry(up_reader, writer, [search, server]),
        )

    async def carry(self, reader, writer, feeds):
        try:
            while piece := await reader.read(1 << 16):
                for feed in feeds:
                    feed.feed(piece)
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def counted(self, messages, kinds):
        return sum(each.counts.get(kind, 0) for each in messages for kind in kinds)

    def finish(self):
        found = [shown for search in self.search_all for shown in search.found]
        lines = [
            f"statements {self.counted(self.clients, 'QE')}",
            f"answered {self.counted(self.servers, 'C')}",
            f"refused {self.counted(self.servers, 'E')}",
            f"marks {len(found)}",
        ]
        (self.folder / "watched").write_text("\n".join(lines) + "\n")
        if found:
            (self.folder / "shown").write_bytes(b"\n---\n".join(found))
        return 1 if found else 0


async def main(port, door, folder):
    watch = Watch(door, folder)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    server = await asyncio.start_server(watch.serve, "127.0.0.1", port)
    (watch.folder / "listening").write_text(str(port))
    await ended.wait()
    server.close()
    return watch.finish()


def self_test():
    search = Search()
    for piece in [b"D....XMA", b"RKX....", b"98765", b"43210"]:
        search.feed(piece)
    assert len(search.found) == 2, search.found
    search = Search()
    search.feed(b"D" + struct.pack(">q", 987654321))
    assert len(search.found) == 1
    search = Search()
    search.feed(b"XMARK XMARKY 98765432")
    assert not search.found
    messages = Messages(True)
    start = struct.pack(">II", 8, 80877103) + struct.pack(">II", 12, 196608) + b"abcd"
    query = b"Q" + struct.pack(">I", 13) + b"SELECT 1\0"
    for byte in start + query + query:
        messages.feed(bytes([byte]))
    assert messages.counts == {"Q": 2}, messages.counts


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    else:
        sys.exit(asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])))
