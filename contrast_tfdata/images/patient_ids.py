"""Which PatientIDs of DICOM files are somebody's."""

# What anonymisers, scanners and PACS write where there is no number; compared in upper case, letters and digits only.
_PLACEHOLDERS = (
    "ANON ANONYM ANONYME ANONYMIZED ANONYMISED ANONYMOUS ANONYMOUSPATIENT ANONPATIENT DEIDENTIFIED DELETED EMPTY HIDDEN"
    " ID MISSING NA NAN NIL NOID NONAME NONE NOPATIENTID NOTAVAILABLE NOTSPECIFIED NULL PATIENT PATIENTID PSEUDONYM"
    " REDACTED REMOVED SUBJECT TEST TESTPATIENT UNDEFINED UNIDENTIFIED UNKNOWN UNKNOWNPATIENT UNNAMED UNSPECIFIED"
)


def known_patient(patient_id: str | None) -> str | None:
    """Returns a PatientID that is somebody's; None where it is missing or a placeholder."""
    return patient_id if patient_id and not is_placeholder(patient_id) else None


def is_placeholder(patient_id: str) -> bool:
    """Whether a PatientID stands for nobody: a word such as ANONYMOUS, only zeros, only X, or no letter or digit."""
    text = "".join(filter(str.isalnum, patient_id.upper()))
    return text in _PLACEHOLDERS.split() or not text.strip("0") or not text.strip("X")
