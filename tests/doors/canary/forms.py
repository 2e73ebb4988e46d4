"""The forms in which a secret could stand somewhere, and where to look for it: plain files, archives, tables, rows of a database."""

import base64
import gzip
import io
import json
import sqlite3
import tarfile
from pathlib import Path

import pyarrow.parquet as parquet


def forms(secret: bytes) -> list:
    """Returns a secret as it is, escaped, reversed, in hexadecimal digits, and in base64 at any place, there also as OAuth escapes it first."""
    escaped = "".join(chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"%{byte:02X}" for byte in secret).encode()
    found = {secret, secret[::-1], secret.hex().encode(), secret.hex().upper().encode(), escaped, escaped.lower()}
    try:
        found.add(json.dumps(secret.decode())[1:-1].encode())
    except UnicodeDecodeError:
        pass  # what is no text stands in no JSON
    for shift in range(3):
        for plain in (secret, escaped):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                # What depends on the neighbours is left out at both ends.
                found.add(encode(bytes(shift) + plain).rstrip(b"=")[4:-2])
    return [form for form in found if 8 <= len(form)]


def unpacked(name: str, content: bytes):
    """Yields a file's bytes, and those of what is packed in it."""
    yield name, content
    if content[:2] == b"\x1f\x8b":
        yield from unpacked(f"{name} (unpacked)", gzip.decompress(content))
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive.getmembers():
                if member.isfile():
                    yield from unpacked(f"{name}: {member.name}", archive.extractfile(member).read())
    elif content[:4] == b"PAR1" and content[-4:] == b"PAR1":
        table = parquet.read_table(io.BytesIO(content))
        for column in table.columns:
            for cell in column.to_pylist():
                yield f"{name} (a cell)", cell if isinstance(cell, bytes) else str(cell).encode()
        yield f"{name} (its schema)", str(table.schema.metadata).encode()


def cells(path: Path):
    """Yields the cells of a SQLite database: a long one lies in pages that are not beside each other."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.text_factory = bytes
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in connection.execute(f'SELECT * FROM "{table.decode()}"'):
            for cell in row:
                if isinstance(cell, bytes):
                    yield f"{path.name}: {table.decode()}", cell
    connection.close()


class Canaries:
    """Secrets by what they are, and where each may stand."""

    def __init__(self):
        self.held = []

    def add(self, what: str, secret: bytes, homes: tuple = ()):
        """Adds a secret. `homes` are the names of files that are there to hold it."""
        assert 12 <= len(secret), what
        self.held.append((what, forms(secret), homes))

    def search(self, name: str, content: bytes, path: Path | None = None) -> list:
        """Returns which secrets stand in some bytes."""
        found = []
        for where, part in unpacked(name, content):
            for what, searched, homes in self.held:
                if path is not None and path.name in homes:
                    continue
                if any(form in part for form in searched):
                    found.append(f"{what} is in {where}")
        return found

    def search_folder(self, folder: Path) -> tuple[int, list]:
        """Returns how many files there are, and which secrets stand in them."""
        count, found = 0, []
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                count += 1
                found += self.search(str(path), path.read_bytes(), path)
        return count, found


def self_test():
    """What is there must be found: a search that finds nothing is none."""
    import pyarrow

    secret, canaries = b'a"secret/+&of=many signs', Canaries()
    canaries.add("it", secret, ("home.txt",))
    packed, table = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("log.txt")
        member.size = len(secret) + 2
        archive.addfile(member, io.BytesIO(b"x" + secret + b"y"))
    parquet.write_table(pyarrow.table({"text": [f"before {secret.decode()} behind"] * 3}), table, compression="zstd")
    planted = [
        b"before " + secret + b" behind", secret.hex().encode(), base64.b64encode(b"user:" + secret), base64.b64encode(b"ab" + secret),
        json.dumps({"x": secret.decode()}).encode(), packed.getvalue(), table.getvalue(), b"a%22secret%2F%2B%26of%3Dmany%20signs",
    ]
    for content in planted:
        assert canaries.search("planted", content), content
        assert not canaries.search("planted", content, Path("home.txt"))
    assert not canaries.search("innocent", b"a secret of many signs")
