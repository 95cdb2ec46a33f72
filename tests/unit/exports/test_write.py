"""Formats are written one by one: one that fails is a warning, leaves no file and stops no other."""

from helpers.final_slices import exported, final_data

from tissuegraph.exports import loupe


def test_a_format_that_breaks_off_leaves_nothing_and_the_others_go_on(tmp_path, monkeypatch):
    def broken(final, outdir):
        (outdir / "S.half").write_text("half")
        raise ValueError("no such name")

    monkeypatch.setattr(loupe, "write", broken)
    record = exported(tmp_path, "loupe,spatialdata", final_data())
    assert record.status == "warned"
    assert record.reasons == ["loupe left out: ValueError: no such name"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["S.spatialdata.zarr"]
