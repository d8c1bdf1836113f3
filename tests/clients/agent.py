"""An agent on the official Python SDK, with no knowledge of this project: it calls tools, waits for tasks, and shows links.

The first line of standard input says what to connect to and what to declare:
    {"era": "legacy" | "2026-07-28", "stdio": ["command", ...] or "http": "http://...", "token": "...",
     "tasks": true | false, "links": "accept" | "decline" | "cancel" | null}
Each line after that is one step:
    {"op": "call", "tool": "...", "arguments": {...}}      calls a tool, to its end
    {"op": "task" | "cancel" | "update", "id": "..."}      asks about a task
and each line of standard output an event, {"event": "task" | "link" | "decided", ...}, or the end of a step,
{"done": ...} or {"error": {"code": ..., "message": ...}}.

The SDK knows no tasks of its own. `Tasks` is the extension as a user of the SDK would write it.
"""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from typing import Any, Literal

import httpx2
import mcp_types as types
from mcp import MCPError
from mcp.client import Client
from mcp.client.extension import ClientExtension, ResultClaim
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client


def say(**event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def dump(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


class TaskParams(types.RequestParams):
    task_id: str


class UpdateParams(TaskParams):
    input_responses: dict[str, Any]


class GetTask(types.Request[TaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"


class CancelTask(types.Request[TaskParams, Literal["tasks/cancel"]]):
    method: Literal["tasks/cancel"] = "tasks/cancel"
    name_param = "taskId"


class UpdateTask(types.Request[UpdateParams, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"
    name_param = "taskId"


class CreateTaskResult(types.Result):
    result_type: Literal["task"]
    task_id: str
    status: Literal["working", "input_required", "completed", "failed", "cancelled"]
    status_message: str | None = None
    created_at: str
    last_updated_at: str
    ttl_ms: int | None
    poll_interval_ms: int | None = None


class GetTaskResult(types.Result):
    result_type: Literal["complete"]
    task_id: str
    status: Literal["working", "input_required", "completed", "failed", "cancelled"]
    status_message: str | None = None
    created_at: str
    last_updated_at: str
    ttl_ms: int | None
    poll_interval_ms: int | None = None
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class Acknowledged(types.Result):
    result_type: Literal["complete"]


async def look(session, task_id):
    return await session.send_request(GetTask(params=TaskParams(task_id=task_id)), GetTaskResult)


class Tasks(ClientExtension):
    identifier = "io.modelcontextprotocol/tasks"

    def claims(self):
        return [ResultClaim(result_type="task", model=CreateTaskResult, resolve=self.resolve)]

    async def resolve(self, created, ctx):
        say(event="task", **dump(created))
        task = created
        while task.status not in ("completed", "failed", "cancelled"):
            await asyncio.sleep((task.poll_interval_ms or 1000) / 1000)
            task = await look(ctx.session, created.task_id)
        if task.status == "completed":
            return types.CallToolResult.model_validate(task.result)
        if task.status == "failed":
            raise MCPError(task.error["code"], task.error["message"])
        return types.CallToolResult(content=[types.TextContent(type="text", text="cancelled")], is_error=True)


async def step(client, step):
    session = client.session
    match step["op"]:
        case "call":
            return dump(await client.call_tool(step["tool"], step["arguments"]))
        case "task":
            return dump(await look(session, step["id"]))
        case "cancel":
            request = CancelTask(params=TaskParams(task_id=step["id"]))
            return dump(await session.send_request(request, Acknowledged))
        case "update":
            params = UpdateParams(task_id=step["id"], input_responses=step["responses"])
            return dump(await session.send_request(UpdateTask(params=params), Acknowledged))
        case other:
            raise SystemExit(f"unknown step {other!r}")


async def heard(message):
    if isinstance(message, types.ServerNotification) and message.method == "notifications/elicitation/complete":
        say(event="decided", id=message.params.elicitation_id)


async def main():
    lines = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    job = json.loads(await lines.readline())

    async def show_link(context, params):
        say(event="link", url=params.url, message=params.message, id=params.elicitation_id)
        return types.ElicitResult(action=job["links"])

    async with AsyncExitStack() as stack:
        if "stdio" in job:
            command, *arguments = job["stdio"]
            transport = stdio_client(StdioServerParameters(command=command, args=arguments, env=dict(os.environ)))
        else:
            headers = {"Authorization": f"Bearer {job['token']}"}
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=60))
            transport = streamable_http_client(job["http"], http_client=http)
        client = Client(
            transport,
            mode=job["era"],
            message_handler=heard,
            elicitation_callback=show_link if job["links"] else None,
            extensions=[Tasks()] if job["tasks"] else None,
        )
        client = await stack.enter_async_context(client)
        while line := await lines.readline():
            try:
                say(done=await step(client, json.loads(line)))
            except MCPError as error:
                say(error={"code": error.error.code, "message": error.error.message})


asyncio.run(main())
