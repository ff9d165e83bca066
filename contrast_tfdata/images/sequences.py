"""Which sequence an image was taken with: from the times of the scanner first, then from words that people typed.

The times decide where they can: a scanner writes them, whatever a description says. Where several sequences fit them,
words decide; where words are silent, or name several, nothing is known, and the pixels must tell.

Sources of the limits: the ranges in use at 1.5 and 3 T, as in M. A. Bernstein, K. F. King, X. J. Zhou, Handbook of MRI
Pulse Sequences (Academic Press, 2004), chapters 14 to 16.
"""

import dataclasses
import math
import re
import unicodedata

from contrast_tfdata.images.kinds import UNKNOWN

_MAX_CHARACTERS = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Timing:
    """What a scanner says of how it took an image; None where it does not.

    Attributes:
        echo: echo time in ms.
        repetition: repetition time in ms.
        inversion: inversion time in ms; 0 is none.
        b_value: of diffusion weighting, in s/mm2.
        is_gradient_echo: whether echoes come from gradients; else from pulses.
        is_echo_planar: whether one excitation gives a whole picture.
    """

    echo: float | None = None
    repetition: float | None = None
    inversion: float | None = None
    b_value: float | None = None
    is_gradient_echo: bool | None = None
    is_echo_planar: bool = False


def by_timing(timing: Timing) -> str:
    """Returns the sequence that the times leave, one of `kinds.SEQUENCES`; `unknown` where they leave several."""
    if timing.b_value is not None and timing.b_value > 0:
        return "DWI"
    if timing.is_echo_planar:
        return "T2*" if timing.is_gradient_echo else "other"
    if timing.echo is None:
        return UNKNOWN
    if timing.inversion:
        return _inverted(timing)
    if timing.is_gradient_echo:
        return "T2*" if timing.echo >= 12 else UNKNOWN  # With short echoes T1, angiograms and maps of the field.
    return _spin_echo(timing)


def _inverted(timing: Timing) -> str:
    long = timing.repetition is None or timing.repetition >= 3000
    if timing.inversion >= 1500 and timing.echo >= 60:
        return "FLAIR"
    if timing.inversion <= 300 and (timing.repetition or 0) >= 1500 and not timing.is_gradient_echo:
        return "other"  # STIR: fat is nulled.
    if 300 < timing.inversion < 1500 and timing.echo < 40:
        return "T1"
    return "T2" if timing.echo >= 60 and long else UNKNOWN


def _spin_echo(timing: Timing) -> str:
    if timing.repetition is None:
        return "T2" if timing.echo >= 70 else UNKNOWN
    if timing.echo >= 60 and timing.repetition >= 1500:
        return "T2"
    if timing.is_gradient_echo is None:
        return "PD" if timing.repetition >= 2500 and timing.echo <= 50 and not timing.inversion else UNKNOWN
    if timing.repetition >= 1800 and timing.echo <= 50:
        return "PD"
    return "T1" if timing.repetition <= 1100 and timing.echo <= 35 else UNKNOWN


def by_words(*texts: str) -> str:
    """Returns the sequence that descriptions name, one of `kinds.SEQUENCES`.

    The first text that names one decides. A text that names several, such as the name of a whole examination, names
    none, but for T1-weighted FLAIR, which is T1, and what is laid over another sequence: a diffusion-weighted T2 is
    diffusion.
    """
    return next((found for found in map(_named, texts) if found != UNKNOWN), UNKNOWN)


_WORDS = {
    "T1": "t1 t1w t1se t1tse t1fse t1gre t1ffe t1tfe t1fl3d t1vibe t1mprage t1space t1cube t1ir t1fspgr t1c t1gd t1km "
    "t1ce mprage mprange mpr mp2rage spgr fspgr irfspgr bravo tfl vibe thrive lava bliss",
    "T2": "t2 t2w t2se t2tse t2fse t2space t2cube frfse ciss fiesta drive haste ssfse mrcp",
    "FLAIR": "flair tirm darkfluid t2flair spaceflair cubeflair",
    "PD": "pd pdw pdt2 dp protondensity",
    "DWI": "dwi dti diff diffusion adc trace tracew ep2ddiff resolve isodwi fa dki noddi",
    "T2*": "t2star swi swan venbold sws medic merge hemo",
    "other": "stir tof mra angio pca mrv venogram perf perfusion dsc dce asl pcasl pasl bold fmri rest fieldmap "
    "fieldmapping b0map b1map spectro mrs csi svs mtr qsm t1map t2map trufi truefisp bffe cine",
}
_SEQUENCE_OF = {word: sequence for sequence, words in _WORDS.items() for word in words.split()}
_STAR = re.compile(r"t2\s*[*\u2217]|t2[\s_-]*star")
_FLUID = re.compile(r"dark[\s_-]*fl(uid)?")
_STRONGEST = ("DWI", "other", "T2*")
"""Say more than the weighting that they are laid over: `T2* perfusion`, `DWI (T2)`."""


def _named(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text[:_MAX_CHARACTERS].casefold())
    folded = _FLUID.sub(" darkfluid ", _STAR.sub(" t2star ", folded))
    found = {_SEQUENCE_OF[word] for word in re.findall(r"[a-z0-9]+", folded) if word in _SEQUENCE_OF}
    for sequence in _STRONGEST:
        if sequence in found:
            return sequence
    if found == {"T1", "FLAIR"}:
        return "T1"
    if found == {"T2", "FLAIR"}:
        return "FLAIR"
    return found.pop() if len(found) == 1 else UNKNOWN


def sequence_of(timing: Timing, *texts: str) -> str:
    """Returns the sequence, one of `kinds.SEQUENCES`: what the times say, or else the words.

    Args:
        timing: what the scanner says.
        texts: what people say, the nearest to the image first; nothing of them is returned.
    """
    measured, named = by_timing(timing), by_words(*texts)
    if measured == "T1" and named == "other":
        return named  # An angiogram, or a map, is taken with the times of a T1.
    return measured if measured != UNKNOWN else named


def milliseconds(value: float | None) -> float | None:
    """Returns a time that is finite and not negative, or None."""
    return value if value is not None and math.isfinite(value) and value >= 0 else None
