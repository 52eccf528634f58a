"""The page opens with the answer that the stage `predict` computed."""

import re

from support.prediction_tables import PLANTED
from support.report_study import make_report

from feature_diversity.prediction.answer import QUESTION, answer_of
from feature_diversity.prediction.predict import prediction_of


def test_the_page_opens_with_the_question_and_the_computed_answer(tmp_path):
    table = PLANTED["seed"](0).assign(figures="figure1")
    found = prediction_of(table)
    found.to_csv(tmp_path / "prediction.csv", index=False)
    page = make_report(table, tmp_path, "--prediction", str(tmp_path / "prediction.csv")).read_text()
    text = re.sub(r"<[^>]+>", "", page.split('id="answer"')[1])
    answer = answer_of(found)
    told = [QUESTION, answer.lead, *(number for number, _ in answer.numbers), answer.rest, "runs on digits"]
    places = [text.index(part) for part in told]
    assert len(answer.numbers) == 3
    assert places == sorted(places)


def test_a_page_without_predictions_has_no_answer(tmp_path):
    page = make_report(PLANTED["seed"](0).assign(figures="figure1"), tmp_path).read_text()
    assert 'id="answer"' not in page
