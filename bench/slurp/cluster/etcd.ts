import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../test/mesh/harness.ts';
import { type Cluster, MEMBERS, settled, type Target } from './cluster.ts';

/** The version of etcd on this machine; undefined when there is none. */
export function etcdVersion(): string | undefined {
  const { stdout, error } = spawnSync('etcd', ['--version'], { encoding: 'utf8' });
  return error === undefined ? /etcd Version: (\S+)/.exec(stdout)?.[1] : undefined;
}

interface Member {
  readonly name: string;
  readonly port: number;
  readonly peerPort: number;
  child: ChildProcess | undefined;
  gone: Promise<void>;
}

interface EtcdStatus {
  readonly header: { readonly member_id: string };
  readonly leader?: string;
  readonly raftIndex: string;
  readonly raftAppliedIndex: string;
}

/** Three members of etcd with fsync on, as Debian ships it. */
export class EtcdCluster implements Cluster {
  readonly api = 'etcd';
  readonly targets: readonly Target[];
  readonly #folder = mkdtempSync(join(tmpdir(), 'cooee-bench-etcd-'));
  readonly #members: readonly Member[];
  readonly #flags: readonly string[];

  /** @param flags more flags for every member */
  constructor(flags: readonly string[] = []) {
    this.#flags = flags;
    this.#members = MEMBERS.map((at) => ({
      name: `m${at}`,
      port: freePort(),
      peerPort: freePort(),
      child: undefined,
      gone: Promise.resolve(),
    }));
    this.targets = this.#members.map(({ port }) => ({ api: 'etcd', port }));
  }

  async start(): Promise<void> {
    for (const at of MEMBERS) this.spawn(at);
    await settled(this);
  }

  pid(member: number): number {
    return this.#member(member).child?.pid ?? 0;
  }

  signal(member: number, signal: NodeJS.Signals): void {
    this.#member(member).child?.kill(signal);
  }

  async gone(member: number): Promise<void> {
    await this.#member(member).gone;
  }

  spawn(at: number): void {
    const member = this.#member(at);
    const url = (port: number): string => `http://127.0.0.1:${port}`;
    const all = this.#members.map(({ name, peerPort }) => `${name}=${url(peerPort)}`).join(',');
    const flags = {
      name: member.name,
      'data-dir': join(this.#folder, member.name),
      'listen-client-urls': url(member.port),
      'advertise-client-urls': url(member.port),
      'listen-peer-urls': url(member.peerPort),
      'initial-advertise-peer-urls': url(member.peerPort),
      'initial-cluster': all,
      'quota-backend-bytes': String(8 * 1024 ** 3),
      'log-level': 'error',
    };
    const words = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
    const child = spawn('etcd', [...words, ...this.#flags], { stdio: 'ignore' });
    member.child = child;
    member.gone = new Promise((done) => child.once('close', () => done()));
  }

  async leader(members: readonly number[]): Promise<number | undefined> {
    const seen = await Promise.all(members.map((at) => this.#status(at)));
    const [first] = seen;
    if (first?.leader === undefined || first.leader === '0') return undefined;
    if (seen.some(({ leader }) => leader !== first.leader)) return undefined;
    const at = seen.findIndex(({ header }) => header.member_id === first.leader);
    return at < 0 ? undefined : members[at];
  }

  async isLevel(): Promise<boolean> {
    const seen = await Promise.all(MEMBERS.map((at) => this.#status(at)));
    return new Set(seen.map(({ raftAppliedIndex }) => raftAppliedIndex)).size === 1;
  }

  async close(): Promise<void> {
    for (const at of MEMBERS) this.signal(at, 'SIGKILL');
    await Promise.all(MEMBERS.map((at) => this.gone(at)));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #member(at: number): Member {
    const member = this.#members[at];
    if (member === undefined) throw new Error(`no member ${at}`);
    return member;
  }

  async #status(at: number): Promise<EtcdStatus> {
    const answer = await fetch(`http://127.0.0.1:${this.#member(at).port}/v3/maintenance/status`, {
      method: 'POST',
      body: '{}',
      signal: AbortSignal.timeout(2000),
    });
    if (!answer.ok) throw new Error(`etcd answered ${answer.status}`);
    return (await answer.json()) as EtcdStatus;
  }
}
