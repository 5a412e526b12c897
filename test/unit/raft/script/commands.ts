import { isCooeeError } from '../../../../protocols/interface/index.ts';
import type { RaftEntry, RaftMessage } from '../../../../protocols/raft/index.ts';
import { formatSummary, summaryOf } from './format.ts';
import type { Step } from './parse.ts';
import type { World } from './world.ts';

/** Runs one command; what the world says meanwhile is its trace. */
export type Command = (world: World, words: readonly string[], options: Options) => void;

type Options = Step['options'];

const list = (text: string | undefined): readonly string[] =>
  text === undefined || text === '' ? [] : text.split(',');

const numbers = (text: string | undefined): readonly number[] => list(text).map(Number);

/** Every command of a script; docs/protocols/raft.md explains them. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  nodes(world, ids, options) {
    const voters = options.has('voters') ? list(options.get('voters')) : ids;
    const learners = list(options.get('learners'));
    for (const [at, id] of ids.entries()) addNode(world, id, { voters, learners }, options, at);
  },
  timing(world, _words, options) {
    for (const [name, value] of options) world.timing[name] = Number(value);
  },
  announce(world, [how]) {
    world.isAnnouncing = how === 'on';
  },
  heartbeats(world, [how]) {
    world.isVerbose = how === 'on';
  },
  time(world, [ms]) {
    world.nowMs += Number(ms);
  },
  tick(world, [ms, ...ids]) {
    world.tick(ids, Number(ms));
  },
  run(world, [ms, ...ids]) {
    world.run(ids, Number(ms));
  },
  settle(world, ids) {
    world.settle(ids);
  },
  lead(world, [id]) {
    // The shortest way to a leader: it alone sees time pass, and everyone answers.
    while (world.node(id).core.status.role === 'follower') world.tick([id!], 20);
    world.settle([]);
    world.takeTrace();
    world.say(`${id}: ${formatSummary(summaryOf(world.node(id).core.status))}`);
  },
  ready(world, [id]) {
    const node = world.node(id);
    world.announce(node);
    if (node.core.hasReady()) world.startWrite(id);
    else world.say('nothing');
  },
  written(world, [id]) {
    world.endWrite(id);
  },
  deliver(world, _words, options) {
    world.pick(matcher(options), 'deliver');
  },
  drop(world, _words, options) {
    world.pick(matcher(options), 'drop');
  },
  repeat(world, _words, options) {
    world.pick(matcher(options), 'copy');
  },
  part(world, groups) {
    world.part(groups.map(list));
  },
  heal(world) {
    world.part([]);
  },
  down(world, ids) {
    for (const id of ids) world.down(id);
  },
  up(world, ids) {
    for (const id of ids) world.up(id);
  },
  propose(world, [id, count]) {
    world.propose(id, Number(count ?? 1));
  },
  change(world, [id], options) {
    const configuration = {
      voters: list(options.get('voters')),
      learners: list(options.get('learners')),
    };
    world.propose(id, Number(options.get('count') ?? 1), configuration);
  },
  read(world, [id, number]) {
    world.input(id, { type: 'read', id: Number(number) });
  },
  transfer(world, [id, to]) {
    world.input(id, { type: 'transfer', to: to! });
  },
  lost(world, [id, peer]) {
    world.input(id, { type: 'connection-lost', peer: peer! });
  },
  connected(world, [id, peer]) {
    world.input(id, { type: 'connected', peer: peer! });
  },
  unreachable(world, [id, peer]) {
    world.input(id, { type: 'unreachable', peer: peer! });
  },
  compact(world, [id, index]) {
    world.node(id).compact(Number(index), world.nowMs);
  },
  install(world, [id, from]) {
    const { base, disk } = world.node(from);
    const { configuration } = disk;
    world.node(id).install({ ...base, configuration }, world.nowMs);
    world.input(id, { type: 'connected', peer: from! });
  },
  wipe(world, [id], options) {
    const { disk } = world.node(id);
    disk.entries = disk.entries.slice(0, Number(options.get('entries') ?? 0));
    const commit = Math.min(disk.hardState.commit, disk.base.index + disk.entries.length);
    disk.hardState = { ...disk.hardState, commit };
    world.up(id!);
  },
  inject(world, [type], options) {
    const message = readMessage(type!, options);
    const term = Number(options.get('entryTerm') ?? message.term);
    const { prevIndex = 0, count = 0 } = message as { prevIndex?: number; count?: number };
    const length = Number(options.get('entries') ?? count);
    const entries: RaftEntry[] = Array.from({ length }, (_, at) => ({
      index: prevIndex + 1 + at,
      term,
      bytes: new Uint8Array(),
    }));
    const to = options.get('at') ?? message.to;
    world.input(to, { type: 'message', message, entries });
  },
  log(world, ids) {
    for (const id of ids) {
      const { base, log } = world.node(id);
      const terms = log.map((entry) => entry.term).join(' ');
      const before = base.index > 0 ? `(${base.index}/${base.term}) ` : '';
      world.say(`${id}: ${before}${terms}`.trimEnd());
    }
  },
  status(world, ids) {
    for (const id of ids.length > 0 ? ids : world.nodes.keys()) {
      world.say(`${id}: ${formatSummary(summaryOf(world.node(id).core.status))}`);
    }
  },
  progress(world, [id]) {
    for (const one of world.node(id).core.status.progress) {
      const flags = [
        one.isLearner && 'learner',
        one.isActive && 'active',
        one.hasLostLog && 'lost-log',
      ].filter((flag) => flag !== false);
      world.say(`${one.peer}: match ${one.match} ${flags.join(' ')}`.trimEnd());
    }
  },
};

/** Runs a step; an error of ours is part of the trace. */
export function runStep(world: World, { words, options }: Step): string {
  const [name, ...rest] = words;
  const command = COMMANDS[name ?? ''];
  if (command === undefined) throw new Error(`no command ${name}`);
  try {
    command(world, rest, options);
  } catch (error) {
    if (!isCooeeError(error)) throw error;
    world.say(`${error.code}: ${error.message}`);
  }
  return world.takeTrace();
}

function addNode(
  world: World,
  id: string,
  configuration: { voters: readonly string[]; learners: readonly string[] },
  options: Options,
  at: number,
): void {
  const log = numbers(options.get('log')).map((term, place) => ({
    index: Number(options.get('base') ?? 0) + place + 1,
    term,
    bytes: new Uint8Array(),
  }));
  const term = Number(options.get('term') ?? log.at(-1)?.term ?? 0);
  world.add(id, configuration, {
    // Timeouts differ by 40 ms, in the order of the names.
    fraction: Number(options.get('random') ?? (at % 5) * 0.2),
    disk: {
      entries: log,
      hardState: {
        term,
        vote: options.get('vote') ?? null,
        commit: Number(options.get('commit') ?? 0),
      },
      canVote: options.get('canVote') !== 'false',
    },
  });
}

function matcher(options: Options): (message: RaftMessage) => boolean {
  return (message) =>
    ['from', 'to', 'type'].every((name) => {
      const wanted = options.get(name);
      return wanted === undefined || message[name as 'from' | 'to' | 'type'] === wanted;
    });
}

function readMessage(type: string, options: Options): RaftMessage {
  const number = (name: string): number => Number(options.get(name) ?? 0);
  const [prevIndex, prevTerm] = (options.get('prev') ?? '0/0').split('/').map(Number);
  const [lastIndex, lastTerm] = (options.get('last') ?? '0/0').split('/').map(Number);
  const base = { from: options.get('from')!, to: options.get('to')!, term: number('term'), type };
  const bodies: Readonly<Record<string, object>> = {
    append: { prevIndex, prevTerm, count: number('count'), commit: number('commit') },
    'append-answer': {
      index: number('index'),
      isRefused: options.has('refused'),
      hintTerm: number('hintTerm'),
      lastIndex: Math.max(number('index'), lastIndex ?? 0),
    },
    heartbeat: { commit: number('commit'), read: number('read') },
    'heartbeat-answer': { read: number('read') },
    snapshot: { index: number('index'), indexTerm: number('indexTerm') },
  };
  const vote = { lastIndex, lastTerm, isTransfer: options.has('transfer') };
  const answer = { isGranted: options.get('granted') === 'true' };
  const voteBody = type.endsWith('answer') ? answer : vote;
  return { ...base, ...(bodies[type] ?? voteBody) } as RaftMessage;
}
