"""A published period with hostile names in it, written by hand."""

import json

HOSTILE = "Deal <script>x()</script> @all [click](http://evil)\r\nBcc: evil@example.com \u202egnp"


def finding(kind, severity, headline, amount=None):
    money = (
        None if amount is None else {"value": amount, "lower": None, "upper": None, "unit": "CNY"}
    )
    return {"id": f"funnel:{kind}", "analysis": "funnel", "kind": kind, "severity": severity,
            "headline": {"en": headline, "zh": f"中文 {headline}"},
            "detail": {"en": "d", "zh": "d"}, "action": {"en": "Call them", "zh": "联系客户"},
            "certainty": 1.0, "money": money, "section": "s", "definition": "funnel"}  # fmt: skip


def write_period(folder, *, language="en", run_id="run-1", findings=6):
    folder.mkdir(parents=True)
    said = [finding("bookings", "note", "Bookings were ¥1.2M in 2025-09.", 1.2e6),
            finding("leak", "warning", HOSTILE, 5e5)]  # fmt: skip
    said += [finding(f"more{n}", "note", f"Thing {n} happened.", 10.0 - n) for n in range(findings)]
    figure = {"name": "bookings", "label": {"en": "Bookings", "zh": "签约额"}, "value": 1.2e6,
              "unit": "money", "definition": "bookings", "lower": 1.1e6, "upper": 1.3e6, "n": 40,
              "previous": 1.0e6, "year_ago": None, "target": 1.5e6, "currency": "CNY",
              "trend": [], "good_direction": 1}  # fmt: skip
    content = {"workspace": "acme", "period": "2025-09", "as_of": "2025-09-30", "findings": said,
               "key_figures": [figure]}  # fmt: skip
    parameters = {"language": language, "scope": "", "period": "2025-09"}
    manifest = {"status": "published", "run_id": run_id, "parameters": parameters}
    (folder / "findings.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "index.html").write_text("<!DOCTYPE html><title>acme</title>", encoding="utf-8")
    (folder / "10_funnel.html").write_text("<!DOCTYPE html><title>funnel</title>", encoding="utf-8")
    return folder
