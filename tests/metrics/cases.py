"""Every metric with its oracle, a table, dimensions, further keys and the time it takes."""

from datetime import date, timedelta

from metrics import oracles
from metrics.tables import (
    as_frame,
    random_activities,
    random_deals,
    random_feedback,
    random_histories,
    random_leads,
    random_lines,
)
from metrics.visit_oracle import visits_of

from salesops_kit.metrics import bookings as sold
from salesops_kit.metrics import (
    cycle,
    exits,
    feedback,
    funnel,
    leads,
    modes,
    pipeline,
    reps,
    velocity,
    wins,
)
from salesops_kit.periods import day_number, period, periods_until

QUARTER = period("2025-Q1")
TODAY = date(2025, 4, 20)
DEALS = random_deals(1)
LEADS = random_leads(2)
LINES = random_lines(3)
ACTIVITIES = random_activities(5)
ANSWERS = random_feedback(5)
HISTORY, KNOWN = random_histories(4, deals=60)
WEEK = period("2024-W40")  # the histories begin on its Friday
AS_OF = WEEK.end + timedelta(days=2)
WEEKS = list(periods_until(period("2024-W41"), 2))
VISITS = visits_of(HISTORY, KNOWN, as_of_day=day_number(AS_OF), dimensions=("region",))
STAY_TYPES = dict.fromkeys(
    ("seq", "visit_no", "stage_rank", "entered_day", "entered_s", "exited_day", "exited_s",
     "next_rank", "skipped"), "Int64",
)  # fmt: skip
STAYS = as_frame(VISITS, **STAY_TYPES, amount="float64")

# metric, its oracle, the table it reads, dimensions, further keys, time it takes
CASES = [
    *[(f, getattr(oracles, f.__name__), DEALS, ("region",), (), {"period": QUARTER, "as_of": TODAY})
      for f in (wins.win_rate, wins.win_rate_broad, wins.win_rate_by_amount,
                wins.win_rate_stale_adjusted, wins.win_rate_created, cycle.sales_cycle,
                sold.bookings, sold.average_deal_size, velocity.sales_velocity)],
    (wins.cohort_exits, oracles.cohort_exits, DEALS, ("region",), ("age_days",),
     {"period": QUARTER, "as_of": TODAY}),
    (pipeline.pipeline_by_stage, oracles.pipeline_by_stage, DEALS, ("region",), ("stage",),
     {"as_of": TODAY}),
    *[(f, getattr(oracles, f.__name__), LEADS, ("source",), more,
       {"period": QUARTER, "as_of": TODAY})
      for f, more in ((leads.leads_created, ()), (leads.lead_conversion, ()),
                      (leads.lead_conversion_counts, ("age_days",)))],
    *[(f, getattr(oracles, f.__name__), STAYS, ("region",), more, {"period": WEEK})
      for f, more in ((funnel.stage_entries, ("stage",)), (funnel.stage_flow, ("stage",)),
                      (funnel.reached_or_passed, ("stage",)),
                      (modes.stage_modes, ("stage",)),
                      (funnel.transitions, ("stage", "next_stage", "exit_type")))],
    (funnel.dwell_counts, oracles.dwell_counts, STAYS, ("region",), ("stage", "age_days"),
     {"period": WEEK, "as_of": AS_OF}),
    (reps.decided_deals, oracles.decided_deals, DEALS, ("region",), (),
     {"period": QUARTER, "as_of": TODAY}),
    (reps.activity_counts, oracles.activity_counts, ACTIVITIES, ("owner_id",), (),
     {"period": QUARTER, "as_of": TODAY}),
    (reps.lead_response, oracles.lead_response, LEADS, ("source",), (),
     {"period": QUARTER, "as_of": TODAY}),
    (exits.stage_exits, oracles.stage_exits, STAYS, ("region",), ("stage", "month", "age"),
     {"months": WEEKS}),
    (exits.stage_risk, oracles.stage_risk, STAYS, ("region",), ("stage", "month", "age"),
     {"months": WEEKS, "as_of": AS_OF}),
    (feedback.survey_scores, oracles.survey_scores, ANSWERS, ("channel",),
     ("type", "scale_min", "scale_max"), {"period": QUARTER}),
    (feedback.response_rate, oracles.response_rate, ANSWERS, ("channel",), (),
     {"period": QUARTER}),
]  # fmt: skip
IDS = [case[0].__name__ for case in CASES]
