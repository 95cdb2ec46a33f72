"""The table of parameters: every value that was given, none of them endless."""

from tissuegraph.report.parameters import sections


def test_a_list_of_thousands_of_genes_is_cut_with_its_length():
    genes = ",".join(f"GENE{number:04d}" for number in range(2000))
    (section,) = sections([], {"genes": genes, "strict": True})
    assert "GENE0000,GENE0001" in section.data
    assert "GENE1999" not in section.data
    assert "... (17,999 letters)" in section.data
    assert "<code>true</code>" in section.data
