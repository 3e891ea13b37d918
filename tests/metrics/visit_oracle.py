"""Visits the slow and obvious way: one deal at a time, one entry after the other."""

from collections import Counter

EXITS = ("won", "lost", "invalid")


def visits_of(entries, deals, *, as_of_day, dimensions=(), open_ranks=None, bulk=25):
    """Return visits as a list of dicts; `entries` and `deals` are lists of dicts."""
    known = {deal["deal_id"]: deal for deal in deals} if deals is not None else None
    timed = [
        e for e in entries
        if e["entered_day"] is not None and e["entered_s"] is not None
        and e["entered_day"] <= as_of_day
    ]  # fmt: skip
    if open_ranks is None:
        open_ranks = {e["stage_rank"] for e in timed if e["stage_category"] == "open"}
    per_minute = Counter(
        (e["changed_by"], e["entered_s"] // 60) for e in timed if e["entered_s"] % 86400
    )
    found = []
    for deal_id in sorted({e["deal_id"] for e in timed}):
        if known is not None and deal_id not in known:
            continue
        deal = known[deal_id] if known is not None else {}
        stays = collapsed(
            sorted((e for e in timed if e["deal_id"] == deal_id),
                   key=lambda e: (e["entered_s"], e["seq"]))
        )  # fmt: skip
        ranks = open_ranks
        if isinstance(open_ranks, dict):
            ranks = open_ranks.get(deal["pipeline"], ())
        seen = Counter()
        for number, stay in enumerate(stays):
            following = stays[number + 1] if number + 1 < len(stays) else None
            seen[stay["stage"]] += 1
            is_bulk = in_bulk(stay, per_minute, bulk)
            passed = ranks_passed(stay, following, ranks)
            visit = {
                "deal_id": deal_id,
                "seq": number + 1,
                "visit_no": seen[stay["stage"]],
                "stage": stay["stage"],
                "stage_rank": stay["stage_rank"],
                "stage_category": stay["stage_category"],
                "entered_day": stay["entered_day"],
                "entered_s": stay["entered_s"],
                "exited_day": following and following["entered_day"],
                "exited_s": following and following["entered_s"],
                "exit_type": exit_type(stay, following, passed),
                "next_stage": following and following["stage"],
                "next_rank": following and following["stage_rank"],
                "skipped": passed,
                "amount": deal.get("amount") if stay["amount"] is None else stay["amount"],
                "is_bulk": is_bulk,
                "exit_is_bulk": following is not None and in_bulk(following, per_minute, bulk),
                "is_passing": following is not None
                and following["entered_s"] - stay["entered_s"] < 60,
            }
            for name in dimensions:
                visit[name] = deal.get(name)
                if name == "owner_id" and stay["owner_id"] is not None:
                    visit[name] = stay["owner_id"]
            found.append(visit)
    return found


def in_bulk(entry, per_minute, bulk):
    return (
        entry["changed_by"] is not None
        and entry["entered_s"] % 86400 != 0
        and per_minute[entry["changed_by"], entry["entered_s"] // 60] >= bulk
    )


def collapsed(entries):
    kept = []
    for entry in entries:
        if not kept or kept[-1]["stage"] != entry["stage"]:
            kept.append(entry)
    return kept


def exit_type(stay, following, passed):
    if following is None:
        return "open"
    if following["stage_category"] in EXITS:
        return following["stage_category"]
    if stay["stage_category"] in EXITS or following["stage_rank"] <= stay["stage_rank"]:
        return "back"
    return "skipped_to" if passed else "advanced"


def ranks_passed(stay, following, ranks):
    if following is None or stay["stage_category"] != "open":
        return 0
    if following["stage_category"] == "won":
        return sum(rank > stay["stage_rank"] for rank in ranks)
    if following["stage_category"] != "open":
        return 0
    return sum(stay["stage_rank"] < rank < following["stage_rank"] for rank in ranks)
