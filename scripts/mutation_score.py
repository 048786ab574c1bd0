#!/usr/bin/env python3
"""Says how many changes to the core some test notices, and fails where they are too few.

scripts/mutation_score.py STATISTICS LEAST_PERCENT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(statistics: Path, least_percent: float) -> int:
    counts = json.loads(statistics.read_text(encoding="utf-8"))
    judged = counts["total"] - counts["skipped"] - counts.get("caught_by_type_check", 0)
    noticed = counts["killed"] + counts["timeout"]
    percent = 100 * noticed / judged
    print(f"{noticed} of {judged} changes to the core were noticed: {percent:.1f} % (at least {least_percent:g} %)")
    print(f"survived: {counts['survived']}, run by no test: {counts['no_tests']}; list them with `mutmut results`")
    return 0 if percent >= least_percent else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
