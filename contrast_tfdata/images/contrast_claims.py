"""What a file says in words about contrast agent, boiled down to a claim; the words themselves stay here.

Texts are typed by hand, in the language of the ward, and most say nothing on the matter. A claim wrongly read costs
more than one left unread, because it accuses a header or a network of a mistake: in doubt a text is silent.

 - Whole words count, never parts of them: `gd`, not the GD in a name.
 - A word for the agent says that it was given, unless one before it takes that back: `ohne KM`, `no IV contrast`.
 - `pre` and `post` alone count at the end, or before a word that describes a picture: `POST SAG T1`, not `POST OP`.
 - A text that says both, such as the name of a whole examination (`BRAIN W/WO`), says nothing about one series.
"""

import enum
import re
import unicodedata
from collections.abc import Iterator


class Claim(enum.Flag):
    """Whether contrast agent was given, according to a file; the claims of several texts or files join by `|`."""

    SILENT = 0
    NO_GAD = enum.auto()
    WITH_GAD = enum.auto()
    CONTRADICTORY = NO_GAD | WITH_GAD

    @property
    def code(self) -> str:
        """`silent`, `no_gad`, `with_gad` or `contradictory`."""
        return self.name.lower()


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# The languages are English, German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Norwegian and Danish, without
# accents. Left out for what else they mean: CM and MC (centimetre, motion correction), NC, IV, DCE (its first frames
# are before contrast), T1C (coronal), plain `enhanced` (edges).
_AGENTS = _set(
    # The agent as such. CE: contrast-enhanced; KM: Kontrastmittel; MDC: mezzo di contrasto; PDC: produit de contraste.
    "contrast contraste contrasto kontrast kontrastmittel km kmgabe ce mdc pdc injection gad gado gd gadolinium "
    "gadolinio dtpa t1ce t1wce t1gd t1gad t1km "
    # Substances and brands with gadolinium, sold now or once.
    "gadobutrol gadoterate gadoteridol gadobenate gadopentetate gadodiamide gadoxetate gadoversetamide gadopiclenol "
    "gadovist gadavist dotarem clariscan magnevist multihance prohance omniscan optimark vasovist ablavar primovist "
    "eovist elucirem vueway"
)
_NATIVE = _set("nativ native noncon unenhanced nonenhanced")
"""Say by themselves that no agent was given."""
_WITHOUT = _set("without wo ohne sans sin sem senza zonder utan uten uden")
"""Take an agent's word back; at the end of a text they say it alone: `SAG T1 W/O`."""
_NEGATIONS = _WITHOUT | _set(
    "pre no non not before prior vor kein keine avant antes prima voor fore før o"  # o KM: ohne Kontrastmittel.
)
_AFFIRMATIONS = _set("post with w mit m avec con com met med after nach apres dopo despues depois apos na efter etter")
_FILLERS = _set("and or und et y e en och og i v iv to the of der den de di du d mezzo medio produit")
"""May stand between such a word and the agent, or between two of them: `mit und ohne KM`, `without i.v. contrast`."""
_PICTURE_WORDS = _set(
    "t1 t1w t2 t2w pd flair 2d 3d sag sagittal ax axial cor coronal tra trans transverse mprage mpr spgr fspgr bravo "
    "tfe ffe vibe space cube se tse fse gre tirm stir dark fs fat fatsat fast iso brain head min"
)
_OTHER_CONTRASTS = _set("phase phasen fase transfer mt susceptibility tissue high low")
"""Before `contrast` they make it something that no agent causes: phase contrast, magnetization transfer contrast."""
_UNKNOWN_AGENT = _set("unknown unk na n/a x xx xxx other anonymous anonymized anonymised removed")
_NO_AGENT = _WITHOUT | _set("no none n nil false not aucun nessuno ninguno nenhum geen kein keine keines")
_MAX_CHARACTERS = 256
"""How much of a text is looked at; a DICOM text of this kind has at most 64 (PS3.5, 6.2), a forged one millions."""
_NO_VOLUME = re.compile(r"0+([.,]0+)?\s*(ml|cc)?")

# Signs, spelled out before a text is cut into words. The order matters: w/o holds a w, and both hold a slash.
_SIGNS = (
    (r"\+\s*/\s*-", " with wo "),
    (r"\bw/?o\b", " wo "),
    (r"\bw/", " with "),
    (r"\bt([12])[\s_-]*w\b(?!\W*(?:wo|and|without)\b)", r" t\1 "),  # T1-W: weighted.
    (r"(?<=[a-z])\.(?=[a-z]\b)", " "),
    (r"\b(pre|post|non|no|with|w|wo)[\s_-]?con\b", r" \1 contrast "),  # In English; elsewhere con means with.
    (r"(?<![\w])-(c|km|gd|gad|gado)\b(?![\w-])(?!\s*spine)|\b(c|km|gd|gad|gado)-(?!\s*[\w])", " native "),
    (r"\+\s*c\b(?!\s*-?\s*spine)|\bc\+", " contrast "),
)
_COMPOUND = re.compile(r"(pre|post|non|o|m)(contrast|kontrast|gad|gado|gd|km)")


def described(text: str) -> Claim:
    """Returns what a free description of a series says: `SILENT`, `NO_GAD` or `WITH_GAD`, and `SILENT` for both."""
    claim = _statements(text)
    return Claim.SILENT if claim is Claim.CONTRADICTORY else claim


def agent(text: str) -> Claim:
    """Returns what the name of a contrast agent says: `WITH_GAD`, but for words such as none and unknown."""
    text, said = _folded(text), _statements(text)
    if said in (Claim.NO_GAD, Claim.CONTRADICTORY):
        return Claim.NO_GAD if said is Claim.NO_GAD else Claim.SILENT
    if text in _NO_AGENT or _NO_VOLUME.fullmatch(text):
        return Claim.NO_GAD
    return Claim.SILENT if text in _UNKNOWN_AGENT or not any(map(str.isalnum, text)) else Claim.WITH_GAD


def _statements(text: str) -> Claim:
    """Returns all that a text says, `CONTRADICTORY` where it says both."""
    said, pending, words = Claim.SILENT, "", list(_words(text))
    for previous, word in zip(["", *words], [*words, ""], strict=True):
        if word in _NEGATIONS or word in _AFFIRMATIONS:
            said |= _meaning(pending)  # Of `with and without contrast` the first one counts too.
            pending = word
        elif _names_agent(previous, word):
            said |= _meaning(pending) or Claim.WITH_GAD
        elif word not in _FILLERS or not word:
            said |= _alone(pending, word, said)
            said |= Claim.NO_GAD if word in _NATIVE else Claim.SILENT
            pending = ""
    return said


def _names_agent(previous: str, word: str) -> bool:
    return word in _AGENTS and not (word.startswith(("contrast", "kontrast")) and previous in _OTHER_CONTRASTS)


def _meaning(word: str) -> Claim:
    if not word:
        return Claim.SILENT
    return Claim.NO_GAD if word in _NEGATIONS else Claim.WITH_GAD


def _alone(word: str, following: str, said: Claim) -> Claim:
    """Returns what a word such as `post` or `without` says where no agent follows, but this word or the text's end."""
    if word in ("pre", "post"):
        counts = not following or following in _PICTURE_WORDS or following in _NATIVE or following.isdecimal()
    elif word in _WITHOUT:
        counts = not following
    else:
        counts = not following and Claim.NO_GAD in said  # `W/O + W`: enough to take the first one back.
    return _meaning(word) if counts else Claim.SILENT


def _words(text: str) -> Iterator[str]:
    text = _folded(text).replace("_", " ")
    for pattern, replacement in _SIGNS:
        text = re.sub(pattern, replacement, text)
    for word in re.findall(r"[^\W_]+", text):
        compound = _COMPOUND.fullmatch(word)
        yield from compound.groups() if compound else (word,)


def _folded(text: str) -> str:
    """Returns a text in small letters, without accents and the spaces around it."""
    decomposed = unicodedata.normalize("NFKD", text[:_MAX_CHARACTERS].casefold())
    return "".join(each for each in decomposed if not unicodedata.combining(each)).strip()
