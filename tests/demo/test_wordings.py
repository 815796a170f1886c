"""The sets of prompts for tuning and for reporting."""

from pathlib import Path

import pytest

from styleclip.demo.captions import state_names
from styleclip.demo.wordings import given_wordings, load_wordings, read_prompts
from styleclip.errors import UsageError

TUNING, REPORTING = load_wordings("tuning"), load_wordings("reporting")


def test_the_sets_share_nothing() -> None:
    texts = [{wording.text.lower() for wording in each.wordings} for each in (TUNING, REPORTING)]
    assert texts[0].isdisjoint(texts[1]), "a prompt is in both sets"
    assert set(TUNING.seeds).isdisjoint(REPORTING.seeds)


def test_both_sets_have_twenty_prompts_of_one_to_three_claims() -> None:
    for each in (TUNING, REPORTING):
        counts = [len(wording.claims) for wording in each.wordings]
        assert len(counts) == len({wording.text for wording in each.wordings}) == 20
        assert set(counts) == {1, 2, 3} or set(counts) == {1, 2}
        assert len(each.seeds) >= 40


def test_claims_are_states() -> None:
    for wording in (*TUNING.wordings, *REPORTING.wordings):
        assert all(state < len(state_names(name)) for name, state in wording.claims.items())


def test_texts_claim_what_they_say() -> None:
    given = given_wordings(["a smiling face with red hair"])
    assert given.name == "given" and given.seeds == ()
    assert given.wordings[0].claims == {"hair_color": 3, "expression": 1}
    with pytest.raises(UsageError, match="judge cannot tell whether 'a face' came true"):
        given_wordings(["a face"])


def test_files_of_prompts(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("# two\na smiling face\n\n an old face \n")
    assert read_prompts(tmp_path / "prompts.txt") == ["a smiling face", "an old face"]
    (tmp_path / "prompts.txt").write_text("# none\n")
    with pytest.raises(UsageError, match="holds no prompt"):
        read_prompts(tmp_path / "prompts.txt")
