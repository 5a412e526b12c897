import type { AgentView, MemberView, StatusView } from '../../../../daemon/api/routes/index.ts';
import type { CliHost } from '../../../../daemon/cli/context.ts';
import { runCli } from '../../../../daemon/cli/index.ts';
import type { CliClient, CommandCall } from '../../../../daemon/cli/socket-client.ts';
import type { UpOptions } from '../../../../daemon/cli/up-options.ts';
import type { WatchInit, WatchItem } from '../../../../daemon/client/index.ts';
import { CooeeError } from '../../../../protocols/interface/index.ts';

export const NOW_MS = Date.parse('2026-11-21T12:00:00.000Z');
export const PEER_A = '12D3KooWAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA1';
export const PEER_B = '12D3KooWBbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbB2';

/**
 * What a fake daemon answers; a call without an entry fails the test, an absent table is an absent
 * daemon.
 */
export type Answers = Partial<Record<CommandCall, (input: never) => unknown>> & {
  watch?: (init: WatchInit) => Iterable<WatchItem>;
};

export interface Call {
  readonly name: CommandCall;
  readonly input: unknown;
}

export interface RunInit {
  readonly answers?: Answers;
  readonly host?: Partial<CliHost>;
  readonly stdin?: string;
  readonly tty?: boolean;
}

export interface RunResult {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly calls: readonly Call[];
  readonly sockets: readonly string[];
  /** The ticket of each connection. */
  readonly tickets: readonly (string | undefined)[];
  readonly up: readonly UpOptions[];
}

/** Runs a command line against a fake daemon and collects everything that came of it. */
export async function run(args: readonly string[], init: RunInit = {}): Promise<RunResult> {
  const out: string[] = [];
  const err: string[] = [];
  const calls: Call[] = [];
  const sockets: string[] = [];
  const tickets: (string | undefined)[] = [];
  const up: UpOptions[] = [];
  const isTTY = init.tty === true;
  const host: CliHost = {
    env: {},
    cwd: '/work-folder',
    uid: 1000,
    homedir: '/home/kim',
    user: 'kim',
    script: '/usr/lib/cooee/main.js',
    version: '1.2.3',
    stdin: Object.assign(textStream(init.stdin ?? ''), { isTTY }),
    stdout: { isTTY, write: (text) => out.push(text) },
    stderr: { isTTY, write: (text) => err.push(text) },
    writeOut: async (text) => void out.push(text),
    connect: async (socket, ticket) => {
      sockets.push(socket);
      tickets.push(ticket);
      return fakeClient(init.answers, calls);
    },
    watchHolder: async () => async () => false,
    loadDaemon: async () => ({
      runDaemon: async (options) => {
        up.push(options);
        return 0;
      },
      examineOffline: async ({ home }) => {
        const cause = `not running on ${home}`;
        return {
          ok: false,
          checks: [{ name: 'daemon', state: 'fail', cause, remedy: 'Start it: cooee up' }],
        };
      },
    }),
    loadBackup: async () => {
      throw new Error('the test has no backup tools');
    },
    delay: async () => undefined,
    nowMs: () => NOW_MS,
    ...init.host,
  };
  const exit = await runCli(args, host);
  return { exit, stdout: out.join(''), stderr: err.join(''), calls, sockets, tickets, up };
}

function fakeClient(answers: Answers | undefined, calls: Call[]): CliClient {
  const call = async (name: CommandCall, input?: unknown): Promise<unknown> => {
    if (answers === undefined) {
      throw new CooeeError('ERR_API_DAEMON_NOT_RUNNING', 'no daemon answers on /x/cooee.sock');
    }
    const answer = answers[name];
    if (answer === undefined) throw new Error(`the test has no answer for ${name}`);
    calls.push({ name, input });
    return answer(input as never);
  };
  return {
    call: call as CliClient['call'],
    async *watch(init) {
      yield* answers?.watch?.(init) ?? [];
    },
  };
}

async function* textStream(text: string): AsyncGenerator<string> {
  if (text !== '') yield text;
}

export function status(change: Partial<StatusView> = {}): StatusView {
  return {
    node: {
      peer: PEER_A,
      name: 'alpha',
      version: '1.2.3',
      home: '/h',
      socket: '/h/cooee.sock',
      agentSocket: '/h/agent.sock',
      addresses: ['/ip4/192.168.1.4/tcp/26633', '/ip4/127.0.0.1/tcp/26633'],
    },
    mesh: { id: 'bafymesh', name: 'alpha', level: 1, votersTarget: 'auto' },
    role: 'voter',
    memberRole: 'admin',
    slurp: {
      leader: PEER_A,
      isLeader: true,
      term: 1,
      epoch: 0,
      commitIndex: 7,
      appliedIndex: 7,
      voters: [PEER_A],
      learners: [],
      followers: [],
    },
    peers: { connected: 0, members: 1 },
    agents: { here: 0, mesh: 0 },
    outbox: { waiting: 0 },
    health: { ok: true, conditions: [] },
    ...change,
  };
}

export function member(change: Partial<MemberView> = {}): MemberView {
  return {
    peer: PEER_A,
    name: 'alpha',
    role: 'admin',
    state: 'alive',
    addresses: ['/ip4/127.0.0.1/tcp/26633'],
    lastSeen: '2026-11-21T11:59:48.000Z',
    ...change,
  };
}

export function agent(change: Partial<AgentView> = {}): AgentView {
  return {
    token: '458RV',
    number: 42,
    gpuSlot: 3,
    hash: '9a795cd2',
    tinyHash: '4TF5ED5V08',
    address: 'ucxl://agentid:458RV',
    model: 'llama3-70b',
    hostname: 'alpha-node',
    mac: 'aabbccddee01',
    gpuId: '3',
    peer: PEER_A,
    capabilities: ['code-review', 'rust'],
    status: 'idle',
    load: 120,
    maxTasks: 4,
    tasks: 1,
    lastSeen: '2026-11-21T11:59:48.000Z',
    ...change,
  };
}
