"""Run every comparison in turn: `python -m bench`, or `make bench`."""

import importlib.util
from pathlib import Path

NAMES = (
    "import_speed",
    "metrics_speed",
    "visits_speed",
    "report_speed",
    "worlds_speed",
    "diagnosis_speed",
    "pipeline_speed",
    "forecast_accuracy",
    "reps_speed",
    "maven_reps",
    "monitor_speed",
    "sentiment",
    "forecast_scale",
)


def main() -> None:
    """Run each comparison that is there; name those that are not."""
    for name in NAMES:
        file = Path(__file__).with_name(f"{name}.py")
        print(f"== {name}", flush=True)
        if not file.is_file():
            print("absent, passed over")
            continue
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.main()


if __name__ == "__main__":
    main()
