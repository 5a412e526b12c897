import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { EventLog, type EventLogInit } from '../../../../daemon/api/event-log.ts';
import type {
  AgentView,
  EnrolView,
  StatusView,
  WriteView,
} from '../../../../daemon/api/routes/index.ts';
import { type ApiServerInit, createApiServer } from '../../../../daemon/api/server.ts';
import type { ApiServices } from '../../../../daemon/api/services.ts';
import { CooeeClient } from '../../../../daemon/client/index.ts';
import { systemClock } from '../../../../daemon/system/clock.ts';
import {
  type Clock,
  CooeeError,
  type Logger,
  type Metrics,
  silentLogger,
} from '../../../../protocols/interface/index.ts';
import { fakeCalls } from './fake-calls.ts';
import { fakeLog } from './fake-log.ts';
import { fakeMesh } from './fake-mesh.ts';
import { fakeRecords } from './fake-records.ts';
import { fakeSessions } from './fake-sessions.ts';
import { fakeSubmissions } from './fake-submissions.ts';

export { submission } from './fake-submissions.ts';

export const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
export const TIME = '2026-01-02T03:04:05.678Z';

export const agent = (token = '458RV'): AgentView => ({
  token,
  number: 42,
  gpuSlot: 3,
  hash: '9a'.repeat(32),
  tinyHash: '4TF5ED5V08',
  address: `ucxl://agentid:${token}`,
  model: 'llama3-70b',
  hostname: 'alpha-node',
  mac: 'aabbccddee01',
  gpuId: '3',
  peer: PEER,
  capabilities: ['code-review'],
  status: 'idle',
  load: 120,
  maxTasks: 4,
  tasks: null,
  lastSeen: TIME,
});

const STATUS: StatusView = {
  node: {
    peer: PEER,
    name: 'alpha-node',
    version: '0.1.0',
    home: '/h',
    socket: '/h/cooee.sock',
    agentSocket: '/h/agent.sock',
    addresses: ['/ip4/127.0.0.1/tcp/26633'],
  },
  mesh: { id: 'bafy', name: 'alpha', level: 1, votersTarget: 'auto' },
  role: 'voter',
  memberRole: 'admin',
  slurp: {
    leader: PEER,
    isLeader: true,
    term: 1,
    epoch: 0,
    commitIndex: 7,
    appliedIndex: 7,
    voters: [PEER],
    learners: [],
    followers: [],
  },
  peers: { connected: 0, members: 1 },
  agents: { here: 1, mesh: 1 },
  outbox: { waiting: 0 },
  health: { ok: true, conditions: [] },
};

const write = (id: string, committed: boolean): WriteView =>
  committed ? { id, state: 'committed', index: 8 } : { id, state: 'accepted' };

/** What was called, in order: `name(arguments as JSON)`. */
export type Calls = string[];

/** What only reads, and needs no memory of it. */
const READS = {
  appliedIndex: () => 7,
  self: () => PEER,
  status: () => STATUS,
  members: () => [
    { peer: PEER, name: 'a', role: 'admin', state: 'alive', addresses: [], lastSeen: TIME },
  ],
  host: async () => ({
    hostname: 'alpha-node',
    mac: 'aabbccddee01',
    models: [{ model: 'llama3-70b', source: 'ollama', sizeBytes: 1, enrolled: true }],
    gpus: [{ gpuId: '0', name: 'G', vendor: null, uuid: null, memoryBytes: null }],
  }),
  leader: () => ({ peer: PEER, term: 1, recipient: 'age1xyz' }),
  doctor: async () => ({
    ok: true,
    checks: [{ name: 'disk', state: 'ok', cause: 'Room enough.', remedy: '' }],
  }),
  metricsText: () => 'cooee_x_total 1\n',
} satisfies Partial<ApiServices>;

type Note = (name: string, ...args: readonly unknown[]) => void;

/** Services that remember their calls and answer something plausible. */
export function fakeServices(calls: Calls, events: EventLog): ApiServices {
  const note: Note = (name, ...args) => {
    calls.push(`${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`);
  };
  return {
    ...READS,
    events,
    waitForIndex: async (index, timeoutMs) => {
      note('waitForIndex', index, timeoutMs);
      throw new CooeeError('ERR_API_TIMEOUT');
    },
    ...fakeMesh(note),
    why: async (thing, caller) => {
      note('why', thing, caller);
      return {
        ...{ thing, kind: 'peer', id: PEER, verdict: 'here', text: 'It answers.', next: [] },
        because: [{ fact: 'connected', source: 'connections' }],
      };
    },
    queryAgents: (query) => {
      note('queryAgents', query);
      return { json: JSON.stringify({ agents: [agent()], cursor: null }) };
    },
    resolveAgent: (ref) => {
      note('resolveAgent', ref);
      if (ref === 'none') throw new CooeeError('ERR_API_NOT_FOUND');
      if (ref === 'broken') throw new TypeError('secret of the implementation');
      return ref.startsWith('#') || ref.startsWith('number:') ? { agents: [agent()] } : agent();
    },
    enrol: async (agents, wait) => {
      note('enrol', agents, wait);
      const view: EnrolView = {
        ...write('e1', wait.committed),
        agents: agents.map((item) => ({ model: item.model, gpuId: String(item.gpuId ?? 0) })),
      };
      return wait.committed ? { ...view, token: '458RV' } : view;
    },
    retire: async (token, wait) => {
      note('retire', token, wait);
      return write('c3', wait.committed);
    },
    announce: async (token, change, caller) => {
      note('announce', token, change, caller);
      return { ...agent(token), capabilities: change.capabilities ?? ['code-review'] };
    },
    rebind: async (token, peer, wait) => {
      note('rebind', token, peer, wait);
      return write('c4', wait.committed);
    },
    ...fakeSubmissions(note),
    ...fakeCalls(note),
    ...fakeRecords(note),
    ...fakeSessions(note),
    ...fakeLog(note),
    stop: () => note('stop'),
  };
}

/** Metrics that can be read. */
export function countingMetrics(): Metrics {
  const values = new Map<string, number>();
  const keyOf = (name: string, labels = {}): string => `${name}${JSON.stringify(labels)}`;
  return {
    count: (name, labels, by = 1) => {
      values.set(keyOf(name, labels), (values.get(keyOf(name, labels)) ?? 0) + by);
    },
    gauge: (name, value, labels) => void values.set(keyOf(name, labels), value),
    read: (name, labels) => values.get(keyOf(name, labels)) ?? 0,
  };
}

/** A clock that stands until it is moved. */
export function standingClock(): Clock & { advance(ms: number): void } {
  let now = Date.parse(TIME);
  let timers: { at: number; task: () => void }[] = [];
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    schedule(delayMs, task) {
      const timer = { at: now + delayMs, task };
      timers.push(timer);
      return {
        cancel: () => {
          timers = timers.filter((other) => other !== timer);
        },
      };
    },
    advance(ms) {
      now += ms;
      const due = timers.filter((timer) => timer.at <= now);
      timers = timers.filter((timer) => timer.at > now);
      for (const timer of due) timer.task();
    },
  };
}

/** An event log whose address patterns are a plain prefix match. */
export function newEventLog(init: Partial<EventLogInit> = {}, clock: Clock = systemClock) {
  const matchAddress = (pattern: string) => (address: string) =>
    address.startsWith(pattern.replace(/\*$/, ''));
  return new EventLog({ clock, matchAddress }, { boot: 3, startIndex: 7, ...init });
}

export interface Bench {
  readonly socketPath: string;
  readonly calls: Calls;
  readonly events: EventLog;
  readonly client: CooeeClient;
  readonly metrics: Metrics;
  stop(): Promise<void>;
  restart(events?: EventLog): Promise<void>;
}

interface BenchInit extends Partial<ApiServerInit> {
  readonly services?: Partial<ApiServices>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly events?: EventLog;
}

/** A folder that is gone after the test. */
export async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cooee-api-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * A real server on a real socket with fake services, and a real client; all gone after the test.
 */
export async function startBench(init: BenchInit = {}): Promise<Bench> {
  const { services, clock = systemClock, logger = silentLogger, ...rest } = init;
  const socketPath = init.socketPath ?? join(await tempFolder(), 's.sock');
  const calls: Calls = [];
  const metrics = countingMetrics();
  const make = (log: EventLog) =>
    createApiServer(
      { services: { ...fakeServices(calls, log), ...services }, logger, metrics, clock },
      { rights: 'operator', mode: 0o600, ...rest, socketPath },
    );
  const events = init.events ?? newEventLog({}, clock);
  let server = make(events);
  await server.start();
  const client = new CooeeClient({ socketPath, answerTimeoutMs: 5_000, connectionsMax: 400 });
  onTestFinished(async () => {
    await server.stop();
    await client.close();
  });
  return {
    socketPath,
    calls,
    events,
    client,
    metrics,
    stop: () => server.stop(),
    async restart(log = newEventLog()) {
      server = make(log);
      await server.start();
    },
  };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Sends bytes as they are and gives everything that came back until the server closed. */
export function sendRaw(socketPath: string, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    // A server that refuses may close while we still send: what it said counts.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.setTimeout(30_000, () => socket.destroy());
    socket.end(bytes);
  });
}

export function parseRaw(text: string): RawAnswer {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  const [first = '', ...lines] = head.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(first.split(' ')[1]), headers, body };
}

/** One request written by hand; `headers` replace the usual ones. */
export async function request(
  socketPath: string,
  line: string,
  headers: Record<string, string> = {},
  body = '',
): Promise<RawAnswer> {
  const all: Record<string, string> = { Host: 'localhost', Connection: 'close', ...headers };
  if (body !== '') {
    all['Content-Length'] ??= String(Buffer.byteLength(body));
    all['Content-Type'] ??= 'application/json';
  }
  const head = Object.entries(all)
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key}: ${value}\r\n`);
  return parseRaw(await sendRaw(socketPath, `${line} HTTP/1.1\r\n${head.join('')}\r\n${body}`));
}

/** The code of an error answer. */
export function codeOf(answer: RawAnswer): string {
  return (JSON.parse(answer.body) as { error: { code: string } }).error.code;
}

/** Retries until `check` gives true; fails after 30 s. */
export async function until(what: string, check: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  let isSo = check();
  while (!isSo && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    isSo = check();
  }
  expect(isSo, `within 30 s: ${what}`).toBe(true);
}
