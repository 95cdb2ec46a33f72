"""SLURM, for real: what its jobs ask for, its limits, and runs that are disturbed.

One node, two partitions and two GPUs that are none (`ext.device = 'auto'` trains without). What SLURM was
asked for is read back from it when all is over.
"""

from __future__ import annotations

import csv
import re
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from pathlib import Path

import pytest
from helpers.slurm import NoSlurmError, Slurm, one_node_slurm
from helpers.slurm_runs import Engine, jobs_of, megabytes, native_id, running, seconds, states_of

from .conftest import ROOT, Run, write_sheet
from .faults import QUICK

pytestmark = pytest.mark.pipeline

PATCHY = str(ROOT / "tests" / "data" / "patchy.h5ad")
SLICES = [f"s{i}" for i in range(1, 9)]
# Its training insists on a GPU that is visible
INSISTS = SLICES[-1]
GPU_IS_REAL = Path("/dev/nvidia0").exists()

# How a site has it, and an engine that looks more often than it should
SITE = """
process {
    queue          = 'cpu'
    clusterOptions = '--comment=site'
    withLabel: process_gpu {
        queue      = 'gpu'
        ext.device = 'auto'
    }
}
executor {
    account           = 'mylab'
    pollInterval      = '1 sec'
    queueStatInterval = '2 sec'
    exitReadTimeout   = '5 sec'
}
trace.fields = 'native_id,name,status,attempt,cpus,memory,time,queue,submit,complete'
trace.raw = true
report.enabled = false
timeline.enabled = false
dag.enabled = false
"""
SMALL_ARRAYS = f"""
process.array          = 4
process.resourceLimits = [cpus: 2, memory: 12.GB, time: 50.min]
executor.queueSize     = 4
process {{ withName: TRAIN {{ ext.device = {{ metas[0].id == '{INSISTS}' ? 'cuda' : 'auto' }} }} }}
"""

LITTLE = """
process {
    withName: SLOW { time = { 1.min * task.attempt } }
    withName: GREEDY { memory = { 100.MB * task.attempt } }
}
"""

# Processes of our labels whose first attempts do not end well
TROUBLE = """
process LOST {
    label 'process_gpu'

    output:
    val true

    script:
    task.attempt == 1 ? 'sleep 300' : 'true'
}

process STEP {
    tag "${name}"
    label 'process_low'

    input:
    val name
    val _found

    script:
    def faults = [sleeps_1: 'sleep 300', sleeps_2: 'sleep 300', killed: 'exit 137']
    task.attempt == 1 ? faults[name] ?: 'true' : 'true'
}

process SLOW {
    label 'process_low'

    input:
    val _found

    script:
    task.attempt == 1 ? 'sleep 300' : 'true'
}

process GREEDY {
    label 'process_low'

    input:
    val _found

    script:
    // 150 MB, held for longer than SLURM looks away
    'python3 -c "import time; held = bytes(range(256)) * 600_000; time.sleep(6)"'
}

workflow {
    LOST()
    STEP(channel.of('one', 'two', 'killed', 'sleeps_1', 'sleeps_2'), LOST.out)
    SLOW(LOST.out)
    GREEDY(LOST.out)
}
"""


@pytest.fixture(scope="module")
def slurm():
    try:
        with one_node_slurm() as running:
            yield running
    except NoSlurmError as error:
        pytest.skip(str(error))


def most_at_once(tasks: Sequence[Mapping[str, str]]) -> int:
    """How many the engine had in the queue together, waiting or running."""
    moments = [(int(task["submit"]), 1) for task in tasks] + [(int(task["complete"]), -1) for task in tasks]
    return max(accumulate(change for _, change in sorted(moments)))


# --- eight slices -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cohort(slurm, tmp_path_factory) -> tuple[Run, list[dict[str, str]]]:
    """A run of eight slices, with a new slurmctld in the middle of it, and the jobs it had."""
    launch = tmp_path_factory.mktemp("launch") / "of-a-user"
    launch.mkdir()
    outdir = tmp_path_factory.mktemp("elsewhere") / "my results"
    rows = [
        {"sample": name, "path": PATCHY, "n_domains": "3", "group": "g.1" if name in SLICES[:2] else ""}
        for name in SLICES
    ]
    sheet = write_sheet(launch / "sheet.csv", rows)
    (launch / "stmfg.yaml").write_text(QUICK)
    before = {job["JobId"] for job in slurm.jobs()}
    options = ["--n_seeds", 1, "--stmfg_preset", "stmfg.yaml", "--figures", "png"]
    given = ["--input", sheet, "--outdir", outdir, "--characterise", "none", *options]
    with Engine(slurm, launch, ROOT, SITE + SMALL_ARRAYS, *given) as engine:
        engine.wait_for(lambda: "RUNNING" in states_of(slurm, "BASELINE"))
        slurm.stop("slurmctld")
        slurm.start("slurmctld")
        said = engine.finish()
    return Run(0, said, outdir), [job for job in slurm.jobs() if job["JobId"] not in before]


@pytest.fixture
def trace(cohort) -> dict[str, dict[str, str]]:
    """Tasks of the run by the name of their job."""
    with (cohort[0].outdir / "pipeline_info" / "execution_trace.txt").open() as lines:
        return {row["native_id"]: row for row in csv.DictReader(lines, delimiter="\t")}


def test_eight_slices_finish_though_the_controller_is_restarted(cohort, trace):
    run, jobs = cohort
    table = run.table()
    assert {name for name, row in table.items() if row["status"] == "passed"} >= set(SLICES) - {INSISTS}
    assert {native_id(job) for job in jobs} == set(trace)
    failed = {job["JobName"] for job in jobs if job["JobState"] != "COMPLETED"}
    assert failed <= {f"nf-DOMAINS_TRAIN_({INSISTS}_stmfg)"}
    assert "cannot be executed" not in run.output  # (by SLURM: CONCLUDE is no job)


@pytest.mark.skipif(GPU_IS_REAL, reason="there is a GPU")
def test_a_gpu_that_is_promised_and_not_there_fails_one_slice_with_one_line(cohort):
    run, _jobs = cohort
    row = run.table()[INSISTS]
    assert row["status"] == "failed"
    assert "device cuda was requested but no GPU is visible; use --device auto or cpu" in row["reason"]
    assert "1 of 8 slices failed" in run.output


def test_slurm_has_what_each_task_asked_for(cohort, trace):
    alone = [job for job in cohort[1] if "ArrayJobId" not in job]
    assert len(alone) > len(SLICES)
    for job in alone:
        task = trace[native_id(job)]
        assert job["NumCPUs"] == task["cpus"]
        assert megabytes(job["MinMemoryNode"]) == int(task["memory"]) / 2**20
        assert seconds(job["TimeLimit"]) == int(task["time"]) / 1000
        assert job["Partition"] == task["queue"]


def test_trainings_alone_get_a_gpu_and_its_partition(cohort):
    for job in cohort[1]:
        trains = "_TRAIN_" in job["JobName"]
        assert job["Partition"] == ("gpu" if trains else "cpu")
        assert job.get("TresPerNode") == ("gres:gpu:1" if trains else None)
        assert job["Account"] == "mylab"
        # options of a site stand beside --gres only where it says them for GPU tasks, too
        assert job.get("Comment") == (None if trains else "site")
    assert sum("_TRAIN_" in job["JobName"] for job in cohort[1]) == len(SLICES)


def test_no_job_asks_for_more_than_the_site_allows(cohort):
    trainings = [job for job in cohort[1] if "_TRAIN_" in job["JobName"]]
    assert {(job["NumCPUs"], job["TimeLimit"]) for job in trainings} == {("2", "00:50:00")}


def test_steps_of_slices_are_arrays_of_equal_jobs(cohort):
    arrays = defaultdict(list)
    for job in cohort[1]:
        if "ArrayJobId" in job:
            arrays[job["ArrayJobId"]].append(job)
    names = Counter(re.sub(r"^nf-[A-Z]+_|_\(\d+\)$", "", array[0]["JobName"]) for array in arrays.values())
    steps = ["INGEST", "QC", "BASELINE", "GRAPH", "CLUSTER", "ASSEMBLE", "EXPLORE"]
    assert names == dict.fromkeys(steps, 2)
    for array in arrays.values():
        assert sorted(job["ArrayTaskId"] for job in array) == ["0", "1", "2", "3"][: len(array)]
        assert len({(job["MinMemoryNode"], job["TimeLimit"], job["NumCPUs"]) for job in array}) == 1


def test_the_queue_holds_no_more_than_its_size(trace):
    assert most_at_once([task for task in trace.values() if "TRAIN" in task["name"]]) <= 4
    # an array goes in whole where there is room for one task
    assert 4 <= most_at_once(list(trace.values())) <= 4 + 3


def test_jobs_are_submitted_at_a_rate(cohort):
    # one a second (60/1min); an array is one
    times = {job.get("ArrayJobId", job["JobId"]): job["SubmitTime"] for job in cohort[1]}
    moments = sorted(datetime.fromisoformat(time) for time in times.values())
    for first, third in zip(moments, moments[2:], strict=False):
        assert (third - first).total_seconds() >= 1


# --- trouble ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    """What the resumed run said, jobs that the killed engine left behind, and all jobs by process."""

    resumed: str
    left: list[dict[str, str]]
    jobs: dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def troubled(slurm, tmp_path_factory) -> Trouble:
    """A run with all kinds of trouble, killed and resumed."""
    project = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "nextflow.config", project)
    shutil.copytree(ROOT / "conf", project / "conf")
    (project / "main.nf").write_text(TROUBLE)
    launch = project / "launch"

    with Engine(slurm, launch, project, SITE + LITTLE) as engine:
        # A node is drained, which its jobs survive, and lost, which they do not
        engine.wait_for(lambda: "RUNNING" in states_of(slurm, "LOST"))
        slurm.says("scontrol", "update", "NodeName=node", "State=DRAIN", "Reason=drained")
        assert states_of(slurm, "LOST") == ["RUNNING"]
        slurm.says("scontrol", "update", "NodeName=node", "State=DOWN", "Reason=lost")
        engine.wait_for(lambda: states_of(slurm, "LOST") == ["NODE_FAIL", "PENDING"])
        slurm.says("scontrol", "update", "NodeName=node", "State=RESUME")
        # One of the tasks of an array that sleep is cancelled, the other is there when the engine is killed
        sleeping = engine.wait_for(lambda: two_running(slurm, "STEP"))
        slurm.says("scancel", native_id(sleeping[0]))
        trace = launch / "results" / "pipeline_info" / "execution_trace.txt"
        done = r"\t(?:STEP \(\w+\)|SLOW|GREEDY)\tCOMPLETED"
        engine.wait_for(lambda: len(re.findall(done, trace.read_text())) == 6)
        time.sleep(2)  # (the engine notes it for -resume, too)
    left = [job for job in slurm.jobs() if job["JobState"] == "RUNNING"]
    slurm.says("scancel", *map(native_id, left))

    # Resumed without arrays, and what is not done yet cancelled
    with Engine(slurm, launch, project, SITE + LITTLE + "process.array = 0\n", "-resume") as engine:
        again = engine.wait_for(lambda: running(slurm, "STEP"))
        slurm.says("scancel", native_id(again[0]))
        resumed = engine.finish()
    return Trouble(resumed, left, {name: jobs_of(slurm, name) for name in ("LOST", "STEP", "SLOW", "GREEDY")})


def two_running(slurm: Slurm, process: str) -> list[dict[str, str]]:
    """The jobs of a process that run, once all but two have ended."""
    found = running(slurm, process)
    return found if len(jobs_of(slurm, process)) > 2 == len(found) else []


def memories(jobs: list[dict[str, str]]) -> list[float]:
    return [megabytes(job["MinMemoryNode"]) for job in jobs]


def test_a_task_whose_node_is_lost_runs_again_where_it_can(troubled):
    assert [job["JobState"] for job in troubled.jobs["LOST"]] == ["NODE_FAIL", "COMPLETED"]


def test_arrays_are_on_unless_a_site_says_otherwise(troubled):
    arrays = [job for job in troubled.jobs["STEP"] if "ArrayJobId" in job]
    assert sorted(job["ArrayTaskId"] for job in arrays) == ["0", "1", "2", "3", "4"]
    assert len({job["ArrayJobId"] for job in arrays}) == 1
    # retries, and the run with process.array = 0
    alone = [job for job in troubled.jobs["STEP"] if "ArrayJobId" not in job]
    assert len(alone) == 4
    assert not any("ArrayJobId" in job for job in troubled.jobs["LOST"])  # process_gpu


def test_killed_and_cancelled_tasks_are_retried_alone_with_more(troubled):
    jobs = troubled.jobs["STEP"]
    states = Counter(job["JobState"] for job in jobs)
    assert states == {"COMPLETED": 5, "FAILED": 1, "CANCELLED": 3}
    first = memories([job for job in jobs if "ArrayJobId" in job])
    assert len(set(first)) == 1
    alone = memories([job for job in jobs if "ArrayJobId" not in job])
    assert sorted(alone) == [first[0], *[2 * first[0]] * 3]


def test_a_task_over_its_time_is_retried_with_more(troubled):
    jobs = troubled.jobs["SLOW"]
    assert [(job["JobState"], seconds(job["TimeLimit"])) for job in jobs] == [
        ("FAILED", 60),
        ("COMPLETED", 120),
    ]
    assert jobs[0]["ExitCode"] == "140:0"  # (128 + USR2, which SLURM sends before the end)


def test_a_task_over_its_memory_is_retried_with_more(troubled):
    jobs = troubled.jobs["GREEDY"]
    assert [job["JobState"] for job in jobs] == ["FAILED", "COMPLETED"]
    assert memories(jobs) == [100, 200]


def test_a_killed_engine_is_resumed_while_its_jobs_go_on(troubled):
    assert len(troubled.left) == 1
    assert "Cached process > LOST" in troubled.resumed
    assert troubled.resumed.count("Cached process") == 7
    assert len(re.findall(r"\] (?:Re-s|S)ubmitted process", troubled.resumed)) == 2
