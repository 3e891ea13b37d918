"""The vocabulary: every table and column of the canonical model, declared once.

Nothing is computed here. Sources fill these tables, the workspace opens them, metrics read
them, and `data/README.md` is generated from them.

Storage types: `id` and `text` are strings (an ID is never a number), `money`, `number` and
`share` are doubles, `date` is a calendar day, `datetime` a timestamp without zone in the
workspace's time zone, `day` and `seconds` are integers since 1970-01-01 in that zone.
"""

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal[
    "id",
    "text",
    "integer",
    "number",
    "money",
    "share",
    "date",
    "datetime",
    "boolean",
    "day",
    "seconds",
]
StageCategory = Literal["open", "won", "lost", "invalid"]
HistoryQuality = Literal["full", "changes_only", "snapshot_diff", "none"]

STAGE_CATEGORIES: tuple[StageCategory, ...] = ("open", "won", "lost", "invalid")
DEAL_STATUSES = STAGE_CATEGORIES

# full: every stage change with its time, from the first stage on;
# changes_only: dated changes, but not all (per-stage date columns keep the last entry only);
# snapshot_diff: changes seen between dated snapshots, so times are known to the interval;
# none: only today's stage.
HISTORY_QUALITIES: tuple[HistoryQuality, ...] = ("full", "changes_only", "snapshot_diff", "none")

# the one stage of deals whose stages are not known: from creation to close
LIFE = "life"
# events whose effect on those who took part is measured the same way
EVENT_KINDS = ("training", "conference", "exhibition")
EXIT_TYPES = ("advanced", "skipped_to", "back", "won", "lost", "invalid", "open")


@dataclass(frozen=True)
class Column:
    """One column: its name, storage type, meaning, unit, and whether a row may lack it."""

    name: str
    type: ColumnType
    meaning: str
    unit: str = ""
    required: bool = False
    allowed: tuple[str, ...] = ()
    derived_from: str = ""


@dataclass(frozen=True)
class Table:
    """One table: what a row is, which columns identify it, and its columns."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    kit_owned: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column called `name`; KeyError when the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True)
class Stage:
    """One stage of a pipeline: canonical name, rank, category, display names and known labels."""

    name: str
    rank: int
    category: StageCategory
    en: str
    zh: str
    labels: tuple[str, ...] = ()


# Labels compare without case and spaces. Sources: the vendors' default pipelines.
DEFAULT_STAGES: tuple[Stage, ...] = (
    Stage(
        "prospecting",
        10,
        "open",
        "Prospecting",
        "初步接洽",
        (
            "Prospecting",
            "潜在客户识别",
            "待沟通",
            "线索",
            "初步接洽",
            "初步接触",
            "初步沟通",
            "线索阶段",
        ),
    ),
    Stage(
        "qualification",
        20,
        "open",
        "Qualification",
        "商机确认",
        (
            "Qualification",
            "Qualified",
            "appointmentscheduled",
            "Appointment Scheduled",
            "潜在客户培养",
            "发现机会",
            "发现商机",
            "商机确认",
            "验证客户",
            "资格确认",
            "立项",
        ),
    ),
    Stage(
        "needs",
        30,
        "open",
        "Needs analysis",
        "需求确认",
        (
            "Needs Analysis",
            "qualifiedtobuy",
            "Qualified To Buy",
            "需求分析",
            "需求确认",
            "明确需求",
            "需求调研",
            "需求沟通",
            "需求确定",
            "需求挖掘",
        ),
    ),
    Stage(
        "solution",
        40,
        "open",
        "Solution and demo",
        "方案演示",
        (
            "Value Proposition",
            "Perception Analysis",
            "presentationscheduled",
            "Presentation Scheduled",
            "方案演示",
            "方案确认",
            "方案制定",
            "方案报价",
            "POC",
            "产品演示",
            "价值主张",
        ),
    ),
    Stage(
        "decision",
        50,
        "open",
        "Decision makers",
        "购买决策",
        (
            "Identify Decision Makers",
            "Id. Decision Makers",
            "decisionmakerboughtin",
            "Decision Maker Bought-In",
            "购买决策",
            "决策",
            "决策人认可",
            "确定决策者",
            "识别决策者",
        ),
    ),
    Stage(
        "proposal",
        60,
        "open",
        "Proposal and quote",
        "报价",
        (
            "Proposal/Price Quote",
            "Proposal",
            "Quote",
            "报价",
            "方案/报价",
            "提案/报价",
            "提案报价",
            "报价和谈判",
            "报价阶段",
            "招投标",
            "投标",
        ),
    ),
    Stage(
        "negotiation",
        65,
        "open",
        "Negotiation",
        "商务谈判",
        (
            "Negotiation/Review",
            "Negotiation",
            "商务谈判",
            "合同谈判",
            "谈判/复审",
            "谈判审核",
            "谈判",
        ),
    ),
    Stage(
        "contract",
        70,
        "open",
        "Contract",
        "合同签订",
        ("contractsent", "Contract Sent", "Contract", "合同签订", "签约", "合同审批", "签订合同"),
    ),
    Stage(
        "won",
        90,
        "won",
        "Won",
        "赢单",
        (
            "Closed Won",
            "closedwon",
            "Won",
            "赢单",
            "成单",
            "已成交",
            "成交",
            "成交关闭",
            "已签约",
            "贏單",
        ),
    ),
    Stage(
        "lost",
        91,
        "lost",
        "Lost",
        "输单",
        (
            "Closed Lost",
            "closedlost",
            "Lost",
            "Loss",
            "Closed-Lost to Competition",
            "Closed Lost to Competition",
            "输单",
            "丢单",
            "失单",
            "失败",
            "失败关闭",
            "已输单",
            "輸單",
        ),
    ),
    Stage(
        "invalid",
        92,
        "invalid",
        "Invalid",
        "无效",
        ("Invalid", "Omitted", "无效", "搁置", "作废", "取消", "無效"),
    ),
)


def _id(name: str, meaning: str, *, required: bool = False) -> Column:
    return Column(name, "id", meaning, required=required)


def _text(name: str, meaning: str, *, allowed: tuple[str, ...] = ()) -> Column:
    return Column(name, "text", meaning, allowed=allowed)


def _money(name: str, meaning: str, unit: str = "reporting currency") -> Column:
    return Column(name, "money", meaning, unit)


def _moment(stem: str, meaning: str, *, required: bool = False) -> tuple[Column, Column]:
    """`<stem>_at` and the day number computed from it at import."""
    return (
        Column(f"{stem}_at", "datetime", meaning, required=required),
        Column(
            f"{stem}_day",
            "day",
            f"day of {stem}_at",
            "days since 1970-01-01",
            derived_from=f"{stem}_at",
        ),
    )


def _date(stem: str, meaning: str, *, required: bool = False) -> tuple[Column, Column]:
    """`<stem>_on` and the day number computed from it at import."""
    return (
        Column(f"{stem}_on", "date", meaning, required=required),
        Column(
            f"{stem}_day",
            "day",
            f"day of {stem}_on",
            "days since 1970-01-01",
            derived_from=f"{stem}_on",
        ),
    )


PROVENANCE = (
    _text("source_system", "the dialect the row came from: zoho, fxiaoke, tables …"),
    Column("extracted_at", "datetime", "when the export was taken, from its name or file time"),
)

DEALS = Table(
    "deals",
    "one row per deal, as it stood when it was last exported",
    ("deal_id",),
    (
        _id("deal_id", "identifier of the deal in the CRM", required=True),
        _text("name", "what the deal is called"),
        _id("account_id", "the customer"),
        _id("contact_id", "main contact"),
        _id("lead_id", "the lead it came from"),
        _id("owner_id", "rep who owns it now"),
        _text("owner_name", "name of that rep as exported"),
        _text("team", "team of the owner when the deal was created"),
        _text("pipeline", "sales process the deal runs through"),
        Column("stage", "text", "canonical stage now", required=True),
        _text("stage_label", "the stage as the CRM calls it"),
        Column("stage_rank", "integer", "order of the stage in its pipeline"),
        Column(
            "status", "text", "open, won, lost or invalid", required=True, allowed=DEAL_STATUSES
        ),
        _money("amount", "value of the deal; missing is not zero"),
        _money("amount_source", "value as exported", "currency"),
        _text("currency", "currency of amount_source"),
        Column("probability", "share", "chance the CRM or the rep gives", "0-1"),
        _text("forecast_category", "the rep's own call: pipeline, best case, commit …"),
        *_moment("created", "when the deal was created"),
        *_moment("closed", "when it was first won, lost or declared invalid for the last time"),
        *_date("expected_close", "when the rep expects it to close"),
        *_moment("stage_changed", "last change of stage"),
        *_moment("last_activity", "last contact logged"),
        _text("type", "new or existing business"),
        _text("source", "where the lead came from"),
        _text("channel", "sales channel or campaign"),
        _text("region", "region of the deal, else of its account"),
        _text("industry", "industry of the account"),
        _text("segment", "size class or tier of the account"),
        _text("product", "product or product line sold"),
        _text("loss_reason", "why it was lost"),
        _text("competitor", "rival named in the deal"),
        _text("next_step", "what the rep plans next"),
        Column("is_deleted", "boolean", "deleted, merged or voided in the CRM"),
        *PROVENANCE,
    ),
)

STAGE_HISTORY = Table(
    "stage_history",
    "one row per entry of a deal into a stage",
    ("deal_id", "seq"),
    (
        _id("deal_id", "the deal", required=True),
        Column("seq", "integer", "order of the entry within the deal, from 1", required=True),
        Column("stage", "text", "canonical stage entered", required=True),
        _text("stage_label", "the stage as the CRM called it then"),
        Column("stage_rank", "integer", "order of the stage in its pipeline", required=True),
        Column(
            "stage_category",
            "text",
            "open, won, lost or invalid",
            required=True,
            allowed=STAGE_CATEGORIES,
        ),
        *_moment("entered", "when the deal entered the stage", required=True),
        Column(
            "entered_s",
            "seconds",
            "second of entered_at",
            "seconds since 1970-01-01",
            derived_from="entered_at",
        ),
        _money("amount", "value of the deal at that moment"),
        Column("probability", "share", "chance at that moment", "0-1"),
        *_date("expected_close", "expected close at that moment"),
        _id("owner_id", "rep who owned it at that moment"),
        _text("changed_by", "user who made the change"),
        *PROVENANCE,
    ),
)

ACCOUNTS = Table(
    "accounts",
    "one row per customer or prospect",
    ("account_id",),
    (
        _id("account_id", "identifier of the account", required=True),
        _text("name", "company name"),
        _text("domain", "web domain: tells companies of similar name apart"),
        _id("parent_id", "account it belongs to"),
        _text("industry", "industry"),
        _text("type", "customer, prospect, partner …"),
        _text("segment", "size class or tier"),
        _text("source", "where it came from"),
        _text("region", "sales region"),
        _text("country", "country"),
        _text("province", "province or state"),
        _text("city", "city"),
        _money("annual_revenue", "yearly revenue of the account"),
        Column("employees", "integer", "number of employees"),
        _id("owner_id", "rep who owns the account"),
        *_moment("created", "when it was created"),
        *_moment("last_activity", "last contact logged"),
        _text("customer_status", "deal state as the CRM keeps it"),
        *PROVENANCE,
    ),
)

CONTACTS = Table(
    "contacts",
    "one row per person",
    ("contact_id",),
    (
        _id("contact_id", "identifier of the contact", required=True),
        _id("account_id", "the account"),
        _text("name", "full name"),
        _text("title", "job title"),
        _text("email", "e-mail address"),
        _text("phone", "phone number"),
        _text("country", "country"),
        _text("lifecycle", "how far the person is: subscriber, lead, customer …"),
        _text("status", "state as the CRM keeps it"),
        _text("source", "where the contact came from"),
        Column("is_primary", "boolean", "main contact of its account"),
        _id("owner_id", "rep who owns the contact"),
        *_moment("created", "when it was created"),
        *_moment("last_activity", "last contact logged"),
        *PROVENANCE,
    ),
)

LEADS = Table(
    "leads",
    "one row per lead",
    ("lead_id",),
    (
        _id("lead_id", "identifier of the lead", required=True),
        _text("name", "person or title"),
        _text("company", "company named"),
        _text("status", "state as the CRM keeps it"),
        _text("source", "where it came from"),
        _text("channel", "campaign or landing page"),
        _text("region", "sales region"),
        _text("industry", "industry"),
        _id("owner_id", "rep it was given to"),
        _text("owner_name", "name of that rep as exported"),
        *_moment("created", "when it came in"),
        *_moment("assigned", "when it was given to a rep"),
        *_moment("first_response", "first contact by a person"),
        *_moment("converted", "when it became a deal"),
        Column("is_converted", "boolean", "it became a deal"),
        _id("account_id", "account after conversion"),
        _id("contact_id", "contact after conversion"),
        _id("deal_id", "deal after conversion"),
        _text("disqualify_reason", "why it was given up"),
        *PROVENANCE,
    ),
)

ACTIVITIES = Table(
    "activities",
    "one row per call, meeting, visit, e-mail, task or note",
    ("activity_id",),
    (
        _id("activity_id", "identifier of the activity", required=True),
        _text("type", "call, meeting, visit, email, task, note"),
        _text("subject", "what it was about"),
        _id("deal_id", "the deal"),
        _id("account_id", "the account"),
        _id("contact_id", "the contact"),
        _id("lead_id", "the lead"),
        _id("owner_id", "who did it"),
        *_moment("happened", "when it happened or is planned", required=True),
        Column("duration_s", "number", "length", "seconds"),
        _text("direction", "inbound or outbound"),
        _text("outcome", "result or state"),
        *PROVENANCE,
    ),
)

REPS = Table(
    "reps",
    "one row per rep and span of days in which team, role and territory were the same",
    ("rep_id", "valid_from_on"),
    (
        _id("rep_id", "identifier of the user in the CRM", required=True),
        _text("name", "full name"),
        _text("email", "e-mail address"),
        _text("team", "team or department"),
        _text("role", "job"),
        _id("manager_id", "whom the rep reports to"),
        _text("region", "region"),
        _text("territory", "territory"),
        _text("segment", "customer segment served"),
        *_date("hire", "first day"),
        *_date("leave", "last day"),
        *_date("valid_from", "first day of this row; missing: since ever"),
        *_date("valid_to", "last day of this row; missing: until further notice"),
        Column("is_active", "boolean", "may still work in the CRM"),
        *PROVENANCE,
    ),
)

PRODUCTS = Table(
    "products",
    "one row per product",
    ("product_id",),
    (
        _id("product_id", "identifier of the product", required=True),
        _text("name", "product name"),
        _text("code", "article number"),
        _text("category", "product line"),
        _money("list_price", "list price"),
        _text("unit", "unit it is sold in"),
        Column("is_active", "boolean", "still sold"),
        *PROVENANCE,
    ),
)

DEAL_LINES = Table(
    "deal_lines",
    "one row per product in a deal",
    ("line_id",),
    (
        _id("line_id", "identifier of the line", required=True),
        _id("deal_id", "the deal", required=True),
        _id("product_id", "the product"),
        _text("product", "product name as exported"),
        Column("quantity", "number", "units"),
        _money("unit_price", "price agreed"),
        _money("list_price", "list price then"),
        Column("discount", "share", "price cut", "0-1"),
        _money("amount", "value of the line"),
        *PROVENANCE,
    ),
)

ORDERS = Table(
    "orders",
    "one row per order or contract",
    ("order_id",),
    (
        _id("order_id", "identifier of the order", required=True),
        _text("number", "order number people use"),
        _id("account_id", "the account"),
        _id("deal_id", "the deal it fulfils"),
        _id("owner_id", "rep credited"),
        *_moment("ordered", "when it was placed"),
        _money("amount", "value"),
        Column("quantity", "number", "units"),
        _text("product", "product or product line"),
        _text("status", "state as the CRM keeps it"),
        *_date("delivered", "delivery"),
        _text("kind", "order, repeat (without a deal), contract"),
        *_date("starts", "first day of a contract"),
        *_date("ends", "last day of a contract"),
        Column("is_renewed", "boolean", "the contract was renewed; missing: not due yet"),
        *PROVENANCE,
    ),
)

PAYMENTS = Table(
    "payments",
    "one row per payment, planned payment or refund",
    ("payment_id",),
    (
        _id("payment_id", "identifier of the payment", required=True),
        _id("order_id", "the order"),
        _id("account_id", "the account"),
        *_date("paid", "when it was paid or is due"),
        _money("amount", "value"),
        _text("kind", "payment, plan or refund"),
        *PROVENANCE,
    ),
)

TARGETS = Table(
    "targets",
    "one row per period, level and measure",
    ("period_start_on", "period_end_on", "level", "level_id", "metric", "version"),
    (
        *_date("period_start", "first day", required=True),
        *_date("period_end", "last day", required=True),
        _text("level", "company, region, team, rep or product"),
        _id("level_id", "which one; empty for the company"),
        _text("metric", "bookings, volume, new_pipeline …"),
        Column("target", "number", "goal", "unit of the metric", required=True),
        _text("version", "plan version"),
        *PROVENANCE,
    ),
)

FEEDBACK = Table(
    "feedback",
    "one row per answer, call-back, ticket, post or interview",
    ("feedback_id",),
    (
        _id("feedback_id", "identifier of the answer", required=True),
        _id("account_id", "the account"),
        _id("contact_id", "the contact"),
        _id("deal_id", "the deal"),
        _id("order_id", "the order"),
        _text("channel", "survey, call_back, ticket, social, interview"),
        _text("type", "NPS, CSAT, CES or text"),
        Column("score", "number", "answer on the scale"),
        Column("scale_min", "number", "lowest answer"),
        Column("scale_max", "number", "highest answer"),
        _text("text", "what the customer said"),
        _text("language", "en or zh"),
        *_moment("asked", "when it was asked"),
        *_moment("answered", "when it was answered"),
        _id("action_id", "what was done about it"),
        *PROVENANCE,
    ),
)

SNAPSHOTS = Table(
    "snapshots",
    "one row per deal and dated export; the archive from which history is diffed",
    ("deal_id", "snapshot_on"),
    (
        _id("deal_id", "the deal", required=True),
        *_date("snapshot", "day of the export", required=True),
        _text("stage", "canonical stage then"),
        _text("stage_label", "the stage as the CRM called it then"),
        Column("stage_rank", "integer", "order of the stage"),
        _text("stage_category", "open, won, lost or invalid", allowed=STAGE_CATEGORIES),
        Column("stage_changed_at", "datetime", "last stage change, if exported"),
        _money("amount", "value then"),
        Column("probability", "share", "chance then", "0-1"),
        Column("expected_close_on", "date", "expected close then"),
        _text("forecast_category", "the rep's own call then"),
        _id("owner_id", "owner then"),
        *PROVENANCE,
    ),
)

STAGE_GOALS = Table(
    "stage_goals",
    "one row per stage, team and span of validity",
    ("pipeline", "stage", "team", "valid_from_on"),
    (
        _text("pipeline", "sales process; empty: all"),
        Column("stage", "text", "canonical stage", required=True),
        _text("team", "team; empty: all"),
        Column("conversion", "share", "share of entries that should advance", "0-1"),
        Column("max_dwell_days", "number", "longest acceptable stay", "days"),
        *_date("valid_from", "first day"),
        *_date("valid_to", "last day"),
    ),
    kit_owned=True,
)

SOP_RULES = Table(
    "sop_rules",
    "one row per rule of the sales process",
    ("rule_id",),
    (
        _id("rule_id", "identifier of the rule", required=True),
        _text("pipeline", "sales process; empty: all"),
        _text("stage", "canonical stage it applies to"),
        _text(
            "kind",
            "field, activity, order, max_dwell or approval",
            allowed=("field", "activity", "order", "max_dwell", "approval"),
        ),
        _text("requires", "field name, activity type or approver"),
        Column("max_dwell_days", "number", "longest acceptable stay", "days"),
        _text("meaning", "the rule in words"),
        *_date("valid_from", "first day"),
        *_date("valid_to", "last day"),
    ),
    kit_owned=True,
)

TRAININGS = Table(
    "trainings",
    "one row per rep and training, conference or exhibition",
    ("training_id", "rep_id"),
    (
        _id("training_id", "identifier of the training or other event", required=True),
        _id("rep_id", "who took part", required=True),
        _text("kind", "training, conference or exhibition; empty: training",
              allowed=EVENT_KINDS),
        _text("topic", "what it was about"),
        *_date("held", "when it was held", required=True),
    ),
    kit_owned=True,
)  # fmt: skip

COMP_PLANS = Table(
    "comp_plans",
    "one row per plan, role and span of validity",
    ("plan_id", "role", "valid_from_on"),
    (
        _id("plan_id", "identifier of the plan", required=True),
        _text("role", "role it pays"),
        Column("threshold", "share", "attainment from which it pays", "ratio to target"),
        Column("rate", "share", "commission", "share of bookings"),
        Column("accelerator", "number", "multiplier above target"),
        _money("cap", "highest payout of a period"),
        Column("team_share", "share", "part of the pay that follows the team's attainment", "0-1"),
        _text("paid_per", "span whose attainment is paid; empty: month",
              allowed=("month", "quarter", "year")),
        _text("pays_back", "what reaching a step pays for the bookings below it. none (or empty): "
              "nothing, each part is paid at its own step; first: the first step pays back to 0, "
              "a cliff; all: each step pays everything at its multiplier, a cliff at each",
              allowed=("none", "first", "all")),
        *_date("valid_from", "first day"),
        *_date("valid_to", "last day"),
    ),
    kit_owned=True,
)  # fmt: skip

COMP_TIERS = Table(
    "comp_tiers",
    "one row per step of a plan; with steps, threshold and accelerator of the plan do not count",
    ("plan_id", "from_attainment"),
    (
        _id("plan_id", "the plan", required=True),
        Column(
            "from_attainment",
            "number",
            "attainment from which the step counts, up to the next one",
            "ratio to target; 1.2 is 120 %",
            required=True,
        ),
        Column(
            "multiplier",
            "number",
            "of the plan's rate: below 1 a decelerator, above 1 an accelerator",
            required=True,
        ),
    ),
    kit_owned=True,
)

SPIFS = Table(
    "spifs",
    "one row per bonus for a while, on top of a plan",
    ("spif_id",),
    (
        _id("spif_id", "identifier of the bonus", required=True),
        _text("role", "role it pays; empty: all"),
        _text("product", "product it is for; empty: all"),
        Column("rate", "share", "bonus", "share of bookings"),
        _money("per_deal", "bonus per deal won"),
        *_date("start", "first day", required=True),
        *_date("end", "last day", required=True),
    ),
    kit_owned=True,
)

DEAL_SPLITS = Table(
    "deal_splits",
    "one row per rep who shares the credit for a deal",
    ("deal_id", "rep_id"),
    (
        _id("deal_id", "the deal", required=True),
        _id("rep_id", "who is credited", required=True),
        Column("share", "share", "part of the credit; those of a deal add up to 1", "0-1",
               required=True),
    ),
    kit_owned=True,
)  # fmt: skip

REVIEWS = Table(
    "reviews",
    "one row per rep, day and criterion that a manager judged",
    ("rep_id", "reviewed_on", "criterion"),
    (
        _id("rep_id", "who was judged", required=True),
        *_date("reviewed", "day of the judgement", required=True),
        _text("criterion", "what was judged, such as preparation or teamwork"),
        Column("score", "number", "judgement on the scale"),
        Column("scale_min", "number", "lowest judgement"),
        Column("scale_max", "number", "highest judgement"),
        _text("note", "the judgement in words"),
    ),
    kit_owned=True,
)

EXPERIMENTS = Table(
    "experiments",
    "one row per experiment, unit and arm",
    ("experiment_id", "unit_id"),
    (
        _id("experiment_id", "identifier of the experiment", required=True),
        _id("unit_id", "account or territory randomised", required=True),
        _text("arm", "control or the treatment's name"),
        _text("metric", "measure registered beforehand"),
        *_date("start", "first day"),
        *_date("end", "last day"),
    ),
    kit_owned=True,
)

CULTURE_PULSE = Table(
    "culture_pulse",
    "one row per survey, team and question",
    ("surveyed_on", "team", "question"),
    (
        *_date("surveyed", "day of the survey", required=True),
        _text("team", "team"),
        _text("question", "what was asked"),
        Column("score", "number", "mean answer"),
        Column("answers", "integer", "number of answers"),
        Column("asked", "integer", "number of people asked"),
    ),
    kit_owned=True,
)

RISKS = Table(
    "risks",
    "one row per entry of the risk register that the company keeps beside the kit's own",
    ("risk_id",),
    (
        _id("risk_id", "identifier of the risk; that of the kit's entry it answers, if any",
            required=True),
        _text("kind", "market, competition, customer or internal",
              allowed=("market", "competition", "customer", "internal")),
        _text("statement", "what could happen"),
        _text("indicator", "measure of the kit that shows it coming, such as market_gap:East"),
        Column("threshold", "number", "value from which on it has happened"),
        Column("probability", "share", "chance until the due date", "0-1"),
        _money("impact", "money at stake: half of the outcomes cost less"),
        _money("impact_low", "money that nine of ten outcomes exceed"),
        _money("impact_high", "money that one of ten outcomes exceeds"),
        _id("owner_id", "who answers for it"),
        _text("response", "avoid, reduce, share or accept",
              allowed=("avoid", "reduce", "share", "accept")),
        _text("status", "open, mitigated, closed", allowed=("open", "mitigated", "closed")),
        Column("residual_probability", "share", "chance once all steps are done", "0-1"),
        _money("residual_impact", "money at stake once all steps are done"),
        *_date("opened", "when it was entered"),
        *_date("due", "next date"),
    ),
    kit_owned=True,
)  # fmt: skip

ACTIONS = Table(
    "actions",
    "one row per action decided on a finding",
    ("action_id",),
    (
        _id("action_id", "identifier of the action", required=True),
        _id("finding_id", "finding or risk it answers"),
        _text("what", "what will be done"),
        _id("owner_id", "who does it"),
        *_date("opened", "when it was decided"),
        *_date("due", "when it should be done"),
        *_date("done", "when it was done"),
        _text("result", "what became of it"),
    ),
    kit_owned=True,
)

MARKET = Table(
    "market",
    "one row per month, region or segment and measure of the outside world",
    ("month_on", "region", "segment", "metric"),
    (
        *_date("month", "first day of the month", required=True),
        _text("region", "region; empty: all"),
        _text("segment", "segment; empty: all"),
        _text("metric", "index, growth, price, size"),
        Column("value", "number", "value", required=True),
    ),
    kit_owned=True,
)

HANDOFFS = Table(
    "handoffs",
    "one row per hand-off of an order from one department to the next",
    ("handoff_id",),
    (
        _id("handoff_id", "identifier of the hand-off", required=True),
        _id("order_id", "the order"),
        _id("deal_id", "the deal"),
        _text("from_department", "who hands over: sales, delivery"),
        _text("to_department", "who takes over: delivery, service"),
        *_date("handed", "when it was handed over", required=True),
        *_date("accepted", "when it was accepted; missing: not yet"),
        Column("is_complete", "boolean", "all papers were there"),
    ),
    kit_owned=True,
)

PROCESS_VERSIONS = Table(
    "process_versions",
    "one row per change of the sales process",
    ("pipeline", "version"),
    (
        _text("pipeline", "sales process; empty: all"),
        Column("version", "integer", "number of the version, from 1", required=True),
        *_date("valid_from", "first day", required=True),
        _text("change", "first version, stage dropped, stage renamed"),
        _text("stage", "canonical stage that changed"),
        _text("meaning", "the change in words"),
    ),
    kit_owned=True,
)

FX_RATES = Table(
    "fx_rates",
    "one row per currency and day",
    ("currency", "rate_on"),
    (
        Column("currency", "text", "currency converted from", required=True),
        *_date("rate", "first day the rate holds", required=True),
        Column("rate", "number", "one unit in reporting currency", required=True),
    ),
    kit_owned=True,
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        ACCOUNTS,
        CONTACTS,
        LEADS,
        DEALS,
        STAGE_HISTORY,
        ACTIVITIES,
        REPS,
        PRODUCTS,
        DEAL_LINES,
        ORDERS,
        PAYMENTS,
        TARGETS,
        FEEDBACK,
        SNAPSHOTS,
        STAGE_GOALS,
        SOP_RULES,
        TRAININGS,
        COMP_PLANS,
        COMP_TIERS,
        SPIFS,
        DEAL_SPLITS,
        REVIEWS,
        EXPERIMENTS,
        CULTURE_PULSE,
        RISKS,
        ACTIONS,
        MARKET,
        HANDOFFS,
        PROCESS_VERSIONS,
        FX_RATES,
    )
}

SQL_TYPES: dict[ColumnType, str] = {
    "id": "VARCHAR",
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "money": "DOUBLE",
    "share": "DOUBLE",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "boolean": "BOOLEAN",
    "day": "INTEGER",
    "seconds": "BIGINT",
}
