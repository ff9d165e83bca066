"""What tells slices apart, from headers and tables into records, and nothing else of a header."""

import numpy as np
import pytest
from image_files import dicom_bytes, ramp

from contrast_tfdata.errors import DataError
from contrast_tfdata.images.preprocessing import Preprocessing
from contrast_tfdata.intake import sources
from contrast_tfdata.intake.workers import Workers
from contrast_tfdata.records import codec
from contrast_tfdata.records.conversion import convert
from contrast_tfdata.records.options import ConversionOptions
from contrast_tfdata.records.verification import read_split

SMALL = Preprocessing(image_size=24, interpolation="nearest", intensity="stored", aspect="stretch")
SCANNERS = (("SIEMENS", 1.5), ("GE MEDICAL SYSTEMS of Dr. Miller", 3.0), (None, None))


@pytest.fixture
def table(tmp_path):
    """A table of twelve DICOM files of three scanners, each file another picture."""
    lines = ["path,label,group,subgroup:site,subgroup:vendor"]
    for number in range(12):
        manufacturer, tesla = SCANNERS[number % 3]
        pixels = ramp().astype(np.uint16) + np.random.default_rng(number).integers(0, 99, ramp().shape, np.uint16)
        uids = {"StudyInstanceUID": f"1.2.{number}", "SeriesInstanceUID": f"1.3.{number}"}
        data = dicom_bytes(
            pixels, Manufacturer=manufacturer, MagneticFieldStrength=tesla, PatientID=f"p{number}", **uids
        )
        (tmp_path / f"{number}.dcm").write_bytes(data)
        vendor = "as the table says" if number == 0 else ""
        lines.append(f"{number}.dcm,{number % 2},p{number},{'ABC'[number // 4]},{vendor}")
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def records_of(table, directory):
    directory.mkdir()
    found = sources.from_table(table, group_regex=None, max_bytes=1 << 20)
    with Workers(1) as pool:
        manifest = convert(found, directory, ConversionOptions(preprocessing=SMALL), pool, lambda *_: None)
    return {each.source: each for info in manifest.splits.values() for each in read_split(directory, info)}


def test_headers_and_table_reach_the_records(table, tmp_path):
    told = {source: dict(record.subgroups) for source, record in records_of(table, tmp_path / "records").items()}
    assert len(told) == 12
    assert told["0.dcm"] == {"field strength": "1.5 T", "site": "A", "vendor": "as the table says"}
    assert told["3.dcm"] == {"field strength": "1.5 T", "site": "A", "vendor": "Siemens"}
    assert told["4.dcm"] == {"field strength": "3 T", "site": "B", "vendor": "GE"}
    assert told["11.dcm"] == {"site": "C"}


def test_no_free_text_of_a_header_reaches_the_records(table, tmp_path):
    records_of(table, tmp_path / "records")
    for path in (tmp_path / "records").iterdir():
        assert b"Miller" not in path.read_bytes(), path


@pytest.mark.parametrize("text", ["", "[]", '{"vendor": 1}', "{" * 9000])
def test_what_is_no_mapping_of_texts_is_refused(text):
    record = codec.SliceRecord(np.zeros((4, 4), np.uint8), 0, "id", "group", "a.png", 0)
    example = codec.tf.train.Example.FromString(codec.encode(record))
    example.features.feature["subgroups"].bytes_list.value[0] = text.encode()
    with pytest.raises(ValueError, match="subgroups"):
        codec.decode(example.SerializeToString())


@pytest.mark.parametrize("column", ["subgroup", "subgroup:", "vendor"])
def test_a_misspelt_column_is_no_subgroup(tmp_path, column):
    (tmp_path / "table.csv").write_text(f"path,label,{column}\n")
    with pytest.raises(DataError, match=r"\[,subgroup:NAME ...\]"):
        sources.from_table(tmp_path / "table.csv", group_regex=None, max_bytes=1 << 20)
