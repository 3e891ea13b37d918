"""`salesops.toml` → typed settings with defaults; errors name the key.

A Zoho or Fxiaoke export with standard labels needs no settings at all. What a company may say:
its name, language, currency, fiscal calendar, pipelines and stages, the labels and fields of its
own CRM tenant, the dimensions to diagnose by, and thresholds.
"""

import json
import tomllib
import unicodedata
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from salesops_kit import schema
from salesops_kit.errors import SettingsError
from salesops_kit.periods import FiscalCalendar

FILE_NAME = "salesops.toml"
DEFAULT_PIPELINE = "default"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)  # the list of all zones would be read from hundreds of files
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is not a time zone; write it like 'Asia/Shanghai'") from error
    return name


Share = Annotated[float, Field(ge=0, le=1)]


class Company(_Strict):
    """Who the reports are about, and in which language, money and time they are written."""

    name: str = ""
    language: Literal["en", "zh"] = "en"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    week_start: Literal["monday", "sunday"] = "monday"


class Fiscal(_Strict):
    """When the fiscal year starts and whether it is named by its first or its last day."""

    year_start_month: Annotated[int, Field(ge=1, le=12)] = 1
    named_by: Literal["start", "end"] = "start"


class Fx(_Strict):
    """How amounts in other currencies become reporting currency.

    `constant` uses `rates` (one unit of the currency in reporting currency) for every day. Dated
    policies use the table `fx_rates`, the last rate on or before the day: `at_close` of a deal's
    closing, of the export's day while it is open; `at_create` of its creation; `monthly` as
    `at_close`, but with the mean over the month. Orders and payments take their own day.
    `refuse` leaves such amounts missing. Without a rate an amount is missing, and a warning says
    how many. `words` tell what a tenant's own words and signs mean, such as "¥" = "JPY".
    """

    policy: Literal["constant", "at_close", "at_create", "monthly", "refuse"] = "constant"
    rates: dict[str, Annotated[float, Field(gt=0)]] = {}
    words: dict[str, Annotated[str, Field(pattern=r"^[A-Z]{3}$")]] = {}


class StageSettings(_Strict):
    """One stage of the company's pipeline."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    rank: int
    category: Literal["open", "won", "lost", "invalid"]
    en: str = ""
    zh: str = ""
    labels: tuple[str, ...] = ()
    conversion_goal: Share | None = None
    max_dwell_days: Annotated[float, Field(gt=0)] | None = None

    def display(self, language: str) -> str:
        """Return the stage's name for readers of `language`."""
        return (self.zh if language == "zh" else self.en) or self.en or self.zh or self.name


class Pipeline(_Strict):
    """A sales process: its stages in order, and the labels by which exports name it."""

    labels: tuple[str, ...] = ()
    stages: tuple[StageSettings, ...]

    @model_validator(mode="after")
    def _complete(self) -> "Pipeline":
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages have the same name")
        categories = {stage.category for stage in self.stages}
        if not {"open", "won", "lost"} <= categories:
            raise ValueError("needs at least one open, one won and one lost stage")
        ranks = [stage.rank for stage in self.stages if stage.category == "open"]
        if len(set(ranks)) < len(ranks):
            raise ValueError("two open stages have the same rank")
        return self

    @cached_property
    def by_label(self) -> dict[str, StageSettings]:
        """Find a stage by any of its names, folded by `fold_label`."""
        found: dict[str, StageSettings] = {}
        for stage in self.stages:
            for label in (stage.name, stage.en, stage.zh, *stage.labels):
                if label:
                    found.setdefault(fold_label(label), stage)
        return found

    @property
    def open_stages(self) -> tuple[StageSettings, ...]:
        """The stages a deal passes through, in order of rank."""
        return tuple(sorted((s for s in self.stages if s.category == "open"), key=lambda s: s.rank))


class Thresholds(_Strict):
    """From when on the kit speaks."""

    min_n: Annotated[int, Field(ge=1)] = 10  # fewer cases are shown, but not ranked or judged
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    stale_quantile: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    late_share: Share = 0.25  # of stays may last longer than the longest acceptable one
    quiet_deal_days: Annotated[int, Field(ge=1)] = 30  # an open deal without any contact
    quiet_contact_days: Annotated[int, Field(ge=1)] = 180
    bulk_edit_deals: Annotated[int, Field(ge=2)] = 25  # changes by one user within one minute
    max_reject_share: Share = 1.0  # refuse an import that loses more rows than this


YearlyDay = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class Forecasting(_Strict):
    """What moves trade from period to period and is known beforehand.

    `country` (an ISO code) says which days are holidays, and whether lunar new year moves trade.
    `events` are first days of what else does, by name: of a fair its dates, of a campaign of
    every year month and day, such as 06-18 and 11-11.
    """

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "CN"
    events: dict[str, tuple[date | YearlyDay, ...]] = {}

    def event_days(self, name: str, first: date, last: date) -> tuple[date, ...]:
        """Return the first days of an event from the year of one day to the year of another."""
        found: set[date] = set()
        for day in self.events[name]:
            if isinstance(day, date):
                found.add(day)
                continue
            for year in range(first.year, last.year + 1):
                try:
                    found.add(date.fromisoformat(f"{year}-{day}"))
                except ValueError:  # 02-29 of most years
                    continue
        return tuple(sorted(found))


CRITERIA = (
    "attainment",
    "winning",
    "deal_size",
    "satisfaction",
    "attitude",
    "response",
    "contacts",
)


class Evaluation(_Strict):
    """How reps are compared: by which deals, adjusted for what, and what a scorecard weighs.

    `strata`: what a deal was before a rep had it; what a rep decides does not belong there.
    `quota_ramp`: share of a quota that counts in the first, second … month after hiring.
    `weights`: of the criteria on the scorecard, those not named count nothing.
    """

    months: Annotated[int, Field(ge=1, le=60)] = 12
    strata: tuple[str, ...] = ("source", "segment", "product", "type")
    roles: tuple[str, ...] = ()  # that sell; empty: who has a quota or ever owned a deal
    fewest: Annotated[int, Field(ge=1)] = 30  # decided deals from which on anything is said
    widest: Annotated[float, Field(gt=0)] = 1.0  # interval in log-odds beyond which nothing is
    sure: Annotated[float, Field(gt=0.5, lt=1)] = 0.8  # chance from which on a rep is named
    quota_ramp: tuple[Share, ...] = ()
    credit: Literal["close", "now"] = "close"
    weights: dict[str, Annotated[float, Field(ge=0)]] = {
        "attainment": 0.35,
        "winning": 0.20,
        "deal_size": 0.10,
        "satisfaction": 0.15,
        "attitude": 0.10,
        "response": 0.05,
        "contacts": 0.05,
    }

    @field_validator("weights")
    @classmethod
    def _criteria_exist(cls, weights: dict[str, float]) -> dict[str, float]:
        if unknown := [name for name in weights if name not in CRITERIA]:
            raise ValueError(f"there is no criterion {unknown[0]!r}; use {', '.join(CRITERIA)}")
        if not sum(weights.values()):
            raise ValueError("at least one criterion must weigh something")
        return weights


class Recognition(_Strict):
    """What promotion and recognition ask for; everybody may know it beforehand.

    Of the last `quarters` whole quarters with a quota at least `reached` must have reached
    `attainment`; hired at least `tenure_months` ago; and not surely behind on equal deals.
    """

    attainment: Annotated[float, Field(gt=0)] = 1.0
    quarters: Annotated[int, Field(ge=1, le=12)] = 4
    reached: Annotated[int, Field(ge=1)] = 3
    tenure_months: Annotated[int, Field(ge=0)] = 12

    @model_validator(mode="after")
    def _reachable(self) -> "Recognition":
        if self.reached > self.quarters:
            raise ValueError("reached must not be more than quarters")
        return self


class EventSettings(_Strict):
    """Which months around a training, conference or exhibition are compared.

    `selection_months` just before it are left out: those in which participants were chosen.
    """

    months_before: Annotated[int, Field(ge=3, le=36)] = 12
    selection_months: Annotated[int, Field(ge=0, le=12)] = 3
    months_after: Annotated[int, Field(ge=1, le=24)] = 6


class FeedbackSettings(_Strict):
    """What customers speak of beyond the kit's own themes, and how rivals are called."""

    themes: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], tuple[str, ...]] = {}
    rivals: dict[str, tuple[str, ...]] = {}  # a rival's name in the CRM: other spellings


RISK_LIMITS: dict[str, float] = {
    "top_customer": 0.15,  # of a year's bookings from one customer group
    "top_rep": 0.20,  # … from one rep
    "lost_to_rival": 0.10,  # of a quarter's closed deals
    "market_gap": -0.05,  # own growth less the market's
    "contracts_lost": 0.25,  # of the contract money that comes due in a period
    "overdue": 0.25,  # of open deals: the expected close has passed
    "stalled": 0.25,  # of open deals: longer in their stage than nine of ten stays
    "gaps": 0.10,  # of open deals: no amount, close date, customer or owner
    "broken_rules": 0.20,  # of the rules of the sales process that could be checked
    "late_handoffs": 0.25,  # of hand-offs: not accepted within a week
    "poor_handoffs": 0.25,  # of hand-offs: papers missing
    "erosion": 0.20,  # of the first amount given away by the day of the win
    "attrition": 0.20,  # of the reps left within a year
    "quota_reached": 0.50,  # of the reps at 80 % of their quota or more
    "one_approver": 0.50,  # of wins recorded by others than the owner, by one person
}


class RiskSettings(_Strict):
    """From where on something is called a risk.

    `limits`: shares, by name; those not given keep their default (`RISK_LIMITS`).
    """

    limits: dict[str, float] = {}

    @field_validator("limits")
    @classmethod
    def _limits_exist(cls, limits: dict[str, float]) -> dict[str, float]:
        if unknown := [name for name in limits if name not in RISK_LIMITS]:
            raise ValueError(f"there is no limit {unknown[0]!r}; use {', '.join(RISK_LIMITS)}")
        return limits

    def limit(self, name: str) -> float:
        """Return the limit called `name`."""
        return self.limits.get(name, RISK_LIMITS[name])


WATCHED = (
    "bookings",
    "volume",
    "win_rate",
    "cycle",
    "new_deals",
    "leads",
    "lead_response",
    "satisfaction",
    "complaints",
)


class AlertRule(_Strict):
    """How one series is watched; a series without a rule is watched in the usual way.

    `by`: dimensions whose groups are watched against the company; None: all of the monitor's.
    `goal`: value below which (for cycle and complaints above which) the last 13 weeks must not lie.
    """

    series: str
    by: tuple[str, ...] | None = None
    goal: float | None = None
    owner: str = ""
    mute_until: date | None = None
    active: bool = True

    @field_validator("series")
    @classmethod
    def _series_exists(cls, series: str) -> str:
        if series not in WATCHED:
            raise ValueError(f"there is no series {series!r}; use {', '.join(WATCHED)}")
        return series


class MonitorSettings(_Strict):
    """What is watched every day, and how many false alarms a year all of it together may give.

    `fewest`: cases a week that a group must have in the mean. `dimensions`: empty takes those of
    the company.
    """

    budget: Annotated[float, Field(gt=0, le=52)] = 1.0
    fewest: Annotated[float, Field(gt=0)] = 3.0
    dimensions: tuple[str, ...] = ()
    rules: tuple[AlertRule, ...] = ()

    @field_validator("rules")
    @classmethod
    def _one_rule_each(cls, rules: tuple[AlertRule, ...]) -> tuple[AlertRule, ...]:
        names = [rule.series for rule in rules]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"series {twice[0]!r} has two rules")
        return rules

    def rule(self, series: str) -> AlertRule:
        """Return the rule of a series."""
        return next((r for r in self.rules if r.series == series), AlertRule(series=series))


class Settings(_Strict):
    """All settings; `Settings()` is a company that uses its CRM's standard labels."""

    company: Company = Company()
    fiscal: Fiscal = Fiscal()
    fx: Fx = Fx()
    pipelines: dict[str, Pipeline] = {}
    stage_labels: dict[str, str] = {}
    fields: dict[str, dict[str, str]] = {}
    dimensions: tuple[str, ...] = ("region", "product", "source", "team")
    thresholds: Thresholds = Thresholds()
    forecast: Forecasting = Forecasting()
    evaluation: Evaluation = Evaluation()
    recognition: Recognition = Recognition()
    events: EventSettings = EventSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    risk: RiskSettings = RiskSettings()
    monitor: MonitorSettings = MonitorSettings()

    @field_validator("fields")
    @classmethod
    def _fields_exist(cls, fields: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for table, mapping in fields.items():
            if table not in schema.TABLES:
                raise ValueError(f"there is no table {table!r}; see data/README.md")
            for label, column in mapping.items():
                if column.startswith("x_") or column in schema.TABLES[table].column_names:
                    continue
                raise ValueError(
                    f"{table} has no column {column!r} for field {label!r}; "
                    "use a column of data/README.md or a name of your own that starts with 'x_'"
                )
        return fields

    @field_validator("dimensions")
    @classmethod
    def _dimensions_exist(cls, dimensions: tuple[str, ...]) -> tuple[str, ...]:
        texts = {c.name for c in schema.DEALS.columns if c.type in ("text", "id")}
        for name in dimensions:
            if not name.startswith("x_") and name not in texts:
                raise ValueError(
                    f"{name!r} is not a text column of deals; "
                    f"use one of {', '.join(sorted(texts))} or an 'x_…' field of your own"
                )
        return dimensions

    @model_validator(mode="after")
    def _labels_lead_somewhere(self) -> "Settings":
        names = {stage.name for p in self.all_pipelines.values() for stage in p.stages}
        for label, stage in self.stage_labels.items():
            if stage not in names:
                raise ValueError(
                    f"stage_labels: {label!r} leads to {stage!r}, which is not a stage; "
                    f"the stages are {', '.join(sorted(names))}"
                )
        return self

    @cached_property
    def all_pipelines(self) -> dict[str, Pipeline]:
        """The company's pipelines, or the default one when none is set."""
        return self.pipelines or {DEFAULT_PIPELINE: default_pipeline()}

    @property
    def calendar(self) -> FiscalCalendar:
        """The fiscal calendar for `salesops_kit.periods`."""
        return FiscalCalendar(
            self.fiscal.year_start_month,
            self.fiscal.named_by,
            6 if self.company.week_start == "sunday" else 0,
        )

    @property
    def zone(self) -> ZoneInfo:
        """The workspace's time zone."""
        return ZoneInfo(self.company.time_zone)

    def stage(self, name: str, pipeline: str = "") -> StageSettings | None:
        """Return the stage called `name`, in `pipeline` or in the first that has it."""
        pipelines = self.all_pipelines
        order = [pipelines[pipeline]] if pipeline in pipelines else []
        for candidate in [*order, *pipelines.values()]:
            for stage in candidate.stages:
                if stage.name == name:
                    return stage
        return None


def fold_label(label: str) -> str:
    """Fold a label for comparison: width, case, spaces and simple punctuation do not count.

    >>> fold_label("Negotiation / Review") == fold_label("negotiation/review")
    True
    """
    folded = label
    while True:  # taking out a space may let an accent join the letter before it
        wider = unicodedata.normalize("NFKC", folded).casefold()
        again = "".join(letter for letter in wider if not letter.isspace())
        if again == folded:
            return folded
        folded = again


def default_pipeline() -> Pipeline:
    """Return the pipeline of the vendors' standard labels (`schema.DEFAULT_STAGES`)."""
    return Pipeline(
        stages=tuple(
            StageSettings(
                name=s.name, rank=s.rank, category=s.category, en=s.en, zh=s.zh, labels=s.labels
            )
            for s in schema.DEFAULT_STAGES
        )
    )


def load_settings(path: Path | str | None) -> Settings:
    """Read settings from a TOML file; None gives the defaults.

    Raises
    ------
    SettingsError
        When the file is absent, is no TOML, or a key is unknown or has a wrong value; all
        problems at once, each with its key.
    """
    if path is None:
        return Settings()
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise SettingsError(f"{path} does not exist") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML in UTF-8: {error}") from error
    return settings_from(raw, origin=str(path))


def workspace_settings(workspace: Path | str) -> Settings:
    """Return a workspace's settings: its salesops.toml, else those it was imported with."""
    workspace = Path(workspace)
    if (workspace / FILE_NAME).is_file():
        return load_settings(workspace / FILE_NAME)
    record = workspace / "import.json"
    stored = json.loads(record.read_text("utf-8")).get("settings") if record.is_file() else None
    return settings_from(stored, origin=str(record)) if stored else Settings()


def settings_from(raw: dict[str, Any], *, origin: str = FILE_NAME) -> Settings:
    """Check settings given as a dictionary; errors as in `load_settings`."""
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        lines = [_problem(item) for item in error.errors()]
        raise SettingsError(f"{origin} is not valid:\n" + "\n".join(lines)) from error


def _problem(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"]) or "(file)"
    if item["type"] == "extra_forbidden":
        return f"  - {key} is not a setting"
    message = item["msg"].removeprefix("Value error, ")
    value = item["input"]
    shown = f" is {value!r}:" if isinstance(value, str | int | float | bool) else ":"
    return f"  - {key}{shown} {message[0].lower()}{message[1:]}"
