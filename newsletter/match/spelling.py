"""What counts as the same word: singular and plural, British and American, and the inflections of a stem."""

from __future__ import annotations

import re
from functools import lru_cache

_NOT_PLURAL = ("ss", "us", "is")
_TAKES_ES = ("s", "x", "z", "ch", "sh", "o")

# Nouns in -ic that can be counted; the others in -ics are names of fields or have no singular (robotics, dynamics).
_COUNTED_ICS = """
    antibiotic characteristic clinic comic critic diagnostic epidemic fabric harmonic heuristic logic lyric
    metaheuristic metric mnemonic mosaic pandemic relic rubric statistic subtopic tactic topic
"""
_COUNTED_IC = frozenset(_COUNTED_ICS.split())

# Their s is no plural, and what is left without it is another word: "news" would bring all that is new.
_NOT_PLURALS = frozenset(["always", "chaos", "cosmos", "lens", "news"])

# Latin and Greek plurals that compounds have too (submatrices, eigenbases, photosyntheses).
_ENDINGS = (
    ("sis", "ses"), ("trix", "trices"), ("rtex", "rtices"), ("ndex", "ndices"), ("ndix", "ndices"),
    ("plex", "plices"), ("helix", "helices"),
)  # fmt: skip

_IRREGULAR = (
    ("antenna", "antennae"), ("automaton", "automata"), ("axis", "axes"), ("bacterium", "bacteria"),
    ("child", "children"), ("corpus", "corpora"), ("criterion", "criteria"), ("equilibrium", "equilibria"),
    ("foot", "feet"), ("formula", "formulae"), ("half", "halves"), ("leaf", "leaves"), ("lemma", "lemmata"),
    ("life", "lives"), ("locus", "loci"), ("man", "men"), ("maximum", "maxima"), ("minimum", "minima"),
    ("modulus", "moduli"), ("mouse", "mice"), ("nucleus", "nuclei"), ("optimum", "optima"),
    ("phenomenon", "phenomena"), ("polyhedron", "polyhedra"), ("radius", "radii"), ("schema", "schemata"),
    ("shelf", "shelves"), ("spectrum", "spectra"), ("stimulus", "stimuli"), ("stratum", "strata"), ("tooth", "teeth"),
    ("torus", "tori"), ("wolf", "wolves"), ("woman", "women"),
)  # fmt: skip
_IRREGULAR_PLURALS = dict(_IRREGULAR)
_IRREGULAR_SINGULARS = {plural: singular for singular, plural in _IRREGULAR}

# Pairs begin with the same letter, since a word is looked for by its beginning.
# British → American, as (what stands at the beginning of a word, ending → ending); each pair holds both ways.
_REGIONAL = (
    (r"(behavi|(?:multi|dis)?col|neighb|fav|flav|lab|hon|hum|tum|vap|harb|rum|endeav|arm|od)", "our", "or"),
    (r"(\w{3,})", "is", "iz", r"(?=e$|ed$|es$|er$|ers$|ing$|able$|ations?$|ational$)"),
    (r"(\w*(?:anal|catal|paral|hydrol|dial))", "ys", "yz", r"(?=e$|ed$|er$|ers$|ing$)"),
    (r"((?:epi|en|de)?cent|fib|theat|calib|lit|spect|lust|(?:milli|centi|kilo)?met)", "re", "er", r"(?=s?$)"),
    (r"((?:re|un|mis)?(?:label|model|travel|cancel|signal|channel|fuel|tunnel|level|counsel))", "l", "",
     r"(?=ed$|ing$|ings$|er$|ers$)"),
    (r"(cata|dia|ana|epi|mono)", "logue", "log", r"(?=s?$)"),
)  # fmt: skip
_REGIONAL_TABLE = """
    ageing/aging aluminium/aluminum anaemia/anemia anaesthesia/anesthesia artefact/artifact artefacts/artifacts
    centred/centered centring/centering defence/defense defences/defenses diarrhoea/diarrhea foetal/fetal foetus/fetus
    enrolment/enrollment fulfil/fulfill fulfilment/fulfillment grey/gray greyscale/grayscale haemoglobin/hemoglobin
    haemorrhage/hemorrhage judgement/judgment judgements/judgments leukaemia/leukemia licence/license
    licences/licenses mould/mold offence/offense orthopaedic/orthopedic
    paediatric/pediatric paediatrics/pediatrics plough/plow practise/practice practised/practiced
    practising/practicing programme/program programmes/programs sceptic/skeptic sceptical/skeptical skilful/skillful
    sulphur/sulfur tyre/tire tyres/tires
"""
_AMERICAN = dict(pair.split("/") for pair in _REGIONAL_TABLE.split())
_BRITISH = {american: british for british, american in _AMERICAN.items()}


def count_capitals(text: str) -> int:
    return sum(char.isupper() for char in text)


def is_capital_plural(surface: str) -> bool:
    """Say whether a token is a term in capitals with a plural s: ``GPUs``, ``LoRAs``."""
    return surface.endswith("s") and count_capitals(surface[:-1]) >= 2


def _singulars(word: str) -> set[str]:
    found = {_IRREGULAR_SINGULARS[word]} if word in _IRREGULAR_SINGULARS else set()
    if len(word) < 4 or not word.endswith("s") or word.endswith(_NOT_PLURAL) or word in _NOT_PLURALS:
        return found
    if word.endswith("ics") and word[:-1] not in _COUNTED_IC:
        return found
    found.add(word[:-1])
    if word.endswith("ies"):
        found.add(word[:-3] + "y")
    if word.endswith("es") and word[:-2].endswith(_TAKES_ES):
        found.add(word[:-2])
    found.update(word.removesuffix(many) + one for one, many in _ENDINGS if word.endswith(many))
    return found


def _plurals(word: str) -> set[str]:
    found = {word + "s"}
    if word.endswith(_TAKES_ES):
        found.add(word + "es")
    if word.endswith("y"):
        found.add(word[:-1] + "ies")
    if word.endswith("ic") and word not in _COUNTED_IC:
        found.clear()
    if word in _IRREGULAR_PLURALS:
        found.add(_IRREGULAR_PLURALS[word])
    found.update(word.removesuffix(one) + many for one, many in _ENDINGS if word.endswith(one))
    found -= _NOT_PLURALS
    return {plural for plural in found if len(plural) >= 4 and not plural.endswith(_NOT_PLURAL)}


_REGIONAL_RULES = tuple(
    (one, re.compile(f"{begin}{one}{''.join(rest)}"), other)
    for begin, british, american, *rest in _REGIONAL
    for one, other in ((british, american), (american, british))
)


@lru_cache(maxsize=65536)
def regional_spellings(word: str) -> frozenset[str]:
    """Return a casefolded word as it is spelled on either side of the Atlantic: modelling and modeling.

    What a rule makes need not be a word: nobody writes "noize", so nothing is found by it.
    """
    found = {word}
    found.update(table[word] for table in (_AMERICAN, _BRITISH) if word in table)
    for one, pattern, other in _REGIONAL_RULES:
        match = pattern.match(word) if one in word else None
        if match:
            found.add(f"{match[1]}{other}{word[match.end() :]}")
    return frozenset(found)


def word_forms(surface: str) -> frozenset[str]:
    """Return the casefolded spellings that count as the same word: singular and plural, British and American.

    s, es and ies are plurals, so are the irregular ones of the field (matrices, hypotheses); words in ss, us and is
    are not, nor are most in ics. A plural has four letters at least, or is a term in capitals with an s
    (``AIs``); the matcher takes that case up for the text's side.
    """
    bases = set[str]()
    for word in regional_spellings(surface.casefold()):
        bases |= {word} | _singulars(word)
    if is_capital_plural(surface):
        bases.add(surface.casefold()[:-1])
    bases = {spelling for base in bases for spelling in regional_spellings(base)}
    return frozenset(bases.union(*(_plurals(base) for base in bases)))


_SUFFIX = re.compile(
    "(?:(?:icat|at)(?:ion|ions)|at(?:e|es|ed|ing|or|ors|ive)|ication|ically|ability|able|ical|ments|ness|ment"
    "|ings|ions|ists|ics|ies|ied|ier|iers|ing|ying|ion|ism|ist|ive|ers|ors|ed|er|es|ic|ly|or|e|s|y)$"
)


def stem(word: str) -> str:
    """Return what a casefolded word shares with its inflections; always the beginning of the word.

    The longest suffix of a fixed list that leaves three letters is taken off, then one of two equal last
    consonants: prune, pruned and pruning are ``prun``; agents and agentic ``agent``; generate and
    generation ``gener``, but general stays ``general``.
    """
    suffix = _SUFFIX.search(word, 3)
    if suffix and not (suffix[0] == "s" and word.endswith("ss")):
        word = word[: suffix.start()]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word
