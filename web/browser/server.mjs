// Servers of a test's own, on a Redis of their own: to be killed, started again, and told who may call.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { AGENTSTATE_BINARY, PATH, HOME } = process.env;

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function stop(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

async function answers(check) {
  for (let tries = 0; tries < 200; tries++) {
    if (await check().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the server did not start');
}

/** Gives the name of a file that is not there yet, in a folder that is gone with the test. */
export function fileFor(t) {
  const folder = mkdtempSync(join(tmpdir(), 'agentstate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'threads.ndjson');
}

/** Starts a Redis that is gone with the test. Gives its URL. */
export async function redis(t) {
  const folder = mkdtempSync(join(tmpdir(), 'agentstate-'));
  const port = await freePort();
  const child = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--maxmemory-policy', 'noeviction'], { stdio: 'ignore' });
  const failed = new Promise((_, reject) => child.once('error', reject));
  t.after(async () => {
    await stop(child, 'SIGKILL');
    rmSync(folder, { recursive: true });
  });
  await Promise.race([once(child, 'spawn'), failed]);
  return `redis://127.0.0.1:${port}`;
}

/** A server that can be killed and started again at its address. */
export class Server {
  constructor(port, environment) {
    this.base = `http://127.0.0.1:${port}`;
    this.environment = { PATH, HOME, LISTEN_ADDR: `127.0.0.1:${port}`, LOG_LEVEL: 'error', ...environment };
  }

  async start() {
    this.child = spawn(AGENTSTATE_BINARY, [], { env: this.environment, stdio: 'inherit' });
    await answers(async () => (await fetch(`${this.base}/readyz`)).ok);
  }

  kill() {
    return stop(this.child, 'SIGKILL');
  }
}

/** Starts a server of these variables, and stops it behind the test. */
export async function serve(t, environment) {
  assert.ok(AGENTSTATE_BINARY, 'Set AGENTSTATE_BINARY to the path of the built agentstate.');
  const server = new Server(await freePort(), environment);
  t.after(() => server.kill());
  await server.start();
  return server;
}
