import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { drawsDisaster } from '../mesh/recovery/draw.ts';
import type { HarmName } from '../world/nemesis.ts';
import type { PartName } from './parts.ts';

/** A fault put into the product on purpose: the simulator must find it. */
export interface Mutation {
  readonly name: string;
  /** Which simulation must find it. */
  readonly part: PartName;
  /** Seeds in which it is looked for; of the mesh those that lose no majority, when not said. */
  readonly draws?: (seed: number) => boolean;
  /** What brings it out: of those seeds only the ones that draw all of these harms. */
  readonly harms?: readonly HarmName[];
  /** From the root of the repository. */
  readonly file: string;
  readonly edits: readonly Edit[];
}

/** One change of a source. */
export interface Edit {
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/**
 * The table of all faults. The product knows nothing of them: they are put in when it is loaded.
 */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'no-term-check-on-vote',
    part: 'core',
    file: 'protocols/raft/roles/election.ts',
    edits: [
      {
        find: 'node.vote === message.from || (node.vote === null && node.leader === null);',
        replace: 'true;',
      },
    ],
  },
  {
    name: 'commit-an-old-term-by-count',
    part: 'core',
    harms: ['lose-power', 'partition', 'failed-sync'],
    file: 'protocols/raft/roles/lead.ts',
    edits: [
      {
        find: 'if (index <= node.commit || log.termAt(index) !== node.term) return;',
        replace: 'if (index <= node.commit) return;',
      },
    ],
  },
  {
    name: 'ignore-check-quorum-in-pre-vote',
    part: 'core',
    file: 'protocols/raft/roles/election.ts',
    edits: [
      {
        find: 'if (!message.isTransfer && hasLeader(node)) {',
        replace: 'if (message.isTransfer && hasLeader(node)) {',
      },
    ],
  },
  {
    name: 'accept-a-shorter-log',
    part: 'core',
    file: 'protocols/raft/roles/election.ts',
    edits: [
      { find: 'node.log.isUpToDate(message.lastIndex, message.lastTerm);', replace: 'true;' },
    ],
  },
  {
    name: 'forget-the-vote-on-restart',
    part: 'core',
    harms: ['lose-all-power', 'slow-disk'],
    file: 'protocols/raft/roles/node.ts',
    edits: [
      {
        find: '> init.hardState.term ? null : init.hardState.vote;',
        replace: '> 0 ? null : null;',
      },
    ],
  },
  {
    name: 'answer-a-read-unconfirmed',
    part: 'core',
    harms: ['partition', 'one-way'],
    file: 'protocols/raft/roles/requests.ts',
    edits: [
      { find: 'lead.reads.add(id, commit);', replace: 'node.outgoing.answerRead(id, commit);' },
    ],
  },
  {
    // What waits for the disk goes out without waiting for it.
    name: 'skip-an-fsync',
    part: 'mesh',
    harms: ['lose-all-power', 'slow-disk'],
    file: 'protocols/slurp/driver/raft-driver.ts',
    edits: [
      {
        find: 'this.#sender.send(message, ready.entries);',
        replace: `this.#sender.send(message, ready.entries);
          for (const message of ready.messagesAfter) this.#sender.send(message);`,
      },
    ],
  },
  {
    name: 'acknowledge-after-a-failed-write',
    part: 'mesh',
    file: 'protocols/slurp/driver/raft-driver.ts',
    edits: [
      {
        find: 'as readonly LogRecord[], known);',
        replace: 'as readonly LogRecord[], known).catch(() => undefined);',
      },
    ],
  },
  {
    name: 'commit-what-the-log-does-not-hold-yet',
    part: 'mesh',
    file: 'protocols/slurp/driver/raft-driver.ts',
    edits: [{ find: 'this.#commit(ready.commit);', replace: 'this.#commit(core.status.commit);' }],
  },
  {
    name: 'apply-twice',
    part: 'mesh',
    file: 'protocols/slurp/machine/apply.ts',
    edits: [{ find: 'if (isRepeated(overlay, batch)) return', replace: 'if (false) return' }],
  },
  {
    name: 'sign-a-head-not-yet-committed',
    part: 'mesh',
    file: 'protocols/slurp/heads/signing/head-signer.ts',
    edits: [
      { find: 'await this.#applied(head.index);', replace: '' },
      { find: 'await this.#assertContent(head);', replace: '' },
    ],
  },
  {
    name: 're-admit-a-damaged-voter',
    part: 'mesh',
    harms: ['back-up', 'restore'],
    file: 'protocols/slurp/driver/seats/introduction-rules.ts',
    edits: [
      {
        find: 'return lostStateProblem(peer, hello, head) === undefined ?',
        replace: 'return true ?',
      },
    ],
  },
  {
    name: 'sign-in-a-term-not-on-the-disk',
    part: 'mesh',
    file: 'protocols/slurp/driver/consensus.ts',
    edits: [
      {
        find: '    return this.#components.meshLog.term;',
        replace: '    return this.raft?.term ?? this.#components.meshLog.term;',
      },
    ],
  },
  {
    name: 'forget-the-log-before-the-state-is-durable',
    part: 'mesh',
    harms: ['lose-all-power', 'failed-sync'],
    file: 'protocols/slurp/snapshot/snapshots.ts',
    edits: [{ find: 'await this.#snapshotter.sync(at.signed);', replace: '' }],
  },
  {
    name: 'claim-what-another-holds',
    part: 'mesh',
    file: 'protocols/help/reducer-human.ts',
    edits: [{ find: 'if (standing(call, context) !== undefined)', replace: 'if (false)' }],
  },
  {
    name: 'press-past-the-deadline',
    part: 'mesh',
    file: 'protocols/help/rules.ts',
    edits: [
      {
        find: 'if (dueMs === undefined || timeMs < dueMs) return undefined;',
        replace: 'if (dueMs === undefined || timeMs > 0) return undefined;',
      },
    ],
  },
  {
    name: 'take-the-word-of-an-origin-for-an-id',
    part: 'mesh',
    file: 'protocols/slurp/machine/kinds.ts',
    edits: [
      {
        find: 'return id === commandId(sha256, origin, made);',
        replace: 'return id !== undefined;',
      },
    ],
  },
  {
    name: 'follow-an-unsigned-epoch',
    part: 'mesh',
    draws: drawsDisaster,
    file: 'protocols/slurp/recovery/recovery-link.ts',
    edits: [
      {
        find: "signingInput('recovery', r), s)) throw refuse('signature');",
        replace: "signingInput('recovery', r), s)) void s;",
      },
    ],
  },
  {
    name: 'go-on-in-spite-of-a-rival',
    part: 'mesh',
    draws: drawsDisaster,
    file: 'protocols/slurp/recovery/epoch-book.ts',
    edits: [
      {
        find: 'it !== undefined && it.epoch >= epoch && it.id !== id;',
        replace: 'it !== undefined && it.epoch < 0;',
      },
    ],
  },
  {
    name: 'vote-on-in-the-old-epoch',
    part: 'mesh',
    draws: drawsDisaster,
    file: 'protocols/slurp/recovery/epoch-book.ts',
    edits: [
      {
        find: 'return this.#newest !== undefined && this.#newest.epoch > own.epoch;',
        replace: 'return this.#newest !== undefined && own.epoch < 0;',
      },
    ],
  },
  {
    name: 'forget-the-epoch-on-restart',
    part: 'mesh',
    draws: drawsDisaster,
    file: 'protocols/slurp/recovery/epoch-book.ts',
    edits: [
      {
        find: 'await this.#keep([{ ...NEWEST, value: recovery.bytes }, ...rival]);',
        replace: '',
      },
    ],
  },
  {
    name: 'recover-without-what-was-acknowledged',
    part: 'mesh',
    draws: drawsDisaster,
    file: 'protocols/slurp/recovery/mesh-recovery.ts',
    edits: [
      {
        find: 'if (!hadSeat && meshLog.tailIndex > meshLog.commitIndex)',
        replace: 'if (meshLog.tailIndex > meshLog.commitIndex)',
      },
    ],
  },
];

const ROOT = new URL('../../../', import.meta.url);

/** @throws Error when the mutation does not fit the source any more: the table must follow it */
export function mutated(mutation: Mutation, source: string): string {
  return mutation.edits.reduce((text, { find, replace }) => {
    const parts = text.split(find);
    if (parts.length === 2) return parts.join(replace);
    const count = parts.length - 1;
    throw new Error(`${mutation.name}: "${find}" stands ${count} times in ${mutation.file}`);
  }, source);
}

/** The source of the file that a mutation changes. */
export function sourceOf({ file }: Mutation): string {
  return readFileSync(fileURLToPath(new URL(file, ROOT)), 'utf8');
}

/** From here on this process loads the product with this fault in it. */
export function mutate(name: string): void {
  const mutation = MUTATIONS.find((it) => it.name === name);
  if (mutation === undefined) throw new Error(`no mutation ${name}`);
  const target = new URL(mutation.file, ROOT).href;
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context);
      if (url !== target) return loaded;
      return { ...loaded, source: mutated(mutation, sourceOf(mutation)) };
    },
  });
}
