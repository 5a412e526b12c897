// The process that writes: closed loops and probes over kept-alive HTTP/1.1, the same for every
// cluster. It reads just enough of an answer to know that the write is committed.
import { connect, type Socket } from 'node:net';
import { quantile } from '../lib/figure.ts';
import type { Target } from './cluster/cluster.ts';

/** Closed loops: so many connections, each writes again as soon as it was answered. */
export interface LoopTask {
  readonly task: 'loop';
  readonly targets: readonly Target[];
  readonly connections: number;
  readonly warmUpMs: number;
  /** Ends at whichever comes first. */
  readonly durationMs: number;
  readonly count?: number;
  /** How far each write must come before the next; ours alone. Default: committed. */
  readonly until?: 'accepted' | 'committed';
}

/** What {@link LoopTask} came to; failed writes count for nothing. */
export interface LoopResult {
  readonly count: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * A new write every `everyMs` to the targets in turn, each on its own, until one that was begun
 * after the signal is committed.
 */
export interface ProbeTask {
  readonly task: 'probe';
  readonly targets: readonly Target[];
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Sent to the process after `afterMs` of probing. */
  readonly kill?: { readonly pid: number; readonly signal: string; readonly afterMs: number };
}

/** Milliseconds since the epoch, with fractions: comparable among processes. */
export interface ProbeResult {
  readonly beginMs: number;
  readonly committedMs: number;
}

export type Task = LoopTask | ProbeTask;

const VALUE_BYTES = 256;
const HEAD_END = '\r\n\r\n';
/** Records of ours are spread over so many addresses, as etcd's are over keys. */
const ADDRESSES = 1000;
const RUN = `${process.pid}-${Date.now().toString(36)}`;

let writes = 0;

/** The next write, never the same twice. */
function nextRequest({ api }: Target, until: 'accepted' | 'committed'): string {
  writes += 1;
  const value = `${RUN}-${writes}-`.padEnd(VALUE_BYTES, 'v');
  const [path, body] = api === 'etcd' ? etcdPut(value) : ourSubmission(value, until);
  return (
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

function etcdPut(value: string): [string, string] {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const key = base64(`${RUN}-${writes}`);
  return ['/v3/kv/put', `{"key":"${key}","value":"${base64(value)}"}`];
}

function ourSubmission(value: string, until: 'accepted' | 'committed'): [string, string] {
  const address = `ucxl://bench:writer@bench:slurp/#/${writes % ADDRESSES}`;
  const record = { kind: 'dr', address, title: 'bench', decision: value };
  const query = until === 'committed' ? '?wait=committed' : '';
  return [`/v1/submissions${query}`, JSON.stringify(record)];
}

/** One kept-alive connection, one request at a time. */
class Connection {
  readonly #target: Target;
  readonly #until: 'accepted' | 'committed';
  #socket: Socket | undefined;
  #answer: { resolve: (isCommitted: boolean) => void } | undefined;
  #text = '';

  constructor(target: Target, until: 'accepted' | 'committed' = 'committed') {
    this.#target = target;
    this.#until = until;
  }

  /** Whether the write came as far as it must; false for every failure. */
  async write(): Promise<boolean> {
    const socket = this.#socket ?? this.#open();
    return await new Promise<boolean>((resolve) => {
      this.#answer = { resolve };
      socket.write(nextRequest(this.#target, this.#until));
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#end(false);
  }

  #open(): Socket {
    const { socketPath, port } = this.#target;
    const socket =
      socketPath === undefined
        ? connect({ port: port ?? 0, host: '127.0.0.1', noDelay: true })
        : connect(socketPath);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#onText(text));
    socket.on('error', () => this.#lost(socket));
    socket.on('close', () => this.#lost(socket));
    this.#socket = socket;
    return socket;
  }

  #lost(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#text = '';
    this.#end(false);
  }

  #onText(text: string): void {
    this.#text += text;
    const end = this.#text.indexOf(HEAD_END);
    if (end < 0) return;
    const head = this.#text.slice(0, end);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    if (length === undefined) throw new Error(`an answer without a length: ${head}`);
    if (this.#text.length < end + HEAD_END.length + Number(length)) return;
    const isCommitted = head.startsWith('HTTP/1.1 20') && this.#isFarEnough(this.#text);
    lastFailure = isCommitted ? lastFailure : this.#text;
    this.#text = '';
    this.#end(isCommitted);
  }

  #isFarEnough(answer: string): boolean {
    if (this.#target.api === 'etcd') return answer.includes('"revision"');
    return this.#until === 'accepted' || answer.includes('"state":"committed"');
  }

  #end(isCommitted: boolean): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.resolve(isCommitted);
  }
}

let lastFailure = '';

async function pause(delayMs: number): Promise<void> {
  await new Promise((wake) => setTimeout(wake, delayMs));
}

async function loop(task: LoopTask): Promise<LoopResult> {
  const connections = Array.from({ length: task.connections }, (_, at) => {
    const target = task.targets[at % task.targets.length];
    if (target === undefined) throw new Error('no target');
    return new Connection(target, task.until);
  });
  const times: number[] = [];
  let failed = 0;
  const beginMs = performance.now() + task.warmUpMs;
  const endMs = beginMs + task.durationMs;
  const run = async (connection: Connection): Promise<void> => {
    let atMs = performance.now();
    while (atMs < endMs && times.length < (task.count ?? Number.POSITIVE_INFINITY)) {
      const isCommitted = await connection.write();
      const nowMs = performance.now();
      if (!isCommitted) {
        failed += 1;
        await pause(10);
      } else if (atMs >= beginMs) times.push(nowMs - atMs);
      atMs = performance.now();
    }
  };
  await Promise.all(connections.map(run));
  const tookMs = performance.now() - beginMs;
  for (const connection of connections) connection.close();
  if (times.length === 0) throw new Error(`nothing was committed; the last answer: ${lastFailure}`);
  return {
    count: times.length,
    failed,
    perSecond: (times.length / tookMs) * 1000,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
  };
}

const epochMs = (): number => performance.timeOrigin + performance.now();

async function probe(task: ProbeTask): Promise<ProbeResult> {
  const free = task.targets.map((): Connection[] => []);
  const all: Connection[] = [];
  const startMs = performance.now();
  const committed = Promise.withResolvers<number>();
  let beginMs: number | undefined = task.kill === undefined ? epochMs() : undefined;
  let isOver = false;
  const one = async (at: number): Promise<void> => {
    const target = task.targets[at];
    if (target === undefined) return;
    const connection = free[at]?.pop() ?? new Connection(target);
    if (!all.includes(connection)) all.push(connection);
    const isAfter = beginMs !== undefined;
    if ((await connection.write()) && isAfter) committed.resolve(epochMs());
    free[at]?.push(connection);
  };
  const run = async (): Promise<void> => {
    for (let n = 0; !isOver; n += 1) {
      const { kill } = task;
      if (beginMs === undefined && performance.now() - startMs >= (kill?.afterMs ?? 0)) {
        beginMs = epochMs();
        if (kill !== undefined) process.kill(kill.pid, kill.signal);
      }
      void one(n % task.targets.length);
      await pause(task.everyMs);
      if (performance.now() - startMs > task.timeoutMs) {
        committed.reject(new Error(`no commit in time; the last answer: ${lastFailure}`));
        return;
      }
    }
  };
  const running = run();
  try {
    const committedMs = await committed.promise;
    return { beginMs: beginMs ?? committedMs, committedMs };
  } finally {
    isOver = true;
    for (const connection of all) connection.close();
    await running;
  }
}

process.on('message', (task: Task) => {
  const run = task.task === 'loop' ? loop(task) : probe(task);
  run.then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
