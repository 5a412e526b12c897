import {
  type AuthorRecord,
  CooeeError,
  type Crypto,
  isCooeeError,
} from '../../protocols/interface/index.ts';
import type { Command } from '../../protocols/slurp/index.ts';
import {
  type CommitValue,
  decodeContent,
  encodeContent,
  type Submission,
  submissionId,
} from '../../protocols/submission/index.ts';
import type {
  SubmissionRow,
  SubmissionsView,
  SubmissionView,
  SubmittedView,
} from '../api/routes/index.ts';
import type { Caller, SubmissionsQuery, WriteWait } from '../api/services.ts';
import type { Daemon } from '../daemon.ts';
import type { NodeLife } from '../mesh/node-life.ts';
import { timeoutOf } from './mesh-services.ts';
import { committedView, listSubmissions } from './submission-list.ts';

/** A submission in the outbox. */
interface Waiting {
  readonly row: SubmissionRow;
  readonly content: Uint8Array;
}

/** The services about submissions. */
export class SubmissionServices {
  readonly #daemon: Daemon;
  readonly #crypto: Crypto;
  /** What a command in the outbox hands in; null when it is no submission. */
  readonly #waiting = new WeakMap<Command, Waiting | null>();

  constructor(daemon: Daemon, crypto: Crypto) {
    this.#daemon = daemon;
    this.#crypto = crypto;
  }

  /** Resolves once it is accepted, or as far as it came within the wait. */
  async submit(submission: Submission, wait: WriteWait, { agent }: Caller): Promise<SubmittedView> {
    const { writer, state } = this.#daemon.memberNode.parts;
    const content = encodeContent(submission);
    const actor = agent === undefined ? {} : { agent };
    const author = { peer: this.#daemon.components.signer.peer, ...actor };
    const id = submissionId(this.#crypto.sha256, author, content);
    const { address } = submission;
    const known = state.get('submission', id);
    if (known !== undefined) return { id, address, state: 'committed', index: known.index };
    const timeoutMs = timeoutOf(wait);
    const result = await writer.write('submission.commit', { content }, { actor, timeoutMs });
    if (result.state !== 'committed') return { id, address, state: 'accepted' };
    const { index } = result.value as CommitValue;
    return { id, address, state: 'committed', index };
  }

  list(query: SubmissionsQuery): SubmissionsView {
    const { state } = this.#settledParts();
    const waiting = (): Iterable<SubmissionRow> => this.#allWaiting().map(({ row }) => row);
    return listSubmissions({ state, waiting }, query);
  }

  get(id: string): SubmissionView {
    const { state } = this.#settledParts();
    const record = state.get('submission', id);
    if (record !== undefined) {
      const content = state.get('content', id);
      if (content === undefined) {
        throw new CooeeError('ERR_STORAGE_DAMAGED', 'the content of a submission is missing');
      }
      return { ...committedView(id, record), content: decodeContent(content) };
    }
    const found = this.#allWaiting().find(({ row }) => row.id === id);
    if (found === undefined) throw new CooeeError('ERR_API_NOT_FOUND', 'no such submission');
    return { ...found.row, content: decodeContent(found.content) };
  }

  /** What this node accepted and the log does not have, the newest first, each once. */
  #allWaiting(): readonly Waiting[] {
    const { outbox, state } = this.#settledParts();
    const byId = new Map<string, Waiting>();
    for (const command of outbox.undecided()) {
      const waiting = this.#waitingOf(command);
      // Handed in twice, it counts from the first time.
      if (waiting !== null && !byId.has(waiting.row.id)) byId.set(waiting.row.id, waiting);
    }
    const found = [...byId.values()].reverse();
    return found.filter(({ row }) => state.get('submission', row.id) === undefined);
  }

  #waitingOf(command: Command): Waiting | null {
    const known = this.#waiting.get(command);
    if (known !== undefined) return known;
    const waiting = command.kind === 'submission.commit' ? this.#read(command) : null;
    this.#waiting.set(command, waiting);
    return waiting;
  }

  #read({ body, actor, timeMs }: Command): Waiting | null {
    const content = body['content'];
    if (!(content instanceof Uint8Array)) return null;
    const { peer, agent } = actor;
    const author: AuthorRecord = agent === undefined ? { peer } : { peer, agent };
    try {
      const { kind, address, title } = decodeContent(content);
      const id = submissionId(this.#crypto.sha256, author, content);
      const acceptedAt = new Date(timeMs).toISOString();
      const row = { id, kind, address, title, author, state: 'accepted' as const, acceptedAt };
      return { row, content };
    } catch (error) {
      // Written by another version of this program: the log will say what becomes of it.
      if (isCooeeError(error)) return null;
      throw error;
    }
  }

  /** Contents lie in the store: while another state is put there, none can be read. */
  #settledParts(): NodeLife['parts'] {
    const { parts } = this.#daemon.soundNode;
    parts.snapshots.assertSound();
    return parts;
  }
}
