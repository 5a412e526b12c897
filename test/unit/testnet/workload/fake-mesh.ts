import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CooeeError, type ErrorDetails } from '../../../../protocols/interface/index.ts';
import { SimRandom } from '../../../sim/world/random.ts';
import type { Connect, WorkloadClient, WorkloadNode } from '../../../testnet/workload/index.ts';
import { type Answered, ReferenceCall } from '../reference-call.ts';

/** What is wrong with a mesh. */
export type Fault =
  | 'agents-doubled'
  | 'answer-twice'
  | 'claims-lost'
  | 'commits-lost'
  | 'index-by-node'
  | 'log-out-of-order'
  | 'plain-reads-back'
  | 'stale-reads'
  | 'submissions-doubled'
  | 'two-winners';

interface Row {
  readonly id: string;
  readonly key: string;
  readonly index: number;
}

interface CallRow {
  readonly id: string;
  readonly question: string;
  readonly index: number;
  readonly call: ReferenceCall;
  /** The call as it was before the last change. */
  before: Readonly<Record<string, unknown>>;
}

interface Asked {
  readonly params?: { readonly id: string };
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: Readonly<Record<string, unknown>>;
}

const MS_MAX = 6;

/**
 * A mesh in memory: one state, and nodes that answer some time before and after they look at it.
 */
export class FakeMesh {
  readonly nodes: WorkloadNode[];
  /** What is wrong with it, some of the time. */
  fault: Fault | undefined;
  /** How often it was wrong. */
  struck = 0;
  /** The chance that a write has no answer. */
  lost = 0.05;
  readonly #folder = mkdtempSync(join(tmpdir(), 'cooee-fake-'));
  readonly #random = new SimRandom(11);
  readonly #servers = new Map<string, Server>();
  readonly #sockets = new Set<Socket>();
  readonly #calls = new Map<string, CallRow>();
  readonly #submissions: Row[] = [];
  readonly #agents: Row[] = [];
  #index = 0;

  constructor(...names: readonly string[]) {
    this.nodes = names.map((name) => ({ name, socketPath: join(this.#folder, name) }));
  }

  /** Opens the sockets: nothing is said on them. */
  async open(): Promise<void> {
    await Promise.all(this.nodes.map(({ name }) => this.up(name)));
  }

  /** A node more; it is up. */
  async join(name: string): Promise<WorkloadNode> {
    const node = { name, socketPath: join(this.#folder, name) };
    this.nodes.push(node);
    await this.up(name);
    return node;
  }

  async up(name: string): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
    this.#servers.set(name, server);
    await new Promise<void>((done) => server.listen(join(this.#folder, name), done));
  }

  /** Ends what listens there, with all connections, as the end of a process does. */
  async down(name: string): Promise<void> {
    const server = this.#servers.get(name);
    this.#servers.delete(name);
    const closed = new Promise((done) => server?.close(done) ?? done(undefined));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers.keys()].map((name) => this.down(name)));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  readonly connect: Connect = ({ name }) => {
    const call = (route: string, asked: Asked = {}): Promise<unknown> =>
      this.#exchange(name, route, asked);
    return { call, close: async () => undefined } as unknown as WorkloadClient;
  };

  async #exchange(node: string, route: string, asked: Asked): Promise<unknown> {
    if (!this.#servers.has(node)) throw new CooeeError('ERR_API_DAEMON_NOT_RUNNING');
    await sleep(this.#random.between(0, MS_MAX));
    const answer = this.#answer(node, route, asked);
    await sleep(this.#random.between(0, MS_MAX));
    const isWrite = /^(open|claim|release|answer|withdraw)Call|^submit|^enrol/.test(route);
    if (!this.#servers.has(node) || (isWrite && this.#random.chance(this.lost))) {
      throw new CooeeError('ERR_API_TIMEOUT');
    }
    if (answer instanceof CooeeError) throw answer;
    return answer;
  }

  #answer(node: string, route: string, asked: Asked): unknown {
    const { query = {} } = asked;
    switch (route) {
      case 'getStatus':
        return { slurp: { appliedIndex: this.#index } };
      case 'openCall':
        return this.#open(String(asked.body?.['question']));
      case 'getCall':
        return this.#readCall(asked, query['consistency'] === undefined);
      case 'submit':
        return this.#submit(String(asked.body?.['address']), query['wait'] !== undefined);
      case 'enrolAgents':
        return this.#enrol(String(asked.body?.['model']));
      case 'getSubmission':
      case 'getRecord': {
        const { address } = query;
        const row = this.#submissions.find(
          (it) => it.id === asked.params?.id || it.key === address,
        );
        if (row === undefined || this.#errs('stale-reads'))
          return new CooeeError('ERR_API_NOT_FOUND');
        return { state: 'committed', index: row.index };
      }
      default:
        return route.startsWith('list') ? this.#list(node, route) : this.#change(route, asked);
    }
  }

  #open(question: string): unknown {
    const id = `call-${this.#calls.size}`;
    const call = new ReferenceCall();
    this.#calls.set(id, { id, question, index: this.#next(), call, before: call.seen });
    return { id, state: 'committed', index: this.#index };
  }

  #readCall({ params }: Asked, isPlain: boolean): unknown {
    const row = this.#calls.get(params?.id ?? '');
    if (row === undefined) return new CooeeError('ERR_HELP_UNKNOWN');
    const isOld = this.#errs(isPlain ? 'plain-reads-back' : 'stale-reads');
    const { state, fence, by, text } = (
      isOld ? row.before : row.call.seen
    ) as ReferenceCall['seen'];
    const human = { human: by };
    const who = state === 'claimed' ? { claimedBy: human } : { answeredBy: human };
    return {
      state,
      fence,
      ...(by === null ? {} : who),
      ...(text === null ? {} : { answer: text }),
    };
  }

  #change(route: string, { params, body = {} }: Asked): unknown {
    const row = this.#calls.get(params?.id ?? '');
    if (row === undefined) return new CooeeError('ERR_HELP_UNKNOWN');
    const { call } = row;
    const before = call.seen;
    const [by, fence] = [String(body['by']), Number(body['fence'])];
    const { ok, output } = this.#changed(route, call, { by, fence, text: String(body['text']) });
    if (!ok) {
      const { code, ...details } = output;
      return new CooeeError(code as 'ERR_HELP_CLAIMED', undefined, {
        details: details as ErrorDetails,
      });
    }
    row.before = before;
    const index = this.#errs('log-out-of-order') ? this.#index - 3 : this.#next();
    return { id: row.id, state: 'committed', index, ...output };
  }

  #changed(
    route: string,
    call: ReferenceCall,
    { by, fence, text }: { readonly by: string; readonly fence: number; readonly text: string },
  ): Answered {
    if (route === 'claimCall') {
      if (call.state === 'claimed' && this.#errs('two-winners')) {
        return { ok: true, output: { fence: call.fence } };
      }
      const claimed = call.claim(by);
      if (claimed.ok && this.#errs('claims-lost')) {
        call.state = 'open';
        call.fence -= 1;
        call.by = null;
      }
      return claimed;
    }
    if (route === 'releaseCall') return call.release(by, fence);
    if (route === 'withdrawCall') return call.withdraw();
    // Few answer again: were it not wrong most of the time, it would take long to be so.
    if (call.state === 'answered' && this.#errs('answer-twice', 0.9)) {
      return { ok: true, output: {} };
    }
    return call.answer(by, fence, text);
  }

  #submit(address: string, isAwaited: boolean): unknown {
    const known = this.#submissions.find(({ key }) => key === address);
    const id = known?.id ?? `submission-${address}`;
    const index = known?.index ?? this.#next();
    if (known === undefined && !this.#errs('commits-lost')) {
      this.#submissions.push({ id, key: address, index });
      if (this.#errs('submissions-doubled')) {
        this.#submissions.push({ id: `${id}-again`, key: address, index: this.#next() });
      }
    }
    return isAwaited ? { id, state: 'committed', index } : { id, state: 'accepted' };
  }

  #enrol(model: string): unknown {
    const known = this.#agents.find(({ key }) => key === model);
    if (known !== undefined) {
      return { id: 'e', state: 'committed', token: known.id };
    }
    const row = { id: `token-${this.#agents.length}`, key: model, index: this.#next() };
    this.#agents.push(row);
    if (this.#errs('agents-doubled')) this.#agents.push({ ...row, id: `${row.id}-again` });
    return { id: 'e', state: 'committed', token: row.id };
  }

  #list(node: string, route: string): unknown {
    if (route === 'listAgents') {
      const agents = this.#agents.map(({ id, key }) => ({ token: id, model: key }));
      return { agents, cursor: null };
    }
    if (route === 'listCalls') {
      const calls = [...this.#calls.values()].map(({ id, question, index, call }) => {
        const { state, fence } = call;
        return { id, question, index, state, fence };
      });
      return { calls, cursor: null };
    }
    const isOff = this.fault === 'index-by-node' && node === this.nodes.at(-1)?.name;
    const submissions = this.#submissions.map(({ id, key, index }, i) => {
      return { id, address: key, state: 'committed', index: isOff && i === 2 ? index + 1 : index };
    });
    return { submissions, cursor: null };
  }

  #next(): number {
    this.#index += 1;
    return this.#index;
  }

  #errs(fault: Fault, chance = 0.3): boolean {
    const isStruck = this.fault === fault && this.#random.chance(chance);
    if (isStruck) this.struck += 1;
    return isStruck;
  }
}
