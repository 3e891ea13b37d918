import os
import shutil
import sys
from unittest import mock

import pytest
from metrics.cluster import QUICK_JVM, cluster


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """A session on a cluster of its own; skipped, visibly, where Java is absent.

    All tests that use it stand in one module, so that one process of parallel tests starts it.
    """
    if shutil.which("java") is None:
        pytest.skip("java is not installed (apt-get install openjdk-17-jre-headless)")
    sql = pytest.importorskip("pyspark.sql")
    folder = tmp_path_factory.mktemp("spark")
    python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    with cluster(folder) as address, mock.patch.dict(os.environ, python):
        session = (
            sql.SparkSession.builder.master(address)
            .config("spark.ui.enabled", "false")
            .config("spark.executor.memory", "512m")
            .config("spark.driver.extraJavaOptions", QUICK_JVM)
            .config("spark.executor.extraJavaOptions", QUICK_JVM)
            .config("spark.sql.shuffle.partitions", "1")
            .config("spark.sql.execution.arrow.pyspark.enabled", "true")
            # tables of a few hundred rows: compiling queries would take longer than running them
            .config("spark.sql.codegen.wholeStage", "false")
            .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
            .config("spark.sql.adaptive.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .getOrCreate()
        )
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()
