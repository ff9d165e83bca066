"""What words say about contrast agent, and above all where they say nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contrast_tfdata.images import contrast_claims
from contrast_tfdata.images.contrast_claims import Claim

WITH_GAD = """
SAG T1 POST | POST SAG T1 | Sag T1 +C | SAG T1 + C | T1 C+ | t1_mprage_sag_p2_iso_KM | t1_mprage_sag_GD
T1 GAD SAG | 3D T1 FSPGR+C | SAG T1 POST GAD | post-contrast | Postcontrast T1 | T1 with contrast
SAG T1 W/CON | T1 w/ contrast | T1 CE sagittal | T1ce | contrast-enhanced | SAG T1 POST FS | POST 2 SAG
T1 TSE SAG POST 5 MIN | Gd-DTPA T1 | T1 mit KM | T1 sag nach KM | T1 nach i.v. KM-Gabe | T1 n. KM | T1 m. KM
T1 mKM | T1 après injection de gado | T1 avec contraste | T1 con contraste | T1 dopo mdc | T1 após contraste
T1 na contrast | T1 med kontrast | T1 etter kontrast | T1 después de gadolinio
SAG T1 DOTAREM | T1 KM+ | POST CON | SAG T1-W POST | T1 GADOVIST 7 ml
POST GD | T1 POST GAD NON FS | SAG T1 POST W/O FS | T1 GAD no fatsat | T1 GD W/O FAT SAT | T1 +C NON FS | GAD NO 2
contrast given | T1 KM gegeben | T1 KM vor OP | PRE OP T1 GAD | T1 sag après l'injection
T1 dopo somministrazione di mdc | T1 después de la administración de contraste | T1 apr?s gado
"""
NO_GAD = """
SAG T1 PRE | PRE SAG T1 | T1 pre contrast | precontrast | SAG T1 W/O | SAG T1 WO | SAG T1 w/o contrast
T1 non contrast | noncontrast | NON-CON | no contrast | no IV contrast | T1 without gad
T1 without i.v. contrast | SAG T1 -C | SAG T1 (-C) | T1 C- | T1 KM- | t1_sag_nativ | T1 native | T1 ohne KM
T1 o. KM | T1 oKM | T1 vor KM | T1 vor der KM-Gabe | T1 sans gado | T1 avant injection | T1 sin contraste
T1 senza mezzo di contrasto | T1 senza mdc | T1 sem contraste | T1 zonder contrast | T1 utan kontrast
T1 uten kontrast | T1 uden kontrast | T1 før kontrast | T1 före kontrast
unenhanced T1 | T1 kein KM | T1-W ohne KM | PRE CON | no gad contrast | T1w w/o contrast | SAG T1 PRE 3D
T1 sag contrast not given | contrast refused | IV contrast was not administered | contrast agent not used
contrast: none | Contrast: no | patient refused contrast | pt declined gad | contrast - patient declined
contrast contraindicated | T1 not given contrast | without any contrast | T1 W/OUT CONTRAST
without the use of i.v. contrast | prior to contrast | T1 W.O. CONTRAST | T1 nogad | SAG T1 PRE, contrast refused
PRE GAD NON FS | T1 PRE W/ FS | no oral or IV contrast | KM abgelehnt | T1 sag KM nicht gegeben
KM wurde nicht verabreicht | Pat. lehnt KM ab | KM: nein | KM-Gabe verweigert | Kontrastmittel kontraindiziert
ohne Gabe von KM | keine KM-Gabe | vor Gabe von KM | T1 nicht KM | pas de gado | pas d'injection | T1 gado non injecté
injection refusée | refus d'injection | aucune injection | injection : non | avant l'injection
le contraste n'a pas été administré | sans injection de produit de contraste | contraste no administrado
no se administró contraste | paciente rechaza contraste | contraste: no | ningún contraste | antes del gadolinio
mdc non somministrato | mdc rifiutato | nessun mdc | prima del mdc | contraste não administrado
contrast niet toegediend | kontrast ikke gitt | geen contrast
"""
SILENT = """
 | SAG T1 | T1 SE SAG | T1 W | T1 W TSE | T1W | T1 W AND T2 W | t1_mprage_sag_p2_iso | SAG T1 POST OP
POST-OP T1 | PREOP | PRE OP SAG T1 | POST FOSSA | post treatment | SAG T1 post RT | PRE SAT | presat | PREVIEW
postprocessed | prescan | with fat sat | T1 W/O FATSAT | T1 without angulation | SAG T1 WITH | phase contrast
PHASE-CONTRAST VENOGRAPHY | MT contrast | no angle | Gadget | Engadin | Ogden | 3 CM | ACE | Kmart
SAG T1 + C SPINE | T1 C-SPINE | T1 -C SPINE | BRAIN W/WO | BRAIN W WO CONTRAST | MRI BRAIN W/ AND W/O CONTRAST
with and without contrast | T1 PRE/POST | pre and post gad | T1 +/- GAD | T1 mit und ohne KM
T1 ohne und mit KM | vor und nach KM | avec et sans contraste | con y sin contraste | con e senza mdc
met en zonder contrast | T1 -C/+C | BRAIN W/O + W | nativ und KM | SAG T1 MED
MRI HEAD WITHOUT THEN WITH CONTRAST | MRI HEAD WITHOUT FOLLOWED BY WITH CONTRAST | MRI BRAIN W/O & W
without and with | MRI BRAIN W/O THEN W CONTRAST | MRI BRAIN W/OUT AND W CONTRAST | HEAD WITHOUT, LATER WITH CONTRAST
BRAIN W & W/O | MRI BRAIN W WO | MRI BRAIN WWO CONTRAST | HEAD WOW CONTRAST
without contrast followed by with contrast | SAG T1 PRE THEN POST | T1 PRE & POST | T1 PRE/POST OP
erst ohne, dann mit KM | ohne, dann KM | without then contrast | nativ, gefolgt von KM | sans puis avec injection
avant puis après injection | sin y con contraste | sin, luego con contraste | antes y después de gadolinio
senza poi con mdc | prima e dopo mdc | zonder, daarna met contrast | POST contrast not given | with contrast: refused
SAG T1 POST NON | T1 W/O ANGULATION WITH CONTRAST | SAG T1 GAD W/O | contrast not necessary | T1 GAD no reaction
without sedation, contrast | T1 KM? | SAG T1 (+C?) | no contrast? | KM-Allergie | contrast allergy
contrast if needed | KM bei Bedarf | contraste contre-indiqué | contrast unknown | T1 GADOVIST 0 ml | patient refused
not given | nicht gegeben | saline | SAG T1 NO | SAG T1 NO POST FS | T1 W/O POST SAG | MRI W/O & W BRAIN
MRI W AND W/O BRAIN | BRAIN W PRE
"""


def cases(texts):
    return [text.strip() for line in texts.strip("\n").splitlines() for text in line.split("|")]


@pytest.mark.parametrize(
    ("text", "claim"),
    [(text, claim) for claim, texts in ((Claim.WITH_GAD, WITH_GAD), (Claim.NO_GAD, NO_GAD), (Claim.SILENT, SILENT))
     for text in cases(texts)],
)  # fmt: skip
def test_descriptions(text, claim):
    for written in (text, text.upper(), text.lower(), text.replace(" ", "_"), f"  {text} "):
        assert contrast_claims.described(written) is claim, written


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        *((text, Claim.WITH_GAD) for text in ("Gadovist", "10 ml Dotarem", "yes", "APPLIED", "IV", "767715004", "CE")),
        *((text, Claim.NO_GAD) for text in ("NONE", "no", "without", "ohne KM", "Nativ", "no contrast", "0", "0.0 ml")),
        *((text, Claim.SILENT) for text in ("", " ", "-", "?", "UNKNOWN", "n/a", "XXX", "Anonymized", "with/without")),
    ],
)
def test_agents(text, claim):
    assert contrast_claims.agent(text) is claim


AGENTS = {
    Claim.WITH_GAD: """
GADOVIST | GADAVIST 7.5 ML | gadobutrol 1 mmol/ml | 0.1 mmol/kg Dotarem | MultiHance 15cc | ProHance | Artirem
Cyclolux 10 | Gadovist + NaCl | Dotarem 15 ml, saline flush 20 ml | 10 ml | 0.5 ml | Gd-DTPA | GADOLINIUM | KM i.v.
contrast given | Magnevist gegeben | ja | oui | si | 1 | Contrast & Saline
""",
    Claim.NO_GAD: """
not given | None given | not administered | NEIN | Non | No. | none | NONE USED | refused | Refused by patient
pt. declined | patient refused | contrast refused | Gadovist not given | Gadovist: none | contrast not given
no contrast agent | no agent used | withheld | W/O | w/out contrast | n | FALSE | 0 | 0.0 ml | 0cc | nogad
non-contrast | nicht gegeben | Nicht verabreicht | keines | kein KM | KM abgelehnt | abgelehnt | ohne | aucun
pas d'injection | non injecté | Refusé par le patient | sans | sans gado | no administrado | ninguno
no se administró | sin contraste | rechazado | nessuno | non somministrato | senza mdc | rifiutato | geen
niet gegeven | não administrado
""",
    Claim.SILENT: """
saline | NaCl | NaCl 0.9% | Saline flush | normal saline 20 ml | sodium chloride | Kochsalzlösung
sérum physiologique | Gadovist? | Gadovist 0 ml | 0.0 ml Dotarem | not known | no reaction
Gadovist, no complications | without complications | refused, then Gadovist | contrast allergy | unknown contrast
agent unknown | KM bei Bedarf | nicht bekannt | N.A.
""",
}


@pytest.mark.parametrize(("text", "claim"), [(text, claim) for claim, texts in AGENTS.items() for text in cases(texts)])
def test_agents_as_wards_write_them(text, claim):
    for written in (text, text.upper(), text.lower(), f"  {text} "):
        assert contrast_claims.agent(written) is claim, written


@given(st.text(max_size=80))
def test_any_text_has_a_claim(text):
    assert contrast_claims.described(text) in (Claim.SILENT, Claim.NO_GAD, Claim.WITH_GAD)
    assert contrast_claims.agent(text) in (Claim.SILENT, Claim.NO_GAD, Claim.WITH_GAD)


def test_claims_join():
    assert Claim.SILENT | Claim.WITH_GAD is Claim.WITH_GAD
    assert Claim.NO_GAD | Claim.WITH_GAD is Claim.CONTRADICTORY


def test_no_more_than_256_characters_are_looked_at():
    text = "x " * 127
    assert contrast_claims.described(f"{text}GD") is Claim.WITH_GAD
    assert contrast_claims.described(f"{text}xGD") is Claim.SILENT
    assert contrast_claims.described(f" {text}GD") is Claim.SILENT  # Of GD a G is left.
    assert contrast_claims.described(f"{text}GD?") is Claim.WITH_GAD  # The question is one too far.
    assert contrast_claims.described(f"{text[1:]}GD?") is Claim.SILENT


def test_codes_of_claims():
    assert [each.code for each in (Claim.SILENT, Claim.NO_GAD, Claim.WITH_GAD, Claim.CONTRADICTORY)] == [
        "silent", "no_gad", "with_gad", "contradictory"
    ]  # fmt: skip
