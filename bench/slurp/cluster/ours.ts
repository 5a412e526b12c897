import { join } from 'node:path';
import { type TestHost, TestMesh, until } from '../../../test/mesh/harness.ts';
import { type Cluster, MEMBERS, settled, type Target } from './cluster.ts';

const QUIET = ['--log-level', 'warn'];

/** Three daemons that all vote. */
export class OurCluster implements Cluster {
  readonly api = 'ours';
  readonly mesh = new TestMesh();
  readonly hosts: readonly TestHost[];
  readonly targets: readonly Target[];
  readonly #voters: number;

  /** @param voters with how many it is content: below three, only to try the benches out */
  constructor(voters: number = MEMBERS.length) {
    this.#voters = voters;
    this.hosts = MEMBERS.map((at) => this.mesh.host(`voter-${at}`));
    this.targets = this.hosts.map((host) => targetOf(host));
  }

  async start(): Promise<void> {
    const [first, ...others] = this.hosts;
    await first?.up(...QUIET);
    for (const other of others) await other.up(...QUIET, '--join', (await first?.invite()) ?? '');
    await until(
      'all three vote',
      async () => {
        const all = await Promise.all(this.hosts.map((host) => host.client.call('getStatus')));
        return all.every(({ slurp }) => slurp.voters.length >= this.#voters);
      },
      60_000,
    );
    await settled(this);
  }

  pid(member: number): number {
    return this.#host(member).pid ?? 0;
  }

  signal(member: number, signal: NodeJS.Signals): void {
    this.#host(member).signal(signal);
  }

  async gone(member: number): Promise<void> {
    await this.#host(member).exited;
  }

  spawn(member: number): void {
    this.#host(member).spawn(...QUIET);
  }

  async leader(members: readonly number[]): Promise<number | undefined> {
    const seen = await Promise.all(members.map((at) => this.#host(at).client.call('getStatus')));
    const [first] = seen;
    if (first?.slurp.leader == null) return undefined;
    if (seen.some(({ slurp }) => slurp.leader !== first.slurp.leader)) return undefined;
    const at = seen.findIndex(({ node }) => node.peer === first.slurp.leader);
    return at < 0 ? undefined : members[at];
  }

  async isLevel(): Promise<boolean> {
    const seen = await Promise.all(this.hosts.map((host) => host.client.call('getStatus')));
    return new Set(seen.map(({ slurp }) => slurp.appliedIndex)).size === 1;
  }

  /** One more daemon, not started. */
  addHost(name: string): TestHost {
    return this.mesh.host(name);
  }

  async close(): Promise<void> {
    await this.mesh.close();
  }

  #host(member: number): TestHost {
    const host = this.hosts[member];
    if (host === undefined) throw new Error(`no member ${member}`);
    return host;
  }
}

function targetOf(host: TestHost): Target {
  return { api: 'ours', socketPath: join(host.home, 'cooee.sock') };
}
