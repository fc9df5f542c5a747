"""SqlToolsService, Microsoft's own back end of its editors: JSON-RPC over standard input and output."""

import itertools
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading

from adapter import Refused, cancel_later, serve

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "dotnet"))

import prepare  # noqa: E402

# How it shows an error: its numbers, and the text from the next line on.
ERROR = re.compile(r"Msg (\d+), Level (\d+), State (\d+), (?:Procedure [^\n]*, )?Line \d+[^\n]*\r?\n(.*)", re.S)
ROWS_AT_A_TIME = 20
# As long as it may take over a result that is only measured, in seconds. It reads a long value in a time that
# grows with the square of its length.
LONGEST = 60
# Said by it of its own accord behind a batch.
OWN_WORDS = re.compile(r"\(\d+ rows? affected\)|Commands completed successfully\.|Query was canceled by user|"
                       r"Total execution time: .*|Started executing .*")


class Service:
    """One process of it."""

    def __init__(self, folder, ca):
        # It keeps what it knows of queries, and its log, in its home.
        self.home = tempfile.mkdtemp(prefix="sts-")
        environment = {**prepare.environment(folder), "HOME": self.home, "TMPDIR": self.home}
        if ca:
            environment["SSL_CERT_FILE"] = ca
        self.process = subprocess.Popen(
            [os.path.join(folder, "service", prepare.HOST)], cwd=self.home, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.ca = ca
        self._ids = itertools.count(1)
        self._replies = {}
        # What it tells without being asked; `None` at its end.
        self.told = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        out = self.process.stdout
        while True:
            length = 0
            while (line := out.readline().strip()):
                name, _, value = line.decode().partition(":")
                if name.lower() == "content-length":
                    length = int(value)
            if not length:
                break
            message = json.loads(out.read(length))
            if "method" in message:
                self.told.put(message)
            elif (reply := self._replies.pop(int(message["id"]), None)) is not None:
                reply.put(message)
        self.told.put(None)
        for reply in list(self._replies.values()):
            reply.put({"error": {"message": "the service ended"}})

    def call(self, method, **parameters):
        number, reply = next(self._ids), queue.Queue()
        self._replies[number] = reply
        body = json.dumps({"jsonrpc": "2.0", "id": str(number), "method": method, "params": parameters}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()
        message = reply.get(timeout=60)
        if "error" in message:
            raise RuntimeError(message["error"].get("message") or str(message["error"]))
        return message.get("result")

    def next_told(self, *methods, within=600):
        """The next thing of these kinds that it tells."""
        while (message := self.told.get(timeout=within)) is not None:
            if message["method"] in methods:
                return message["method"], message["params"]
        raise EOFError("the service ended")

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


class SqlToolsService:
    def __init__(self, folder):
        self.folder = folder
        self.service = None
        self.owner = None
        self._owners = itertools.count(1)

    def connect(self, to):
        self.close()
        # It learns at its start whom to trust.
        if self.service and self.service.ca != to.ca:
            self.service.stop()
            self.service = None
        self.service = self.service or Service(self.folder, to.ca)
        owner = f"check{next(self._owners)}"
        # Beyond true and false there is only the text that it hands down.
        more = {"connectionString": "Encrypt=Strict"} if to.tls == "strict" else {}
        self.service.call("connection/connect", ownerUri=owner, connection={
            "serverName": f"{to.host},{to.port}", "databaseName": to.database or "", "userName": to.user,
            "password": to.password, "authenticationType": "SqlLogin", "encrypt": to.tls == "full",
            "trustServerCertificate": False, "connectTimeout": 20, "pooling": False, **more})
        _, complete = self.service.next_told("connection/complete")
        if not complete.get("connectionId"):
            text = complete.get("errorMessage") or complete.get("messages") or ""
            number = complete.get("errorNumber")
            raise Refused(text, [{"number": number, "text": text}] if number else [])
        self.owner = owner

    def run(self, batch, answer):
        # Of parameters it takes no notice: the server misses them.
        self.service.call("query/executeString", ownerUri=self.owner, query=batch.sql, parameters=batch.parameters)
        timer = batch.cancel_after and cancel_later(
            batch.cancel_after, lambda: self.service.call("query/cancel", ownerUri=self.owner))
        while True:
            try:
                method, told = self.service.next_told(
                    "query/message", "query/complete", within=LONGEST if batch.is_digested else 600)
            except queue.Empty:
                answer.failed = f"no end within {LONGEST} s"
                self.service.stop()
                self.service = self.owner = None
                return
            if method == "query/complete":
                break
            answer.cancelled |= "canceled by user" in told["message"]["message"]
            self._say(told["message"], answer)
        if timer:
            timer.cancel()
        for summary in told["batchSummaries"]:
            for result in summary["resultSetSummaries"] or []:
                columns = [column["columnName"] for column in result["columnInfo"]]
                try:
                    answer.result(columns, self._rows(summary["id"], result), batch,
                                  [column["allowDBNull"] for column in result["columnInfo"]])
                except RuntimeError:
                    # Of a result that it could not read it has half a row.
                    if not answer.failed:
                        raise
        self.service.call("query/dispose", ownerUri=self.owner)

    @staticmethod
    def _say(message, answer):
        text = message["message"]
        error = ERROR.fullmatch(text)
        if error:
            answer.message(error[4], int(error[1]), int(error[2]), int(error[3]))
        elif message["isError"]:
            answer.failed = text
        elif not OWN_WORDS.fullmatch(text):
            answer.message(text)

    def _rows(self, batch, result):
        for start in range(0, result["rowCount"], ROWS_AT_A_TIME):
            subset = self.service.call(
                "query/subset", ownerUri=self.owner, batchIndex=batch, resultSetIndex=result["id"],
                rowsStartIndex=start, rowsCount=ROWS_AT_A_TIME)["resultSubset"]
            for row in subset["rows"]:
                yield [None if cell["isNull"] else cell["displayValue"] for cell in row]

    # Its protocol has batches, and transactions are some.

    def begin(self):
        self._quiet("BEGIN TRANSACTION")

    def commit(self):
        self._quiet("COMMIT")

    def rollback(self):
        self._quiet("ROLLBACK")

    def _quiet(self, sql):
        self.service.call("query/executeString", ownerUri=self.owner, query=sql)
        self.service.next_told("query/complete")
        self.service.call("query/dispose", ownerUri=self.owner)

    def close(self):
        if self.owner:
            self.service.call("connection/disconnect", ownerUri=self.owner)
        self.owner = None


serve(SqlToolsService(prepare.prepared(sys.argv[1])))
