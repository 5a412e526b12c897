import type { RaftMessage, RaftStatus, Ready } from '../../../../protocols/raft/index.ts';

/** A message in one line: `a>b append t2 prev=3/1 +2 commit=3`. */
export function formatMessage(message: RaftMessage): string {
  return `${message.from}>${message.to} ${message.type} t${message.term}${bodyOf(message)}`;
}

function bodyOf(message: RaftMessage): string {
  switch (message.type) {
    case 'pre-vote':
    case 'vote': {
      const isTransfer = message.isTransfer ? ' transfer' : '';
      return ` last=${message.lastIndex}/${message.lastTerm}${isTransfer}`;
    }
    case 'pre-vote-answer':
    case 'vote-answer':
      return message.isGranted ? ' granted' : ' refused';
    case 'append': {
      const { prevIndex, prevTerm, count, commit } = message;
      return ` prev=${prevIndex}/${prevTerm} +${count} commit=${commit}`;
    }
    case 'append-answer': {
      const { index, isRefused, hintTerm, lastIndex, acknowledged } = message;
      if (acknowledged !== undefined) return ` lost=${acknowledged} last=${lastIndex}`;
      return isRefused ? ` refused hint=${index}/${hintTerm} last=${lastIndex}` : ` index=${index}`;
    }
    case 'heartbeat':
      return ` commit=${message.commit} read=${message.read}`;
    case 'heartbeat-answer':
      return ` read=${message.read}`;
    case 'snapshot':
      return ` index=${message.index}/${message.indexTerm}`;
    case 'timeout-now':
      return '';
  }
}

/** A heartbeat that carries nothing but itself: left out of traces. */
export function isPlainHeartbeat(message: RaftMessage): boolean {
  if (message.type === 'heartbeat') return message.read === 0;
  return message.type === 'heartbeat-answer' && message.read === 0;
}

/** What of a status is worth a line when it changes. */
export function summaryOf(status: RaftStatus): ReadonlyMap<string, string> {
  const { voters, learners } = status.configuration;
  const summary = new Map([
    ['role', status.role],
    ['term', String(status.term)],
    ['leader', status.leader ?? '-'],
    ['commit', String(status.commit)],
    ['last', `${status.lastIndex}/${status.lastTerm}`],
    ['voters', voters.join(',')],
  ]);
  if (learners.length > 0) summary.set('learners', learners.join(','));
  if (status.vote !== null) summary.set('vote', status.vote);
  if (status.transferee !== null) summary.set('transfer', status.transferee);
  if (!status.canVote) summary.set('can', 'not-vote');
  if (status.ignoredCount > 0) summary.set('ignored', String(status.ignoredCount));
  return summary;
}

/** `name value` of all that differs. */
export function formatSummary(
  summary: ReadonlyMap<string, string>,
  before: ReadonlyMap<string, string> = new Map(),
): string {
  const names = new Set([...summary.keys(), ...before.keys()]);
  return [...names]
    .filter((name) => summary.get(name) !== before.get(name))
    .map((name) => `${name} ${summary.get(name) ?? '-'}`)
    .join(', ');
}

/** What a Ready asks for beside messages and writes. */
export function formatReady(ready: Ready): readonly string[] {
  const lines = ready.reads.map(({ id, index }) =>
    index === 0 ? `read ${id} refused` : `read ${id} at ${index}`,
  );
  if (ready.truncateFrom !== undefined) lines.push(`cut from ${ready.truncateFrom}`);
  if (ready.isProposalDropped) lines.push('proposal dropped');
  const { fetchSnapshot: fetch } = ready;
  if (fetch !== undefined) lines.push(`fetch ${fetch.index} from ${fetch.from}`);
  return lines;
}
