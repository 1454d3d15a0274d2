"""A few rows of every card, made up, laid out as the files of the original release are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Release:
    """A file of a release, and the first example that is in it for a language.

    Attributes:
        language: BCP 47 code.
        name: Name of the file.
        text: Its content.
        first: The row that the example is written as.
        examples: How many there are of the language.
    """

    language: str
    name: str
    text: str
    first: dict[str, Any]
    examples: int = 2


ENTITIES = {"words": ["Asha", "#", "Nakuru"], "labels": ["B-PER", "O", "B-LOC"]}
COLUMNS = "Asha B-PER\n# O\nNakuru B-LOC\n\nNdiyo O\n"
SQUAD = {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "Asha alienda Nakuru.", "qas": []}]}]}
ANSWER = {"text": "Nakuru", "answer_start": 13}
ASKED = {"question": "Wapi?", "context": "Asha alienda Nakuru.", "answers": [{"text": "Nakuru", "start": 13}]}


def squad(*ids: str) -> str:
    document: Any = json.loads(json.dumps(SQUAD))
    asked = [{"id": number, "question": "Wapi?", "answers": [ANSWER]} for number in ids]
    document["data"][0]["paragraphs"][0]["qas"] = asked
    return json.dumps(document)


def conllu(*words: str) -> str:
    rows = [f"{number}\t{word}\t_\t{tag}\t_\t_\t0\t_\t_\t_" for number, (word, tag) in enumerate(map(tagged, words), 1)]
    return (
        "# sent_id = 1\n1-2\tdel\t_\t_\t_\t_\t_\t_\t_\t_\n" + "\n".join(rows) + "\n8.1\tx\t_\tX\t_\t_\t_\t_\t_\t_\n\n"
    )


def tagged(word: str) -> tuple[str, str]:
    text, _, tag = word.rpartition("/")
    return text, tag


def pair(label: str) -> dict[str, str]:
    return {"text": 'He said "no.', "text_pair": "He agreed.", "label": label}


def choice(question: str, *choices: str, label: str) -> dict[str, Any]:
    return {"premise": "It rained.", "question": question, "choices": list(choices), "label": label}


CAUSE = "What was the cause?"
COPA_XML = (
    '<?xml version="1.0"?><copa-corpus version="1.0">'
    '<item id="1" asks-for="cause" most-plausible-alternative="2"><p>It rained.</p><a1>Sun.</a1><a2>Clouds.</a2></item>'
    '<item id="2" asks-for="effect" most-plausible-alternative="1"><p>It rained.</p><a1>Mud.</a1><a2>Sun.</a2></item>'
    "</copa-corpus>"
)
XCOPA = [
    {"premise": "It rained.", "choice1": "Sun.", "choice2": "Clouds.", "question": "cause", "label": 1, "idx": 0},
    {"premise": "It rained.", "choice1": "Mud.", "choice2": "Sun.", "question": "effect", "label": 0, "idx": 1},
]
SIQA = [
    {"context": "It rained.", "question": CAUSE, "answerA": "a", "answerB": "b", "answerC": "c", "correct": answer}
    for answer in "CA"
]


def lines(rows: list[dict[str, Any]], end: str = "\n") -> str:
    return "".join(json.dumps(row) + end for row in rows)


PAWS = 'id\tsentence1\tsentence2\tlabel\n1\tHe said "no.\tHe agreed.\t1\n2\ta\tb\t0\n'
XNLI = (
    'language\tgold_label\tsentence1\tsentence2\nsw\tentailment\tHe said "no.\tHe agreed.\nth\tneutral\ta\tb\n'
    "sw\tneutral\ta\tb\n"
)
AMERICAS = (
    'id\tlanguage\tpremise\thypothesis\tlabel\n1\tquy\tHe said "no.\tHe agreed.\tentailment\n2\tquy\ta\tb\tneutral\n'
)
TWEETS = "ID\ttweet\tlabel\n1\tkai\tpositive\n2\tb\tneutral\n"
NEWS = 'category\theadline\ttext\turl\nsports\tGoli\t"He said ""no"".\n\nThen\tyes."\tu\nhealth\t"b\nc"\tt\tu\n'
NUSAX = 'id,text,label\n1,"a, b",positive\n2,c,neutral\n'
TYDI = squad("finnish-1", "swahili-1")
SIB = 'index_id\tcategory\ttext\n1\tsports\t"He said ""no"" ."\n2\thealth\tb\n'
TREE = {"words": ["de", "el", "tinh vi"], "labels": ["ADP", "DET", "ADJ"]}
PARTS = conllu("de/ADP", "el/DET", "tinh vi/ADJ") + conllu("x/X")
ARCS = {"words": ["de", "el", "tinh vi"], "heads": [3, 3, 0], "labels": ["case", "det", "root"]}
TREES = (
    "1-2\tdel\t_\t_\t_\t_\t_\t_\t_\t_\n1\tde\t_\tADP\t_\t_\t3\tcase:gen\t_\t_\n2\tel\t_\tDET\t_\t_\t3\tdet\t_\t_\n"
    "2.1\tx\t_\tX\t_\t_\t_\t_\t_\t_\n3\ttinh vi\t_\tADJ\t_\t_\t0\troot\t_\t_\n\n1\tx\t_\tX\t_\t_\t0\troot\t_\t_\n\n"
)
UNER = "# sent_id = 1\n1\tAsha\tB-PER\t-\tx\n2\t#\tO\t-\tx\n3\tNakuru\tB-LOC\t-\tx\n\n1\tNdiyo\tO\t-\tx\n"
WIKINEURAL = "0\tAsha\tB-PER\n1\t#\tO\n2\tNakuru\tB-LOC\n\n0\tNdiyo\tO\n"
WIKIANN = "sw:Asha\tB-PER\nsw:#\tO\nsw:Nakuru\tB-LOC\n\nsw:Ndiyo\tO\n"

TASKS: dict[str, Release] = {
    "afrisenti": Release("ha", "test.tsv", TWEETS, {"text": "kai", "label": "positive"}),
    "americasnli": Release("quy", "quy.tsv", AMERICAS, pair("entailment")),
    "conll": Release("sw", "test.txt", COLUMNS, ENTITIES),
    "conllu": Release("vi", "vi_vtb-ud-test.conllu", PARTS, TREE),
    "copa": Release("en", "copa-test.xml", COPA_XML, choice(CAUSE, "Sun.", "Clouds.", label="choice2")),
    "masakhaner": Release("sw", "test.txt", COLUMNS, ENTITIES),
    "masakhaner2": Release("sw", "test.txt", COLUMNS, ENTITIES),
    "masakhanews": Release("sw", "test.tsv", NEWS, {"text": "Goli", "label": "sports"}),
    "nusax": Release("ace", "test.csv", NUSAX, {"text": "a, b", "label": "positive"}),
    "paws_x": Release("de", "test_2k.tsv", PAWS, pair("paraphrase")),
    "sib200": Release("yo", "test.tsv", SIB, {"text": 'He said "no" .', "label": "sports"}),
    "social_iqa": Release("en", "socialIQa_v1.4_dev.jsonl", lines(SIQA), choice(CAUSE, "a", "b", "c", label="choice3")),
    "squad": Release("en", "dev-v1.1.json", squad("56d", "56e"), {"id": "56d", **ASKED, "language": "en"}),
    "table": Release("sw", "test.csv", 'text,label\n"a, b",yes\nc,no\n', {"text": "a, b", "label": "yes"}),
    "tydiqa": Release("sw", "tydiqa-goldp-v1.1-dev.json", TYDI, {"id": "swahili-1", **ASKED, "language": "sw"}, 1),
    "ud_parsing": Release("vi", "vi_vtb-ud-test.conllu", TREES, ARCS),
    "ud_pos": Release("vi", "vi_vtb-ud-test.conllu", PARTS, TREE),
    "universal_ner": Release("hr", "hr_set-ud-test.iob2", UNER, ENTITIES),
    "wikiann": Release("sw", "test", WIKIANN, ENTITIES),
    "wikineural": Release("de", "test.conllu", WIKINEURAL, ENTITIES),
    "xcopa": Release("et", "test.et.jsonl", lines(XCOPA, "\r\n"), choice(CAUSE, "Sun.", "Clouds.", label="choice2")),
    "xnli": Release("sw", "xnli.test.tsv", XNLI, pair("entailment")),
    "xquad": Release("ar", "xquad.ar.json", squad("56d", "56e"), {"id": "56d", **ASKED, "language": "ar"}),
}
"""Name of a task card to a file of its release."""
