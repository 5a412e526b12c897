import { meshOf } from '../../../../protocols/membership/index.ts';
import type { DoctorView } from '../../../api/routes/index.ts';
import type { Daemon } from '../../../daemon.ts';
import type { NodeLife } from '../../../mesh/node-life.ts';
import { skewMsOf } from '../../liveness.ts';
import { rivalsOf } from '../../slurp-view.ts';
import { judgeClock } from '../clock.ts';
import { judgeDaemon, judgeSocket } from '../daemon.ts';
import { judgeDht } from '../dht.ts';
import { judgeDisk } from '../disk.ts';
import { judgeHome } from '../home.ts';
import { judgeLeader, judgeQuorum, type LeaderFacts } from '../leader.ts';
import { type DoctorLine, fail, warn } from '../line.ts';
import { judgeListen } from '../listen.ts';
import { judgeMdns } from '../mdns.ts';
import { judgeMember } from '../member.ts';
import { judgeOutbox, type OutboxFacts } from '../outbox.ts';
import { dhtFacts } from './dht-facts.ts';
import { diskFacts, homeFacts, socketFacts } from './host-facts.ts';
import { inTime, mapAtOnce } from './in-time.ts';
import { listenFacts } from './listen-facts.ts';
import { memberFacts } from './member-facts.ts';

/** The whole walk; each step has a deadline of its own below it. */
const WALK_MS = 9_000;
const HOST_MS = 3_000;
const MEMBERS_AT_ONCE = 8;
/** No dial begins after this time: many members that are away take the whole of theirs. */
const DIALS_MS = 3_500;
/** Of a large mesh those that are away come first. */
const MEMBERS_MAX = 64;

/** What the {@link Doctor} is told of its process. */
export interface DoctorInit {
  readonly version: string;
  readonly socket: string;
  readonly agentSocket: string;
}

/** Walks what this node needs. Whoever asks while it walks gets the same answer. */
export class Doctor {
  readonly #daemon: Daemon;
  readonly #init: DoctorInit;
  #running: Promise<DoctorView> | undefined;

  constructor(daemon: Daemon, init: DoctorInit) {
    this.#daemon = daemon;
    this.#init = init;
  }

  /** One line a check, in the order in which one thing needs another; takes 10 s at most. */
  examine(): Promise<DoctorView> {
    this.#running ??= this.#walk().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #walk(): Promise<DoctorView> {
    const steps: Promise<readonly DoctorLine[]>[] = [this.#host()];
    const node = this.#daemon.currentNode;
    const isOut = node?.parts.guard.isOut ?? false;
    if (node !== undefined) {
      for (const step of isOut ? [...ALONE, outbox] : [...ALONE, members, agreement, outbox, dht]) {
        steps.push(this.#step(step, node));
      }
    }
    const found = (await Promise.all(steps)).flat();
    const conditions = this.#conditions();
    // Of a removed node that is the cause of all the rest.
    const checks = isOut ? [...conditions, ...found, SKIPPED] : [...found, ...conditions];
    return { ok: checks.every(({ state }) => state !== 'fail'), checks };
  }

  async #step(step: Step, node: NodeLife): Promise<readonly DoctorLine[]> {
    const came = await inTime(WALK_MS, async () => await step(node, this.#daemon));
    if (came.value !== undefined) return came.value;
    return [
      warn(step.name, `could not be looked at: ${came.problem}`, 'See the log of the daemon.'),
    ];
  }

  /** Process, sockets, home and disk. */
  async #host(): Promise<readonly DoctorLine[]> {
    const { version, socket, agentSocket } = this.#init;
    const { path } = this.#daemon.components.home;
    const modeMax = this.#daemon.init.config.agentGroup === undefined ? 0o600 : 0o660;
    const lines = [judgeDaemon({ version, pid: process.pid, phase: this.#daemon.phase })];
    const came = await inTime(HOST_MS, async () => [
      judgeSocket(await socketFacts({ name: 'socket', path: socket, modeMax: 0o600 })),
      judgeSocket(await socketFacts({ name: 'agent socket', path: agentSocket, modeMax })),
      ...judgeHome(await homeFacts(path)),
      judgeDisk(await diskFacts(path)),
    ]);
    if (came.value !== undefined) return [...lines, ...came.value];
    const remedy = 'See whether the disk answers: ls, df and the log of the system.';
    return [...lines, fail('home', `${path} cannot be looked at: ${came.problem}`, remedy)];
  }

  #conditions(): readonly DoctorLine[] {
    return this.#daemon.components.health.list().map(({ code, severity, text, remedy }) => ({
      name: code,
      state: severity === 'error' ? ('fail' as const) : ('warn' as const),
      cause: text,
      remedy,
    }));
  }
}

type Step = (node: NodeLife, daemon: Daemon) => Promise<readonly DoctorLine[]>;

/** What of a node does not take anybody else. */
const ALONE: readonly Step[] = [clock, listen, mdns];

const SKIPPED = warn(
  'skipped',
  'members, leader, quorum and dht were not looked at: nobody answers a node that was removed',
  'They are looked at when this node is a member again.',
);

async function clock({ parts }: NodeLife): Promise<readonly DoctorLine[]> {
  return [judgeClock({ skewMs: skewMsOf(parts) })];
}

async function listen(node: NodeLife): Promise<readonly DoctorLine[]> {
  return [judgeListen(await listenFacts(node))];
}

async function mdns({ parts }: NodeLife, daemon: Daemon): Promise<readonly DoctorLine[]> {
  const ear = parts.network.mdns;
  const runsMs = process.uptime() * 1_000;
  if (ear === undefined)
    return [judgeMdns({ isOn: false, heardItselfMsAgo: null, runsMs, found: 0 })];
  const { selfMs, others } = ear.lastHeard();
  const nowMs = daemon.components.clock.nowMs();
  const heardItselfMsAgo = selfMs === undefined ? null : Math.max(0, nowMs - selfMs);
  return [judgeMdns({ isOn: true, heardItselfMsAgo, runsMs, found: others })];
}

async function members(node: NodeLife, daemon: Daemon): Promise<readonly DoctorLine[]> {
  const { state, view } = node.parts;
  const others = [...state.entries('member')]
    .filter(([peer, { removedIndex }]) => peer !== node.self && removedIndex === null)
    .sort(([a, { name: nameA }], [b, { name: nameB }]) => {
      const away = Number(view.isConnected(a)) - Number(view.isConnected(b));
      return away === 0 ? (nameA < nameB ? -1 : 1) : away;
    });
  const { clock } = daemon.components;
  const startMs = clock.monotonicMs();
  const looked = others.slice(0, MEMBERS_MAX);
  const facts = await mapAtOnce(looked, MEMBERS_AT_ONCE, ([peer, member]) =>
    memberFacts(node, {
      ...{ peer, member, nowMs: clock.monotonicMs() },
      mayDial: clock.monotonicMs() < startMs + DIALS_MS,
    }),
  );
  return facts.map(judgeMember);
}

async function agreement(node: NodeLife): Promise<readonly DoctorLine[]> {
  const facts = leaderFacts(node);
  return [judgeLeader(facts), judgeQuorum(facts)];
}

async function outbox(node: NodeLife, daemon: Daemon): Promise<readonly DoctorLine[]> {
  return [judgeOutbox(outboxFacts(node, daemon))];
}

function leaderFacts({ parts, self }: NodeLife): LeaderFacts {
  const { consensus, view, state } = parts;
  const nameOf = (peer: string): string => state.get('member', peer)?.name ?? peer;
  const isUp = (peer: string): boolean => peer === self || view.isConnected(peer);
  const leader = view.leader();
  return {
    isLeader: consensus.isLeader,
    leader: leader === undefined ? undefined : nameOf(leader),
    isLeaderConnected: leader !== undefined && isUp(leader),
    term: Math.max(consensus.term, view.leaderRecord()?.term ?? 0),
    voters: (meshOf(state)?.voters ?? []).map((peer) => ({ name: nameOf(peer), isUp: isUp(peer) })),
    rivals: rivalsOf(parts),
  };
}

function outboxFacts({ parts }: NodeLife, daemon: Daemon): OutboxFacts {
  const { outbox, view } = parts;
  const nowMs = daemon.components.clock.nowMs();
  const [oldest] = outbox.undecided();
  return {
    waiting: outbox.waitingCount,
    oldestMs: oldest === undefined ? undefined : Math.max(0, nowMs - oldest.timeMs),
    isLed: view.leaderNow() !== undefined,
  };
}

async function dht(node: NodeLife): Promise<readonly DoctorLine[]> {
  return [judgeDht(await dhtFacts(node))];
}
