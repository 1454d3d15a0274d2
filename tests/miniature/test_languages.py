from __future__ import annotations

import subprocess
import sys

from madx_pipeline.miniature import LANGUAGES, SOURCE, TASKS
from madx_pipeline.miniature.lexicon import AFFIXES, lexicons, parts_of_speech


def test_the_source_language_is_one_the_base_model_has_seen() -> None:
    assert LANGUAGES[SOURCE].seen


def test_codes_are_of_the_private_use_range_and_match_their_languages() -> None:
    assert all("qaa" <= code <= "qtz" and language.code == code for code, language in LANGUAGES.items())


def test_there_are_unseen_languages_with_the_sources_clause_order_and_one_without() -> None:
    known = [language.order_known for language in LANGUAGES.values() if not language.seen]
    assert known.count(True) >= 2
    assert known.count(False) == 1


def test_a_language_whose_clause_order_is_the_sources_says_so() -> None:
    order = LANGUAGES[SOURCE].grammar.order
    assert all(language.order_known == (language.grammar.order == order) for language in LANGUAGES.values())


def test_every_language_has_a_word_for_every_concept_and_affix() -> None:
    concepts = {*parts_of_speech(), *AFFIXES}
    assert all(set(words) == concepts for words in lexicons(0).values())


def test_no_language_has_the_words_of_another() -> None:
    words = lexicons(0)
    unlike = [
        sum(words[a][c] != words[b][c] for c in words[a]) for a in words for b in words if {a, b} != {"qaf", "qag"}
    ]
    assert min(count for count in unlike if count) > 20


def test_importing_the_languages_does_not_import_torch() -> None:
    program = "import sys, madx_pipeline.miniature, madx_pipeline.miniature.world; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_tasks_are_these() -> None:
    assert TASKS == ("ner", "pos", "topics", "pairs", "choice", "questions", "parsing")
