"""One code for a language, everywhere; what is near is said, and never merged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from madx_pipeline.base_models import known_names, languages_seen
from madx_pipeline.cards import card_names, corpus_card, task_card
from madx_pipeline.cli import main
from madx_pipeline.language_names import language_problem
from madx_pipeline.languages import (
    canonical,
    group_of,
    is_language,
    language_name,
    near_codes,
    own_name,
    script_of,
)
from madx_pipeline.published.catalogue import catalogues


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("swa", "sw"),
        ("eng", "en"),
        ("ger", "de"),
        ("EN", "en"),
        ("iw", "he"),
        ("sw-Latn", "sw"),
        ("zh-Hans", "zh"),
        ("zho", "zh"),
        ("zho-Hant", "zh-Hant"),
        ("quy-Latn", "quy"),
        ("nob", "nb"),
        ("nor", "no"),
        ("tgl", "tl"),
        ("zh-TW", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh-Hant-TW", "zh-Hant"),
        ("zh-CN", "zh"),
        ("zho-Hans-CN", "zh"),
        ("zh-yue", "yue"),
        ("zh-hak", "hak"),
        ("zh-min-nan", "nan"),
        ("be-x-old", "be-tarask"),
    ],
)
def test_a_language_has_one_code_and_a_recipe_with_another_is_told_which(written: str, code: str) -> None:
    assert canonical(written) == code
    problem = language_problem(written, "recipe.yaml: target_languages[0]")
    assert problem is not None
    assert f'"{written}"; the code of {language_name(code)} is "{code}".' in problem.message
    assert f'Write "{code}"' in problem.hint


@pytest.mark.parametrize(
    "code",
    ["sw", "zh", "zh-Hant", "no", "nb", "nn", "qu", "quy", "quz", "swh", "tl", "fil", "sh", "pt-BR", "als", "jv-x-bms"],
)
def test_codes_of_languages_that_others_merge_are_codes_of_their_own(code: str) -> None:
    assert canonical(code) == code
    assert language_problem(code, "here") is None


@pytest.mark.parametrize(
    ("called", "code"),
    [
        ("swh_Latn", "sw"),
        ("sw_kiswahili", "sw"),
        ("20231101.sw", "sw"),
        ("UD_English-EWT", "en"),
        ("UD_Haitian_Creole-Autogramm", "ht"),
        ("en_ewt", "en"),
        ("quy_Latn", "quy"),
        ("zho_Hant", "zh-Hant"),
        ("cmn_Hani", "zh"),
        ("nob_Latn", "nb"),
        ("UD_Norwegian-Nynorsk", "nn"),
        ("UD_Norwegian-NynorskLIA", "nn"),
        ("UD_Norwegian-Bokmaal", "nb"),
        ("no_nynorsk", "nn"),
        ("no_bokmaal", "nb"),
        ("zh-classical", "lzh"),
        ("zh_classical", "lzh"),
        ("20231101.zh-classical", "lzh"),
        ("zh_TW", "zh-Hant"),
        ("zh_tw", "zh-Hant"),
        ("zh_hant", "zh-Hant"),
        ("zh_Hans", "zh"),
        ("UD_Chinese-GSD", "zh-Hant"),
        ("UD_Chinese-GSDSimp", "zh"),
        ("zh_gsd", "zh-Hant"),
        ("bat-smg", "sgs"),
        ("map-bms", "jv-x-bms"),
        ("roa-rup", "rup"),
        ("roa-tara", "nap-x-tara"),
        ("cbk-zam", "cbk"),
        ("pt_BR", "pt-BR"),
        ("pt_br", "pt-BR"),
        ("es_419", "es-419"),
        ("masakhaner_swa", "sw"),
        ("masakhanews/hau", "ha"),
        ("mafand.sw", "sw"),
        ("MLQA.de.ar", "de"),
        ("en ", "en"),
        ("so ", "so"),
        ("yo_ng", "yo"),
        ("train[sw]", "sw"),
        ("sr@latin", "sr"),
        ("sw2", "sw"),
        ("English-EWT", "en"),
    ],
)
def test_what_a_data_set_calls_a_language_is_answered_with_its_code(called: str, code: str) -> None:
    problem = language_problem(called, "target_languages[0]")
    assert problem is not None
    assert problem.message == f'target_languages[0] is "{called}", which is not a language code.'
    assert problem.hint.startswith(f'Write "{code}" ({language_name(code)})')


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Swahili", "sw"),
        ("Haitian Creole", "ht"),
        ("français", "fr"),
        ("tiếng Việt", "vi"),
        ("русский", "ru"),
        ("中文", "zh"),
        ("हिन्दी", "hi"),
    ],
)
def test_a_name_of_a_language_in_english_or_in_itself_is_answered_with_its_code(name: str, code: str) -> None:
    problem = language_problem(name, "target_languages[0]")
    assert problem is not None
    assert problem.hint == f'The code of {language_name(code)} is "{code}".'


@pytest.mark.parametrize("value", ["", "123", "?", "nonsense"])
def test_what_is_no_language_at_all_is_told_what_codes_look_like(value: str) -> None:
    problem = language_problem(value, "target_languages[0]")
    assert problem is not None
    assert problem.hint.startswith("Codes are BCP 47")


def test_near_languages_are_the_group_its_members_and_other_scripts_nearest_first() -> None:
    assert near_codes("qu", ["es", "quy", "ay"]) == ["quy"]
    assert near_codes("quz", ["quy", "es", "qu"]) == ["qu", "quy"]
    assert near_codes("nb", ["da", "nn", "no"]) == ["no", "nn"]
    assert near_codes("zh", ["ja", "yue", "zh-Hant"]) == ["zh-Hant", "yue"]
    assert near_codes("swh", ["sw", "zu"]) == ["sw"]
    assert near_codes("zh-TW", ["zh", "zh-Hant", "ja"])[0] == "zh-Hant"
    assert near_codes("zh-CN", ["zh", "zh-Hant", "ja"])[0] == "zh"
    assert near_codes("qaa", ["qab", "en"]) == []


def test_groups_scripts_and_own_names_are_known() -> None:
    assert [group_of(code) for code in ("quy", "nb", "sw")] == ["qu", "no", None]
    assert [script_of(code) for code in ("sw", "zh-Hant", "arz", "quy", "qaa")] == [
        "Latn",
        "Hant",
        "Arab",
        "Latn",
        "Latn",
    ]
    assert own_name("sw") == "Kiswahili"


def test_every_list_of_languages_in_the_package_has_the_one_code() -> None:
    codes = {code for catalogue in catalogues() for code in catalogue.languages}
    codes |= {code for name in known_names() for code in languages_seen(name) or ()}
    for card in (*map(corpus_card, card_names("corpora")), *map(task_card, card_names("tasks"))):
        codes |= set(card.languages) if isinstance(card.languages, dict) else set()
    assert len(codes) > 350
    assert [code for code in codes if not is_language(code) or canonical(code) != code] == []


def test_no_card_gives_two_of_its_languages_the_same_data() -> None:
    for card in (*map(corpus_card, card_names("corpora")), *map(task_card, card_names("tasks"))):
        called = list(card.languages.values()) if isinstance(card.languages, dict) else []
        assert len(called) == len(set(called)), card.name


def test_names_with_a_script_in_them_belong_to_codes_of_that_script() -> None:
    """`aeb_Arab` must not be behind a code that means Latin script; Hangul and Korean in general are one."""
    for card in (*map(corpus_card, card_names("corpora")), *map(task_card, card_names("tasks"))):
        for code, called in card.languages.items() if isinstance(card.languages, dict) else ():
            script = called.replace("-", "_").rpartition("_")[2]
            if len(script) == 4 and script.istitle() and script not in ("Hang", "Hani", "Jpan"):
                assert (script_of(code) or "Latn") == script, (card.name, code, called)


def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["madx", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out + captured.err


def test_a_language_is_shown_with_its_names_cards_adapters_and_neighbours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, text = shown(monkeypatch, capsys, "show", "quy")
    lines = dict(line.split(": ", 1) for line in text.splitlines())
    assert status == 0
    assert lines["quy"] == "Ayacucho Quechua"
    assert lines["script"] == "Latn"
    assert lines["group"] == "qu (Quechua)"
    assert "sib200 (quy_Latn)" in lines["cards"]
    assert lines["near, never merged"] == "qu (Quechua)"
    status, text = shown(monkeypatch, capsys, "show", "sw")
    assert "sw/wiki@ukp for FacebookAI/xlm-roberta-base" in text


@pytest.mark.parametrize("written", ["swa", "swh_Latn"])
def test_showing_a_language_by_another_code_says_which_to_write(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], written: str
) -> None:
    status, text = shown(monkeypatch, capsys, "show", written)
    assert status == 2
    assert 'Write "sw"' in text


def test_the_list_of_languages_has_names_scripts_and_cards(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = shown(monkeypatch, capsys, "list", "languages", "--json")
    rows = {row["name"]: row for row in json.loads(text)}
    assert status == 0
    assert (rows["sw"]["language"], rows["sw"]["own_name"], rows["sw"]["script"]) == ("Swahili", "Kiswahili", "Latn")
    assert {"wikipedia", "wikiann", "sib200"} <= set(rows["sw"]["cards"].split(", "))
    assert rows["zh-Hant"]["script"] == "Hant"
