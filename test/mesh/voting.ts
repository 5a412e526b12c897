import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SubmissionsView } from '../../daemon/api/routes/index.ts';
import { isCooeeError } from '../../protocols/interface/index.ts';
import { type TestHost, type TestMesh, until } from './harness.ts';

/** A host whose daemon has these settings. */
export function hostWith(mesh: TestMesh, name: string, config: Record<string, unknown>): TestHost {
  const host = mesh.host(name);
  mkdirSync(host.home, { mode: 0o700 });
  writeFileSync(join(host.home, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  return host;
}

/**
 * Starts the hosts as one mesh, and waits until so many vote, all know it, and those that voted
 * before have signed for it: from then on none of them is needed any more.
 */
export async function startVoters(
  hosts: readonly TestHost[],
  target: 3 | 5,
  role = 'admin',
): Promise<void> {
  const [first, ...others] = hosts;
  if (first === undefined) return;
  await first.up();
  if (target !== 3) await first.client.call('setMesh', { body: { votersTarget: target } });
  const invite = await first.invite('--uses', String(others.length), '--role', role);
  for (const host of others) host.spawn('--join', invite);
  for (const host of others) await host.ready();
  await until(`${target} vote`, async () => {
    const all = await Promise.all(hosts.map((host) => slurpOn(host)));
    return all.every(({ voters }) => voters.length === target);
  });
  const { appliedIndex } = await slurpOn(first);
  for (const host of hosts)
    await until(`${host.name} has a head`, () => proves(host, appliedIndex));
}

/** Whether a host knows a head, signed by those that vote, which covers that entry. */
async function proves(host: TestHost, index: number): Promise<boolean> {
  try {
    await host.client.call('getProof', { params: { index }, query: {} });
    return true;
  } catch (error) {
    if (isCooeeError(error)) return false;
    throw error;
  }
}

export async function slurpOn(host: TestHost) {
  return (await host.client.call('getStatus', {})).slurp;
}

/** The host that leads in the highest term of those that answer. */
export async function leaderOf(hosts: readonly TestHost[]): Promise<TestHost> {
  return await until('one of them leads', async () => {
    const found = await Promise.all(
      hosts.map(async (host) => {
        const slurp = await slurpOn(host).catch(() => undefined);
        return { host, slurp };
      }),
    );
    const terms = found.map(({ slurp }) => slurp?.term ?? 0);
    const leads = found.find(
      ({ slurp }) => slurp?.isLeader === true && slurp.term === Math.max(...terms),
    );
    return leads?.host;
  });
}

/** Those of the hosts that are not that one. */
export const without = (hosts: readonly TestHost[], ...gone: TestHost[]): TestHost[] =>
  hosts.filter((host) => !gone.includes(host));

const ADDRESS = 'ucxl://any:any@test:load/#/d';

const recordOf = (name: string) => ({
  kind: 'dr' as const,
  address: `${ADDRESS}/${name}`,
  title: name,
  decision: 'd'.repeat(256),
});

/** Hands a decision record in and waits until it is committed. */
export async function commitOn(host: TestHost, name: string, timeoutMs = 20_000) {
  const query = { wait: 'committed', timeoutMs } as const;
  return await host.client.call('submit', { query, body: recordOf(name) });
}

/** Codes with which a request may end while daemons come and go: the client tries again. */
const AGAIN = new Set(['ERR_SLURP_NO_LEADER', 'ERR_API_DAEMON_NOT_RUNNING', 'ERR_API_STARTING']);

/** Clients that hand in one record after the other, each on a host of its own. */
export class Load {
  /** Ids of the records that were answered, by address: committed, or at least accepted. */
  readonly answered = new Map<string, string>();
  /** What clients met that they do not try again after. */
  readonly failures: string[] = [];
  /** When commits were answered, by the monotonic clock, in order. */
  readonly committedMs: number[] = [];
  readonly #prefix: string;
  readonly #clients: readonly Promise<void>[];
  #isStopped = false;
  #next = 0;

  constructor(hosts: readonly TestHost[], clientCount: number, prefix: string) {
    this.#prefix = prefix;
    const of = (i: number): TestHost => hosts[i % hosts.length] as TestHost;
    this.#clients = Array.from({ length: clientCount }, (_, i) => this.#work(of(i)));
  }

  /** Waits for so many commits more. */
  async more(count: number): Promise<void> {
    const target = this.committedMs.length + count;
    const isDone = (): boolean => this.committedMs.length >= target || this.failures.length > 0;
    await until(`${count} commits more`, isDone, 60_000);
  }

  /** Lets the clients have their last answer. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#clients);
  }

  /** The longest time without a commit, milliseconds, that ended after this moment. */
  longestGapMs(sinceMs: number): number {
    const ends = this.committedMs.map((ms, i) => ({ ms, before: this.committedMs[i - 1] ?? ms }));
    const gaps = ends.filter(({ ms }) => ms >= sinceMs).map(({ ms, before }) => ms - before);
    return Math.max(0, ...gaps);
  }

  async #work(host: TestHost): Promise<void> {
    while (!this.#isStopped) {
      this.#next += 1;
      await this.#handIn(host, `${this.#prefix}-${this.#next}`);
    }
  }

  /** The same record again on the same host is the same submission. */
  async #handIn(host: TestHost, name: string): Promise<void> {
    const endMs = performance.now() + PATIENCE_MS;
    while (performance.now() < endMs) {
      try {
        const { id, address, state } = await commitOn(host, name, 10_000);
        this.answered.set(address, id);
        if (state !== 'committed') continue;
        this.committedMs.push(performance.now());
        return;
      } catch (error) {
        if (!isCooeeError(error) || !AGAIN.has(error.code)) {
          this.#fail(`${host.name} ${name}: ${String(error)}`);
          return;
        }
        // Its daemon is down, and nobody waits for this client any more.
        if (this.#isStopped && error.code === 'ERR_API_DAEMON_NOT_RUNNING') return;
        await new Promise((wake) => setTimeout(wake, 20));
      }
    }
    this.#fail(`${host.name} ${name}: not committed in ${PATIENCE_MS} ms`);
  }

  /** One is enough: all clients stop. */
  #fail(what: string): void {
    this.failures.push(what);
    this.#isStopped = true;
  }
}

/** How long a client tries one record. */
const PATIENCE_MS = 60_000;

/** Ids of all submissions that the log has, by address. */
export async function submissionsOn(host: TestHost): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  let cursor: string | null = null;
  do {
    const after: { cursor?: string } = cursor === null ? {} : { cursor };
    const query = { limit: 1000, state: 'committed', ...after } as const;
    const page: SubmissionsView = await host.client.call('listSubmissions', { query });
    for (const { address, id } of page.submissions) {
      found.set(address, [...(found.get(address) ?? []), id]);
    }
    cursor = page.cursor;
  } while (cursor !== null);
  return found;
}

/**
 * What is wrong on a host: answered and not there, or there more than once. Empty when all is well.
 */
export async function missingOn(host: TestHost, load: Load): Promise<string[]> {
  const there = await submissionsOn(host);
  const wrong: string[] = [];
  for (const [address, id] of load.answered) {
    const ids = there.get(address) ?? [];
    if (ids.length !== 1 || ids[0] !== id) wrong.push(`${address}: ${id} answered, ${ids} there`);
  }
  return wrong;
}

/** Waits until the hosts have applied as much as the first one has now. */
export async function level(hosts: readonly TestHost[]): Promise<void> {
  const [first, ...others] = hosts;
  if (first === undefined) return;
  const { appliedIndex } = await slurpOn(first);
  for (const host of others) {
    await until(`${host.name} is level`, async () => {
      return (await slurpOn(host)).appliedIndex >= appliedIndex;
    });
  }
}
