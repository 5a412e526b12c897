import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import { CooeeError, isCooeeError, LIMITS } from '../../protocols/interface/index.ts';
import { fromAnswer, fromTransport, isCut, isUnsent } from '../client/failure.ts';
import type { CallArgs, CallName, CallResult, WatchInit, WatchItem } from '../client/index.ts';

/**
 * The routes that commands call. They are defined in daemon/api/routes; loading those costs a
 * quarter of a second (schemas, OpenAPI), five times what node itself needs, so this table repeats
 * method and path and a test keeps the two equal.
 */
export const COMMAND_ROUTES = {
  answerCall: 'POST /v1/calls/{id}/answer',
  announceAgent: 'PUT /v1/agents/{token}/status',
  claimCall: 'POST /v1/calls/{id}/claim',
  createInvite: 'POST /v1/invites',
  createSession: 'POST /v1/agents/{token}/session',
  decideSubmission: 'POST /v1/submissions/{id}/decision',
  enrolAgents: 'POST /v1/agents',
  getAgent: 'GET /v1/agents/{ref}',
  getCall: 'GET /v1/calls/{id}',
  getDoctor: 'GET /v1/doctor',
  getHistory: 'GET /v1/history',
  getHost: 'GET /v1/host',
  getLeader: 'GET /v1/leader',
  getPatch: 'GET /v1/submissions/{id}/patch',
  getStatus: 'GET /v1/status',
  getProof: 'GET /v1/proof/{index}',
  getRecord: 'GET /v1/records',
  getSubmission: 'GET /v1/submissions/{id}',
  getWhy: 'GET /v1/why',
  joinMesh: 'POST /v1/join',
  leaveMesh: 'POST /v1/leave',
  listAgents: 'GET /v1/agents',
  listCalls: 'GET /v1/calls',
  listInvites: 'GET /v1/invites',
  listMembers: 'GET /v1/members',
  listSessions: 'GET /v1/sessions',
  listSubmissions: 'GET /v1/submissions',
  openCall: 'POST /v1/calls',
  readLog: 'GET /v1/log',
  recoverMesh: 'POST /v1/recover',
  rebindAgent: 'POST /v1/agents/{token}/rebind',
  releaseCall: 'POST /v1/calls/{id}/release',
  removeMember: 'DELETE /v1/members/{peer}',
  revokeInvite: 'DELETE /v1/invites/{id}',
  revokeSession: 'DELETE /v1/sessions/{id}',
  retireAgent: 'DELETE /v1/agents/{token}',
  setMesh: 'PUT /v1/mesh/settings',
  setMemberRole: 'PUT /v1/members/{peer}/role',
  stageBackup: 'POST /v1/backup',
  stopDaemon: 'POST /v1/stop',
  submit: 'POST /v1/submissions',
  transferLeader: 'POST /v1/leader/transfer',
  verifyLog: 'POST /v1/log/verify',
  withdrawCall: 'POST /v1/calls/{id}/withdraw',
} as const satisfies Partial<Record<CallName, string>>;

/** The calls that commands make. */
export type CommandCall = keyof typeof COMMAND_ROUTES;

/** What commands need of a client; `CooeeClient` fits as well. */
export interface CliClient {
  /**
   * Calls a route by its operation id.
   *
   * @throws CooeeError ERR_API_DAEMON_NOT_RUNNING when nothing answers; the daemon's own error when
   * it refuses
   */
  call<N extends CommandCall>(name: N, ...args: CallArgs<N>): Promise<CallResult<N>>;
  /** Watches events until the signal aborts or the loop is left. */
  watch(init: WatchInit): AsyncIterable<WatchItem>;
}

interface LooseInput {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** Longer than any wait the daemon allows, so that the daemon's own answer comes first. */
const ANSWER_TIMEOUT_MS = LIMITS.waitMsMax + 15_000;
/** What waits for nothing is answered sooner, also by a busy host: the doctor takes 10 s. */
const LOOK_TIMEOUT_MS = 20_000;
/** A large home on a slow disk is copied for minutes; after an hour the daemon forgets a copy. */
const COPY_TIMEOUT_MS = 60 * 60 * 1_000;
const PROBE_MS = 1_000;
const DOUBT = '; what was asked for may be done all the same';
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** A client for one command: one connection a call, nothing to close. */
export class SocketClient implements CliClient {
  readonly #socketPath: string;
  readonly #ticket: string | undefined;
  readonly #lookTimeoutMs: number;
  readonly #answerTimeoutMs: number;

  /** @param ticket - of the agent that acts */
  constructor(
    socketPath: string,
    ticket?: string,
    { lookTimeoutMs = LOOK_TIMEOUT_MS, answerTimeoutMs = ANSWER_TIMEOUT_MS } = {},
  ) {
    this.#socketPath = socketPath;
    this.#ticket = ticket;
    this.#lookTimeoutMs = lookTimeoutMs;
    this.#answerTimeoutMs = answerTimeoutMs;
  }

  async call<N extends CommandCall>(name: N, ...args: CallArgs<N>): Promise<CallResult<N>> {
    const { status, text } = await this.#send(name, (args[0] ?? {}) as LooseInput);
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (cause) {
      throw new CooeeError('ERR_API_INTERNAL', 'The answer on the socket is not JSON.', { cause });
    }
    if (status >= 400) throw fromAnswer(status, body);
    return body as CallResult<N>;
  }

  async *watch(init: WatchInit): AsyncGenerator<WatchItem, void, undefined> {
    const { watchEvents } = await import('../client/watch.ts');
    yield* watchEvents(this.#socketPath, init);
  }

  async #send(
    name: CommandCall,
    input: LooseInput,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const [method = '', template = ''] = COMMAND_ROUTES[name].split(' ');
    const body = input.body === undefined ? undefined : JSON.stringify(input.body);
    const headers = {
      host: 'localhost',
      ...(this.#ticket === undefined ? {} : { authorization: `Bearer ${this.#ticket}` }),
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      ...(method === 'POST' ? { 'idempotency-key': randomUUID() } : {}),
    };
    const path = fillPath(template, input);
    const timeout = this.#timeoutOf(name, method);
    try {
      return await exchange({ socketPath: this.#socketPath, method, path, headers, timeout }, body);
    } catch (error) {
      const doubt = isDoubtful(error, name, method) ? DOUBT : '';
      if (isCut(error)) throw await cutOff(error, this.#socketPath, doubt);
      throw withSocket(fromTransport(error, this.#socketPath), this.#socketPath, doubt);
    }
  }

  #timeoutOf(name: CommandCall, method: string): number {
    if (name === 'stageBackup') return COPY_TIMEOUT_MS;
    const isLook = method === 'GET' || name === 'stopDaemon';
    return isLook ? this.#lookTimeoutMs : this.#answerTimeoutMs;
  }
}

function fillPath(template: string, input: LooseInput): string {
  const path = template.replace(/\{(\w+)\}/gu, (_, key: string) =>
    encodeURIComponent(String(input.params?.[key] ?? '')),
  );
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(input.query ?? {})) {
    if (value !== undefined) search.set(key, String(value));
  }
  return search.size === 0 ? path : `${path}?${search}`;
}

/** The person has to know which socket was tried: most often it is the wrong home. */
function withSocket(error: Error, socketPath: string, doubt: string): Error {
  const details = { socketPath };
  if (isCooeeError(error, 'ERR_API_DAEMON_NOT_RUNNING')) {
    const message = `no daemon answers on ${socketPath}`;
    return new CooeeError(error.code, message, { cause: error, details });
  }
  if (!isCooeeError(error, 'ERR_API_TIMEOUT')) return error;
  const message = `the daemon on ${socketPath} did not answer in time; it is busy or hangs${doubt}`;
  return new CooeeError(error.code, message, { cause: error, details });
}

/** Whether it may be done, although nobody answered: who types that again must know. */
function isDoubtful(error: unknown, name: CommandCall, method: string): boolean {
  const isWrite = method !== 'GET' && name !== 'verifyLog';
  return isWrite && !isUnsent(error);
}

/** The connection was cut: the daemon has ended, or it closes those that are too many. */
async function cutOff(cause: unknown, socketPath: string, doubt: string): Promise<CooeeError> {
  const init = { cause, details: { socketPath } };
  if (await isListening(socketPath)) {
    const what = 'runs, and closed the connection before it answered';
    return new CooeeError('ERR_API_BUSY', `the daemon on ${socketPath} ${what}${doubt}`, init);
  }
  const message = `the daemon on ${socketPath} went away before it answered${doubt}`;
  return new CooeeError('ERR_API_DAEMON_NOT_RUNNING', message, init);
}

/** Whether a process listens on the socket, whatever it does with a connection then. */
async function isListening(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = connect(socketPath);
  probe.once('connect', () => resolve(true));
  // So full is the queue of one that listens.
  probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'EAGAIN'));
  probe.setTimeout(PROBE_MS, () => resolve(false));
  try {
    return await promise;
  } finally {
    probe.destroy();
  }
}

function exchange(
  options: {
    readonly socketPath: string;
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string | number>>;
    /** Silence after which it is given up, ms. */
    readonly timeout: number;
  },
  body: string | undefined,
): Promise<{ readonly status: number; readonly text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const outgoing = request({ ...options, agent: false }, (incoming) => {
    const chunks: Buffer[] = [];
    let length = 0;
    incoming.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > ANSWER_BYTES_MAX) outgoing.destroy(new Error('the answer is too long'));
      chunks.push(chunk);
    });
    incoming.on('error', reject);
    incoming.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      resolve({ status: incoming.statusCode ?? 0, text });
    });
  });
  outgoing.on('error', reject);
  outgoing.on('timeout', () => {
    outgoing.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
  });
  outgoing.end(body);
  return promise;
}
