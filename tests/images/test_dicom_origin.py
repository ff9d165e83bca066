import pytest
from pydicom.dataset import Dataset

from contrast_tfdata.images.dicom_origin import OTHER, origin_of


def origin(manufacturer=None, strength=None):
    dataset = Dataset()
    if manufacturer is not None:
        dataset.Manufacturer = manufacturer
    if strength is not None:
        dataset.add_new("MagneticFieldStrength", "DS", strength)
    return dict(origin_of(dataset))


@pytest.mark.parametrize(
    ("text", "vendor"),
    [
        ("SIEMENS", "Siemens"),
        ("Siemens Healthineers", "Siemens"),
        ("GE MEDICAL SYSTEMS", "GE"),
        ("GEMS", "GE"),
        ("Philips Medical Systems", "Philips"),
        (" TOSHIBA_MEC", "Canon or Toshiba"),
        ("TOSHIBA", "Canon or Toshiba"),
        ("Hitachi, Ltd.", "Fujifilm or Hitachi"),
        ("UIH", "United Imaging"),
        ("Gently Scanned By Dr. Miller", OTHER),
        ("Miller^Ann", OTHER),
    ],
)
def test_vendor_is_one_of_a_few_words(text, vendor):
    assert origin(text) == {"vendor": vendor}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("1.5", "1.5 T"),
        ("1.494", "1.5 T"),
        ("3", "3 T"),
        ("2.8936", "3 T"),
        ("15000", "1.5 T"),
        ("7", "7 T"),
        ("9.4", OTHER),
    ],
)
def test_field_strength_is_that_of_a_magnet_that_is_sold(text, field):
    assert origin(strength=text) == {"field strength": field}


@pytest.mark.parametrize("text", ["", "0", "-1.5"])
def test_what_is_no_field_strength_is_left_out(text):
    assert origin(strength=text) == {}


def test_nothing_is_said_where_the_header_says_nothing():
    assert origin() == origin("", None) == origin("  ") == {}


def test_both_come_in_the_order_of_their_names():
    assert list(origin("GE", "3")) == ["field strength", "vendor"]


def test_damaged_elements_are_left_out():
    class Damaged:
        def get(self, keyword):
            raise NotImplementedError(keyword)

    assert origin_of(Damaged()) == ()


@pytest.mark.parametrize(
    ("text", "vendor"),
    [
        ("ge", "GE"),
        ("GE-Medical", "GE"),
        ("Marconi Medical Systems", "Philips"),
        ("PICKER", "Philips"),
        ("CANON_MEC", "Canon or Toshiba"),
        ("FUJIFILM Healthcare", "Fujifilm or Hitachi"),
        ("United Imaging Healthcare", "United Imaging"),
        ("ESAOTE", "Esaote"),
        ("Siemensstadt", OTHER),
        ("Geneva", OTHER),
        ("The GE of", OTHER),
    ],
)
def test_vendors_by_the_word_that_the_text_begins_with(text, vendor):
    assert origin(text) == {"vendor": vendor}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        *((f"{tesla:g}", f"{tesla:g} T") for tesla in (0.064, 0.2, 0.25, 0.35, 0.4, 0.5, 0.55, 0.7, 1, 1.2, 1.5, 3, 7)),
        ("640", "0.064 T"),  # Gauss.
        ("2000", "0.2 T"),
        ("99", OTHER),  # No magnet, in tesla or in gauss.
        # 8 per cent to each side of 1.5 T are 1.38 to 1.62, of 3 T 2.76 to 3.24, of 7 T 6.44 to 7.56.
        ("1.37", OTHER),
        ("1.39", "1.5 T"),
        ("1.61", "1.5 T"),
        ("1.63", OTHER),
        ("2.75", OTHER),
        ("3.25", OTHER),
        ("6.43", OTHER),
        ("7.55", "7 T"),
    ],
)
def test_field_strengths_to_the_ends_of_what_is_taken_for_them(text, field):
    assert origin(strength=text) == {"field strength": field}


@pytest.mark.parametrize("text", ["inf", "nan", "-inf", "1e400"])
def test_a_field_that_is_no_finite_number_is_left_out(text):
    class Told:
        def get(self, keyword):
            return text if keyword == "MagneticFieldStrength" else None

    assert origin_of(Told()) == ()
