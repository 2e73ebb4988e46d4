#!/usr/bin/env python3
"""Walks guides as a newcomer does: writes every file that they show, types every command, and compares what is shown with what comes.

    tests/guides/walk.py BINARY [--browser] [--keep] [--show] [GUIDE...]

Without a guide these are docs/guides/tutorial.md and first-steps.md.

Each guide is walked in an empty folder, with a home and ports of its own; the standard library is enough. What is a snippet:

- a block `console` has commands behind `$ `, and below each what it shows. `…` stands for anything in a line, a line `…` for any lines,
  a time for any time; hexadecimal digits that touch `…` are those of an id, and stand for any. Where nothing is shown nothing is
  compared; what reads only is asked again until it shows what it should.
- a block `sh` is run as it stands.
- any other block is a file where the line before begins with its path in backticks and ends with a colon.

A block that is neither fails the walk, so that no snippet is left out. What a reader does with his hands stands in comments, which
nobody sees who reads the page:

    <!-- walk: background -->       the next block's command goes on running; what it shows is waited for
    <!-- walk: typed SECRET -->     SECRET is typed wherever the next block's commands ask for something, on a terminal
    <!-- walk: line FILE "TEXT" --> the next block takes the place of the line of FILE that has TEXT
    <!-- walk: after FILE "TEXT" -->    the next block goes behind that line
    <!-- walk: shown -->            the next block is only shown
    <!-- walk: run COMMAND -->      something that is done meanwhile
    <!-- walk: stop -->             Ctrl-C for what goes on running
    <!-- walk: browser PART -->     a part of web/tests/tutorial.mjs, with --browser; it gets UNIT_URL, and what `set` has named
    <!-- walk: watch PART -->       the same, which goes on while the next commands run, …
    <!-- walk: watched -->          … until it has seen what it waits for
    <!-- walk: else COMMAND -->     in place of the browser, without --browser
    <!-- walk: set NAME VALUE -->   for the browser
"""

import argparse
import os
import pty
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDES = ["docs/guides/tutorial.md", "docs/guides/first-steps.md"]
# How long something may take: a command, a start, an answer that is asked for again and again.
PATIENCE = 60
# Ports as guides write them; each walk has its own.
PORTS = ["8080", "9080", "5480", "8443"]
# Commands that change nothing: they are typed again until they show what they should.
READING = {"list", "get", "sql", "ps", "describe", "history", "lineage", "show", "kpi"}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
ON_ITS_OWN = {"run", "stop", "browser", "watch", "watched", "else", "set"}


class Failed(Exception):
    """A guide does not lead where it says."""


@dataclass
class Step:
    """Something that the reader does."""

    what: str
    text: str
    line: int
    marks: dict = field(default_factory=dict)


def read(guide):
    """Returns the steps of a guide, in order."""
    steps, marks, before = [], {}, ""
    lines = enumerate(guide.read_text().splitlines(), 1)
    for number, line in lines:
        if mark := re.fullmatch(r"<!-- walk: (\w+) ?(.*?) ?-->", line.strip()):
            word, rest = mark.groups()
            if word in ON_ITS_OWN:
                steps.append(Step(word, rest, number))
            else:
                marks[word] = rest
        elif fence := re.match(r"```(\w*)$", line):
            text = "".join(f"{each}\n" for each in taken(lines))
            steps.append(block(fence[1], text, number, marks, before))
            marks = {}
        elif line.strip():
            before = line.strip()
    return steps


def taken(lines):
    """Takes the lines of a block, up to its end."""
    for _, line in lines:
        if line == "```":
            return
        yield line


def block(language, text, number, marks, before):
    """Returns what is to be done with a block."""
    if "shown" in marks:
        return Step("shown", text, number)
    if "line" in marks or "after" in marks:
        return Step("edit", text, number, marks)
    if language in ("console", "sh"):
        return Step(language, text, number, marks)
    named = re.match(r"`([\w./-]+\.\w+)`.*:$", before)
    if not named:
        raise Failed(f"{number}: neither commands, nor a file that the line before names")
    return Step("file", text, number, {"path": named[1]})


def commands(text):
    """Returns the commands of a block, each with the lines that it shows."""
    found = []
    for line in text.splitlines():
        if found and found[-1][0].endswith("\\") and not found[-1][1]:
            found[-1][0] = f"{found[-1][0][:-1].rstrip()} {line.strip()}"
        elif line.startswith("$ "):
            found.append([line[2:], []])
        elif found:
            found[-1][1].append(line)
        elif line.strip():
            raise Failed(f"`{line}` stands before the first command of its block")
    return found


def fits(shown, came):
    """True where what came is what the guide shows."""
    return re.fullmatch("".join(pattern(line) for line in squeezed(shown)), "".join(f"{line}\n" for line in squeezed(came))) is not None


def squeezed(lines):
    """Leaves out what only the eye needs: the width of columns, empty lines."""
    lines = (re.sub(r"\s+", " ", line.strip()) for line in lines)
    return [line for line in lines if line]


def pattern(line):
    if line == "…":
        return r"(?:.*\n)*?"
    # The digits of an id that touch the sign belong to it: `6d0c…f1`.
    line = re.sub(r"\b[0-9a-f]+…[0-9a-f]*", "…", re.sub(TIME, "\0", line))
    return re.escape(line).replace("…", ".*?").replace("\0", TIME) + r"\n"


class Walk:
    """A walk through one guide."""

    def __init__(self, folder, given):
        self.folder, self.with_browser, self.is_shown = folder, given.browser, given.show
        self.cwd = folder / "empty"
        self.running, self.watching, self.logs = [], None, 0
        self.known = {}
        ports = free_ports(len(PORTS))
        self.ports = dict(zip(PORTS, ports))
        for each in ("empty", "bin", "home"):
            (folder / each).mkdir()
        self.wrap(str(Path(given.binary).resolve()))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CRATON_", "XDG_"))}
        local = "127.0.0.1,localhost"
        self.env = kept | {
            "HOME": str(folder / "home"), "PATH": f"{folder / 'bin'}:{kept['PATH']}", "TZ": "UTC", "COLUMNS": "200",
            "NO_PROXY": local, "no_proxy": local, **{f"PORT_{old}": new for old, new in self.ports.items()},
        }

    def wrap(self, binary):
        """`craton` as the reader has it, but for the ports of what it makes."""
        addresses = " ".join(
            f"--{door} 127.0.0.1:{self.ports[port]}"
            for door, port in (("listen", "8080"), ("listen-peers", "9080"), ("listen-postgres", "5480"))
        )
        program = self.folder / "bin" / "craton"
        program.write_text(
            f'#!/bin/sh\nif [ "$1" = init ]; then shift; exec {shlex.quote(binary)} init "$@" {addresses}; fi\n'
            f'exec {shlex.quote(binary)} "$@"\n'
        )
        program.chmod(0o755)

    def there(self, text):
        """A text of the guide with the ports of this walk."""
        return re.sub(r"(?<=:)\d{4}\b", lambda port: self.ports.get(port[0], port[0]), text)

    def back(self, text):
        """What came, with the ports of the guide."""
        for old, new in self.ports.items():
            text = text.replace(f":{new}", f":{old}")
        return text

    def go(self, steps):
        for step in steps:
            try:
                getattr(self, f"do_{step.what}")(step)
            except Failed as failed:
                raise Failed(f"{step.line}: {failed}") from None
        if self.watching:
            raise Failed("0: the browser still watches at the end")

    def do_shown(self, step):
        """Nothing to be done."""

    def do_file(self, step):
        path = self.cwd / step.marks["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.there(step.text))

    def do_edit(self, step):
        where = step.marks.get("line") or step.marks["after"]
        name, wanted = shlex.split(where)
        path = self.cwd / name
        lines = path.read_text().splitlines(keepends=True)
        places = [number for number, line in enumerate(lines) if wanted in line]
        if len(places) != 1:
            raise Failed(f"{len(places)} lines of {name} have `{wanted}`")
        first = places[0] + ("after" in step.marks)
        lines[first : places[0] + 1] = [self.there(step.text)]
        path.write_text("".join(lines))

    def do_console(self, step):
        for command, shown in commands(step.text):
            if "background" in step.marks:
                self.start(command, shown)
            elif "typed" in step.marks:
                self.compare(command, shown, *self.typed(command, step.marks["typed"]))
            else:
                self.type(command, shown)

    def do_sh(self, step):
        code, came = self.run(f"set -e\n{step.text}")
        if code:
            raise Failed(f"the block ends with {code}:\n{came}")

    do_run = do_sh

    def type(self, command, shown):
        """Types a command; one that only reads as often as it takes."""
        is_reading = bool(shown) and bool(READING & set(command.split()[1:3]))
        deadline = time.monotonic() + PATIENCE
        while True:
            code, came = self.run(command)
            if not is_reading or fits(shown, came.splitlines()) or deadline < time.monotonic():
                return self.compare(command, shown, code, came)
            time.sleep(0.2)

    def compare(self, command, shown, code, came):
        if self.is_shown:
            print(f"$ {command}\n{came}", end="")
        is_meant = any(line.startswith("error:") for line in shown)
        if bool(code) != is_meant:
            raise Failed(f"`{command}` ends with {code}:\n{came}")
        if squeezed(shown) and not fits(shown, came.splitlines()):
            raise Failed(f"`{command}` should show\n{indented(shown)}\nand shows\n{indented(came.splitlines())}")

    def run(self, command):
        """Runs a command as a shell does that keeps its folder. Returns its exit status and what it shows."""
        where = self.folder / "cwd"
        script = f'{self.there(command)}\ncode=$?\npwd > {shlex.quote(str(where))}\nexit "$code"'
        try:
            done = subprocess.run(
                ["bash", "-c", script], cwd=self.cwd, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"`{command}` does not end") from None
        if where.exists():
            self.cwd = Path(where.read_text().strip())
        return done.returncode, self.back(done.stdout)

    def typed(self, command, secret):
        """Runs a command on a terminal and types a secret wherever it asks for something."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.cwd)
            os.execvpe("bash", ["bash", "-c", self.there(command)], self.env)
        came, answered, deadline = b"", 0, time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.2)[0]:
                if came.endswith(b": ") and answered < len(came):
                    answered = len(came)
                    os.write(terminal, f"{secret}\n".encode())
                continue
            try:
                part = os.read(terminal, 4096)
            except OSError:
                break
            if not part:
                break
            came += part
        else:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        text = came.decode(errors="replace").replace("\r", "")
        return os.waitstatus_to_exitcode(status), self.back(text)

    def start(self, command, shown):
        """Starts what goes on running, and waits until it has shown what it should."""
        self.logs += 1
        log = self.folder / f"{self.logs}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self.there(command)}"], cwd=self.cwd, env=self.env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True,
            )
        self.running.append((command, process))
        wanted = squeezed(shown)
        self.until(process, log, lambda came: all(re.search(pattern(line), came) for line in wanted), command, shown)

    def until(self, process, log, is_there, command, shown):
        deadline = time.monotonic() + PATIENCE
        while not is_there(came := "".join(f"{line}\n" for line in squeezed(self.back(log.read_text()).splitlines()))):
            if process.poll() is not None or deadline < time.monotonic():
                raise Failed(f"`{command}` should show\n{indented(shown)}\nand shows\n{indented(came.splitlines())}")
            time.sleep(0.1)

    def do_stop(self, _):
        command, process = self.running.pop()
        os.killpg(process.pid, signal.SIGINT)
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed(f"`{command}` does not stop") from None
        if code:
            raise Failed(f"`{command}` ends with {code}")

    def do_set(self, step):
        name, value = step.text.split(maxsplit=1)
        self.known[name] = self.there(value)

    def do_else(self, step):
        if not self.with_browser:
            self.do_sh(step)

    def browser(self, part):
        url = f"http://127.0.0.1:{self.ports['8080']}"
        env = self.env | {"HOME": os.environ.get("HOME", "/"), "UNIT_URL": url} | self.known
        return {"args": ["node", str(ROOT / "web/tests/tutorial.mjs"), part], "env": env, "cwd": ROOT / "web"}

    def do_browser(self, step):
        if not self.with_browser:
            return
        done = subprocess.run(
            **self.browser(step.text), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=4 * PATIENCE, check=False
        )
        if done.returncode:
            raise Failed(f"in the browser, `{step.text}`:\n{done.stdout}")

    def do_watch(self, step):
        if not self.with_browser:
            return
        log = self.folder / "watch.log"
        with log.open("wb") as out:
            process = subprocess.Popen(**self.browser(step.text), stdout=out, stderr=out, start_new_session=True)
        self.watching = (step.text, process, log)
        self.until(process, log, lambda came: "watching\n" in came, step.text, ["watching"])

    def do_watched(self, _):
        if not self.watching:
            return
        (part, process, log), self.watching = self.watching, None
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = "nothing"
        if code:
            raise Failed(f"in the browser, `{part}` ends with {code}:\n{log.read_text()}")

    def end(self):
        """Leaves nothing running."""
        if self.watching:
            self.running.append(self.watching[:2])
        for _, process in self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def indented(lines):
    return "\n".join(f"    {line}" for line in lines)


def free_ports(count):
    """Returns ports that nobody has at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def main():
    parser = argparse.ArgumentParser(description="Walks guides: every file, every command.")
    parser.add_argument("binary")
    parser.add_argument("guides", nargs="*", default=GUIDES)
    parser.add_argument("--browser", action="store_true", help="with the parts in a browser: needs Node, Chromium and `npm ci` in web/")
    parser.add_argument("--show", action="store_true", help="print what every command answers")
    parser.add_argument("--keep", action="store_true", help="leave the folder of a walk that failed")
    given = parser.parse_args()
    failed = [name for name in given.guides if not is_walked(name, given)]
    sys.exit(1 if failed else 0)


def is_walked(name, given):
    """Walks one guide. Returns whether it leads where it says."""
    folder = Path(tempfile.mkdtemp(prefix="walk-"))
    walk = Walk(folder, given)
    is_right = False
    try:
        steps = read(ROOT / name)
        walk.go(steps)
        is_right = True
        print(f"{name}: {len(steps)} steps lead where they should")
    except Failed as problem:
        print(f"error: {name}:{problem}", file=sys.stderr)
    finally:
        walk.end()
        if given.keep and not is_right:
            print(f"left: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    return is_right


if __name__ == "__main__":
    main()
