"""Writes tables.h: what Python's zoneinfo says of clocks, and cron ticks found with it by trying
every second or minute of the local clock. Run by hand when a case is added:

    python3 tests/unit/sched/tables.py > tests/unit/sched/tables.h
"""
import datetime as dt
import pathlib
import zoneinfo

HERE = pathlib.Path(__file__).parent
ZONES = ["UTC", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Santiago",
         "Australia/Lord_Howe", "Asia/Kathmandu"]
UTC = dt.timezone.utc
ZONE = {}
for name in ZONES:
    with open(HERE / "zoneinfo" / name, "rb") as f:
        ZONE[name] = zoneinfo.ZoneInfo.from_file(f, key=name)


def utc(year, month, day, hour=0, minute=0, second=0):
    return int(dt.datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())


def offset(zone, t):
    return int(dt.datetime.fromtimestamp(t, ZONE[zone]).utcoffset().total_seconds())


def changes(zone, year):
    """Every second before which, or at which, another offset begins."""
    t, end = utc(year, 1, 1), utc(year + 1, 1, 1)
    while t < end:
        if offset(zone, t) != offset(zone, t + 1800):
            low, high = t, t + 1800
            while high - low > 1:
                mid = (low + high) // 2
                low, high = (low, mid) if offset(zone, mid) != offset(zone, low) else (mid, high)
            yield high
        t += 1800


def times(zone, local):
    """The times that show it, or the moment of the jump."""
    found = []
    for fold in (0, 1):
        t = int(local.replace(tzinfo=ZONE[zone], fold=fold).timestamp())
        back = dt.datetime.fromtimestamp(t, ZONE[zone]).replace(tzinfo=None, fold=0)
        if back == local and t not in found:
            found.append(t)
    if found:
        return len(found), sorted(found)[0], sorted(found)[-1]
    early = int(local.replace(tzinfo=ZONE[zone], fold=1).timestamp())
    late = int(local.replace(tzinfo=ZONE[zone], fold=0).timestamp())
    low, high = min(early, late) - 1, max(early, late) + 1
    while high - low > 1:
        mid = (low + high) // 2
        low, high = (low, mid) if offset(zone, mid) != offset(zone, low) else (mid, high)
    return 0, high, high


def offsets():
    moments = [utc(y, m, 1, 12) for y in (1900, 1945, 1970, 1999, 2026, 2038, 2100, 2399)
               for m in (1, 7)]
    for zone in ZONES:
        at = set(moments)
        for year in (1980, 2026, 2037, 2038, 2090):
            for t in changes(zone, year):
                at |= {t - 1, t, t + 1}
        for t in sorted(at):
            yield f'    {{"{zone}", {t}LL, {offset(zone, t)}}},'


def clocks():
    for zone in ZONES:
        for year in (2026, 2061):
            locals_ = {dt.datetime(year, 6, 15, 12, 34, 56)}
            for t in changes(zone, year):
                middle = dt.datetime.fromtimestamp(t, UTC).replace(tzinfo=None)
                for o in {offset(zone, t - 1), offset(zone, t)}:
                    for s in (-1, 0, 1, -900, 900):
                        locals_.add(middle + dt.timedelta(seconds=o + s))
            for c in sorted(locals_):
                n, a, b = times(zone, c)
                yield (f'    {{"{zone}", {{{c.year}, {c.month}, {c.day}, {c.hour}, {c.minute}, '
                       f'{c.second}, 0}}, {n}, {a}LL, {b}LL}},')


# (expression, its sets by hand: minutes, hours, function of the date, second), zone, start
def every(_):
    return True


CRON = [
    ("0 2 * * *", [0], [2], every),
    ("30 2 * * *", [30], [2], every),
    ("*/20 1,2,3 * * *", [0, 20, 40], [1, 2, 3], every),
    ("*/30 * * * *", [0, 30], range(24), every),
    ("15 * * * *", [15], range(24), every),
    ("0 0 * * *", [0], [0], every),
    ("0 9 * * MON-FRI", [0], [9], lambda d: d.weekday() < 5),
    ("0 0 13 * FRI", [0], [0], lambda d: d.day == 13 or d.weekday() == 4),
    ("0 12 L * *", [0], [12], lambda d: (d + dt.timedelta(days=1)).day == 1),
    ("59 23 31 12 ?", [59], [23], lambda d: (d.month, d.day) == (12, 31)),
    ("0 4 29 FEB *", [0], [4], lambda d: (d.month, d.day) == (2, 29)),
]
STARTS = [(2026, 3, 7), (2026, 3, 28), (2026, 4, 4), (2026, 9, 5), (2026, 10, 3), (2026, 10, 24),
          (2026, 10, 31), (2096, 2, 28), (2050, 3, 26)]
TICKS = 9


def ticks(zone, minutes, hours, fits, start):
    """The first ticks after `start`, by the rules of cron.h."""
    hourly = len(hours) == 24
    found, day = set(), dt.datetime.fromtimestamp(start, ZONE[zone]).date() - dt.timedelta(days=1)
    last = None
    for _ in range(3700):
        if len([t for t in found if t > start]) > TICKS + 60 or (last and last < day):
            break
        if fits(day):
            for h in hours:
                for m in minutes:
                    n, a, b = times(zone, dt.datetime(day.year, day.month, day.day, h, m))
                    if not hourly:
                        found.add(a)
                    elif n:
                        found |= {a, b}
            if last is None and len([t for t in found if t > start]) >= TICKS:
                last = day + dt.timedelta(days=2)
        day += dt.timedelta(days=1)
    return sorted(t for t in found if t > start)[:TICKS]


def crons():
    for text, minutes, hours, fits in CRON:
        rare = text in ("59 23 31 12 ?", "0 4 29 FEB *")
        for zone in ZONES:
            if zone == "UTC" and not rare and text != "0 0 13 * FRI":
                continue
            for date in STARTS[-2:] if rare else STARTS:
                start = utc(*date, 20)
                found = ticks(zone, minutes, list(hours), fits, start)
                yield (f'    {{"{text}", "{zone}", {start}LL, {len(found)}, {{'
                       + ", ".join(f"{t - start}" for t in found) + "}},")


print("/* Written by tables.py. */")
print("/* clang-format off */")
for kind, rows in (("offsets", offsets()), ("clocks", clocks()), ("ticks", crons())):
    print(f"static const struct row_{kind} {kind}[] = {{")
    print("\n".join(rows))
    print("};")
print("/* clang-format on */")
