import { stat, statfs } from 'node:fs/promises';
import type { DoctorView } from '../api/routes/index.ts';
import type { Daemon } from '../daemon.ts';

type Check = DoctorView['checks'][number];

/** Below this the next segment of the log may not fit. */
const FREE_BYTES_MIN = 64 * 1024 * 1024;

/**
 * Walks what this node needs, one line a check: home, mesh, members, leader, outbox, conditions.
 */
export async function examine(daemon: Daemon): Promise<DoctorView> {
  const checks = [
    await checkHome(daemon),
    await checkDisk(daemon),
    ...checkMembers(daemon),
    checkLeader(daemon),
    checkOutbox(daemon),
    ...checkConditions(daemon),
  ];
  return { ok: checks.every(({ state }) => state !== 'fail'), checks };
}

function ok(name: string, cause: string): Check {
  return { name, state: 'ok', cause, remedy: '' };
}

async function checkHome({ components }: Daemon): Promise<Check> {
  const { path } = components.home;
  const mode = (await stat(path)).mode & 0o777;
  if (mode === 0o700) return ok('home', `${path} is yours alone`);
  return {
    name: 'home',
    state: 'warn',
    cause: `${path} has mode ${mode.toString(8)}`,
    remedy: `chmod 700 ${path}`,
  };
}

async function checkDisk({ components }: Daemon): Promise<Check> {
  const { bavail, bsize } = await statfs(components.home.path);
  const freeBytes = bavail * bsize;
  const text = `${Math.floor(freeBytes / 1024 / 1024)} MiB free`;
  if (freeBytes >= FREE_BYTES_MIN) return ok('disk', text);
  return { name: 'disk', state: 'fail', cause: text, remedy: 'Free some room on that disk.' };
}

function checkMembers(daemon: Daemon): Check[] {
  const { state, presence, redial } = daemon.node.parts;
  const attempts = new Map(redial.states().map((it) => [it.peer, it]));
  const checks: Check[] = [];
  for (const [peer, member] of state.entries('member')) {
    if (peer === daemon.node.self || member.removedIndex !== null) continue;
    const name = `member ${member.name} (${peer.slice(-8)})`;
    if (presence.stateOf(peer) === 'alive') {
      checks.push(ok(name, 'connected'));
      continue;
    }
    const last = attempts.get(peer);
    const cause =
      last?.lastError === undefined
        ? 'not connected'
        : `not connected after ${last.attempts} tries: ${last.lastError}`;
    const remedy = `Check that it is up and answers at ${member.addresses[0] ?? 'any address'}.`;
    checks.push({ name, state: 'warn', cause, remedy });
  }
  return checks;
}

function checkLeader(daemon: Daemon): Check {
  const { view, consensus } = daemon.node.parts;
  if (consensus.isLeader) return ok('leader', `this node leads, term ${consensus.term}`);
  const peer = view.leader();
  if (peer !== undefined && view.isConnected(peer)) return ok('leader', `${peer} leads`);
  return {
    name: 'leader',
    state: 'fail',
    cause: 'the leader cannot be reached',
    remedy: 'Start its host or check the network; what is handed in waits meanwhile.',
  };
}

function checkOutbox(daemon: Daemon): Check {
  const { waitingCount } = daemon.node.parts.outbox;
  if (waitingCount === 0) return ok('outbox', 'nothing waits');
  return {
    name: 'outbox',
    state: 'warn',
    cause: `${waitingCount} items wait for the leader`,
    remedy: 'Nothing, if there is a leader: it drains by itself.',
  };
}

function checkConditions({ components }: Daemon): Check[] {
  return components.health.list().map(({ code, severity, text, remedy }) => ({
    name: code,
    state: severity === 'error' ? ('fail' as const) : ('warn' as const),
    cause: text,
    remedy,
  }));
}
