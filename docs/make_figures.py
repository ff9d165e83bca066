"""Draws the figures of the README: `python docs/make_figures.py`."""

from pathlib import Path

from PIL import Image

from contrast_tfdata.phantom import PhantomOptions, contact_sheet, generate_patient

PATIENTS = 8
SEED = 71


def main() -> None:
    """Writes docs/phantom.png: synthetic patients before (above) and after contrast (below)."""
    options = PhantomOptions(slices_per_class=2)
    patients = [generate_patient(SEED, number, options) for number in range(PATIENTS)]
    rows = [patient.pre[number % 2] for number, patient in enumerate(patients)]
    rows += [patient.post[number % 2] for number, patient in enumerate(patients)]
    Image.fromarray(contact_sheet(rows, columns=PATIENTS)).save(Path(__file__).parent / "phantom.png", optimize=True)


if __name__ == "__main__":
    main()
