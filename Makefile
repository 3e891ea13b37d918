.PHONY: lock
lock:
	uv pip compile pyproject.toml --group build --group dev --universal --python-version 3.11 --generate-hashes --no-header -c constraints.txt -o requirements-dev.lock -q
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c constraints.txt -c requirements-dev.lock -o requirements.lock -q
