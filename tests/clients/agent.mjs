// An agent on the official TypeScript SDK and its Tasks package, with no knowledge of this project. It speaks the same
// lines as `agent.py`, where they are described. `node agent.mjs FOLDER`, where FOLDER has the packages in `node_modules`.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// This file lies elsewhere than the packages, so they are found by their folder.
const load = (path) =>
    import(pathToFileURL(`${process.argv[2]}/node_modules/@modelcontextprotocol/${path}`));
const { Client, StreamableHTTPClientTransport, ProtocolError } = await load("client/dist/index.mjs");
const { StdioClientTransport } = await load("client/dist/stdio.mjs");
const loadTasks = () => load("ext-tasks/dist/client/index.js");

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const job = JSON.parse((await lines.next()).value);

const clientInfo = { name: "typescript-agent", version: "1.0.0" };
const capabilities = {};
if (job.links) capabilities.elicitation = { url: {} };
const modern = job.era !== "legacy";

const transport = job.stdio
    ? new StdioClientTransport({ command: job.stdio[0], args: job.stdio.slice(1), env: process.env })
    : new StreamableHTTPClientTransport(new URL(job.http), {
          requestInit: { headers: { Authorization: `Bearer ${job.token}` } },
      });

const client = new Client(clientInfo, {
    capabilities,
    versionNegotiation: { mode: modern ? { pin: job.era } : "legacy" },
});
if (job.links) {
    client.setRequestHandler("elicitation/create", async (request) => {
        const { url, message, elicitationId } = request.params;
        say({ event: "link", url, message, id: elicitationId });
        return { action: job.links };
    });
}
client.setNotificationHandler("notifications/elicitation/complete", async (notification) => {
    say({ event: "decided", id: notification.params.elicitationId });
});
await client.connect(transport);

// The Tasks package asks its host to send what the SDK has no words for. These requests go over the client's own
// connection, under ids of their own, and their answers are taken out before the client sees them.
function coordinator() {
    const waiting = new Map();
    let last = 0;
    const toClient = transport.onmessage;
    transport.onmessage = (message, extra) => {
        const settle = waiting.get(message.id);
        if (settle === undefined || message.method !== undefined) return toClient(message, extra);
        waiting.delete(message.id);
        settle(
            message.error === undefined
                ? { kind: "result", result: message.result }
                : { kind: "error", error: message.error },
        );
    };
    return (request) =>
        new Promise((resolve, reject) => {
            const id = `task-${++last}`;
            waiting.set(id, resolve);
            const name = request.params.taskId ?? request.params.name;
            const headers = { "mcp-method": request.method, "mcp-name": name };
            transport.send({ jsonrpc: "2.0", id, ...request }, { headers }).catch(reject);
        });
}

let tasks, raw;
if (job.tasks) {
    raw = coordinator();
    const { createTaskSessionFromClient } = await loadTasks();
    tasks = createTaskSessionFromClient(client, {
        endpointId: "support-desk",
        rawDispatch: raw,
        v2RequestFraming: { protocolVersion: job.era, clientInfo, clientCapabilities: capabilities },
    });
}

const framed = (params) => ({
    ...params,
    _meta: {
        "io.modelcontextprotocol/protocolVersion": job.era,
        "io.modelcontextprotocol/clientInfo": clientInfo,
        "io.modelcontextprotocol/clientCapabilities": {
            ...capabilities,
            extensions: { "io.modelcontextprotocol/tasks": {} },
        },
    },
});

async function ask(method, params) {
    const answer = await raw({ method, params: framed(params) });
    if (answer.kind === "error") throw new ProtocolError(answer.error.code, answer.error.message);
    return answer.result;
}

async function call(tool, args) {
    if (!tasks) return client.callTool({ name: tool, arguments: args });
    const { resultFromTaskOutcome } = await loadTasks();
    const execution = await tasks.callTool(tool, args);
    if (execution.kind === "task") say({ event: "task", taskId: execution.handle.taskId });
    const { outcome } = await execution.settle();
    return resultFromTaskOutcome(outcome);
}

async function step(given) {
    switch (given.op) {
        case "call":
            return call(given.tool, given.arguments);
        case "task":
            return ask("tasks/get", { taskId: given.id });
        case "cancel":
            return ask("tasks/cancel", { taskId: given.id });
        case "update":
            return ask("tasks/update", { taskId: given.id, inputResponses: given.responses });
        default:
            throw new Error(`unknown step ${given.op}`);
    }
}

for await (const line of { [Symbol.asyncIterator]: () => lines }) {
    try {
        say({ done: await step(JSON.parse(line)) });
    } catch (error) {
        if (!(error instanceof ProtocolError) && typeof error.code !== "number") throw error;
        say({ error: { code: error.code, message: error.message } });
    }
}
await client.close();
process.exit(0);
