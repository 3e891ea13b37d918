"""Display: frames, rows and captions for readers, in their language and with their formats."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from salesops_kit import schema
from salesops_kit.errors import ParameterError
from salesops_kit.language import (
    Count,
    Day,
    Days,
    Language,
    Money,
    Number,
    Points,
    Score,
    ScorePoints,
    Share,
    Value,
    Word,
    say,
)
from salesops_kit.settings import Settings

FORMATS: dict[str, Callable[[Any, str], Value]] = {
    "count": lambda value, _: Count(value),
    "days": lambda value, _: Days(value),
    "money": Money,
    "number": lambda value, _: Number(value),
    "number3": lambda value, _: Number(value, 3),
    "points": lambda value, _: Points(value),
    "score": lambda value, _: Score(value),
    "score_points": lambda value, _: ScorePoints(value),
    "share": lambda value, _: Share(value),
    "share1": lambda value, _: Share(value, 1),
}
_WRITTEN = (*FORMATS, "mixed", "mixed_points")
# Which columns a table shows, and how: a format of FORMATS, `text`, `day`, `stage`, `words:<area>`
# (the cell is a key of that catalogue), `translated` (a dict of languages), or `mixed` (each row's
# format stands in its column `unit`; `mixed_points`: a difference of two such).
_SPECS: dict[str, dict[str, str]] = {
    "funnel.variants": {"variant": "words:funnel", "win_rate": "share1", "lower": "share1",
                        "upper": "share1", "n": "count"},
    "funnel.reached": {"stage": "stage", "cohort": "count", "reached": "count",
                       "visited": "count", "reached_rate": "share1", "lower": "share1",
                       "upper": "share1"},
    "paths.steps": {"stage": "stage", "every_entry": "count", "again": "count",
                    "again_reopened": "count", "first_entries": "count",
                    "begun_earlier": "count", "entered_later": "count", "visited": "count",
                    "passed_over": "count", "reached": "count", "off_skipped": "count",
                    "off_back": "count", "off_reopened": "count", "strict": "count",
                    "stands_now": "count"},
    "paths.modes": {"stage": "stage", "mode": "words:paths", "n": "count", "went_on": "count",
                    "still_open": "count", "so_far": "share1", "at_most": "share1"},
    "paths.ends": {"stage": "stage", "horizon": "days", "visits": "count", "onward": "share1",
                   "lower": "share1", "upper": "share1", "lost": "share1", "invalid": "share1",
                   "back": "share1", "remaining": "share1", "followed": "share1"},
    "paths.stages": {"stage": "stage", "deals": "count", "amount": "money", "wins": "number",
                     "won_amount": "money", "without_amount": "count", "unknown": "count"},
    "paths.deals": {"deal": "text", "rep": "text", "stage": "stage", "age_days": "days",
                    "amount": "money", "chance": "share", "lower": "share", "upper": "share",
                    "days_left": "days"},
    "funnel.entries": {"stage": "stage", "entries": "count", "previous": "count",
                       "year_ago": "count", "returns": "count"},
    "funnel.dwell": {"stage": "stage", "visits": "count", "waiting": "count", "median": "days",
                     "p90": "days", "goal": "days", "over_goal": "share"},
    "funnel.pipeline": {"stage": "stage", "deals": "count", "amount": "money",
                        "without_amount": "count", "weighted": "money", "overdue": "count",
                        "median_age": "days"},
    "funnel.velocity": {"factor": "words:columns", "before": "mixed", "after": "mixed",
                        "contribution": "money"},
    "funnel.leads": {"source": "text", "leads": "count", "share": "share1", "lower": "share1",
                     "upper": "share1"},
    "diagnosis.leaks": {"what": "words:diagnosis_kind", "stage": "stage", "where": "translated",
                        "since": "text", "before": "mixed", "after": "mixed", "n": "count",
                        "money": "money", "certainty": "share"},
    "goals.company": {"stage": "stage", "wanted": "translated", "n": "count", "actual": "share1",
                      "lower": "share1", "upper": "share1", "verdict": "words:goals"},
    "goals.groups": {"level": "words:goals", "group": "text", "stage": "stage",
                     "wanted": "translated", "n": "count", "actual": "share1",
                     "lower": "share1", "upper": "share1", "verdict": "words:goals"},
    "sop.rules": {"rule_id": "text", "meaning": "text", "stage": "stage", "checked": "count",
                  "compliance_rate": "share1", "state": "words:sop"},
    "sop.stages": {"stage": "stage", "checked": "count", "compliance_rate": "share1",
                   "lower": "share1", "upper": "share1"},
    "sop.reps": {"group": "text", "checked": "count", "compliance_rate": "share1",
                 "expected_rate": "share1", "verdict": "words:sop"},
    "sop.winning": {"comparison": "translated", "kept_n": "count", "kept_share": "share1",
                    "broken_n": "count", "broken_share": "share1", "difference": "points",
                    "lower": "points", "upper": "points", "same_rep": "points",
                    "verdict": "words:sop"},
    "versions.spans": {"changed_on": "day", "change": "words:versions", "stage": "stage",
                       "version": "words:versions", "n": "count", "onward_share": "share1",
                       "lower": "share1", "upper": "share1", "median": "days"},
    "bridge.factors": {"against": "text", "factor": "words:bridge", "before": "mixed",
                       "after": "mixed", "part": "money", "lower": "money", "upper": "money"},
    "bridge.segments": {"against": "text", "group": "text", "before": "money", "after": "money",
                        "moved": "money", "volume": "money", "mix": "money", "speed": "money",
                        "win_rate": "money", "size": "money"},
    "bridge.dimensions": {"against": "text", "dimension": "words:columns", "volume": "money",
                          "mix": "money", "speed": "money", "win_rate": "money",
                          "size": "money"},
    "bridge.goals": {"group": "translated", "target": "money", "bookings": "money",
                     "gap": "money"},
    "pipeline_waterfall.steps": {"step": "words:pipeline_waterfall", "deals": "count",
                                 "amount": "money", "touched": "count"},
    "pipeline_waterfall.pushes": {"group": "words:pipeline_waterfall", "deals": "count",
                                  "amount": "money", "won": "count", "lost": "count",
                                  "pushed": "count", "pushed_amount": "money", "late": "count",
                                  "late_amount": "money"},
    "pipeline_waterfall.trend": {"period": "text", "deals": "count", "pushed": "count",
                                 "push_rate": "share1", "lower": "share1", "upper": "share1",
                                 "slip_rate": "share1", "push_days": "days"},
    "pipeline_waterfall.repeated": {"pushes": "count", "deals": "count", "amount": "money"},
    "pipeline_waterfall.known": {"told_of": "words:pipeline_waterfall",
                                 "told": "words:pipeline_waterfall"},
    "pipeline_forecast.parts": {"comes_from": "words:pipeline_forecast", "wins": "number",
                                "expected": "money", "low": "money", "high": "money"},
    "pipeline_forecast.answer": {"method": "words:pipeline_forecast", "said": "money",
                                 "weight": "share", "wape": "share1", "bias": "points"},
    "pipeline_forecast.levers": {"lever": "words:pipeline_forecast", "now": "mixed",
                                 "even": "mixed", "sure": "mixed"},
    "pipeline_forecast.deals": {"deal": "text", "rep": "text", "stage": "stage", "due": "day",
                                "amount": "money", "chance": "share", "crm_chance": "share",
                                "notes": "translated"},
    "pipeline_forecast.stages": {"stage": "stage", "deals": "count", "amount": "money",
                                 "wins": "number", "prospect": "money", "by_rates": "money",
                                 "by_crm": "money"},
    "pipeline_forecast.calls": {"call": "words:pipeline_forecast", "deals": "count",
                                "amount": "money", "came": "share1", "prospect": "money",
                                "former": "count"},
    "pipeline_forecast.past": {"until": "day", "low": "money", "expected": "money",
                               "high": "money", "booked": "money",
                               "inside": "words:pipeline_forecast"},
    "pipeline_forecast.errors": {"days_ahead": "days", "method": "words:pipeline_forecast",
                                 "forecasts": "count", "wape": "share1", "bias": "points",
                                 "coverage": "share"},
    "pipeline_forecast.calibration": {"from_share": "share", "to_share": "share",
                                      "deals": "count", "stated": "share1", "came": "share1"},
    "revenue_at_risk.periods": {"span": "text", "forecast": "money", "target": "money",
                                "reach_chance": "share", "gap": "money", "low80": "money",
                                "high80": "money", "low90": "money", "high90": "money",
                                "alone_low": "money", "alone_high": "money", "booked": "money"},
    "revenue_at_risk.coverage": {"span": "text", "coverage_now": "number",
                                 "coverage_needed": "number", "pipeline_gap": "money",
                                 "open_money": "money", "left_money": "money",
                                 "coverage_even": "number", "conversion": "share1",
                                 "new_per_week": "number", "more_per_week": "number"},
    "revenue_at_risk.decisive": {"deal": "text", "chance": "share", "with_it": "share",
                                 "without_it": "share", "needed_share": "share",
                                 "amount": "money", "stage": "stage", "rep": "text"},
    "revenue_at_risk.record": {"periods_ahead": "count", "forecasts": "count", "wape": "share1",
                               "bias": "share1", "held": "share", "alone_held": "share"},
    "forecast.aims": {"span": "text", "booked": "money", "forecast": "money", "low80": "money",
                      "high80": "money", "target": "money", "gap": "money",
                      "reach_chance": "share", "alone": "money"},
    "forecast.made_of": {"method": "words:forecast", "said": "money", "wape": "share1",
                         "bias": "points", "weight": "share"},
    "forecast.path": {"span": "text", "forecast": "money", "low80": "money", "high80": "money",
                      "low95": "money", "high95": "money", "alone": "money", "target": "money"},
    "forecast.groups": {"split": "words:columns", "group": "text", "booked": "money",
                        "forecast": "money", "low80": "money", "high80": "money",
                        "target": "money", "gap": "money"},
    "forecast.measures": {"measure": "words:forecast", "last_value": "mixed",
                          "next_value": "mixed", "low80": "mixed", "high80": "mixed"},
    "forecast.moved": {"part": "words:forecast", "value": "money"},
    "forecast.accuracy": {"method": "words:forecast", "checks": "count", "wape": "share1",
                          "bias": "share1", "mase": "number", "coverage": "share",
                          "added": "points"},
    "forecast.kept": {"lead": "count", "checks": "count", "wape": "share1", "bias": "share1",
                      "mase": "number", "coverage": "share", "pinball_loss": "share1",
                      "added": "points"},
    "forecast.problems": {"measure": "words:forecast", "split": "words:columns",
                          "group": "text", "problem": "words:forecast", "periods_n": "count"},
    "reps.company": {"span": "words:reps", "reps": "count", "quota": "money", "bookings": "money",
                     "attainment": "share", "median_rep": "share", "at_80": "count",
                     "at_100": "count"},
    "reps.teams": {"span": "words:reps", "group": "text", "reps": "count", "quota": "money",
                   "bookings": "money", "attainment": "share", "median_rep": "share",
                   "at_80": "count", "at_100": "count"},
    "reps.regions": {"span": "words:reps", "group": "text", "reps": "count", "quota": "money",
                     "bookings": "money", "attainment": "share", "median_rep": "share",
                     "at_80": "count", "at_100": "count"},
    "reps.records": {"person": "text", "open_deals": "count", "with_defect": "count",
                     "defect_rate": "share", "lower": "share", "upper": "share",
                     "past_date": "count", "silent": "count", "no_date": "count",
                     "no_amount": "count"},
    "reps.attainment": {"person": "text", "team": "text", "active_days": "count",
                        "quota": "money", "prorated": "money", "bookings": "money",
                        "attainment": "share", "received": "count", "potential": "money",
                        "productivity": "share", "demand": "share", "demand_lower": "share",
                        "demand_upper": "share"},
    "reps.performance": {"person": "text", "verdict": "words:reps", "n": "count",
                         "rate": "share1", "adjusted": "share1", "adjusted_lower": "share1",
                         "adjusted_upper": "share1", "p_top": "share", "p_bottom": "share",
                         "expected_rank": "number", "size_level": "share",
                         "size_lower": "share", "size_upper": "share"},
    "reps.flips": {"person": "text", "n": "count", "rate": "share1", "usual": "share1",
                   "adjusted": "share1", "adjusted_lower": "share1", "adjusted_upper": "share1"},
    "reps.skills": {"person": "text", "stage": "stage", "n": "count", "rate": "share1",
                    "adjusted": "share1", "adjusted_lower": "share1",
                    "adjusted_upper": "share1", "usual": "share1", "verdict": "words:reps",
                    "topic": "words:reps"},
    "reps.scorecard": {"person": "text", "attainment": "number", "winning": "number",
                       "deal_size": "number", "satisfaction": "number", "attitude": "number",
                       "response": "number", "contacts": "number", "total": "number",
                       "rank": "count", "rank_span": "text", "moved_span": "text"},
    "reps.criteria": {"criterion": "words:columns", "weight": "share", "reps": "count",
                      "cases": "count"},
    "trajectories.ramped": {"horizon": "days", "ramped": "share", "lower": "share",
                            "upper": "share", "gone": "share", "in_view": "count"},
    "trajectories.changes": {"person": "text", "since": "text", "n_before": "count",
                             "won_before": "share1", "n_after": "count", "won_after": "share1",
                             "won_expected": "share1"},
    "trajectories.returns": {"group": "words:trajectories", "reps": "count",
                             "won_then": "share1", "won_now": "share1", "expected": "share1",
                             "lower": "share1", "upper": "share1", "usual": "share1"},
    "recognition.met": {"person": "text", "met": "words:recognition",
                        "quarters_reached": "count", "quarters_asked": "count",
                        "attainment": "share", "lasting_level": "share", "level_lower": "share",
                        "level_upper": "share", "p_level": "share", "verdict": "words:reps",
                        "demand": "share", "tenure_months": "count"},
    "recognition.risen": {"person": "text", "rise": "points", "rise_lower": "points",
                          "rise_upper": "points", "p_most": "share"},
    "incentives.paid": {"person": "text", "pay": "money", "attainment": "share",
                        "bookings": "money", "quota": "money", "payout": "money",
                        "bonus": "money", "cost": "share1"},
    "incentives.spans": {"span": "text", "pay": "money", "cost": "share1",
                         "bookings": "money", "reps": "count", "nothing": "count",
                         "capped": "count"},
    "incentives.shape": {"at_attainment": "share", "edge": "words:incentives", "jump": "money",
                         "rate_before": "share1", "rate_after": "share1"},
    "incentives.tests": {"test": "words:incentives", "at_attainment": "share", "n": "count",
                         "seen": "count", "expected": "number", "excess": "number",
                         "lower": "number", "upper": "number", "p": "share1",
                         "verdict": "words:incentives"},
    "incentives.summary": {"plan": "text", "pay": "money", "low80": "money",
                           "high80": "money", "cost_share": "share1", "beyond": "share",
                           "nothing": "share", "gini": "share"},
    "incentives.compared": {"person": "text", "pay_change": "money", "pay_before": "money",
                            "pay_after": "money", "attainment": "share", "quota": "money"},
    "training.effects": {"event": "translated", "took_part": "count", "controls": "count",
                         "past_rate": "share1", "effect": "points", "lower": "points",
                         "upper": "points", "detectable": "points",
                         "judged": "words:training"},
    "training.ways": {"event": "translated", "way": "words:training", "effect": "points",
                      "lower": "points", "upper": "points"},
    "training.events": {"event": "translated", "held_on": "day", "took_part": "count",
                        "counted": "count", "event_state": "words:training"},
    "monitor.alerts": {"measure": "words:monitor", "place": "translated",
                       "alerted": "words:monitor", "since_day": "day",
                       "before": "mixed", "now": "mixed", "cases": "count", "owner": "text",
                       "loudness": "words:monitor"},
    "monitor.series": {"measure": "words:monitor", "before": "mixed", "now": "mixed",
                       "cases": "count", "owner": "text"},
    "feedback.scores": {"survey": "text", "scale": "text", "votes": "count",
                        "survey_score": "mixed", "lower": "mixed", "upper": "mixed",
                        "previous_score": "mixed", "score_change": "mixed_points",
                        "change_lower": "mixed_points", "change_upper": "mixed_points"},
    "feedback.table": {"theme_name": "translated", "texts": "count", "complaints": "count",
                       "share": "share1", "lower": "share1", "upper": "share1",
                       "share_before": "share1", "score_change": "points", "accounts": "count",
                       "open_amount": "money", "ordered": "money"},
    "feedback.quotes": {"quote": "text", "theme_name": "translated", "mood": "words:feedback",
                        "heard_by": "translated", "answered_on": "day"},
    "feedback.words": {"word": "text", "texts": "count", "share": "share1",
                       "share_before": "share1", "ratio": "number", "q": "share1"},
    "feedback.telling": {"theme_name": "translated", "complaints": "count",
                         "telling_words": "text"},
    "feedback.segments": {"dimension": "words:feedback", "group": "text",
                          "theme_name": "translated", "texts": "count", "complaints": "count",
                          "share": "share1", "share_before": "share1"},
    "feedback.coverage": {"by": "words:feedback", "group_name": "translated",
                          "heard_share": "share", "silent_money": "money", "silent_share": "share",
                          "never_asked": "count", "never_answered": "count",
                          "customers": "count", "heard": "count", "lower": "share",
                          "upper": "share"},
    "feedback.unheard": {"customer": "text", "ordered": "money", "silence": "translated",
                         "rep": "text", "last_order_on": "day"},
    "feedback.responses": {"heard_by": "translated", "asked": "count", "answered": "count",
                           "response_rate": "share1", "lower": "share1", "upper": "share1"},
    "feedback.rivals": {"rival": "text", "texts": "count", "kind_texts": "count",
                        "unkind_texts": "count", "texts_before": "count"},
    "feedback.links": {"theme_name": "translated", "beside": "translated",
                       "share": "share", "others_share": "share", "verdict": "words:feedback",
                       "lower": "share", "upper": "share", "customers": "count", "n": "count"},
    "feedback.read": {"feedback_id": "text", "mood": "words:feedback", "text": "text"},
    "feedback.moods": {"mood": "words:feedback", "texts": "count", "share": "share1",
                       "audited": "count", "audited_share": "share1", "lower": "share1",
                       "upper": "share1"},
    "feedback.actions": {"what": "text", "theme_name": "translated", "owner_name": "text",
                         "opened_on": "day", "due_on": "day", "done_on": "day",
                         "share_before": "share1", "share_after": "share1",
                         "change_lower": "points", "change_upper": "points",
                         "result": "words:feedback"},
    "one_to_one.facts": {"fact": "words:columns", "mine": "mixed", "lower": "mixed",
                         "upper": "mixed", "peers": "mixed", "n": "count"},
    "one_to_one.profile": {"standing": "words:one_to_one", "where": "translated", "mine": "mixed",
                           "peers": "mixed", "surety": "words:one_to_one"},
    "one_to_one.deals": {"deal": "text", "stage": "stage", "amount": "money",
                         "age_days": "days", "quiet_days": "days", "help": "words:one_to_one"},
    "one_to_one.actions": {"agreed": "text", "opened_on": "day", "due_on": "day",
                           "done_on": "day", "result": "text"},
    "one_to_one.lines": {"agreed": "text", "due": "text", "signed": "text"},
    "risk.register": {"statement": "translated", "probability": "share", "loss": "money",
                      "since_last": "words:risk", "risk_kind": "words:risk",
                      "money_low": "money", "money": "money", "money_high": "money"},
    "risk.steps": {"statement": "translated", "owner": "text", "answered_by": "words:risk",
                   "status": "words:risk", "step": "translated", "steps": "count",
                   "steps_open": "count", "due_on": "day", "residual_probability": "share",
                   "residual_money": "money"},
    "risk.deals": {"deal": "text", "at_stake": "money", "chance": "share", "slip": "share",
                   "due": "day", "expected_on": "day", "amount": "money", "stage": "stage",
                   "rep": "text", "reasons": "translated"},
    "risk.calibration": {"from_share": "share", "to_share": "share", "deals": "count",
                         "stated": "share1", "came": "share1"},
    "risk.slips": {"from_share": "share", "to_share": "share", "deals": "count",
                   "stated": "share1", "came_true": "share1"},
    "risk.scores": {"method": "words:risk", "deals": "count", "brier": "number3",
                    "off": "share1"},
    "risk.losses": {"within": "words:risk", "contracts": "count", "due_amount": "money",
                    "low": "money", "middle": "money", "high": "money"},
    "risk.calendar": {"customer": "text", "product": "text", "ends_on": "day",
                      "amount": "money", "term": "count", "loss_chance": "share",
                      "at_stake": "money", "reasons": "translated"},
    "risk.hazard": {"term": "count", "reached": "count", "ended": "count", "hazard": "share",
                    "survival": "share"},
    "risk.buyers": {"customer": "text", "orders": "count", "last_order_on": "day",
                    "usual_gap": "days", "alive": "share", "yearly": "money",
                    "at_stake": "money", "reasons": "translated"},
    "risk.voices": {"customer": "text", "at_stake": "money", "complaints": "count",
                    "about": "translated", "last_score": "text", "last_complaint_on": "day",
                    "last_answer_on": "day", "ends_on": "day", "alive": "share"},
    "risk.stopped": {"signal": "words:risk", "stopping": "words:risk", "n": "count",
                     "stopped": "count", "share": "share", "other_n": "count",
                     "other_share": "share", "stop_gap": "points", "stop_gap_low": "points",
                     "stop_gap_high": "points", "verdict": "words:risk"},
    "risk.checks": {"measure": "words:risk", "n": "count", "foreseen": "count",
                    "came_true": "count", "off": "share"},
    "risk.spread": {"dimension": "words:risk", "groups": "count", "hhi": "number3",
                    "effective": "number", "lower": "number", "upper": "number",
                    "top1": "share1", "top3": "share1", "top5": "share1", "largest": "text"},
    "risk.stress": {"dimension": "words:risk", "lost_groups": "count", "lost_amount": "money",
                    "share": "share1", "who": "text"},
    "risk.people": {"rep": "text", "bookings": "money", "share": "share1",
                    "sole_customers": "count", "sole_amount": "money", "open_amount": "money"},
    "risk.options": {"dimension": "words:risk", "group": "text", "share": "share1",
                     "win_rate": "share1", "closed": "count", "open_amount": "money"},
    "risk.rivals": {"rival": "text", "named": "count", "won": "count", "lost": "count",
                    "win_rate": "share", "lower": "share", "upper": "share",
                    "lost_share": "share1", "lost_before": "share1", "lost_amount": "money",
                    "rival_state": "words:risk"},
    "risk.quarters": {"quarter": "text", "rival": "text", "won": "count", "lost": "count",
                      "win_rate": "share", "lower": "share", "upper": "share",
                      "lost_share": "share1"},
    "risk.prices": {"rival": "text", "region": "text", "price_gap": "share1",
                    "gap_before": "share1"},
    "risk.reasons": {"reason": "text", "n": "count", "share": "share", "at_least": "share",
                     "at_most": "share", "amount": "money"},
    "risk.heard": {"quarter": "text", "rival": "text", "listed_share": "share1",
                   "text_share": "share1", "lower": "share1", "upper": "share1",
                   "closed": "count", "texts": "count"},
    "risk.texts": {"topic": "text", "deals": "count", "in_picklist": "count",
                   "in_texts": "count", "in_both": "count"},
    "risk.regions": {"place": "translated", "bookings": "money", "exposure": "share",
                     "own_growth": "share", "lower": "share", "upper": "share",
                     "market_growth": "share", "gap": "points", "market_share": "share1",
                     "share_before": "share1"},
    "risk.measures": {"measure": "words:risk", "value": "share1", "lower": "share1",
                      "upper": "share1", "n": "count", "usual_value": "share1", "limit": "share",
                      "verdict": "words:risk"},
    "risk.past": {"made_on": "text", "risk_id": "text", "probability": "share",
                  "then": "number3", "now": "number3", "threshold": "number3",
                  "came_true": "count", "steps_done": "count", "outcome": "words:risk"},
    "risk.record": {"risk_kind": "words:risk", "entries": "count", "came_true": "count",
                    "stated": "number", "brier": "number3", "usual_brier": "number3"},
    "scenario.path": {"span": "text", "as_forecast": "money", "with_levers": "money"},
    "funnel.history": {"kind": "words:history", "count": "count"},
    "readiness.questions": {"question": "words:questions", "answer": "words:questions",
                            "why": "translated", "remedy": "translated"},
    "readiness.files": {"file": "text", "table": "words:readiness_tables", "rows_read": "count",
                        "accepted": "count", "rejected": "count", "superseded": "count"},
    "readiness.defects": {"of_table": "words:readiness_tables", "defect": "words:defects",
                          "count": "count", "of": "count", "share": "share1",
                          "examples": "text"},
    "readiness.waterfall": {"step": "words:cleaning", "deals": "count", "won": "count",
                            "lost": "count", "bookings": "money", "bookings_change": "money",
                            "win_rate": "share1", "win_rate_change": "points"},
    "readiness.complete": {"table": "words:readiness_tables", "column": "text",
                           "filled": "count", "rows": "count", "share": "share"},
}  # fmt: skip
# criteria of a scorecard for which a company has no data
_OPTIONAL = frozenset({"attainment", "winning", "deal_size", "satisfaction", "attitude", "response",
                       "contacts"})  # fmt: skip
# tables that say themselves why they are empty (`empty_…` of their area)
_EXPLAINED = frozenset({"risk.register", "risk.steps", "risk.deals", "risk.losses", "risk.calendar",
                        "risk.buyers", "risk.hazard", "risk.options", "risk.rivals",
                        "risk.quarters", "risk.prices", "risk.texts", "risk.regions", "risk.past",
                        "risk.record", "risk.checks", "risk.voices", "risk.stopped",
                        "risk.heard", "revenue_at_risk.coverage",
                        "revenue_at_risk.decisive", "bridge.goals", "funnel.leads",
                        *(name for name in _SPECS if name.startswith("feedback."))})  # fmt: skip
_SENTENCES: dict[str, dict[str, str]] = {
    "funnel.covers": {"deals": "count", "open": "count", "quality": "words:questions",
                      "as_of": "day", "until": "day"},
    "funnel.cycle": {"won": "count", "won_median": "days", "won_lower": "days",
                     "won_upper": "days", "won_p90": "days", "closed": "count",
                     "closed_median": "days", "open": "count", "open_median": "days"},
}  # fmt: skip
# which count of a sentence may be nothing, and what is said then
_WITHOUT = {"funnel.cycle": ("won", "funnel.cycle_unwon")}


@dataclass(frozen=True)
class Reader:
    """Who reads: a company with its currency and stage names, in one language."""

    settings: Settings
    language: Language

    @property
    def currency(self) -> str:
        """Reporting currency."""
        return self.settings.company.currency

    @property
    def min_n(self) -> int:
        """Cases from which on a group is judged."""
        return self.settings.thresholds.min_n

    def say(self, key: str, **values: Value | str | int) -> str:
        """Return an entry of the catalogue, filled."""
        return say(key, self.language, **values)

    def column(self, name: str) -> str:
        """Return how readers call a column; a company's own field keeps its name."""
        return name if name.startswith("x_") else self.say(f"columns.{name}")

    def stage(self, name: str) -> str:
        """Return how readers call a stage; an unknown one keeps its name, a missing one a dash."""
        if not isinstance(name, str):
            return "–"
        known = self.settings.stage(name)
        if known is None and name == schema.LIFE:
            return self.say("diagnosis.life")
        return known.display(self.language) if known else name

    def figure(self, name: str, **values: Value | str | int) -> dict[str, str]:
        """Return alternative text and caption of a chart: `alt_…` and `caption_…` of its area."""
        area, _, chart = name.partition(".")
        return {
            "alt": self.say(f"{area}.alt_{chart}", **values),
            "caption": self.say(f"{area}.caption_{chart}", **values),
        }

    def table(self, frame: pd.DataFrame, name: str, **values: Value | str | int) -> pd.DataFrame:
        """Return a frame as readers see it: headers translated, numbers written out.

        `attrs` holds `name`, `language`, `caption`, `numeric` (headers aligned to the right),
        `exact` (per header the numbers and days before they were written out, for files) and
        `instead`, what to say when there are no rows.

        Raises
        ------
        ParameterError
            When no table of that name is declared, or the frame lacks one of its columns.
        """
        if name not in _SPECS:
            raise ParameterError(f"there is no table {name!r}; there are {', '.join(_SPECS)}")
        columns = _SPECS[name]
        absent = [c for c in columns if c not in frame.columns and c not in _OPTIONAL]
        if absent and len(frame):
            raise ParameterError(
                f"table {name!r} needs a column {absent[0]!r}; the frame has {list(frame.columns)}"
            )
        area, _, short = name.partition(".")
        shown = {
            self.say(f"columns.{column}"): self._cells(frame, column, form)
            for column, form in columns.items()
            if column in frame.columns
        }
        result = pd.DataFrame(shown, dtype="object")
        result.attrs["name"] = name
        result.attrs["exact"] = {
            self.say(f"columns.{column}"): frame[column].tolist()
            for column, form in columns.items()
            if column in frame.columns and form in (*_WRITTEN, "day")
        }
        result.attrs["caption"] = self.say(f"{area}.caption_{short}", **values)
        result.attrs["language"] = self.language
        why = f"empty_{short}" if name in _EXPLAINED else "empty"
        result.attrs["instead"] = self.say(f"{area}.{why}")
        result.attrs["numeric"] = [
            self.say(f"columns.{column}") for column, form in columns.items() if form in _WRITTEN
        ]
        return result

    def leak(self, stage: str, where: Mapping[str, str]) -> dict[str, str]:
        """Return alt text and caption of a leak's figure; `where` holds both languages."""
        return self.figure("diagnosis.leak", stage=self.stage(stage), where=where[self.language])

    def sentence(self, key: str, row: Mapping[str, Any]) -> str:
        """Return a declared sentence filled from a row of a metric."""
        written = {name: self._written(row[name], form) for name, form in _SENTENCES[key].items()}
        count, instead = _WITHOUT.get(key, ("", key))
        return self.say(instead if count and not row[count] else key, **written)

    def _cells(self, frame: pd.DataFrame, column: str, form: str) -> Sequence[str]:
        values = frame[column].tolist()
        if form == "mixed":
            return [self._written(v, u) for v, u in zip(values, frame["unit"], strict=True)]
        if form == "mixed_points":  # of scores in points, of shares in points of percent
            forms = ["score_points" if unit == "score" else "points" for unit in frame["unit"]]
            return [self._written(v, f) for v, f in zip(values, forms, strict=True)]
        return [self._written(value, form) for value in values]

    def _written(self, value: Any, form: str) -> str:
        if form in FORMATS:
            return FORMATS[form](value, self.currency).written(self.language)
        if form.startswith("words:"):
            return Word(f"{form.removeprefix('words:')}.{value}").written(self.language)
        if form == "day":
            return Day(value).written(self.language)
        if form == "stage":
            return self.stage(value)
        if form == "translated":
            return str(value[self.language])
        return "–" if value is None or value != value else str(value)


def readiness_lines(readiness: Any, language: Language) -> list[str]:
    """Return a readiness check (`analyses.readiness.Readiness`) as lines for a terminal."""
    lines = [say("readiness.title_findings", language)]
    for finding in readiness.findings:
        mark = say(f"reporting.severity_{finding.severity}", language)
        lines += [f"  {mark}  {finding.headline[language]}", f"      {finding.action[language]}"]
    lines += ["", say("readiness.title_questions", language)]
    for row in readiness.questions.to_dict("records"):
        answer = say(f"questions.{row['answer']}", language)
        question = say(f"questions.{row['question']}", language)
        why = f" ({row['why'][language]})" if row["why"][language] else ""
        lines.append(f"  {question} {answer}{why}")
        if row["remedy"][language]:
            lines.append(f"      {row['remedy'][language]}")
    return lines
