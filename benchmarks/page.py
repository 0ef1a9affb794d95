"""How soon a report page can be used, in Chromium, from disk and without a network.

    python benchmarks/page.py [results/guangdong/report.html]

Prints the size of the page and, of five visits, the median milliseconds from the start of a visit
until the map is painted and can be clicked, and those that the choice of another city takes.
Targets: a second for both.
"""

from __future__ import annotations

import shutil
import statistics
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

VISITS = 5
CHOICE = """() => {
    const city = document.getElementById("city"), start = performance.now();
    city.selectedIndex = city.options.length - 1;
    city.dispatchEvent(new Event("change"));
    return performance.now() - start;
}"""


def main() -> None:
    """Print the numbers."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "results/guangdong/report.html").resolve()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    ready, chosen = [], []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(VISITS):
            page = browser.new_context(offline=True).new_page()
            page.goto(path.as_uri())
            ready.append(int(page.get_attribute("html", "data-ready") or -1))
            chosen.append(page.evaluate(CHOICE))
        browser.close()
    print(
        f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, ready after "
        f"{statistics.median(ready):.0f} ms, another city after {statistics.median(chosen):.0f} ms"
    )


if __name__ == "__main__":
    main()
