"""Every metric as the plainest loop that could be right, over rows as dicts.

Each takes rows, a period and an as-of day number, and returns {group: {column: value}} for the
columns it vouches for; intervals are proven elsewhere.
"""

import math
from collections import Counter, defaultdict

import numpy as np

OPEN_EXITS = ("advanced", "skipped_to", "back", "won", "lost", "invalid", "open")


def grouped(rows, *names):
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in names)].append(row)
    return groups


def living(deals, today):
    return [
        d for d in deals
        if not d["is_deleted"] and (d["created_day"] is None or d["created_day"] <= today)
    ]  # fmt: skip


def is_open(deal, today):
    closed = deal["closed_day"]
    return deal["status"] == "open" or (closed is not None and closed > today)


def ended(deal, today, start=-(10**9), end=10**9):
    closed = deal["closed_day"]
    return deal["status"] != "open" and closed is not None and (
        closed <= today and start <= closed < end
    )  # fmt: skip


def age(deal, today):
    if deal["created_day"] is None:
        return None
    if is_open(deal, today):
        return today - deal["created_day"]
    return None if deal["closed_day"] is None else deal["closed_day"] - deal["created_day"]


def over(a, b):
    return a / b if b else None


def quantile(values, share):
    return float(np.quantile(values, share)) if values else None


def old_limit(deals, today):
    cycles = [age(d, today) for d in deals if ended(d, today)]
    return quantile([c for c in cycles if c is not None and c >= 0], 0.9)


def _win_base(deals, period, today, by):
    deals = living(deals, today)
    limit = old_limit(deals, today)
    for key, part in grouped(deals, *by).items():
        now = [d for d in part if ended(d, today, period.start_day, period.end_day)]
        status = Counter(d["status"] for d in now)
        opens = [d for d in part if is_open(d, today)]
        old = [d for d in opens if limit is not None and (age(d, today) or 0) > limit]
        overdue = [
            d for d in opens
            if d["expected_close_day"] is not None and d["expected_close_day"] < today
        ]  # fmt: skip
        yield key, now, status, opens, old, overdue


def win_rate(deals, period, today, by):
    return {
        key: {
            "won": s["won"], "lost": s["lost"], "closed": s["won"] + s["lost"],
            "win_rate": over(s["won"], s["won"] + s["lost"]),
            "open": len(opens), "old_open": len(old),
        }
        for key, _, s, opens, old, _ in _win_base(deals, period, today, by)
    }  # fmt: skip


def win_rate_broad(deals, period, today, by):
    return {
        key: {
            "won": s["won"], "invalid": s["invalid"], "closed": s.total(),
            "win_rate": over(s["won"], s.total()), "old_open": len(old),
        }
        for key, _, s, _, old, _ in _win_base(deals, period, today, by)
    }  # fmt: skip


def win_rate_by_amount(deals, period, today, by):
    found = {}
    for key, now, _, _, old, _ in _win_base(deals, period, today, by):
        priced = [d for d in now if d["status"] in ("won", "lost") and d["amount"] is not None]
        won = sum(d["amount"] for d in priced if d["status"] == "won")
        every = sum(d["amount"] for d in priced)
        found[key] = {
            "won": sum(d["status"] == "won" for d in priced), "closed": len(priced),
            "won_amount": won, "closed_amount": every, "win_rate": over(won, every),
            "old_open": len(old),
        }  # fmt: skip
    return found


def win_rate_stale_adjusted(deals, period, today, by):
    found = {}
    for key, _, s, _, old, overdue in _win_base(deals, period, today, by):
        stale = len({d["deal_id"] for d in [*old, *overdue]})
        below = s["won"] + s["lost"] + stale
        found[key] = {
            "won": s["won"], "stale": stale, "old_open": len(old), "overdue": len(overdue),
            "closed": below, "win_rate": over(s["won"], below),
        }  # fmt: skip
    return found


def _cohort(deals, period, today):
    return [
        d for d in living(deals, today)
        if d["created_day"] is not None and period.start_day <= d["created_day"] < period.end_day
    ]  # fmt: skip


def win_rate_created(deals, period, today, by):
    found = {}
    for key, part in grouped(_cohort(deals, period, today), *by).items():
        won = sum(d["status"] == "won" and ended(d, today) for d in part)
        found[key] = {
            "won": won, "created": len(part), "win_rate": won / len(part),
            "still_open": sum(is_open(d, today) for d in part),
        }  # fmt: skip
    return found


def cohort_exits(deals, period, today, by):
    found = defaultdict(Counter)
    for deal in _cohort(deals, period, today):
        years = age(deal, today)
        if years is None or years < 0:
            continue
        end = "still_open" if is_open(deal, today) else deal["status"]
        found[*(deal[name] for name in by), years][end] += 1
    names = ("won", "lost", "invalid", "still_open")
    return {key: {name: counts[name] for name in names} for key, counts in found.items()}


def sales_cycle(deals, period, today, by):
    found = {}
    for key, part in grouped(living(deals, today), *by).items():
        closed = [
            d for d in part
            if (ended(d, today, period.start_day, period.end_day) and (age(d, today) or -1) >= 0)
            or (ended(d, today, period.start_day, period.end_day) and age(d, today) == 0)
        ]  # fmt: skip
        every = [age(d, today) for d in closed]
        won = [age(d, today) for d in closed if d["status"] == "won"]
        waiting = [age(d, today) for d in part if is_open(d, today)]
        waiting = [a for a in waiting if a is not None]
        if not (every or won or waiting):
            continue
        found[key] = {
            "won": len(won), "won_median": quantile(won, 0.5), "won_p90": quantile(won, 0.9),
            "closed": len(every), "closed_median": quantile(every, 0.5),
            "closed_mean": float(np.mean(every)) if every else None,
            "open": len(waiting), "open_median": quantile(waiting, 0.5),
        }  # fmt: skip
    return found


def pipeline_by_stage(deals, _period, today, by):
    found = {}
    opens = [
        d if d["status"] == "open" else {**d, "stage": None, "stage_rank": None}
        for d in living(deals, today) if is_open(d, today)
    ]  # fmt: skip
    for key, part in grouped(opens, *by, "stage").items():
        amounts = [d["amount"] for d in part if d["amount"] is not None]
        overdue = [
            d for d in part
            if d["expected_close_day"] is not None and d["expected_close_day"] < today
        ]  # fmt: skip
        chances = [
            d["amount"] * d["probability"] for d in part
            if d["amount"] is not None and d["probability"] is not None
        ]  # fmt: skip
        ages = [a for d in part if (a := age({**d, "status": "open"}, today)) is not None]
        found[key] = {
            "deals": len(part), "amount": sum(amounts) if amounts else None,
            "without_amount": len(part) - len(amounts), "weighted": sum(chances),
            "weighted_deals": len(chances), "overdue": len(overdue),
            "overdue_amount": sum(d["amount"] or 0 for d in overdue),
            "median_age": quantile(ages, 0.5),
        }  # fmt: skip
    return found


def _won(deals, period, today, by):
    won = [
        d for d in deals
        if d["status"] == "won" and not d["is_deleted"]
        and ended(d, today, period.start_day, period.end_day)
    ]  # fmt: skip
    return grouped(won, *by).items()


def bookings(deals, period, today, by):
    found = {}
    for key, part in _won(deals, period, today, by):
        amounts = [d["amount"] for d in part if d["amount"] is not None]
        found[key] = {
            "won": len(part), "with_amount": len(amounts),
            "bookings": sum(amounts) if amounts else None,
        }  # fmt: skip
    return found


def average_deal_size(deals, period, today, by):
    return {
        key: {"average_deal_size": over(row["bookings"] or 0, row["with_amount"])}
        for key, row in bookings(deals, period, today, by).items()
    }


def volume(deals, lines, period, today, by):
    found = {}
    for key, part in _won(deals, period, today, by):
        units = [
            sum(quantities) for d in part
            if (quantities := [
                line["quantity"] for line in lines
                if line["deal_id"] == d["deal_id"] and line["quantity"] is not None
            ])
        ]  # fmt: skip
        found[key] = {
            "won": len(part), "with_units": len(units), "units": sum(units) if units else None,
        }  # fmt: skip
    return found


def sales_velocity(deals, period, today, by):
    found = {}
    for key, part in grouped(living(deals, today), *by).items():
        closed = [d for d in part if ended(d, today, period.start_day, period.end_day)]
        won = [d for d in closed if d["status"] == "won"]
        amounts = [d["amount"] for d in won if d["amount"] is not None]
        days = [a for d in closed if (a := age(d, today)) is not None and a >= 0]
        opens = sum(is_open(d, today) for d in part)
        size, cycle = over(sum(amounts), len(amounts)), over(sum(days), len(days))
        rate = over(len(won), len(closed))
        known = None not in (size, cycle, rate)
        found[key] = {
            "open_deals": opens, "win_rate": rate, "average_deal_size": size,
            "cycle_days": cycle, "sales_velocity": opens * rate * size / cycle if known else None,
        }  # fmt: skip
    return found


def _entered(visits, period):
    return [v for v in visits if period.start_day <= v["entered_day"] < period.end_day]


def stage_entries(visits, period, _today, by):
    return {
        key: {
            "entries": len(part), "deals": len({v["deal_id"] for v in part}),
            "returns": sum(v["visit_no"] > 1 for v in part),
            "passing": sum(v["is_passing"] for v in part),
        }
        for key, part in grouped(_entered(visits, period), *by, "stage").items()
    }  # fmt: skip


def stage_flow(visits, period, _today, by):
    found = {}
    entered = [v for v in _entered(visits, period) if v["stage_category"] == "open"]
    for key, part in grouped(entered, *by, "stage").items():
        exits = Counter(v["exit_type"] for v in part)
        onward = exits["advanced"] + exits["skipped_to"] + exits["won"]
        found[key] = {name: exits[name] for name in OPEN_EXITS} | {
            "entered": len(part), "onward": onward, "left": len(part) - exits["open"],
            "onward_rate": over(onward, len(part) - exits["open"]),
            "skipped": sum(v["skipped"] for v in part),
        }  # fmt: skip
    return found


def reached_or_passed(visits, period, _today, by):
    ways = grouped(visits, "deal_id")
    cohort = []
    for way in ways.values():
        first = next(v for v in way if v["seq"] == 1)
        if period.start_day <= first["entered_day"] < period.end_day:
            cohort.append((tuple(first[name] for name in by), way))
    stages = {
        (v["stage"], v["stage_rank"])
        for _, way in cohort for v in way if v["stage_category"] == "open"
    }  # fmt: skip
    found = {}
    for key in {key for key, _ in cohort}:
        part = [way for group, way in cohort if group == key]
        for stage, rank in stages:
            reached = visited = waiting = 0
            for way in part:
                opens = [v for v in way if v["stage_category"] == "open"]
                got = any(v["stage_rank"] >= rank for v in opens)
                reached += got or any(v["stage_category"] == "won" for v in way)
                visited += any(v["stage"] == stage for v in way)
                waiting += any(v["exit_type"] == "open" for v in opens)
            found[*key, stage] = {
                "cohort": len(part), "reached": reached, "visited": visited,
                "reached_rate": reached / len(part), "still_open": waiting,
            }  # fmt: skip
    return found


def stage_modes(visits, period, _today, by):
    """Walk every deal once, stage by stage."""
    ways = [sorted(way, key=lambda v: v["seq"]) for way in grouped(visits, "deal_id").values()]

    def inside(visit):
        return period.start_day <= visit["entered_day"] < period.end_day

    opens = [v for way in ways for v in way if _is_open(v) and inside(way[0])]
    lowest = min((v["stage_rank"] for v in opens), default=0)
    stages = {}
    for way in ways:
        key = tuple(way[0][name] for name in by)
        for v in way:
            if _is_open(v):
                stages.setdefault((*key, v["stage"]), (v["stage_rank"], Counter()))
    for way in ways:
        key = tuple(way[0][name] for name in by)
        _walk(way, key, stages, inside, lowest)
    return {
        key: {name: counts[name] for name in MODE_COUNTS} for key, (_, counts) in stages.items()
    }


MODE_COUNTS = (
    "entries", "again", "again_reopened", "first_entries", "begun_earlier", "entered_later",
    "visited", "off_skipped", "off_back", "off_reopened", "strict", "stands_now",
    "entries_onward", "entries_open", "first_onward", "first_open", "strict_onward",
    "strict_open", "reached", "reached_onward", "reached_open", "passed_over",
)  # fmt: skip


def _is_open(v):
    return v["stage_category"] == "open"


def _walk(way, key, stages, inside, lowest):
    born = inside(way[0])
    won = any(v["stage_category"] == "won" for v in way)
    waits = any(_is_open(v) and v["exit_type"] == "open" for v in way)
    furthest = 10**9 if won else max((v["stage_rank"] for v in way if _is_open(v)), default=None)
    off = None if _is_open(way[0]) and way[0]["stage_rank"] == lowest else "off_skipped"
    seen, closed = set(), False
    for v in way:
        if not _is_open(v):
            closed = True
            continue
        counts = stages[*key, v["stage"]][1]
        _every(counts, v, inside(v))
        if v["stage"] in seen:
            counts["again_reopened" if closed else "again"] += inside(v)
        else:
            _first_time(counts, v, born, inside(v), (furthest, waits))
            if born:
                counts[off or "strict"] += 1
                if off is None:
                    straight = v["exit_type"] == "won" and v["skipped"] == 0
                    counts["strict_onward"] += v["exit_type"] == "advanced" or straight
                    counts["strict_open"] += v["exit_type"] == "open"
        counts["stands_now"] += born and v["exit_type"] == "open"
        seen.add(v["stage"])
        ends = {"back": "off_back", "skipped_to": "off_skipped"}
        if off is None and v["exit_type"] != "advanced":
            off = ends.get(v["exit_type"], "off_reopened")
    if born and furthest is not None:
        _reached(key, stages, (furthest, waits), seen)


def _every(counts, v, entered):
    counts["entries"] += entered
    counts["entries_onward"] += entered and v["exit_type"] in ("advanced", "skipped_to", "won")
    counts["entries_open"] += entered and v["exit_type"] == "open"


def _first_time(counts, v, born, entered, fate):
    furthest, waits = fate
    beyond = furthest > v["stage_rank"]
    counts["first_entries"] += entered
    counts["first_onward"] += entered and beyond
    counts["first_open"] += entered and not beyond and waits
    counts["begun_earlier"] += entered and not born
    counts["visited"] += born
    counts["entered_later"] += born and not entered


def _reached(key, stages, fate, seen):
    furthest, waits = fate
    for (*group, stage), (rank, counts) in stages.items():
        if tuple(group) != key or furthest < rank:
            continue
        counts["reached"] += 1
        counts["reached_onward"] += furthest > rank
        counts["reached_open"] += furthest == rank and waits
        counts["passed_over"] += stage not in seen


def dwell_counts(visits, period, today, by):
    found = defaultdict(Counter)
    for v in _entered(visits, period):
        if v["stage_category"] != "open" or v["is_passing"]:
            continue
        last = today if v["exited_day"] is None else v["exited_day"]
        counts = found[*(v[name] for name in by), v["stage"], last - v["entered_day"]]
        kind = v["exit_type"]
        counts["still_open" if kind == "open" else "ended"] += 1
        counts["onward" if kind in ("advanced", "skipped_to", "won") else kind] += 1
    names = ("onward", "back", "lost", "invalid", "ended", "still_open")
    return {key: {name: counts[name] for name in names} for key, counts in found.items()}


AGE_CLASSES = ((0, 3), (4, 7), (8, 14), (15, 30), (31, 60), (61, 10**6))
RISK_CLASSES = ((0, 2), (3, 5), (6, 9), (10, 14), (15, 20), (21, 30), (31, 45), (46, 119))


def _month(day, months):
    return next((i for i, m in enumerate(months) if m.start_day <= day < m.end_day), None)


def stage_exits(visits, months, _today, by):
    found = defaultdict(lambda: {"exits": 0, "onward": 0, "amount": 0.0, "amounts": 0})
    for v in visits:
        if v["stage_category"] != "open" or v["exited_day"] is None:
            continue
        month = _month(v["exited_day"], months)
        if month is None or v["is_passing"] or v["exit_is_bulk"]:
            continue
        stay = v["exited_day"] - v["entered_day"]
        age = next(i for i, (first, last) in enumerate(AGE_CLASSES) if first <= stay <= last)
        row = found[*(v[name] for name in by), v["stage"], month, age]
        row["exits"] += 1
        row["onward"] += v["exit_type"] in ("advanced", "skipped_to", "won")
        if v["amount"] is not None:
            row["amount"] += v["amount"]
            row["amounts"] += 1
    return dict(found)


def stage_risk(visits, months, today, by):
    found = defaultdict(lambda: {"days": 0, "exits": 0})
    for v in visits:
        month = _month(v["entered_day"], months)
        if v["stage_category"] != "open" or month is None or v["is_passing"]:
            continue
        stay = (today if v["exited_day"] is None else v["exited_day"]) - v["entered_day"]
        for age, (first, last) in enumerate(RISK_CLASSES):
            spent = [day for day in range(stay + 1) if first <= day <= last]
            if not spent:
                continue
            row = found[*(v[name] for name in by), v["stage"], month, age]
            row["days"] += len(spent)
            gone = v["exited_day"] is not None and not v["exit_is_bulk"]
            row["exits"] += gone and first <= stay <= last
    return dict(found)


def transitions(visits, period, _today, by):
    moved = [
        v for v in visits
        if v["exited_day"] is not None and period.start_day <= v["exited_day"] < period.end_day
    ]  # fmt: skip
    return {
        key: {"moves": len(part), "deals": len({v["deal_id"] for v in part})}
        for key, part in grouped(moved, *by, "stage", "next_stage", "exit_type").items()
    }


def _converted(lead, today):
    day = lead["converted_day"]
    return bool(lead["is_converted"]) if day is None else day <= today


def leads_created(leads, period, today, by):
    return {
        key: {
            "leads": len(part),
            "unassigned": sum(x["assigned_day"] is None or x["assigned_day"] > today
                              for x in part),
        }
        for key, part in grouped(_leads(leads, period, today), *by).items()
    }  # fmt: skip


def _leads(leads, period, today):
    return [
        x for x in leads
        if x["created_day"] is not None and x["created_day"] <= today
        and period.start_day <= x["created_day"] < period.end_day
    ]  # fmt: skip


def lead_conversion(leads, period, today, by):
    found = {}
    for key, part in grouped(_leads(leads, period, today), *by).items():
        converted = sum(_converted(x, today) for x in part)
        found[key] = {
            "leads": len(part), "converted": converted, "waiting": len(part) - converted,
            "conversion_rate": converted / len(part),
        }  # fmt: skip
    return found


def lead_conversion_counts(leads, period, today, by):
    found = defaultdict(Counter)
    for x in _leads(leads, period, today):
        converted = _converted(x, today)
        last = x["converted_day"] if converted else today
        if last is not None and last >= x["created_day"]:
            key = (*(x[name] for name in by), last - x["created_day"])
            found[key]["converted" if converted else "waiting"] += 1
    return {
        key: {name: counts[name] for name in ("converted", "waiting")}
        for key, counts in found.items()
    }


def decided_deals(deals, period, today, by):
    found = {}
    for key, part in grouped([d for d in deals if not d["is_deleted"]], *by).items():
        now = [d for d in part if ended(d, today, period.start_day, period.end_day)]
        if by and not now:
            continue
        status = Counter(d["status"] for d in now)
        amounts = [d["amount"] for d in now if d["status"] == "won" and d["amount"]]
        logs = [math.log(a) for a in amounts if a > 0]
        found[key] = {
            "won": status["won"], "lost": status["lost"], "invalid": status["invalid"],
            "decided": len(now), "win_rate": over(status["won"], len(now)), "priced": len(logs),
            "bookings": sum(amounts), "log_total": sum(logs),
            "log_squares": sum(x * x for x in logs),
        }  # fmt: skip
    return found


def activity_counts(activities, period, today, by):
    found = {}
    for key, part in grouped(activities, *by).items():
        now = [a for a in part if a["happened_day"] is not None
               and period.start_day <= a["happened_day"] < period.end_day
               and a["happened_day"] <= today]  # fmt: skip
        kinds = Counter(a["type"] for a in now)
        counts = {kind: kinds[kind] for kind in ("call", "meeting", "visit", "email")}
        if sum(counts.values()) or not by:
            found[key] = counts | {"contacts": sum(counts.values())}
    return found


def lead_response(leads, period, today, by):
    found = {}
    for key, part in grouped(leads, *by).items():
        rows = []
        for lead in part:
            given = lead["assigned_day"] if lead["assigned_day"] is not None else (
                lead["created_day"])  # fmt: skip
            first = lead["first_response_day"]
            inside = given is not None and period.start_day <= given < period.end_day
            if inside and given < today and (first is None or first >= given):
                rows.append((given, first))
        if rows or not by:
            found[key] = {
                "given": len(rows),
                "answered": sum(f is not None and f <= today for _, f in rows),
                "prompt": sum(f is not None and f - g <= 1 for g, f in rows),
                "prompt_rate": over(sum(f is not None and f - g <= 1 for g, f in rows), len(rows)),
            }
    return found


def _fits(answer):
    low, high, score = answer["scale_min"], answer["scale_max"], answer["score"]
    if None in (low, high, score) or not low < high or not low <= score <= high:
        return False
    return answer["type"] != "NPS" or (low, high) == (0, 10)


def survey_scores(feedback, period, today, by):
    inside = [
        a for a in feedback
        if a["answered_day"] is not None and period.start_day <= a["answered_day"] < period.end_day
        and a["type"] in ("NPS", "CSAT", "CES") and _fits(a)
    ]  # fmt: skip
    last = {}
    for a in sorted(inside, key=lambda a: (a["answered_day"], a["feedback_id"])):
        voter = a["account_id"] or a["feedback_id"]
        last[voter, a["type"], a["scale_min"], a["scale_max"]] = a
    found = {}
    names = (*by, "type", "scale_min", "scale_max")
    for key, part in grouped(list(last.values()), *names).items():
        kind, low, high = key[-3:]
        if kind == "NPS":
            good = [a for a in part if a["score"] >= 9]
        elif kind == "CSAT":
            good = [a for a in part if a["score"] >= high - (1 if high - low >= 3 else 0)]
        else:
            good = [a for a in part if a["score"] >= low + (high - low) * 2 / 3]
        poor = [a for a in part if kind == "NPS" and a["score"] <= 6]
        found[key] = {
            "votes": len(part), "good": len(good), "poor": len(poor),
            "survey_score": (len(good) - len(poor)) / len(part),
        }  # fmt: skip
    return found


def response_rate(feedback, period, today, by):
    asked = [
        a for a in feedback
        if a["asked_day"] is not None and period.start_day <= a["asked_day"] < period.end_day
    ]  # fmt: skip
    found = {}
    for key, part in grouped(asked, *by).items():
        answered = sum(a["answered_day"] is not None for a in part)
        found[key] = {"asked": len(part), "answered": answered,
                      "response_rate": over(answered, len(part))}  # fmt: skip
    return found
