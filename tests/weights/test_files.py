"""Weights in and out of files: round trips, other programs' readers, and broken files."""

from __future__ import annotations

import warnings

import geopandas as gpd
import libpysal
import numpy as np
import pytest
from libpysal.graph import Graph, read_gal, read_gwt
from numpy.testing import assert_allclose
from places import KINDS
from scipy import sparse
from scipy.io import loadmat, savemat

import spatialsyn as ss

W = ss.weights
# c11 receives nothing, but sends; c10 does neither.
MATRIX = np.random.default_rng(0).random((12, 12)) * (
    np.random.default_rng(1).random((12, 12)) < 0.4
)
np.fill_diagonal(MATRIX, 0)
MATRIX[10:] = MATRIX[:, 10] = 0
MATRIX[0, 11] = 1 / 3

# The example of the manual page [SP] spmatrix export of Stata.
STATA = """4
20029 0 .225898983673981 .259698923068494 .746562405514367
33003 .225898983673981 0 .123515701241913 .187089086384635
41021 .259698923068494 .123515701241913 0 .264715523882705
48227 .746562405514367 .187089086384635 .264715523882705 0
"""


def weights(kind="text", matrix=MATRIX) -> ss.Weights:
    return ss.Weights.from_matrix(matrix, ids=KINDS[kind], name="my net")


def links(kind="text") -> ss.Weights:
    return weights(kind, np.sign(MATRIX))


# Round trips

FILES = ["w.gwt", "w.csv", "w.mat", "square.csv"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FILES)
def test_every_digit_and_every_city_comes_back(tmp_path, name, kind):
    if kind == "mixed order":  # 10 and "10" are one word in a file
        ids = [i for i in KINDS[kind] if i != "10"]
        w = weights(kind).subset(ids)
    else:
        w = weights(kind)
    layout = "square" if "square" in name else "long"
    path = W.write(w, tmp_path / "new" / name, layout=layout)
    back = W.read(path, ids=w.ids)
    assert back.ids == w.ids
    assert (back.dense() == w.dense()).all()
    moved = W.read(path, ids=w.ids[::-1])
    assert (moved.dense() == w.dense()[::-1, ::-1]).all()
    text = W.read(path)
    whole = name == "w.mat" and kind == "integers"
    assert text.ids == (w.ids if whole else tuple(map(str, w.ids)))
    assert text.name == name.split(".")[0]


@pytest.mark.parametrize("kind", ["text", "integers"])
def test_links_come_back_from_gal(tmp_path, kind):
    w = links(kind)
    back = W.read(W.write(w, tmp_path / "w.gal"), ids=w.ids, name="links")
    assert (back.dense() == w.dense()).all()
    assert (back.ids, back.name) == (w.ids, "links")


def test_stata_takes_whole_numbers_as_ids(tmp_path):
    w = weights("integers")
    path = W.write(w, tmp_path / "w.txt")
    first, *rows = path.read_text().splitlines()
    assert first == "12"
    assert [row.split()[0] for row in rows] == [str(i) for i in w.ids]
    assert (W.read(path, ids=w.ids).dense() == w.dense()).all()
    with pytest.raises(ss.WeightsError, match=r"Stata's ids are whole numbers.*'c00'"):
        W.write(weights(), tmp_path / "other.txt")
    zero = ss.Weights.from_matrix([[0, 1], [1, 0]], ids=["01", "2"])
    with pytest.raises(ss.WeightsError, match="'01'"):
        W.write(zero, tmp_path / "other.txt")


def test_the_same_weights_are_the_same_bytes(tmp_path):
    for name in (*FILES, "w.gal"):
        w = links() if name == "w.gal" else weights()
        first = W.write(w, tmp_path / "a" / name).read_bytes()
        assert W.write(w, tmp_path / "b" / name).read_bytes() == first


def test_standardised_weights_are_recognised_and_base_years_said_again(tmp_path):
    w = weights(matrix=np.ones((12, 12)) - np.eye(12)).standardize("row")
    path = W.write(w, tmp_path / "w.csv")
    back = W.read(path, base_years=(2010, 2009))
    assert back.standardization == "row"
    assert back.base_years == (2009, 2010)
    assert back.recipe["kind"] == "file w.csv"
    assert W.read(path).base_years is None


# Other programs


def test_the_example_of_the_stata_manual(saved):
    w = W.read(saved("small.txt", STATA))
    assert w.ids == ("20029", "33003", "41021", "48227")
    assert w.dense()[0, 3] == w.dense()[3, 0] == 0.746562405514367
    assert w.dense()[1, 2] == 0.123515701241913


def test_libpysal_reads_what_is_written(tmp_path):
    w = links()
    gal = W.write(w, tmp_path / "w.gal")
    graph = read_gal(gal)
    assert graph.unique_ids.tolist() == list(w.ids)
    assert_allclose(graph.sparse.toarray(), w.dense())
    gwt = W.write(weights(), tmp_path / "w.gwt")
    assert ss.Weights.from_graph(read_gwt(gwt)).hash == weights().hash
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of islands
        old = libpysal.io.open(str(gal)).read()
    assert_allclose(old.sparse.toarray(), w.dense())


def test_what_libpysal_writes_is_read(tmp_path):
    graph = links().to_graph()
    graph.to_gal(tmp_path / "w.gal")
    assert W.read(tmp_path / "w.gal").hash == links().hash
    weights().to_graph().to_gwt(tmp_path / "w.gwt")
    # libpysal writes seven decimals.
    assert_allclose(W.read(tmp_path / "w.gwt").dense(), MATRIX, atol=5e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_libpysal_graphs_and_ws_go_out_and_come_back(kind):
    w = weights(kind)
    graph = w.to_graph()
    assert isinstance(graph, Graph)
    assert graph.unique_ids.tolist() == list(w.ids)
    back = ss.Weights.from_graph(graph)
    assert back.ids == w.ids
    assert_allclose(back.dense(), w.dense())
    old = w.to_w()
    assert old.id_order == list(w.ids)
    assert_allclose(ss.Weights.from_w(old).dense(), w.dense())


def test_morans_i_of_esda_is_that_of_the_matrix():
    from esda import Moran

    w = weights().subset(KINDS["text"][:10]).standardize("row")
    y = np.random.default_rng(2).normal(size=10)
    z = y - y.mean()
    theirs = Moran(y, w.to_graph(), transformation="O", permutations=0)
    assert_allclose(theirs.I, z @ w.dense() @ z / (z @ z))


def test_matlab_files_of_others(tmp_path):
    path = tmp_path / "w.mat"
    savemat(path, {"contig": np.sign(MATRIX), "year": 2011})
    w = W.read(path, ids=KINDS["integers"])
    assert (w.dense() == np.sign(MATRIX)).all()
    assert w.ids == tuple(KINDS["integers"])
    with pytest.raises(ss.WeightsError, match="has no variable ids"):
        W.read(path)
    savemat(path, {"A": MATRIX, "B": MATRIX})
    with pytest.raises(ss.WeightsError, match="holds the square matrices 'A', 'B': call one W"):
        W.read(path, ids=KINDS["text"])
    savemat(path, {"W": sparse.csc_array(MATRIX), "A": MATRIX, "ids": np.arange(12)})
    assert W.read(path).ids == tuple(range(12))
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF")
    with pytest.raises(ss.WeightsError, match="no MATLAB file of version 5 to 7"):
        W.read(path)


def test_matlab_finds_names_and_ids(tmp_path):
    held = loadmat(W.write(weights(), tmp_path / "w.mat"), spmatrix=False)
    assert held["name"].item() == "my net"
    assert [cell.item() for cell in held["ids"].ravel()] == KINDS["text"]
    assert_allclose(held["W"].toarray(), MATRIX)


# What is refused


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("w.csv", ",广州,深圳\n广州,0,2\n深圳,1,0\n"),
        ("w.csv", "to,from,weight\n广州,深圳,2\n深圳,广州,1\n"),
        ("w.gwt", "0 2 城市 id\n广州 深圳 2\n深圳 广州 1\n"),
    ],
)
def test_files_in_the_encodings_of_panels_are_read(tmp_path, name, text, encoding):
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    read = W.read(path, ids=["深圳", "广州"])
    assert_allclose(read.dense(), [[0, 1], [2, 0]])


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 2, 0], [2, 1, 0]])
def test_rows_of_a_square_in_another_order_than_its_columns_are_told_by_their_ids(saved, order):
    rows = ["a,0,2,3", "b,4,0,6", "c,7,8,0"]
    read = W.read(saved("w.csv", "\n".join([",a,b,c", *(rows[i] for i in order)])))
    assert read.ids == ("a", "b", "c")
    assert_allclose(read.dense(), [[0, 2, 3], [4, 0, 6], [7, 8, 0]])


def test_a_file_in_no_common_encoding_says_how_to_save_it(tmp_path):
    path = tmp_path / "w.csv"
    path.write_bytes(b"to,from,weight\n\xff,a,1\n")
    with pytest.raises(ss.WeightsError, match=r"nor GBK; save it as UTF-8 \(in Excel"):
        W.read(path)


def test_a_file_is_not_overwritten_unless_asked(tmp_path):
    path = W.write(weights(), tmp_path / "w.csv")
    before = path.read_bytes()
    with pytest.raises(ss.WeightsError, match=r"'w.csv' exists. Say overwrite=True"):
        W.write(weights(matrix=2 * MATRIX), path)
    assert path.read_bytes() == before
    W.write(weights(matrix=2 * MATRIX), path, overwrite=True)
    assert path.read_bytes() != before
    assert [p.name for p in tmp_path.iterdir()] == ["w.csv"]


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        W.write(weights(), tmp_path / "w.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("w", "name", "options", "message"),
    [
        (weights(), "w.gal", {}, r"holds links without weights.*before it is standardised"),
        (weights(), "w.xlsx", {}, "'w.xlsx' has none of the suffixes '.gal', '.gwt'"),
        (weights(), "w.csv", {"layout": "wide"}, "layout='wide' is not one of"),
        (weights("mixed order"), "w.csv", {}, "the ids '10' of W.my net. read the same"),
        (MATRIX, "w.csv", {}, "write takes one Weights; got ndarray"),
        (
            ss.Weights.from_matrix([[0, 1], [1, 0]], ids=["Hong Kong", "Macao"]), "w.gwt", {},
            "the ids 'Hong Kong' have spaces",
        ),
    ],
)  # fmt: skip
def test_weights_that_a_format_cannot_hold(tmp_path, w, name, options, message):
    with pytest.raises(ss.WeightsError, match=message):
        W.write(w, tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("w.gal", "0 2 x id\na 1\nb\na 1\nb\n", "lists the city 'a' more than once"),
        ("w.gal", "3\na 1\nb\nb 1\na\n", "announces 3 cities and lists 2"),
        ("w.gal", "2\na 1\nc\nb 1\na\n", "names the neighbours 'c', which have no row"),
        ("w.gal", "two\n", "is not a .gal of weights: invalid literal for int"),
        (
            "w.gal",
            "0 2 x id\na 1\nb\nb 2\na\n",
            "ends before the 2 neighbours that 'b' is said.*names 1",
        ),
        (
            "w.csv",
            "to,from,weight\na,b\nb,a,2\na,b,1,\n",
            "2 rows that are not to, from, weight: 'a,b', ",
        ),
        ("w.gwt", "0 3 x id\na b 1\nb a 1\n", r"announces 3 cities and names 2.*ids=\[\.\.\.\]"),
        ("w.gwt", "0 2 x id\na b 1\nb a\n", "a line that is not receiver, sender, weight"),
        ("w.gwt", "0 2 x id\na b 1\na b 1\n", "lists a link more than once"),
        ("w.gwt", "0 2 x id\na b -1\nb a 1\n", "1 negative weights"),
        ("w.gwt", "0 2 x id\na a 1\nb a 1\n", "links 'a' to themselves"),
        ("w.csv", "to,from,weight\na,b,x\n", "'x', the weight of 'b' on 'a', is no number"),
        ("w.csv", "to,from,weight\na,b,nan\nb,a,1\n", "missing or infinite"),
        ("w.csv", ",a,b\nb,0,1\nc,1,0\n", "neither long .* nor square"),
        ("w.csv", ",a,b\na,0,1\n", "neither long .* nor square"),
        ("w.csv", ",a,a\na,0,1\na,1,0\n", "the cities 'a' more than once"),
        ("w.csv", ",a,b,a\nb,1,0,1\na,0,1,0\na,0,1,0\n", "the cities 'a' more than once"),
        ("w.csv", "", "is not a .csv of weights"),
        ("w.csv", ",a,b\na,0,\nb,1,0\n", "'', the weight of 'b' on 'a', is no number; without a"),
        ("w.csv", ",a,b\na,0,1\nb,5%,0\n", "'5%', the weight of 'a' on 'b', is no number"),
        ("w.csv", ",a,b\na,0,1\nb,1\n", "needs 2 weights in the rows 'b'"),
        ("w.txt", "3 1 1\n1 0 1 0\n", "may be a banded matrix"),
        ("w.txt", "2\n1 0 1\n2 1\n", "must have 2 lines of an id and 2 weights"),
        ("w.mat", "no matrix", "no MATLAB file of version 5 to 7|is not a .mat"),
    ],
)
def test_files_that_are_broken(saved, name, text, message):
    with pytest.raises(ss.WeightsError, match=message):
        W.read(saved(name, text))


def test_files_and_ids_that_do_not_match(saved, tmp_path):
    path = saved("w.csv", "to,from,weight\na,b,1\nb,a,1\n")
    with pytest.raises(ss.AlignmentError, match=r"in ids only 'c', in the file only 'b'.*subset"):
        W.read(path, ids=["a", "c"])
    with pytest.raises(ss.WeightsError, match="there is no file"):
        W.read(tmp_path / "absent.csv")
    isolated = saved("w.gwt", "0 3 x id\na b 1\nb a 1\n")
    assert W.read(isolated, ids=["c", "a", "b"]).isolates == ("c",)


def test_ids_beyond_what_a_double_holds_come_back_from_matlab(tmp_path):
    ids = [2**53 + 1, 10**17 + 1, 10**17 + 2]
    w = ss.Weights.from_matrix(1 - np.eye(3), ids=ids)
    path = W.write(w, tmp_path / "w.mat")
    assert W.read(path).ids == tuple(map(str, ids))
    assert W.read(path, ids=ids).hash == w.hash


def test_ids_in_one_array_of_letters_lose_its_padding(tmp_path):
    """MATLAB's ['ab '; 'abc'] has rows of one length; a cell array keeps what is in its cells."""
    path = tmp_path / "w.mat"
    savemat(path, {"W": 1 - np.eye(2), "ids": np.array(["ab", "abc"])})
    assert [len(row) for row in loadmat(path, spmatrix=False)["ids"]] == [3, 3]
    assert W.read(path, ids=["abc", "ab"]).ids == ("abc", "ab")
    savemat(path, {"W": 1 - np.eye(2), "ids": np.array([["ab "], ["abc"]], dtype=object)})
    assert W.read(path).ids == ("ab ", "abc")


@pytest.mark.filterwarnings("ignore")  # what libpysal says of its examples
def test_the_third_column_of_a_distance_band_of_geoda_is_a_distance():
    """What the documentation warns of, in a file that GeoDa wrote."""
    read = W.read(libpysal.examples.get_path("juvenile.gwt"))
    homes = gpd.read_file(libpysal.examples.get_path("juvenile.shp"))
    homes.index = homes["ID"].astype(int).astype(str)
    xy = homes.get_coordinates().loc[list(read.ids)].to_numpy()
    links = read.sparse.tocoo()
    apart = np.linalg.norm(xy[links.row] - xy[links.col], axis=1)
    # Six digits behind the point; homes at one place stand 1e-5 apart in the file.
    assert_allclose(links.data, apart, atol=2e-5)


def test_stata_counts_rows_or_leaves_ids_out(tmp_path):
    """spmat export with the ids that Stata counts, and with its option noid."""
    W = np.array([[0, 2, 1], [0.5, 0, 0], [1, 3, 0]])
    ids, path = ["440100", "440200", "440300"], tmp_path / "w.txt"
    path.write_text("3\n" + "\n".join(" ".join(map(str, row)) for row in W))
    np.testing.assert_array_equal(ss.weights.read(path, ids=ids).dense(), W)
    path.write_text(
        "3\n" + "\n".join(f"{i + 1} {row[0]} {row[1]} {row[2]}" for i, row in enumerate(W))
    )
    with pytest.raises(ss.AlignmentError, match=r"Its ids count the rows: .*from_matrix"):
        ss.weights.read(path, ids=ids)
    made = ss.Weights.from_matrix(ss.weights.read(path).matrix, ids=ids, name="w")
    np.testing.assert_array_equal(made.dense(), W)
