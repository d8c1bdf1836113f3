"""Drives an MCP server with the official Python SDK, as a program with no knowledge of this project would.

Reads one JSON object from standard input:
    {"mode": "legacy" | "2026-07-28" | "auto",
     "stdio": ["command", "argument", ...]  or  "http": "http://...", "token": "...",
     "steps": [{"op": "list_tools"}, {"op": "call", "name": "...", "arguments": {...}}, ...]}
and writes one JSON array, one entry for each step: {"ok": <result>} or {"error": {"code": ..., "message": ...}}.
"""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack

import httpx2
from mcp import MCPError
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client


def dump(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def step(client, step):
    match step["op"]:
        case "list_tools":
            return dump(await client.list_tools())
        case "call":
            return dump(await client.call_tool(step["name"], step.get("arguments", {})))
        case "list_prompts":
            return dump(await client.list_prompts())
        case "get_prompt":
            return dump(await client.get_prompt(step["name"], step.get("arguments", {})))
        case "list_resource_templates":
            return dump(await client.list_resource_templates())
        case "read_resource":
            return dump(await client.read_resource(step["uri"]))
        case "protocol_version":
            return client.session.protocol_version
        case other:
            raise SystemExit(f"unknown step {other!r}")


async def main():
    job = json.load(sys.stdin)
    results = []
    async with AsyncExitStack() as stack:
        if "stdio" in job:
            command, *arguments = job["stdio"]
            transport = stdio_client(StdioServerParameters(command=command, args=arguments, env=dict(os.environ)))
        else:
            headers = {"Authorization": f"Bearer {job['token']}"}
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=30))
            transport = streamable_http_client(job["http"], http_client=http)
        client = await stack.enter_async_context(Client(transport, mode=job["mode"]))
        for each in job["steps"]:
            try:
                results.append({"ok": await step(client, each)})
            except MCPError as error:
                results.append({"error": {"code": error.error.code, "message": error.error.message}})
    json.dump(results, sys.stdout)


asyncio.run(main())
