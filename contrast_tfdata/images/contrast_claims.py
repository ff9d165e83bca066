"""What a file says in words about contrast agent, boiled down to a claim; the words themselves stay here.

Texts are typed by hand, in the language of the ward, and most say nothing on the matter. A claim wrongly read costs
more than one left unread, because it accuses a header or a network of a mistake: in doubt a text is silent.

 - Whole words count, never parts of them: `gd`, not the GD in a name.
 - A word for the agent says that it was given, unless one takes that back, before it (`ohne KM`, `no IV contrast`) or
   after it (`KM abgelehnt`, `contrast was not given`).
 - A denial of something unknown, and a question mark, leave no word for the agent standing: `gad no reaction`, `KM?`.
 - `pre` and `post` alone count at the end, or before a word that describes a picture: `POST SAG T1`, not `POST OP`.
 - A text that says both, such as the name of a whole examination (`BRAIN W/WO`), says nothing about one series.
"""

import enum
import functools
import operator
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
_DENIALS = _set(
    "no non not none nil never nein nicht kein keine keinen keines pas aucun aucune nessun nessuno nessuna ningun "
    "ninguno ninguna nenhum nenhuma nao geen niet nee ingen inget ikke inte ej nej nei"
)
_REFUSALS = _set(
    "refused refuses refuse refusal declined declines withheld omitted cancelled canceled contraindicated "
    "abgelehnt ablehnung lehnt verweigert verweigerung entfallt kontraindiziert refus refusee rechazado rechazada "
    "rechaza contraindicado rifiutato rifiuta rifiuto controindicato recusado recusa geweigerd"
)
"""Both take an agent's word back from behind it too: `contrast not given`, `KM: nein`, `injection refusée`."""
_ABSENCE = _WITHOUT | _DENIALS | _REFUSALS
_NEGATIONS = _ABSENCE | _set(
    "pre before prior vor avant antes prima voor fore før o"  # o KM: ohne Kontrastmittel.
)
_AFFIRMATIONS = _set(
    "post with w mit m avec con com met med after nach apres dopo despues depois apos na efter etter "
    "then followed dann gefolgt puis suivi luego seguido poi seguito daarna"  # Without, then contrast.
)
_GIVEN = _set(
    "given giving administered administration injected used use using received done gegeben gabe verabreicht "
    "verabreichung injiziert appliziert applikation erhalten verwendet injecte injectee administre administree "
    "fait faite donne utilise administrado administrada administro administra administracion inyectado usado "
    "somministrato somministrata somministrazione iniettato usato eseguito gegeven toegediend gitt givet"
)
_FILLERS = _GIVEN | _set(
    "and or und et y e en och og i v iv intravenous oral any to the of der dem den des die de di du d do da del "
    "della dell la le les l el il by von par por mezzo medio produit"
)
"""May stand between such a word and the agent, or between two of them: `mit und ohne KM`, `without i.v. contrast`."""
_LINKS = _FILLERS | _set(
    "agent agents media medium material dye bolus was were is be been has could wurde wird worden ist konnte a "
    "ete est n fue ha sido stato stata werd patient patiente paciente paziente pt pat"
)
"""May stand between an agent and what takes its word back."""
_DOUBTS = _set(
    "allergy allergic allergie allergia alergia if needed bedarf ggf evtl optional pending contre "
    "unknown unbekannt inconnu desconocido sconosciuto"
)
"""Stand beside an agent that may not have been given: `KM-Allergie`, `contrast if needed`."""
_SUPPRESSIONS = _set("fs fat fatsat sat suppression mt gating")
"""What pictures are also made without: `T1 GAD NON FS` denies nothing of the agent."""
_PICTURE_WORDS = _set(
    "t1 t1w t2 t2w pd flair 2d 3d sag sagittal ax axial cor coronal tra trans transverse mprage mpr spgr fspgr bravo "
    "tfe ffe vibe space cube se tse fse gre tirm stir dark fs fat fatsat fast iso brain head min"
)
_AFTER_TIMES = _PICTURE_WORDS | _NATIVE | _NEGATIONS | _AFFIRMATIONS
_OTHER_CONTRASTS = _set("phase phasen fase transfer mt susceptibility tissue high low")
"""Before `contrast` they make it something that no agent causes: phase contrast, magnetization transfer contrast."""
_QUESTION = re.compile(r"\?(?![^\W_])")  # Not the one that a writer put for a letter it did not have: apr?s.
_UNKNOWN_AGENT = _set("unknown unk na n/a x xx xxx n.a n.a. other anonymous anonymized anonymised removed")
_NO_AGENT = _set("n false")
_FLUSHES = _set(
    "saline nacl sodium chloride kochsalz kochsalzlosung physiologique serum salino suero fisiologico fisiologica "
    "soluzione solution water placebo"
)
_BESIDE_FLUSHES = _set("flush normal only ml cc")
"""The first say nothing: where an agent was given it is rinsed with them, at times as an item of its own."""
_MAX_CHARACTERS = 256
"""How much of a text is looked at; a DICOM text of this kind has at most 64 (PS3.5, 6.2), a forged one millions."""
_NO_VOLUME = re.compile(r"0+([.,]0+)?\s*(ml|cc)?")
_NO_VOLUME_OF_IT = re.compile(r"(?<![\d.,])0+([.,]0+)?[\s_]*(ml|cc)(?![a-z])")

# Signs, spelled out before a text is cut into words. The order matters: w/o holds a w, and both hold a slash.
_SIGNS = (
    (r"\+\s*/\s*-", " with wo "),
    (r"\b(wwo|wow)\b", " with wo "),
    (r"\bw[/.]?o(ut)?\b", " wo "),
    (r"\bw/", " with "),
    (r"\bno\s+se\s+(?=administr|inyect|us)", " no "),  # In Spanish; elsewhere SE is a spin echo.
    (r"\bt([12])[\s_-]*w\b(?!\W*(?:wo|and|without)\b)", r" t\1 "),  # T1-W: weighted.
    (r"(?<=[a-z])\.(?=[a-z]\b)", " "),
    (r"\b(pre|post|non|no|with|w|wo)[\s_-]?con\b", r" \1 contrast "),  # In English; elsewhere con means with.
    (r"(?<![\w])-(c|km|gd|gad|gado)\b(?![\w-])(?!\s*spine)|\b(c|km|gd|gad|gado)-(?!\s*[\w])", " native "),
    (r"\+\s*c\b(?!\s*-?\s*spine)|\bc\+", " contrast "),
)
_COMPOUND = re.compile(r"(pre|post|non|no|o|m|without|with|ohne|mit|sans)(contrast|kontrast|gad|gado|gd|km)")


def described(text: str) -> Claim:
    """Returns what a free description of a series says: `SILENT`, `NO_GAD` or `WITH_GAD`, and `SILENT` for both."""
    claim = _statements(text)
    return Claim.SILENT if claim is Claim.CONTRADICTORY else claim


def agent(text: str) -> Claim:
    """Returns what the name of a contrast agent says: `WITH_GAD`, but for words such as none and unknown."""
    text, said, words = _folded(text), _statements(text), set(_words(text))
    if text in _UNKNOWN_AGENT or not any(map(str.isalnum, text)) or said is Claim.CONTRADICTORY:
        return Claim.SILENT
    if said is Claim.NO_GAD or text in _NO_AGENT or _NO_VOLUME.fullmatch(text):
        return Claim.NO_GAD
    denials = words & _ABSENCE
    if denials and words <= denials | _LINKS:  # `none given`, `refused by patient`
        return Claim.NO_GAD
    is_flush = words & _FLUSHES and all(word in _FLUSHES | _BESIDE_FLUSHES or word[0].isdecimal() for word in words)
    is_doubtful = denials or words & _DOUBTS or is_flush or _NO_VOLUME_OF_IT.search(text)
    return Claim.SILENT if is_doubtful else Claim.WITH_GAD


def _statements(text: str) -> Claim:
    """Returns all that a text says, `CONTRADICTORY` where it says both or that an agent was given, but in doubt."""
    said, pending, is_used = Claim.SILENT, (), False
    is_doubtful, words = _NO_VOLUME_OF_IT.search(_folded(text)) is not None, _denials_first(list(_words(text)))
    for previous, word in zip(["", *words], [*words, ""], strict=True):
        if word in _NEGATIONS or word in _AFFIRMATIONS:
            pending, is_used = (word,) if is_used else (*pending, word), False
        elif _names_agent(previous, word):
            said |= _meaning(pending) or Claim.WITH_GAD  # Of `with and without contrast` both words count.
            is_used = True
        elif word not in _FILLERS or not word:
            said |= _alone(pending, word, said) | (Claim.NO_GAD if word in _NATIVE else Claim.SILENT)
            is_doubtful |= word in _DOUBTS or _denies_something_else(pending, word)
            pending = ()
    is_doubtful &= Claim.WITH_GAD in said
    return Claim.CONTRADICTORY if is_doubtful or _QUESTION.search(text[:_MAX_CHARACTERS]) else said


def _denials_first(words: list[str]) -> list[str]:
    """Returns the words with what denies an agent from behind before it: `KM wurde nicht gegeben` as `no KM`."""
    ordered, start = [], None  # Where the agent's words begin, if nothing but links has come since.
    for number, word in enumerate(words):
        following = next((each for each in words[number + 1 :] if each not in _LINKS or each in _GIVEN), "")
        if _names_agent(words[number - 1] if number else "", word):
            start = len(ordered) if start is None else start
        elif start is not None and (word in _REFUSALS or (word in _DENIALS and following in _GIVEN | {""})):
            ordered.insert(start, "no")
            start = None
            continue
        elif word not in _LINKS:
            start = None
        ordered.append(word)
    return ordered


def _names_agent(previous: str, word: str) -> bool:
    return word in _AGENTS and not (word.startswith(("contrast", "kontrast")) and previous in _OTHER_CONTRASTS)


def _meaning(words: tuple[str, ...]) -> Claim:
    claims = (Claim.NO_GAD if word in _NEGATIONS else Claim.WITH_GAD for word in words)
    return functools.reduce(operator.or_, claims, Claim.SILENT)


def _denies_something_else(pending: tuple[str, ...], following: str) -> bool:
    return not _ABSENCE.isdisjoint(pending) and following not in _SUPPRESSIONS and not following.isdecimal()


def _alone(pending: tuple[str, ...], following: str, said: Claim) -> Claim:
    """Returns what words such as `post` or `without` say where no agent follows, but this word or the text's end."""
    last = 0
    for number, word in enumerate(pending, start=1):
        if word in ("pre", "post"):
            # Of `pre and post op` neither counts, of `post with fat sat` the first one does.
            after = next((each for each in pending[number:] if each not in ("pre", "post")), following)
            counts = not after or after in _AFTER_TIMES or after.isdecimal()
        elif word in _WITHOUT:
            counts = not following
        else:  # `W/O + W`: enough to take the first one back.
            is_denied = Claim.NO_GAD in said or not _NEGATIONS.isdisjoint(pending)
            counts = not following and word in _AFFIRMATIONS and is_denied
        last = number if counts else last
    return _meaning(pending[:last])  # With a word that counts those before it do: `no post`, `with and without`.


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
