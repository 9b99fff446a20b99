"""Virtuoso (open source edition) as a peer: a database of its own in the corpus directory, loaded once.

For a query without a graph name, Virtuoso matches all graphs as a bag: a triple in two graphs matches twice. So that
all peers run the same query, the union of the graphs is loaded into a separate graph, which is queried as default
graph.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from tests.bench import processes
from tests.bench.peers import Peer, Setting, free_port

UNION = "urn:bench:union"
_INI = """
[Database]
DatabaseFile = {home}/virtuoso.db
ErrorLogFile = {home}/virtuoso.log
LockFile = {home}/virtuoso.lck
TransactionFile = {home}/virtuoso.trx
xa_persistent_file = {home}/virtuoso.pxa
ErrorLogLevel = 7
FileExtend = 200
MaxCheckpointRemap = 62500
Striping = 0
TempStorage = TempDatabase

[TempDatabase]
DatabaseFile = {home}/virtuoso-temp.db
TransactionFile = {home}/virtuoso-temp.trx
MaxCheckpointRemap = 2000
Striping = 0

[Parameters]
ServerPort = {sql}
LiteMode = 0
DisableUnixSocket = 1
MaxClientConnections = 50
CheckpointInterval = 0
SchedulerInterval = 10
DirsAllowed = {corpus}
VectorSize = 1000
MaxVectorSize = 1000000
AdjustVectorSize = 0
ThreadsPerQuery = {cores}
AsyncQueueMaxThreads = 10
MaxQueryMem = 2G
MaxSortedTopRows = 100000000
NumberOfBuffers = {buffers}
MaxDirtyBuffers = {dirty}

[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerRoot = {home}
MaxClientConnections = 100
ServerThreads = 100
MaxKeepAlives = 100
KeepAliveTimeout = 60
EnabledGzipContent = 1

[SPARQL]
ResultSetMaxRows = 1000000
MaxQueryCostEstimationTime = 1000000
MaxQueryExecutionTime = {deadline}
"""


class Virtuoso(Peer):
    """The peer, as described in the module."""

    def __init__(self, program: str = "virtuoso-t", isql: str = "isql-vt") -> None:
        path = f"/sparql?default-graph-uri={quote(UNION, safe='')}&"
        super().__init__(program, "virtuoso", "apt install virtuoso-opensource", path)
        self.isql = isql if shutil.which(isql) else "isql"

    def missing(self) -> str | None:
        if found := super().missing():
            return found
        return None if shutil.which(self.isql) else f"virtuoso: no `isql-vt` found; {self.advice}"

    def command(self, setting: Setting, port: int) -> list[str]:
        home, _ = self._configure(setting, port)
        return [self.program, "+foreground", "+configfile", str(home / "virtuoso.ini")]

    def _configure(self, setting: Setting, http: int) -> tuple[Path, int]:
        home = setting.corpus / "virtuoso"
        home.mkdir(exist_ok=True)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        buffers = int(memory * 0.25 / 8192)  # a buffer holds a page of 8 KiB; a quarter of the memory for them
        sql = free_port()
        (home / "virtuoso.ini").write_text(
            _INI.format(
                home=home,
                corpus=setting.corpus,
                sql=sql,
                http=http,
                cores=os.cpu_count(),
                buffers=buffers,
                dirty=buffers * 3 // 4,
                deadline=max(1, round(setting.deadline)),
            ),
            "utf-8",
        )
        return home, sql

    def prepare(self, setting: Setting) -> float:
        """Load named graphs and union, unless that was done.

        Raises:
            RuntimeError: it did not start, or loading failed; the message names its log.
        """
        home, sql = self._configure(setting, free_port())
        if (home / "loaded").exists():
            return 0.0
        shutil.rmtree(home)
        home, sql = self._configure(setting, free_port())
        begin = time.perf_counter()
        command = [self.program, "+foreground", "+configfile", str(home / "virtuoso.ini")]
        with subprocess.Popen(command, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                self._load(setting, sql)
            finally:
                for pid in reversed(processes.tree(process.pid)):
                    os.kill(pid, 15)
        (home / "loaded").touch()
        return time.perf_counter() - begin

    def _load(self, setting: Setting, sql: int) -> None:
        for _ in range(600):
            if "OK" in self._sql(sql, "SELECT 'OK';", 10):
                break
            time.sleep(0.1)
        corpus = setting.corpus
        self._sql(sql, f"ld_dir('{corpus}', 'named.nq', '{UNION}:none'); ld_dir('{corpus}', 'default.nt', '{UNION}');")
        self._sql(sql, "rdf_loader_run();")
        self._sql(sql, "checkpoint;")
        report = self._sql(sql, "SELECT ll_state, ll_error FROM DB.DBA.LOAD_LIST;")
        if "Error" in report or report.count("NULL") < 2:
            raise RuntimeError(f"virtuoso did not load the corpus; see {setting.corpus / 'virtuoso' / 'virtuoso.log'}.")

    def _sql(self, port: int, text: str, timeout: float = 7200) -> str:
        command = [self.isql, str(port), "dba", "dba", "VERBOSE=OFF", "PROMPT=OFF", f"exec={text}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False).stdout
