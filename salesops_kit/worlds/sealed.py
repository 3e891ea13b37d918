"""The truth of a world in a sealed file: what was planted, where, when, how big, how visible.

Sealed means: packed, so that nobody reads it by accident, and read by this module alone. Nothing
that diagnoses may import it (a test holds that).
"""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

from salesops_kit.errors import DataError
from salesops_kit.worlds.causes import Cause
from salesops_kit.worlds.signal import strength
from salesops_kit.worlds.simulate import Company

FILE_NAME = "truth.sealed"
_MARK = b"salesops sealed truth 1\n"


def seal(company: Company, folder: Path) -> Path:
    """Write the truth of a company beside its exports and return the file."""
    truth = {
        "seed": company.world.seed,
        "causes": [_told(company, c) for c in company.world.causes],
    }
    packed = zlib.compress(json.dumps(truth, ensure_ascii=False).encode(), 9)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    path.write_bytes(_MARK + base64.b64encode(packed) + b"\n")
    return path


def unseal(path: Path) -> dict[str, Any]:
    """Return the truth: `seed`, and `causes` with kind, size, stage, where, since, until, z_star.

    Raises
    ------
    DataError
        When the file is none of ours or was cut off.
    """
    content = path.read_bytes()
    try:
        if not content.startswith(_MARK):
            raise ValueError("no mark")
        packed = base64.b64decode(content[len(_MARK) :], validate=False)
        truth: dict[str, Any] = json.loads(zlib.decompress(packed))
    except (ValueError, zlib.error) as error:
        raise DataError(f"{path} is not a sealed truth, or was cut off; write it again") from error
    return truth


def _told(company: Company, cause: Cause) -> dict[str, Any]:
    span = cause.span
    where = {**cause.where.named, **({"reps": cause.where.reps} if cause.where.reps else {})}
    return {
        "kind": cause.kind,
        "size": cause.size,
        "artefact": cause.artefact,
        "stage": cause.stage,
        "where": where,
        "since": span.since.isoformat(),
        "until": span.until.isoformat() if span.until else "",
        "ramp_days": span.ramp_days,
        "z_star": strength(company, cause),
    }
