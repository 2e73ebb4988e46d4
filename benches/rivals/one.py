"""DBOS behind a small HTTP server: each POST runs a workflow with one durable step and is answered when that is complete.

usage: one.py PORT DATABASE_URL

Workflows run on a few threads, as many as were fastest on two cores; requests wait for one of them.
"""

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import uvicorn
from dbos import DBOS

THREADS = 8


@DBOS.step()
def work(order: dict) -> bool:
    return "id" in order


@DBOS.workflow()
def one(order: dict) -> dict:
    return {"ok": work(order)}


class Server:
    """Answers HTTP."""

    def __init__(self):
        self.threads = ThreadPoolExecutor(THREADS)

    async def __call__(self, scope, receive, send):
        body, is_more = b"", True
        while is_more:
            piece = await receive()
            body += piece.get("body", b"")
            is_more = piece.get("more_body", False)
        done = {}
        if scope["method"] == "POST":
            done = await asyncio.get_running_loop().run_in_executor(self.threads, one, json.loads(body))
        answer = json.dumps(done).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def main():
    port, database = int(sys.argv[1]), sys.argv[2]
    DBOS(config={"name": "one", "system_database_url": database, "run_admin_server": False, "log_level": "ERROR"})
    DBOS.launch()
    uvicorn.run(Server(), host="127.0.0.1", port=port, log_level="error", lifespan="off")


if __name__ == "__main__":
    main()
