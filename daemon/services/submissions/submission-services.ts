import {
  type AuthorRecord,
  CooeeError,
  type Crypto,
  type SubmissionRecord,
} from '../../../protocols/interface/index.ts';
import type { Command } from '../../../protocols/slurp/index.ts';
import {
  type CommitOrder,
  type CommitValue,
  commitBody,
  type DecideValue,
  decideBody,
  decodeContent,
  decodePatch,
  idOfOrder,
  nameOrder,
  packSubmission,
  type Submission,
  type SubmissionInput,
} from '../../../protocols/submission/index.ts';
import { formatAddress, parseAddress } from '../../../protocols/ucxl/index.ts';
import type {
  BodyOf,
  DecidedView,
  PatchView,
  SubmissionRow,
  SubmissionsView,
  SubmissionView,
  SubmittedView,
} from '../../api/routes/index.ts';
import type { Caller, SubmissionsQuery, WriteWait } from '../../api/services.ts';
import type { Daemon } from '../../daemon.ts';
import type { NodeLife } from '../../mesh/node-life.ts';
import { timeoutOf } from '../mesh-services.ts';
import { listSubmissions } from './submission-list.ts';
import {
  committedView,
  decisionView,
  decisionViews,
  linkViews,
  refusedView,
} from './submission-view.ts';

/** A submission in the outbox. */
interface Waiting {
  readonly row: SubmissionRow;
  readonly order: CommitOrder;
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
  async submit(input: SubmissionInput, wait: WriteWait, { agent }: Caller): Promise<SubmittedView> {
    const { writer, state, contents } = this.#daemon.memberNode.parts;
    const packed = packSubmission(this.#crypto.sha256, input);
    const actor = agent === undefined ? {} : { agent };
    const author = { peer: this.#daemon.components.signer.peer, ...actor };
    const id = nameOrder(this.#crypto.sha256, author, packed.order);
    const { address } = packed.submission;
    const known = state.get('submission', id);
    if (known !== undefined) return { id, address, state: 'committed', index: known.index };
    if (packed.blocks.length > 0) await contents.keep(author.peer, packed.blocks);
    const options = { actor, timeoutMs: timeoutOf(wait) };
    const result = await writer.write('submission.commit', packed.body, options);
    if (result.state !== 'committed') return { id, address, state: 'accepted' };
    const { index } = result.value as CommitValue;
    return { id, address, state: 'committed', index };
  }

  /** Resolves once it is accepted, or as far as it came within the wait. */
  async decide(
    id: string,
    { as, why, by, replaces }: BodyOf<'decideSubmission'>,
    wait: WriteWait,
  ): Promise<DecidedView> {
    const { writer } = this.#daemon.memberNode.parts;
    if (!decideBody.shape.id.safeParse(id).success) throw new CooeeError('ERR_SUBMISSION_UNKNOWN');
    const body = { id, as, why, ...(replaces === undefined ? {} : { replaces }) };
    const actor = by === undefined ? {} : { human: by };
    const options = { actor, timeoutMs: timeoutOf(wait) };
    const result = await writer.write('submission.decide', body, options);
    if (result.state !== 'committed') return { id, state: 'accepted' };
    const { decision } = result.value as DecideValue;
    const { index } = decision;
    return { id, state: 'committed', index, decision: decisionView(decision) };
  }

  /** @throws CooeeError ERR_UCXL_* for an address that is none; ERR_API_QUERY for such a cursor */
  list({ address, ...filters }: SubmissionsQuery): SubmissionsView {
    const query = address === undefined ? filters : { ...filters, address: presentAt(address) };
    const { state, refusals } = this.#settledParts();
    const waiting = (): Iterable<SubmissionRow> => this.#allWaiting().map(({ row }) => row);
    const refused = (): Iterable<SubmissionRow> => {
      const waits = new Set(this.#allWaiting().map(({ row }) => row.id));
      const all = refusals.list().filter(({ id }) => !waits.has(id));
      return all.filter(({ id }) => state.get('submission', id) === undefined).map(refusedView);
    };
    return listSubmissions({ state, waiting, refused }, query);
  }

  /** @throws CooeeError ERR_API_NOT_FOUND, ERR_SUBMISSION_BLOCK_MISSING, ERR_STORAGE_* */
  async get(id: string): Promise<SubmissionView> {
    const { state, refusals } = this.#settledParts();
    const record = state.get('submission', id);
    if (record !== undefined) {
      const content = await this.#contentOf(id, record);
      const { decision } = record;
      return {
        ...committedView(id, record),
        content,
        links: linkViews(state, content),
        ...(decision === undefined ? {} : { decisions: decisionViews(state, id, decision) }),
      };
    }
    const found = this.#allWaiting().find(({ row }) => row.id === id);
    if (found !== undefined) {
      const content = await this.#contentIn(found.order);
      return { ...found.row, content, links: linkViews(state, content) };
    }
    const refused = refusals.get(id);
    if (refused !== undefined) return refusedView(refused);
    throw notFound();
  }

  /** How far a submission has come; undefined when it is not known here. */
  row(id: string): SubmissionRow | undefined {
    const { state, refusals } = this.#settledParts();
    const record = state.get('submission', id);
    if (record !== undefined) return committedView(id, record);
    const waiting = this.#allWaiting().find(({ row }) => row.id === id)?.row;
    if (waiting !== undefined) return waiting;
    const refused = refusals.get(id);
    return refused === undefined ? undefined : refusedView(refused);
  }

  /** The command in the outbox that hands a submission in; undefined when none does. */
  commandOf(id: string): Command | undefined {
    for (const command of this.#settledParts().outbox.undecided()) {
      if (this.#waitingOf(command)?.row.id === id) return command;
    }
    return undefined;
  }

  /**
   * The content of a committed submission.
   *
   * @throws CooeeError ERR_API_NOT_FOUND, ERR_SUBMISSION_BLOCK_MISSING, ERR_STORAGE_*
   */
  async contentOf(id: string): Promise<Submission> {
    const record = this.#settledParts().state.get('submission', id);
    if (record === undefined) throw notFound();
    return await this.#contentOf(id, record);
  }

  /** @throws CooeeError ERR_API_NOT_FOUND, also without a patch; ERR_SUBMISSION_BLOCK_MISSING */
  async patch(id: string): Promise<PatchView> {
    const { state, contents } = this.#settledParts();
    const record = state.get('submission', id);
    const waiting = this.#allWaiting().find(({ row }) => row.id === id);
    if (record === undefined && waiting === undefined) throw notFound();
    const block = record === undefined ? waiting?.order.head.patch : record.patch;
    if (block === undefined) throw new CooeeError('ERR_API_NOT_FOUND', 'it has no patch');
    return { id, ...block, patch: decodePatch(await contents.read(block)) };
  }

  async #contentOf(id: string, { block, kind, address }: SubmissionRecord): Promise<Submission> {
    const { state, contents } = this.#settledParts();
    if (block === undefined) {
      const content = state.get('content', id);
      if (content !== undefined) return decodeContent(content);
      throw new CooeeError('ERR_STORAGE_DAMAGED', 'the content of a submission is missing');
    }
    const submission = decodeContent(await contents.read(block));
    if (submission.kind === kind && submission.address === address) return submission;
    throw new CooeeError('ERR_SUBMISSION_MALFORMED', 'the block is not what the log says');
  }

  async #contentIn({ content, block }: CommitOrder): Promise<Submission> {
    if (content !== undefined) return decodeContent(content);
    const { contents } = this.#settledParts();
    if (block === undefined) throw notFound();
    return decodeContent(await contents.read(block));
  }

  /** What this node accepted and the log does not have, the newest first, each once. */
  #allWaiting(): readonly Waiting[] {
    const { outbox, state, relays } = this.#settledParts();
    const byId = new Map<string, Waiting>();
    for (const command of outbox.undecided()) {
      const waiting = this.#waitingOf(command);
      // Handed in twice, it counts from the first time.
      if (waiting === null || byId.has(waiting.row.id)) continue;
      const takenMs = relays.takenMs(command);
      byId.set(waiting.row.id, takenMs === undefined ? waiting : relayed(waiting, takenMs));
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
    const parsed = commitBody.safeParse(body);
    // Written by another version of this program: the log will say what becomes of it.
    if (!parsed.success) return null;
    const order = parsed.data;
    const { peer, agent } = actor;
    const author: AuthorRecord = agent === undefined ? { peer } : { peer, agent };
    const { kind, address, title } = order.head;
    const id = idOfOrder(this.#crypto.sha256, author, order);
    const acceptedAt = new Date(timeMs).toISOString();
    const row = { id, kind, address, title, author, state: 'accepted' as const, acceptedAt };
    return { row, order };
  }

  /** Contents lie in the store: while another state is put there, none can be read. */
  #settledParts(): NodeLife['parts'] {
    const { parts } = this.#daemon.soundNode;
    parts.snapshots.assertSound();
    return parts;
  }
}

/** The address as submissions have it: all that stands there are versions of one record. */
function presentAt(text: string): string {
  const address = parseAddress(text);
  return formatAddress(
    address.kind === 'record' ? { ...address, temporal: { kind: 'now' } } : address,
  );
}

function relayed({ row, order }: Waiting, takenMs: number): Waiting {
  const relayedAt = new Date(takenMs).toISOString();
  return { row: { ...row, state: 'relayed', relayedAt }, order };
}

function notFound(): CooeeError {
  return new CooeeError('ERR_API_NOT_FOUND', 'no such submission');
}
