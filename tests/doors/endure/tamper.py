"""Takes backups of a unit that runs, changes one byte in each kind of file in turn, and expects each to be refused; then nothing may stand where
the unit would have come back. The untouched backup comes back, sound and with all rows.

usage: tamper.py BINARY [--folder target/tmp/tamper] [--places 12] [--seed 1]

The kinds: the manifest (each byte that only separates words, too), the state, Parquet files of tables and their Delta logs, configuration,
certificate, and the sealed keys. Needs no package.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "benches"))

from unit import NDJSON, Unit  # noqa: E402

TABLES = "[data]\nseal_ms = 500\nseal_rows_min = 1\n"
PASSPHRASE = "correct horse battery staple"
ROWS = 20_000
KINDS = {"manifest", "keys", "state", "table", "delta", "configuration", "certificate"}


class Backups:
    """A folder of backups, and the command line."""

    def __init__(self, binary: str, folder: Path):
        self.binary, self.root, self.folder = binary, folder / "backups", folder

    def run(self, *arguments) -> subprocess.CompletedProcess:
        environment = {**os.environ, "CRATON_PASSPHRASE": PASSPHRASE}
        return subprocess.run([self.binary, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder, env=environment)

    def manifest(self) -> tuple[Path, dict]:
        """Returns the newest manifest: that of the highest commit."""
        held = {path: json.loads(path.read_text())["manifest"] for path in (self.root / "manifests").glob("*.json")}
        newest = max(held, key=lambda path: held[path]["commit"])
        return newest, held[newest]

    def files(self) -> dict:
        """Returns the files of the newest backup by their kind."""
        path, manifest = self.manifest()
        self.newest = path.stem
        found = {"manifest": [path], "keys": [path for path in (self.root / "keys").rglob("*") if path.is_file()]}
        for entry in manifest["files"]:
            pieces = [self.root / "pieces" / piece[:2] / piece for piece in entry["pieces"]]
            found.setdefault(kind_of(entry["path"]), []).extend(pieces)
        return found

    def expect_refusal(self, kind: str, file: Path, place: int, byte: int):
        """Puts a byte in place of another; neither the check nor the restore may take it."""
        whole = file.read_bytes()
        changed = bytearray(whole)
        changed[place] = byte
        file.write_bytes(changed)
        try:
            codes = ("[backup.damaged]", "[backup.passphrase]") if kind == "keys" else ("[backup.damaged]",)
            what = f"{kind}: byte {place} of {file.name}: {whole[place]} became {byte}"
            # Neither by its name nor as the newest; nor does the one before come in its place unasked.
            for name in (["--at", self.newest], []):
                restored = self.run("restore", self.root, "again", "--with-keys", *name)
                assert restored.returncode and any(code in restored.stderr for code in codes), (what, restored.stdout, restored.stderr)
                assert not (self.folder / "again").exists() and not list(self.folder.glob(".again*")), f"{what}: something is left"
            if kind != "keys":
                checked = self.run("backup", "check", self.root)
                assert checked.returncode and "[backup.damaged]" in checked.stderr, (what, checked.stdout, checked.stderr)
        finally:
            file.write_bytes(whole)


def kind_of(path: str) -> str:
    if path == "store.db":
        return "state"
    if "/_delta_log/" in path:
        return "delta"
    if path.endswith(".parquet"):
        return "table"
    return {".toml": "configuration", ".pem": "certificate"}.get(Path(path).suffix, path)


def take(backups: Backups, folder: Path, binary: str):
    """Takes two backups of a unit with rows in files and rows in its log; the second brings only what has changed."""
    unit = Unit(binary, folder / "shop", TABLES, has_postgres=True)
    try:
        done = backups.run("--unit", "shop", "apply", "-f", HERE / "shop")
        assert done.returncode == 0, done.stderr
        for part in range(2):
            rows = (json.dumps({"sender": part, "number": number, "text": "z" * 20}) for number in range(ROWS))
            unit.append("events", "\n".join(rows).encode(), NDJSON)
            unit.seal("events")
            unit.append("events", json.dumps({"sender": part, "number": ROWS}).encode(), NDJSON)
            done = backups.run("backup", "shop", backups.root, "--with-keys")
            assert done.returncode == 0, done.stderr
        unit.stop()
    finally:
        unit.process.kill()
        unit.process.wait()


def places_of(kind: str, content: bytes, count: int, chance: random.Random):
    """Yields places in a file and what comes there: at both ends, at random, and in a manifest where words are separated."""
    some = {0, len(content) // 2, len(content) - 1, *(chance.randrange(len(content)) for _ in range(count))}
    yield from ((place, content[place] ^ (1 << chance.randrange(8))) for place in sorted(some))
    if kind == "manifest":
        blanks = [place for place, byte in enumerate(content) if byte in b" \n"]
        for place in [*chance.sample(blanks, count), len(content) - 1]:
            yield place, ord("\t")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--folder", default="target/tmp/tamper")
    parser.add_argument("--places", type=int, default=12, help="in each kind of file, beside its ends and its middle")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder, chance = Path(options.folder).resolve(), random.Random(options.seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    binary = str(Path(options.binary).resolve())
    backups = Backups(binary, folder)
    take(backups, folder, binary)
    files, count = backups.files(), 0
    assert KINDS <= set(files) and all(files[kind] for kind in KINDS), {kind: len(held) for kind, held in files.items()}
    for kind, held in sorted(files.items()):
        file = chance.choice(held)
        for place, byte in places_of(kind, file.read_bytes(), options.places, chance):
            backups.expect_refusal(kind, file, place, byte)
            count += 1
    done = backups.run("restore", backups.root, "again", "--with-keys")
    assert done.returncode == 0, done.stderr
    # The keys that open secrets are in no backup: they are kept apart.
    shutil.copy(folder / "shop" / "secret.key", folder / "again" / "secret.key")
    done = backups.run("verify", "again")
    assert done.returncode == 0, done.stdout + done.stderr
    unit = Unit(binary, folder / "again", has_postgres=True)
    try:
        shutil.copy(folder / "shop" / "owner.token", folder / "again" / "owner.token")
        rows = unit.sql("SELECT count(*) AS c, count(DISTINCT sender * 100000 + number) AS d FROM events")
        assert {int(cell) for cell in rows[0].values()} == {2 * (ROWS + 1)}, rows
        unit.stop()
    finally:
        unit.process.kill()
        unit.process.wait()
    print(f"backups: one changed byte was refused {count} times, in {', '.join(sorted(files))}; the untouched one came back whole")


if __name__ == "__main__":
    main()
