"""--genes: a list or a file, checked before any work; each mistake is one line."""

import pytest

from tissuegraph.presets import PRESET_DIRECTORY
from tissuegraph.sheet.genes import MOST_GENES, asked_genes
from tissuegraph.sheet.roles import cohort_problems
from tissuegraph.sheet.run import resolve_run


def refused(text, file=None):
    genes, (problem,) = asked_genes(text, file)
    assert genes == []
    assert "\n" not in problem
    assert problem.startswith("parameter --genes: ")
    return problem


@pytest.fixture
def listed(tmp_path):
    """Write a file of genes; what it is read as, genes and problems."""

    def read(content):
        path = tmp_path / "genes.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return asked_genes("mine/genes.txt", path)

    return read


def test_a_list_is_symbols_and_identifiers_in_their_order_each_once():
    assert asked_genes(" ERBB2, ENSG00000087460.28,ERBB2,CCL3/L1/L3,", None) == (
        ["ERBB2", "ENSG00000087460.28", "CCL3/L1/L3"],
        [],
    )


def test_a_file_has_a_gene_per_line(listed):
    assert listed("\ufeffERBB2\r\n\r\n GNAS \nESR1\nGNAS") == (["ERBB2", "GNAS", "ESR1"], [])
    assert listed('" GNAS "\n"ESR1"\n') == (["GNAS", "ESR1"], [])


def test_a_line_of_several_genes_is_named(listed):
    genes, (problem,) = listed("ERBB2\nGNAS,ESR1\n")
    assert genes == []
    assert problem.startswith("parameter --genes: 'mine/genes.txt' line 2: 'GNAS,ESR1' - expected the symbol")


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_is_refused(listed, content):
    assert "names no gene - expected names joined by commas" in listed(content)[1][0]


def test_what_is_no_text_is_refused(listed):
    assert "cannot be read - expected UTF-8 text" in listed(b"\xff\xfe\x00GENE")[1][0]
    assert "larger than 1 MB" in listed("ERBB2\n" * 200_000)[1][0]


def test_more_genes_than_may_be_asked_for_are_refused(listed):
    names = [f"g{number}" for number in range(MOST_GENES + 1)]
    assert listed("\n".join(names[:-1])) == (names[:-1], [])
    assert "names 5,001 genes - expected at most 5,000" in listed("\n".join(names))[1][0]
    assert "names 5,001 genes" in refused(",".join(names))


def test_a_file_that_is_not_there_or_is_a_directory_is_refused(tmp_path):
    assert "expected an existing file" in refused("nowhere.txt")
    assert "is a directory - expected a file" in refused("genes.csv", tmp_path)


@pytest.mark.parametrize("text", ["/data/genes", "./genes", "s3://lab/genes"])
def test_a_path_without_an_ending_of_a_list_is_not_taken_for_a_gene(text):
    assert "looks like a path - expected names joined by commas, or a file that ends in .txt" in refused(text)


def test_a_list_of_nothing_or_with_blanks_inside_a_name_is_refused():
    assert "names no gene" in refused(" , ,")
    assert "holds 'ERBB2 GNAS' - expected the symbol or identifier of one gene" in refused("ERBB2 GNAS")


def test_the_run_holds_the_list_and_a_problem_is_a_line(tmp_path):
    (tmp_path / "x.tsv").write_text("GNAS\n")
    values = {"methods": "stmfg", "genes": "x.tsv"}
    run, problems = resolve_run(values, {}, PRESET_DIRECTORY, tmp_path / "x.tsv")
    assert (run["genes"], problems) == (["GNAS"], [])
    run, problems = resolve_run(values, {}, PRESET_DIRECTORY)
    assert run["genes"] == []
    assert len(problems) == 1
    assert resolve_run({"methods": "stmfg"}, {}, PRESET_DIRECTORY)[0]["genes"] == []


def test_genes_are_asked_for_where_expression_is_inferred_only():
    assert cohort_problems([], {"genes": "GNAS"}) == [
        "parameter --genes: 'GNAS' - expected --infer_expression with it"
    ]
