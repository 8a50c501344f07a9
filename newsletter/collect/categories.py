"""Categories and subjects as people write them → as a source names them."""

from __future__ import annotations

import re
from difflib import get_close_matches

_CATEGORY = re.compile(r"[a-z]{2,9}(?:-[a-z]{2,4})?(?:\.(?:[A-Za-z]{2}|[a-z]{2,6}-[a-z]{2,4}|[a-z]{3,8}))?")

# https://www.biorxiv.org and https://www.medrxiv.org, "Subject Areas"; only for advice: new ones come.
_SUBJECTS = """
    animal behavior and cognition, biochemistry, bioengineering, bioinformatics, biophysics, cancer biology,
    cell biology, clinical trials, developmental biology, ecology, epidemiology, evolutionary biology, genetics,
    genomics, immunology, microbiology, molecular biology, neuroscience, paleontology, pathology, pharmacology
    and toxicology, physiology, plant biology, scientific communication and education, synthetic biology,
    systems biology, zoology, addiction medicine, allergy and immunology, anesthesia, cardiovascular medicine,
    dentistry and oral medicine, dermatology, emergency medicine, endocrinology, forensic medicine,
    gastroenterology, genetic and genomic medicine, geriatric medicine, health economics, health informatics,
    health policy, health systems and quality improvement, hematology, hiv/aids, infectious diseases, intensive
    care and critical care medicine, medical education, medical ethics, nephrology, neurology, nursing,
    nutrition, obstetrics and gynecology, occupational and environmental health, oncology, ophthalmology,
    orthopedics, otolaryngology, pain medicine, palliative medicine, pediatrics, pharmacology and therapeutics,
    primary care research, psychiatry and clinical psychology, public and global health, radiology and imaging,
    rehabilitation medicine and physical therapy, respiratory medicine, rheumatology, sexual and reproductive
    health, sports medicine, surgery, toxicology, transplantation, urology
"""
_KNOWN = frozenset(" ".join(subject.split()) for subject in _SUBJECTS.split(","))
_SUBJECT = re.compile(r"[a-z][a-z/' ]{2,80}")


def parse_category(text: str) -> str:
    """Return a category or an archive as it stands. Raises ValueError for what cannot be one."""
    if not _CATEGORY.fullmatch(text):
        raise ValueError(f"{text!r} is not an arXiv category; write cs.CL, or cs for the whole archive")
    return text


def parse_subject(text: str) -> str:
    """Return a subject as the API names it: ``Cell Biology``, ``cell_biology`` and ``cell-biology`` are one.

    What stands in parentheses behind one is no part of it. Raises ValueError for what is none, and for what is nearly
    one.
    """
    subject = " ".join(re.sub(r"\([^()]*\)", " ", text).replace("_", " ").replace("-", " ").split()).lower()
    if not _SUBJECT.fullmatch(subject):
        raise ValueError(f"{text!r} is not a subject; write cell biology, or neuroscience")
    near = get_close_matches(subject, _KNOWN, n=1, cutoff=0.85)
    if subject not in _KNOWN and near:
        raise ValueError(f"{text!r} is unknown; did you mean '{near[0]}'?")
    return subject
