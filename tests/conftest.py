"""The order of the files: what takes long comes first, and no process is left with it at the end."""

LONG = (
    "test_notebooks.py", "test_browser.py", "test_cluster.py", "test_docs.py", "test_study.py",
    "test_study_grid.py", "test_study_output.py", "test_posterior.py", "test_simulate.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    place = {name: i for i, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONG)))
