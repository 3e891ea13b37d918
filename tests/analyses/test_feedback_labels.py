"""What people say of texts is kept, used the next time, and audits the shares of the page."""

from datetime import date

import pytest
from support import write_workspace

from salesops_kit.analyses.feedback import analyse_feedback
from salesops_kit.analyses.feedback_labels import FOLDER, keep_labels, kept_labels, to_read
from salesops_kit.errors import ParameterError
from salesops_kit.periods import period
from salesops_kit.settings import Settings
from salesops_kit.tables import Reader
from salesops_kit.widgets import feedback_controls
from salesops_kit.workspace import open_workspace

Q3 = period("2025-Q3")
DEALS = [{"deal_id": "d1", "account_id": "a1", "stage": "needs", "status": "open", "amount": 5.0,
          "created_at": "2025-06-01"}]  # fmt: skip
SAID = ("交货太慢了", "价格合理，服务周到", "三次才修好")  # the third is a complaint no word tells


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    rows = [
        {"feedback_id": f"f{i}", "text": f"{SAID[i % 3]}，编号{i}，王建国经理",
         "answered_at": "2025-08-20", "account_id": f"a{i}", "channel": "survey"}
        for i in range(60)
    ]  # fmt: skip
    return write_workspace(tmp_path_factory.mktemp("l") / "w", {"deals": DEALS, "feedback": rows})


def read(path):
    workspace = open_workspace(path, as_of=date(2025, 9, 30))
    return workspace, analyse_feedback(workspace, period=Q3)


def test_what_people_said_is_kept_used_the_next_time_and_audits_the_shares(path):
    workspace, before = read(path)
    drawn = to_read(before.texts, 30)
    truth = {name: "positive" if "合理" in text else "negative"
             for name, text in zip(drawn["feedback_id"], drawn["text"], strict=True)}  # fmt: skip

    assert keep_labels(workspace, truth, drawn=True) == 30
    _, after = read(path)
    rows = after.texts.rows.set_index("feedback_id")
    assert {name: rows["mood"][name] for name in truth} == truth
    assert before.moods["audited_share"].isna().all()
    share = after.moods.set_index("mood").loc["negative"]
    assert share["audited"] == 30
    assert share["lower"] <= 2 / 3 <= share["upper"]
    assert not set(to_read(after.texts, 60)["feedback_id"]) & set(truth)
    # what nobody read is judged by what was read of the same kind
    was = before.texts.rows.set_index("feedback_id")["praise"]
    unread = [name for name in rows.index[rows["text"].str.contains("修好")] if name not in truth]
    assert (rows["praise"][unread] < was[unread]).all()
    assert "王建国" not in (workspace.path / FOLDER / "feedback.csv").read_text("utf-8")


def test_a_text_read_as_no_complaint_is_none_of_its_themes(path):
    workspace, before = read(path)
    late = before.texts.mentions
    late = late[(late["theme"] == "delivery") & late["complaint"]]
    name = before.texts.rows["feedback_id"].iloc[int(late["text"].iloc[0])]
    keep_labels(workspace, {name: "unsure"})

    after = read(path)[1].texts
    mine = after.mentions[after.rows["feedback_id"].reindex(after.mentions["text"]).to_numpy()
                          == name]  # fmt: skip
    assert not mine["complaint"].any()


def test_a_theme_is_clicked_its_texts_read_and_corrected(path):
    workspace, feedback = read(path)
    box = feedback_controls(workspace, feedback, Reader(Settings(), "zh"))
    themes, texts, whole, buttons, said = box.children

    themes.value = "delivery"
    assert whole.value.startswith("交货太慢了")
    assert "王建国" not in whole.value
    name = texts.value
    buttons.children[2].click()
    labels = kept_labels(workspace).set_index("feedback_id")
    assert labels["mood"][name] == "positive"
    assert "已保存" in said.value
    assert texts.value != name  # on to the next


def test_a_file_changed_by_hand_is_refused_with_its_line(tmp_path):
    folder = write_workspace(tmp_path / "w", {"deals": DEALS})
    workspace = open_workspace(folder, as_of=date(2025, 9, 30))
    (folder / FOLDER).mkdir()
    (folder / FOLDER / "feedback.csv").write_text("feedback_id,mood,drawn\nf1,angry,1\n", "utf-8")

    with pytest.raises(ParameterError, match="line 2: mood is 'angry'; use negative, unsure"):
        kept_labels(workspace)
    with pytest.raises(ParameterError, match="use negative"):
        keep_labels(workspace, {"f1": "good"})
