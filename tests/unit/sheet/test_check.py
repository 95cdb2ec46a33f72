"""The samplesheet: typed rows out of every format, and every problem at once in one line each."""

import json
import re

import pytest

from tissuegraph.sheet.schema import describe, nearest, show, typed


def problems_of(sheet):
    """Problems, after making sure that each is one line."""
    assert all("\n" not in problem for problem in sheet.problems)
    return sheet.problems


FULL = {
    "sample": "cortex_1",
    "path": "data/outs",
    "platform": "visium",
    "image": "slides/he.tiff",
    "image_matrix": "slides/matrix.csv",
    "um_per_px": 0.5,
    "spot_spacing": 250,
    "bin_um": 8,
    "library": "left",
    "table": "table",
    "coordinate_system": "global",
    "role": "both",
    "patient": "P1",
    "condition": "treated",
    "n_domains": 7,
    "group": "control",
    "annotation": "layers.csv",
    "teaches": True,
    "min_counts": 100,
    "min_genes": 50,
    "max_mito": 12.5,
    "n_mads": 3,
}
FILLED = {"group_id": "control", "n_domains_from": "row"}  # of FULL


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("tsv", "\t")])
def test_a_table_gives_typed_rows_with_the_line_they_stand_on(read, suffix, separator):
    text = separator.join(FULL) + "\n" + separator.join(map(str, FULL.values())) + "\n"
    sheet = read(text, f"sheet.{suffix}")
    assert problems_of(sheet) == []
    assert sheet.rows == [FULL | FILLED | {"row": 2}]
    assert type(sheet.rows[0]["n_domains"]) is int


@pytest.mark.parametrize("suffix", ["json", "yaml", "yml"])
def test_a_list_gives_the_same_rows_as_a_table(read, suffix):
    sheet = read(json.dumps([FULL]), f"sheet.{suffix}")  # JSON is YAML, too
    assert problems_of(sheet) == []
    assert sheet.rows == [FULL | FILLED | {"row": 1}]


def test_columns_that_are_absent_or_empty_are_none_but_every_row_has_a_role(read):
    sheet = read("sample,path,n_domains\nA,a.h5ad,\n")
    assert problems_of(sheet) == []
    filled = {"sample": "A", "path": "a.h5ad", "row": 2, "role": "reference", "teaches": False}
    assert sheet.rows == [dict.fromkeys([*FULL, *FILLED]) | filled]


def test_numbers_that_are_names_stay_as_written_in_yaml(read):
    sheet = read("- sample: 0151673\n  path: a.h5ad\n  group: 1e3\n", "sheet.yaml")
    assert problems_of(sheet) == []
    assert (sheet.rows[0]["sample"], sheet.rows[0]["group"]) == ("0151673", "1e3")


def test_byte_order_mark_and_windows_line_ends_are_accepted(read):
    plain = "sample,path\nA,a.h5ad\nB,b.h5ad\n"
    windows = b"\xef\xbb\xbf" + plain.replace("\n", "\r\n").encode()
    assert read(windows).rows == read(plain).rows
    assert read(windows).problems == []
    assert read(plain.encode("utf-16")).rows == read(plain).rows


def test_whole_numbers_written_with_a_point_zero_are_whole_numbers(read):
    # pandas writes a column of integers with gaps this way
    assert read("sample,path,n_domains\nA,a.h5ad,7.0\n").rows[0]["n_domains"] == 7


def test_blank_lines_count_in_row_numbers_but_are_no_rows(read):
    sheet = read("sample,path\n\nA,a.h5ad\n,\n\nA,b.h5ad\n")
    assert [row["row"] for row in sheet.rows] == [3, 6]
    assert problems_of(sheet) == [
        "samplesheet row 6, column sample: 'A' - expected a unique value, row 3 has the same"
    ]


def test_empty_columns_at_the_end_of_a_spreadsheet_are_ignored(read):
    sheet = read("sample,path,,\nA,a.h5ad,,\n")
    assert problems_of(sheet) == []
    assert sheet.rows[0]["sample"] == "A"


@pytest.mark.parametrize("value", ["0", "-1", "1", "seven", "3.5", "inf", "1_0", "0x7", "1,5", "٧"])
def test_number_of_domains_must_be_a_whole_number_of_at_least_2(read, value):
    sheet = read(f'sample,path,n_domains\nA,a.h5ad,"{value}"\n')
    assert problems_of(sheet) == [
        f"samplesheet row 2, column n_domains: '{value}' - expected a whole number of at least 2"
    ]
    assert sheet.rows[0]["n_domains"] is None


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "a/b",
        "../a",
        "a..b",
        "'a'",
        'a""b',
        "$(rm)",
        "`id`",
        "-a",
        ".a",
        "a;b",
        "a*",
        "ä",
        "a\\b",
        "x" * 101,
    ],
)
def test_sample_names_that_could_harm_a_path_or_a_shell_are_refused(read, name):
    sheet = read(f'sample,path\n"{name}",a.h5ad\n')
    (problem,) = problems_of(sheet)
    assert problem.startswith("samplesheet row 2, column sample: '")
    assert "expected a name of letters, digits" in problem
    assert sheet.rows[0]["sample"] is None


@pytest.mark.parametrize("name", ["151673", "A1", "her2_A-1.rep2", "_x"])
def test_usual_sample_names_are_accepted(read, name):
    assert problems_of(read(f"sample,path\n{name},a.h5ad\n")) == []


@pytest.mark.parametrize(
    "path", ["$(id).h5ad", "a*.h5ad", "a'b.h5ad", "`id`.h5ad", "a;b.h5ad", "a{1,2}.h5ad"]
)
@pytest.mark.parametrize("column", ["path", "annotation"])
def test_paths_that_a_shell_or_the_engine_would_expand_are_refused(read, path, column):
    row = {"sample": "A", "path": "a.h5ad", column: path}
    (problem,) = problems_of(read(json.dumps([row]), "sheet.json"))
    assert problem.startswith(f"samplesheet row 1, column {column}: ")


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("platform", "polaroid", "expected 'xenium', "),
        ("image", "he.gif", "expected an image file"),
        ("min_counts", "-5", "expected a whole number of at least 0"),
        ("min_genes", "many", "expected a whole number of at least 0"),
        ("max_mito", "101", "expected a percentage from 0 to 100"),
        ("n_mads", "0", "expected a number above 0"),
        ("group", "a'b", "expected text without quotes"),
        ("teaches", "1", "expected true or false, or nothing"),
    ],
)
def test_each_column_says_what_it_expects(read, column, value, expected):
    (problem,) = problems_of(read(f"sample,path,{column}\nA,a.h5ad,{value}\n"))
    assert problem.startswith(f"samplesheet row 2, column {column}: '{value}' - {expected}")


@pytest.mark.parametrize(
    ("platform", "path", "expected"),
    [
        ("h5ad", "outs", "expected an .h5ad file, as the platform is h5ad"),
        ("visium", "a.h5ad", "expected a Space Ranger outs directory"),
        ("", "outs/filtered_feature_bc_matrix.h5", "expected the outs directory that holds this file"),
        ("", "counts.csv", "expected a Xenium output directory, "),
        ("", "slice.rds", "expected a Xenium output directory, "),
    ],
)
def test_a_path_that_cannot_be_what_is_needed_is_refused_by_its_name(read, platform, path, expected):
    (problem,) = problems_of(read(f"sample,path,platform\nA,{path},{platform}\n"))
    assert problem.startswith(f"samplesheet row 2, column path: '{path}' - {expected}")


def test_all_problems_of_a_sheet_are_reported_at_once(read, schema):
    expected = {name: rules["errorMessage"] for name, rules in schema["items"]["properties"].items()}
    sheet = read("sample,path,n_domain,max_mito\nA b,a.h5ad,seven,200\nB,b.h5ad,0,\nB,,3,\n")
    assert problems_of(sheet) == [
        "samplesheet column 'n_domain' is unknown - did you mean 'n_domains'?",
        f"samplesheet row 2, column sample: 'A b' - {expected['sample']}",
        "samplesheet row 2, column n_domains: 'seven' - expected a whole number of at least 2",
        "samplesheet row 2, column max_mito: '200' - expected a percentage from 0 to 100",
        "samplesheet row 3, column n_domains: '0' - expected a whole number of at least 2",
        f"samplesheet row 4, column path: empty - {expected['path']}",
        "samplesheet row 4, column sample: 'B' - expected a unique value, row 3 has the same",
    ]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("smaple", "sample"),
        ("paths", "path"),
        ("N-Domain", "n_domains"),
        ("imgae", "image"),
    ],
)
def test_a_misspelt_column_is_an_error_that_names_the_nearest(read, wrong, right):
    header = ["sample", "path", "n_domains", "image"]
    header[header.index(right)] = wrong
    (problem,) = problems_of(read(",".join(header) + "\nA,a.h5ad,3,he.png\n"))
    assert problem == f"samplesheet column '{wrong}' is unknown - did you mean '{right}'?"


def test_a_missing_required_column_is_reported_once_however_many_rows(read):
    (problem,) = problems_of(read("sample,group\nA,x\nB,y\n"))
    assert problem.startswith("samplesheet has no column 'path' - expected the path of")


def test_columns_of_other_purpose_are_ignored_with_a_notice(read):
    sheet = read("sample,path,age,batch,stage\nA,a.h5ad,61,2,IV\n")
    assert problems_of(sheet) == []
    assert sheet.notices == ["samplesheet columns that are not used: age, batch, stage"]


def test_the_table_of_a_finished_run_is_a_samplesheet(read):
    header = (
        "sample,path,platform,group,n_domains,annotation,status,reason,n_spots,n_genes,median_counts,median_genes,"
        "median_mito,ari_stmfg,nmi_stmfg,ari_baseline,nmi_baseline,h5ad,estimated_n_domains"
    )
    sheet = read(
        f"{header}\nA,a.h5ad,h5ad,x,7,,passed,,300,900,1e3,400,2.5,0.5,0.6,0.4,0.5,slices/A/A.h5ad,\n"
        f'B,b.h5ad,h5ad,x,,,failed,"no spot is left, none",0,,,,,,,,,,\n'
    )
    assert problems_of(sheet) == []
    assert [row["path"] for row in sheet.rows] == ["a.h5ad", "b.h5ad"]  # a failed slice is tried again


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        ("", "s.csv", "samplesheet is empty - expected a header line and one row per slice"),
        (" \n\n", "s.csv", "samplesheet is empty - expected a header line and one row per slice"),
        ("[]", "s.json", "samplesheet is empty - expected a list with one entry per slice"),
        ("sample,path\n", "s.csv", "samplesheet has a header but no rows - expected one row per slice"),
        (
            "sample,path,path\nA,a.h5ad,b.h5ad\n",
            "s.csv",
            "samplesheet header: column 'path' appears 2 times - expected once",
        ),
        (
            "sample,,path\nA,x,a.h5ad\n",
            "s.csv",
            "samplesheet header: column 2 has no name - expected a name, or no such column",
        ),
        (
            "sample,path\nA,a.h5ad,x\n",
            "s.csv",
            "samplesheet row 2: 3 values - expected 2, one per column of the header; a value that holds the "
            "separator needs quotes",
        ),
        (
            "sample,path\nA\n",
            "s.csv",
            "samplesheet row 2: 1 values - expected 2, one per column of the header; a value that holds the "
            "separator needs quotes",
        ),
        (
            "sample,path\nA,a.h5ad\nB,caf\xe9\n".encode("latin-1"),
            "s.csv",
            "samplesheet line 3 is not UTF-8 text - save the file as UTF-8",
        ),
        (
            "sample,path\nA,a.h5ad\n",
            "s.xlsx",
            "samplesheet s.xlsx has the extension '.xlsx' - expected .csv, .tsv, .yaml or .json",
        ),
        ("{}", "s.json", "samplesheet does not hold a list - expected a list with one entry per slice"),
        ('["A"]', "s.json", "samplesheet row 1: 'A' - expected columns with values, as sample: A"),
        (
            '[{"sample": "A", "sample": "B", "path": "a.h5ad"}]',
            "s.json",
            "samplesheet is not valid JSON: 'sample' appears twice in one entry",
        ),
        (
            "- sample: A\n  sample: B\n  path: a.h5ad\n",
            "s.yaml",
            "samplesheet line 2 is not valid YAML: 'sample' appears twice in one entry",
        ),
        (
            '[{"sample": true, "path": "a.h5ad"}]',
            "s.json",
            "samplesheet row 1, column sample: 'True' - expected a name",
        ),
        (
            '[{"sample": "A", "path": ["a.h5ad"]}]',
            "s.json",
            "samplesheet row 1, column path: '['a.h5ad']' - expected the path of a Space",
        ),
    ],
)
def test_a_sheet_that_cannot_be_read_says_why_in_one_line(read, content, name, expected):
    (problem,) = problems_of(read(content, name))
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('sample,path\n"A,a.h5ad\n', "s.csv"),
        ("- sample: [A\n", "s.yaml"),
        ('[{"sample": }]', "s.json"),
        (b"\x00\x01", "s.csv"),
    ],
)
def test_broken_syntax_is_one_problem(read, content, name):
    assert len(problems_of(read(content, name))) == 1


def test_a_message_shows_a_value_on_one_printable_line_of_at_most_80_letters():
    assert (
        show("a\nb\u2028c\x1b[31m\u202e") == "'a b c\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}'"
    )
    assert show("x" * 1000) == f"'{'x' * 77}...'"


def test_values_are_converted_only_where_nothing_is_lost():
    assert typed("7", {"type": "integer"}) == 7
    assert typed("7.5", {"type": "integer"}) == "7.5"
    assert typed("1e-3", {"type": "number"}) == 0.001
    assert typed(7, {"type": "string"}) == "7"
    assert typed(True, {"type": "integer"}) is True
    assert typed(float("nan"), {"type": "number"}) == "nan"  # for the validator to refuse
    assert typed("9" * 5000, {"type": "integer"}) == "9" * 5000  # more digits than Python makes a number of


def test_the_nearest_name_ignores_case_and_dashes_but_not_meaning():
    assert nearest("nDomains", ["n_domains", "n_seeds"]) == "n_domains"
    assert nearest("N-SEEDS", ["n_domains", "n_seeds"]) == "n_seeds"
    assert nearest("age", ["image"]) is None


def test_rules_are_described_in_words():
    assert describe({"type": "integer", "minimum": 1, "maximum": 9}) == "a whole number from 1 to 9"
    assert describe({"type": "number", "exclusiveMinimum": 0}) == "a number above 0"
    assert describe({"enum": ["a", "b"]}) == "'a' or 'b'"


def test_the_kinds_of_images_are_the_same_in_schema_message_and_documentation(root):
    rules = json.loads((root / "assets" / "schema_input.json").read_text())["items"]["properties"]["image"]
    kinds = ("png", "jpg", "jpeg", "tif", "tiff", "btf", "svs", "ndpi", "scn")
    described = (root / "docs" / "histology.md").read_text()
    for kind in kinds:
        assert re.match(rules["pattern"], f"a.{kind}"), kind
        assert re.search(rf"\.{kind}\b", rules["errorMessage"]), kind
    for kind in ("btf", "ome.tif", "svs", "ndpi", "scn"):
        assert f"`.{kind}`" in described, kind
    for other in ("mrxs", "vsi", "bmp"):
        assert not re.match(rules["pattern"], f"a.{other}"), other


@pytest.mark.parametrize("value", ["0", "-1", "abc", "1e9", "0.00001"])
def test_micrometres_per_pixel_that_no_slide_has_are_refused(read, value):
    sheet = read(f"sample,path,um_per_px\nA,a.h5ad,0.5\nB,b.h5ad,{value}\n")
    assert problems_of(sheet) == [
        f"samplesheet row 3, column um_per_px: '{value}' - expected micrometres per full-resolution pixel "
        f"from 0.0001 to 10000, such as 0.5"
    ]
