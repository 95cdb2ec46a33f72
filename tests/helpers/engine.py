"""The engine that tests run: the bundled one, or with TISSUEGRAPH_ENGINE=path the one that is installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "engine" / "nextflow"
JARS = ROOT / ".engine" / "jars" / "*"
# Of a run whose records (trace, report, timeline, diagram) nobody reads
UNRECORDED = ("-c", str(ROOT / "tests" / "helpers" / "unrecorded.config"))
# Parameters stay text, as engines from 26.04 on leave them by themselves
AS_TEXT = {"NXF_DISABLE_PARAMS_TYPE_DETECTION": "true"}
# Engines of tests live for seconds: one collector, and room that need not grow first
SHORT_LIVED = "-XX:+UseSerialGC -Xms1g -Xmn600m -XX:MetaspaceSize=256m"


def engine_environment(home: Path, **variables: str) -> dict[str, str]:
    """This process's environment for the launcher, with a home of the engine of its own."""
    engine = {"TISSUEGRAPH_ENGINE": os.environ.get("TISSUEGRAPH_ENGINE") or "bundled"}
    options = f"{SHORT_LIVED} {os.environ.get('NXF_OPTS', '')}"
    return {**os.environ, **engine, "NXF_HOME": str(home / ".nxf"), "NXF_OPTS": options, **variables}


def is_bundled() -> bool:
    """Whether tests run the bundled engine."""
    return engine_environment(Path())["TISSUEGRAPH_ENGINE"] == "bundled"


def with_store(folder: Path) -> dict[str, str]:
    """Environment variables that give the bundled engine a second file system, store://BUCKET/KEY.

    It lies in folder/store. Java finds a file system on its class path alone, which the launcher sets: a
    stand-in for the java command puts ours there too.
    """
    compiled, home = folder / "compiled", folder / "java_home"
    source = ROOT / "tests" / "helpers" / "store" / "StoreFileSystem.groovy"
    compiler = "org.codehaus.groovy.tools.FileSystemCompiler"
    java = Path(os.environ["JAVA_HOME"], "bin", "java") if os.environ.get("JAVA_HOME") else "java"
    subprocess.run([java, "-cp", JARS, compiler, "-d", compiled, source], check=True)
    services = compiled / "META-INF" / "services"
    services.mkdir(parents=True)
    (services / "java.nio.file.spi.FileSystemProvider").write_text("StoreProvider\n")
    command = home / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(
        f'#!/bin/bash\nwords=()\nfor word in "$@"; do\n'
        f'    [[ "$word" == */.engine/jars/\\* ]] && word="$word:{compiled}"\n    words+=("$word")\ndone\n'
        f'exec {java} "${{words[@]}}"\n'
    )
    command.chmod(0o755)
    (folder / "store").mkdir()
    return {"JAVA_HOME": str(home), "STORE_ROOT": str(folder / "store")}
