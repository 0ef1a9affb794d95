"""Weights in tables that other programs wrote: workbooks, data sets, bare numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from places import KINDS

import spatialsyn as ss

W = ss.weights
MATRIX = np.random.default_rng(0).random((12, 12))
np.fill_diagonal(MATRIX, 0)
MATRIX[0, 11] = 1 / 3


@pytest.mark.parametrize("name", ["w.xlsx", "w.dta"])
@pytest.mark.parametrize("kind", ["text", "integers"])
def test_tables_that_pandas_wrote_are_read_with_their_ids(tmp_path, name, kind):
    ids = list(KINDS[kind])
    if name == "w.xlsx":
        pd.DataFrame(MATRIX, ids, ids).to_excel(tmp_path / name)
    else:  # variables of Stata cannot be called by codes: they stand in the order of the rows
        table = pd.DataFrame(MATRIX, columns=[f"w{i}" for i in range(12)])
        table.insert(0, "id", ids)
        table.to_stata(tmp_path / name, write_index=False)
    back = W.read(tmp_path / name, ids=ids[::-1])
    assert back.ids == tuple(ids[::-1])
    # A workbook holds sixteen digits of a number.
    assert_allclose(back.dense(), MATRIX[::-1, ::-1], rtol=1e-15)


@pytest.mark.parametrize("name", ["w.csv", "w.txt", "w.xlsx", "w.dta"])
def test_numbers_without_ids_need_them_and_are_taken_in_their_order(tmp_path, name):
    """Of a symmetric matrix the first row is the first column: those of ids are alike, too.

    Inverse distances, all different, were read as eleven cities called by their weights.
    """
    place = np.arange(12.0) ** 1.5
    M = 1 / (1 + np.abs(np.subtract.outer(place, place)))
    np.fill_diagonal(M, 0)
    path, frame = tmp_path / name, pd.DataFrame(M)
    if name == "w.csv":
        frame.to_csv(path, header=False, index=False)
    elif name == "w.txt":
        np.savetxt(path, M)
    elif name == "w.xlsx":
        frame.to_excel(path, header=False, index=False)
    else:
        frame.rename(columns="w{}".format).to_stata(path, write_index=False)
    with pytest.raises(ss.WeightsError, match=rf"'{name}' holds numbers and no ids: read\(path"):
        W.read(path)
    back = W.read(path, ids=KINDS["text"])
    assert back.ids == tuple(KINDS["text"])
    assert_allclose(back.dense(), M, rtol=1e-15)
    for few in (10, 11):
        with pytest.raises(ss.WeightsError, match=f"but {few} ids are given"):
            W.read(path, ids=KINDS["text"][:few])


@pytest.mark.parametrize("name", ["w.csv", "w.xlsx"])
def test_a_city_has_no_weight_on_itself_and_its_cell_may_be_empty(tmp_path, name):
    """Tables of flows leave the diagonal empty; any other empty cell may be a lost number."""
    ids = list(KINDS["text"])
    frame = pd.DataFrame(MATRIX, ids, ids).astype(object)
    for i in ids:
        frame.loc[i, i] = None
    moved = frame.loc[ids[::-1]]  # rows in another order than the columns
    write = moved.to_csv if name == "w.csv" else moved.to_excel
    write(tmp_path / name)
    assert_allclose(W.read(tmp_path / name, ids=ids).dense(), MATRIX, rtol=1e-15)
    moved.iloc[3, 4] = None
    write(tmp_path / name)
    with pytest.raises(ss.WeightsError, match=f"'', the weight of '{ids[4]}' on '{ids[8]}'"):
        W.read(tmp_path / name, ids=ids)


def test_a_square_whose_corner_is_a_number_is_told_by_its_ids(tmp_path):
    codes = list(KINDS["integers"])
    with_codes = np.block([[np.zeros((1, 1)), np.array([codes])], [np.array([codes]).T, MATRIX]])
    pd.DataFrame(with_codes).to_excel(tmp_path / "w.xlsx", header=False, index=False)
    assert_allclose(W.read(tmp_path / "w.xlsx", ids=codes).dense(), MATRIX, rtol=1e-15)


def test_columns_of_a_long_table_stand_in_any_order(saved):
    path = saved("w.csv", "weight,from,to\n2.5,b,a\n1,a,b\n")
    assert_allclose(W.read(path, ids=["a", "b"]).dense(), [[0, 2.5], [1, 0]])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("w.csv", "0,1\n1,0,3\n", "must have 2 numbers in each of 2 rows; it has 3 in row 2"),
        ("w.csv", "0,1\nx,0\n", "it has the cells 'x'"),
        ("w.xlsx", "no workbook", r"'w.xlsx' is not a \.xlsx of weights"),
        ("w.dta", "no data set", r"'w.dta' is not a \.dta of weights"),
        ("w.spmat", "", r"'\.dta'\. Other programs write one: in Stata: spmat export W using"),
        ("w.stswm", "", "in Stata: spmatrix export W using w.txt"),
        ("w.xls", "", r"save it as \.xlsx or \.csv"),
    ],
)
def test_tables_of_other_programs_that_cannot_be_read_say_why(saved, name, text, message):
    with pytest.raises(ss.WeightsError, match=message):
        W.read(saved(name, text))


def zoned(names: list[str]) -> pd.DataFrame:
    """A matrix of Stata whose variables carry the ids; diagonals are zero in many orders."""
    cells = np.zeros((4, 4))
    cells[0, 1] = cells[1, 0] = cells[2, 3] = cells[3, 2] = 1
    cells[0, 3] = 0.5
    frame = pd.DataFrame(cells, columns=["w1", "w2", "w3", "w4"])
    frame.insert(0, "id", [1, 2, 3, 4])
    return frame[names]


def test_variables_of_stata_in_another_order_than_the_rows_are_refused(tmp_path):
    """The diagonal is zero in this order too, so that nothing else would tell."""
    path = tmp_path / "w.dta"
    moved = ["w3", "w4", "w1", "w2"]
    zoned(["id", "w1", "w2", "w3", "w4"]).to_stata(path, write_index=False)
    assert ss.weights.read(path).dense()[0].tolist() == [0, 1, 0, 0.5]
    for names, ids in ((["id", *moved], None), (moved, [1, 2, 3, 4])):
        frame = zoned(["id", "w1", "w2", "w3", "w4"])[names]
        frame.loc[:, moved] = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
        frame.to_stata(path, write_index=False)
        with pytest.raises(ss.WeightsError, match=r"row 1 is '1', variable 1 is 'w3'.*order"):
            ss.weights.read(path, ids=ids)


def test_blanks_around_ids_make_no_other_city(tmp_path):
    path = tmp_path / "w.csv"
    path.write_text("to,from,weight\na ,b,1\nb, a,0.5\n")
    assert ss.weights.read(path).ids == ("a", "b")
    path.write_text(" ,a,b \na,0,1\n b,0.5,0\n")
    assert ss.weights.read(path, ids=["b", "a"]).dense().tolist() == [[0, 0.5], [1, 0]]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("w.csv", "to,from,weight\na,b,1\nb,a,1\n", r"without any link needs a row.*: in a long table, c,c,0"),
        ("w.csv", "to;from;weight\na;b;1\n", r"separated by semicolons.*sep=';'.*from_matrix"),
        ("w.csv", "to\tfrom\tweight\na\tb\t1\n", r"separated by tabs.*pandas.read_csv"),
        ("w.gal", "0 2 s id\nNew York 1\nb\nb 1\nYork\n", r"behind the city 'New' .* 'York'.*cut at spaces"),
        ("w.gal", "0 1 s id\na\n", r"behind the city 'a' .* nothing"),
        ("w.npz", "", r"scipy.sparse.load_npz .* ss.Weights.from_matrix\(matrix, ids="),
        ("w.mtx", "", r"scipy.io.mmread"),
        ("w.swm", "", r"in ArcGIS: Convert Spatial Weights Matrix to Table"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read_say_how_they_can(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ss.SpatialsynError, match=message):
        ss.weights.read(tmp_path / name, ids=["a", "b", "c"])


def test_labels_of_rows_and_columns_that_differ_in_kind_are_told(tmp_path):
    """As pandas reads a csv of codes: integers in the index, text in the columns."""
    square = pd.DataFrame([[0, 1.0], [2, 0]], index=[440100, 440300], columns=["440100", "440300"])
    with pytest.raises(ss.AlignmentError, match="differ in kind only"):
        ss.Weights.from_matrix(square)
    with pytest.raises(ss.WeightsError, match=r"the same cities as rows.*differ in kind only"):
        ss.weights.flows(square, base_years=[2011])
