import type { LogRecord } from '../../../interface/index.ts';
import type { RaftEntry, RaftMessage } from '../../../raft/index.ts';
import type { MeshLog } from '../../log/mesh-log.ts';
import { APPEND_BYTES_MAX } from '../raft-codec.ts';

type Append = Extract<RaftMessage, { type: 'append' }>;

/** Room for an entry's own length in a frame. */
const ENTRY_OVERHEAD_BYTES = 16;

/** What {@link AppendSender} works with. */
export interface AppendSenderComponents {
  readonly meshLog: MeshLog;
  /** False when the message was dropped. */
  readonly send: (message: Append, entries: readonly Uint8Array[]) => boolean;
  /** An append did not go out: the core must probe again. */
  readonly onUndelivered: (peer: string) => void;
}

/**
 * Puts the entries into appends: the core names a range, the bytes come from the entries at hand,
 * from memory or from the disk, in frames that the stream takes. What needs the disk waits for it,
 * and what is for the same peer waits behind.
 */
export class AppendSender {
  readonly #components: AppendSenderComponents;
  readonly #waiting = new Map<string, Promise<void>>();
  #generation = 0;

  constructor(components: AppendSenderComponents) {
    this.#components = components;
  }

  /** @param fresh entries that are being appended by now, not in the log yet */
  send(message: Append, fresh: readonly RaftEntry[]): void {
    const before = this.#waiting.get(message.to);
    const atHand = before === undefined ? this.#fromMemory(message, fresh) : undefined;
    if (atHand !== undefined) {
      this.#sendFrames(message, atHand);
      return;
    }
    const generation = this.#generation;
    const turn = (before ?? Promise.resolve())
      .then(() => this.#fromDisk(message, fresh))
      .then((records) => {
        if (generation === this.#generation) this.#sendFrames(message, records);
      })
      // Compacted meanwhile, or the disk failed: the core decides what is next.
      .catch(() => this.#components.onUndelivered(message.to))
      .finally(() => {
        if (this.#waiting.get(message.to) === turn) this.#waiting.delete(message.to);
      });
    this.#waiting.set(message.to, turn);
  }

  /** What waits is not sent any more. */
  clear(): void {
    this.#generation++;
  }

  #fromMemory(message: Append, fresh: readonly RaftEntry[]): readonly LogRecord[] | undefined {
    const from = message.prevIndex + 1;
    const firstFresh = fresh[0]?.index;
    if (firstFresh !== undefined && from >= firstFresh) {
      return fresh.slice(from - firstFresh, from - firstFresh + message.count);
    }
    const stored = firstFresh === undefined ? message.count : firstFresh - from;
    const wanted = Math.min(message.count, stored);
    const recent = this.#components.meshLog.readRecent(from, wanted, Number.MAX_SAFE_INTEGER);
    if (recent === undefined || recent.length < wanted) return undefined;
    return [...recent, ...fresh.slice(0, message.count - wanted)];
  }

  async #fromDisk(message: Append, fresh: readonly RaftEntry[]): Promise<readonly LogRecord[]> {
    const atHand = this.#fromMemory(message, fresh);
    if (atHand !== undefined) return atHand;
    // One frame is enough: the answer to it asks for the next.
    return await this.#components.meshLog.read(
      message.prevIndex + 1,
      message.count,
      APPEND_BYTES_MAX / 2,
    );
  }

  #sendFrames(message: Append, records: readonly LogRecord[]): void {
    let { prevIndex, prevTerm } = message;
    for (let at = 0; at < records.length; ) {
      const frame = frameFrom(records, at);
      const count = frame.length;
      const part = { ...message, prevIndex, prevTerm, count };
      const isSent = this.#components.send(
        part,
        frame.map(({ bytes }) => bytes),
      );
      if (!isSent) {
        this.#components.onUndelivered(message.to);
        return;
      }
      at += count;
      prevIndex += count;
      prevTerm = frame.at(-1)?.term ?? prevTerm;
    }
    if (records.length < message.count) this.#components.onUndelivered(message.to);
  }
}

function frameFrom(records: readonly LogRecord[], from: number): readonly LogRecord[] {
  let bytes = 0;
  let to = from;
  for (; to < records.length; to++) {
    bytes += (records[to]?.bytes.length ?? 0) + ENTRY_OVERHEAD_BYTES;
    if (to > from && bytes > APPEND_BYTES_MAX) break;
  }
  return records.slice(from, to);
}
