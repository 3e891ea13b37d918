"""Pages as PDF, printed by Debian's chromium: for those who want paper or an attachment.

A page is printed from a copy that has the footer of paper (period, as-of day, page numbers) and no
links to other files, which would name folders of this machine. The page itself stays as it is.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from salesops_kit.errors import ParameterError, ReportError
from salesops_kit.reporting.fonts import font_faces

FOLDER = "pdf"  # below a published period
_PATIENCE_S = 120
_OUTWARD = re.compile(r' href="(?!#)[^"]*"')


def browser() -> str:
    """Return the program that prints.

    Raises
    ------
    ParameterError
        When it is not installed.
    """
    found = shutil.which("chromium")
    if found is None:
        raise ParameterError("--pdf needs chromium; install it with: apt-get install chromium")
    return found


def write_pdfs(folder: Path, footer: str) -> None:
    """Print every page of a folder into its `pdf/`, with a text at the foot of each sheet.

    Raises
    ------
    ReportError
        When a page cannot be printed.
    """
    program = browser()
    (folder / FOLDER).mkdir(mode=0o750)
    for page in sorted(folder.glob("*.html")):
        with tempfile.TemporaryDirectory(prefix="so", ignore_cleanup_errors=True) as private:
            text = for_paper(page.read_text("utf-8"), footer)
            printed = _print(program, Path(private), text, page.stem)
            shutil.copyfile(printed, folder / FOLDER / f"{page.stem}.pdf")


def are_printed(folder: Path) -> bool:
    """Tell whether every page of a folder has its PDF."""
    pages = folder.glob("*.html")
    return all((folder / FOLDER / f"{page.stem}.pdf").is_file() for page in pages)


def for_paper(page: str, footer: str) -> str:
    """Return a page without links to other files, with a footer on every sheet."""
    letters = font_faces({"": footer})[""]
    margin = 'font:8pt "Kit Sans SC",sans-serif;color:#555'
    style = (
        f"{letters}h1,h2,h3,caption{{break-after:avoid}}@page{{size:A4;margin:11mm 12mm;"
        f"@bottom-left{{content:{_css_text(footer)};{margin}}}"
        f'@bottom-right{{content:counter(page) " / " counter(pages);{margin}}}}}'
    )
    return _OUTWARD.sub("", page).replace("</style>", f"{style}</style>", 1)


def _css_text(text: str) -> str:
    """Return a text for a style sheet, where no name of a company can end it."""
    return '"' + "".join(c if c.isalnum() else f"\\{ord(c):x} " for c in text) + '"'


def _print(program: str, private: Path, page: str, name: str) -> Path:
    source, target = private / "page.html", private / "page.pdf"
    source.write_text(page, encoding="utf-8")
    command = [program, "--headless", "--disable-gpu", "--no-first-run", "--disable-sync",
               "--disable-background-networking", "--disable-component-update",
               "--disable-dev-shm-usage", "--no-pdf-header-footer",
               f"--user-data-dir={private / 'profile'}", f"--print-to-pdf={target}"]  # fmt: skip
    if os.geteuid() == 0:
        command.append("--no-sandbox")  # chromium refuses root otherwise
    try:
        done = subprocess.run([*command, source.as_uri()], capture_output=True, check=False,
                              timeout=_PATIENCE_S, stdin=subprocess.DEVNULL)  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ReportError(f"{name}.pdf: chromium did not end within {_PATIENCE_S} s") from error
    if done.returncode or not target.is_file() or not target.stat().st_size:
        said = done.stderr.decode("utf-8", errors="replace").strip().splitlines()[-1:] or [""]
        raise ReportError(f"{name}.pdf: chromium failed ({done.returncode}) and said: {said[0]}")
    return target
