"""Says whether a unit is level: the rules by which the second half of a soak is compared with its middle.

Two parts of the run are compared, both behind the last kill, so that they are one life of the process: the *middle* (50 % to 60 % of the
run) and the *end* (the last 10 %).

| what | rule |
|---|---|
| resident memory | the median of the end is at most 1.2 times that of the middle and 24 MiB more |
| file handles, threads | the most of the end is at most 8, of threads 32, more than the most of the middle: those of queries come and go |
| the store's write-ahead log | at most 160 MiB: its limit (`store.wal_pages_max`) and a fourth of it for what is under way |
| log files, spilled queries, unfinished files | the most of the end is at most 1.5 times the most of the middle, or 24 MiB where that is more |
| the number of files | the same, or 100: between two checkpoints a Delta log has some dozens |
| bytes that stay (the store, tables) | what an acknowledged operation adds from 75 % on is at most 1.3 times what it adds from 50 % to 75 %, and 4 MiB in all |
| what is acknowledged in a second | the end has at least 0.7 of the middle: a unit that slows down is not level |
"""

from statistics import median

MEMORY_FACTOR, MEMORY_MORE = 1.2, 24 << 20
MORE = {"handles": 8, "threads": 32}
LOG_AHEAD_BYTES = 160 << 20
PASSING_FACTOR, PASSING_BYTES, FILES = 1.5, 24 << 20, 100
KEPT_FACTOR, KEPT_BYTES = 1.3, 4 << 20
PACE_LEAST = 0.7
SAMPLES_LEAST = 3


def part(samples: list, seconds: float, begin: float, end: float) -> list:
    found = [sample for sample in samples if begin * seconds <= sample["at"] <= end * seconds]
    assert SAMPLES_LEAST <= len(found), f"{len(found)} samples between {begin:.0%} and {end:.0%} of the run"
    assert len({sample["life"] for sample in found}) == 1, "the unit was killed while it was measured"
    return found


def growth(samples: list) -> tuple[int, int]:
    """Returns how many bytes that stay came, and how many operations were acknowledged meanwhile."""
    first, last = samples[0], samples[-1]
    return last["kept_bytes"] - first["kept_bytes"], last["acknowledged"] - first["acknowledged"]


def pace(samples: list) -> float:
    first, last = samples[0], samples[-1]
    return (last["acknowledged"] - first["acknowledged"]) / max(last["at"] - first["at"], 0.001)


def judge(samples: list, seconds: float) -> tuple[list, list]:
    """Returns what was compared, and which of it is not level."""
    middle, end = part(samples, seconds, 0.50, 0.60), part(samples, seconds, 0.90, 1.0)
    third, last = part(samples, seconds, 0.50, 0.75), part(samples, seconds, 0.75, 1.0)
    assert middle[0]["life"] == last[-1]["life"], "the middle and the end are not one life of the process"
    findings = []

    def rule(name: str, before: float, after: float, bound: float, is_least: bool = False):
        is_level = bound <= after if is_least else after <= bound
        findings.append({"what": name, "middle": before, "end": after, "bound": bound, "level": is_level})

    def most(samples: list, name: str) -> float:
        return max(sample[name] for sample in samples)

    before, after = (median(sample["memory_bytes"] for sample in held) for held in (middle, end))
    rule("memory_bytes", before, after, MEMORY_FACTOR * before + MEMORY_MORE)
    for name, more in MORE.items():
        rule(name, most(middle, name), most(end, name), most(middle, name) + more)
    rule("log_ahead_bytes", most(middle, "log_ahead_bytes"), most(end, "log_ahead_bytes"), LOG_AHEAD_BYTES)
    for name, least in (("passing_bytes", PASSING_BYTES), ("files", FILES)):
        rule(name, most(middle, name), most(end, name), max(PASSING_FACTOR * most(middle, name), least))
    (came, done), (came_last, done_last) = growth(third), growth(last)
    assert 0 < done and 0 < done_last, "nothing is acknowledged any more"
    rule("kept_bytes", came, came_last, KEPT_FACTOR * max(came, 0) * done_last / done + KEPT_BYTES)
    rule("acknowledged_second", pace(middle), pace(end), PACE_LEAST * pace(middle), is_least=True)
    return findings, [found["what"] for found in findings if not found["level"]]


def self_test():
    """What is not level must be found: a rule that finds nothing is none."""
    seconds = 100.0

    def run(**slopes) -> list:
        flat = {"memory_bytes": 300 << 20, "handles": 60, "threads": 20, "log_ahead_bytes": 100 << 20, "passing_bytes": 20 << 20,
                "files": 80, "kept_bytes": 0, "acknowledged": 0}
        steps = {"kept_bytes": lambda at: at * 100_000, "acknowledged": lambda at: at * 100}
        steps.update(slopes)
        return [{"at": float(at), "life": 3, **{name: steps.get(name, lambda _, flat=flat[name]: flat)(at) for name in flat}}
                for at in range(101)]

    assert judge(run(), seconds)[1] == []
    for name, slope in {
        "memory_bytes": lambda at: (300 + 3 * at) << 20,
        "handles": lambda at: 60 + at // 2,
        "threads": lambda at: 20 + at,
        "log_ahead_bytes": lambda at: (2 * at) << 20,
        "passing_bytes": lambda at: at << 20,
        "files": lambda at: 2 * at,
        "kept_bytes": lambda at: at * at * 40_000,
    }.items():
        assert judge(run(**{name: slope}), seconds)[1] == [name], name
    slower = run(acknowledged=lambda at: at * 100 if at < 60 else 6_000 + (at - 60) * 30)
    assert "acknowledged_second" in judge(slower, seconds)[1]
    for broken in (run()[:91], [{**sample, "life": int(sample["at"] > 70)} for sample in run()]):
        try:
            judge(broken, seconds)
        except AssertionError:
            continue
        raise AssertionError("a run without an end, or with a kill in it, was judged")


if __name__ == "__main__":
    self_test()
