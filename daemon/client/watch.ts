import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { CooeeError, isCooeeError } from '../../protocols/interface/errors.ts';
import type { EventView } from '../api/routes/index.ts';
import type { GapReason } from '../api/services.ts';
import { fromAnswer, fromTransport, isPassing } from './failure.ts';
import { toRequest } from './request.ts';
import { type SseMessage, SseParser } from './sse.ts';

/** What a watcher sees. After a gap events may have been missed: read the state anew. */
export type WatchItem =
  | { readonly kind: 'open' }
  | { readonly kind: 'event'; readonly event: EventView }
  | { readonly kind: 'gap'; readonly reason: GapReason };

/** Options of `watch()`. */
export interface WatchInit {
  /** UCXL pattern (`ucxl://…`) or event type (`member:join`, `member:*`); several by commas. */
  readonly match?: string | undefined;
  /** Begin after this event id. Without it: only what happens from now on. */
  readonly sinceId?: string | undefined;
  /** Log index of the last entry of which all events came, for resuming over a restart. */
  readonly sinceIndex?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long the daemon may be away before the watch gives up, ms. Default 30 s. */
  readonly giveUpMs?: number | undefined;
  /** Also yield `{kind: 'open'}` whenever the daemon has begun to send. */
  readonly opens?: boolean | undefined;
}

/** Three missed heartbeats (15 s each): the daemon is frozen or gone. */
const SILENCE_MS = 45_000;
/** A busy daemon may take a moment until it begins to send. */
const ANSWER_MS_MIN = 1_000;
const RETRY_FIRST_MS = 50;
const RETRY_LAST_MS = 2_000;
const GIVE_UP_MS = 30_000;

interface Position {
  id: string | undefined;
  /** Of the last committed entry of which all events have come. */
  index: number | undefined;
  /** Of one of which more may come. */
  within: number | undefined;
}

type Stream = AsyncIterable<WatchItem>;

function advance(at: Position, event: EventView): void {
  at.id = event.id;
  if (event.index === undefined || event.index === at.within) return;
  // One of a later entry: the one before is whole.
  allCame(at);
  at.within = event.index;
}

/** What there was has come: the last entry with all of its events. */
function allCame(at: Position): void {
  at.index = at.within ?? at.index;
  at.within = undefined;
}

/** Opens one stream; rejects with a CooeeError when the daemon refuses or is not there. */
async function open(client: Client, init: WatchInit, at: Position): Promise<AsyncIterable<Buffer>> {
  const query = { match: init.match, since: at.id, sinceIndex: at.index };
  const { path } = toRequest('watchEvents', { query });
  const { statusCode, headers, body } = await client.request({
    method: 'GET',
    path,
    headers: { accept: 'text/event-stream' },
    signal: init.signal ?? null,
  });
  if (statusCode === 200) {
    // What is resumed after an id has older entries still to come: only they say how far it is.
    if (at.id === undefined) at.index ??= Number(headers['x-cooee-index'] ?? 0);
    return body;
  }
  const text = await body.text();
  let view: unknown;
  try {
    view = JSON.parse(text);
  } catch {
    view = undefined;
  }
  throw fromAnswer(statusCode, view);
}

function toItem({ event, data }: SseMessage): WatchItem | undefined {
  if (data === undefined) return undefined;
  if (event === 'gap') {
    return { kind: 'gap', reason: (JSON.parse(data) as { reason: GapReason }).reason };
  }
  // A newer daemon may send kinds that this client does not know.
  if (event !== 'message') return undefined;
  return { kind: 'event', event: JSON.parse(data) as EventView };
}

async function* readOnce(socketPath: string, init: WatchInit, at: Position): Stream {
  const { giveUpMs = GIVE_UP_MS } = init;
  const client = new Client('http://localhost', {
    socketPath,
    // A daemon that is frozen takes connections, and answers nothing on them.
    headersTimeout: Math.min(Math.max(giveUpMs, ANSWER_MS_MIN), SILENCE_MS),
    bodyTimeout: SILENCE_MS,
  });
  try {
    const body = await open(client, init, at);
    yield { kind: 'open' };
    const parser = new SseParser();
    const text = new TextDecoder();
    let isOpening = true;
    for await (const chunk of body) {
      for (const message of parser.push(text.decode(chunk, { stream: true }))) {
        const item = toItem(message);
        // An id alone comes when nothing is left to be sent; only the first says where it begins.
        if (message.data === undefined && !isOpening) allCame(at);
        isOpening = false;
        if (item === undefined) continue;
        if (item.kind === 'event') advance(at, item.event);
        yield item;
      }
      // Also the ids of the opening and of heartbeats: they say how far the filter has looked.
      if (parser.lastId !== '') at.id = parser.lastId;
    }
  } finally {
    await client.destroy();
  }
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

/** See {@link CooeeClient.watch}. */
export async function* watchEvents(
  socketPath: string,
  init: WatchInit,
): AsyncGenerator<WatchItem, void, undefined> {
  const at: Position = { id: init.sinceId, index: init.sinceIndex, within: undefined };
  const { giveUpMs = GIVE_UP_MS, signal } = init;
  let begun = false;
  /** When the daemon was missed first; a stream that is quiet is none that is away. */
  let awaySinceMs: number | undefined;
  let retryMs = RETRY_FIRST_MS;
  while (!isAborted(signal)) {
    let failure: unknown;
    try {
      for await (const item of readOnce(socketPath, init, at)) {
        begun = true;
        awaySinceMs = undefined;
        retryMs = RETRY_FIRST_MS;
        if (item.kind !== 'open' || init.opens === true) yield item;
      }
    } catch (error) {
      if (isAborted(signal)) return;
      failure = fromTransport(error, socketPath);
      if (!begun || (isCooeeError(failure) && !isPassing(failure))) throw failure;
    }
    awaySinceMs ??= performance.now();
    if (performance.now() - awaySinceMs > giveUpMs) {
      throw failure ?? new CooeeError('ERR_API_DAEMON_NOT_RUNNING');
    }
    await sleep(retryMs, undefined, init.signal ? { signal: init.signal } : {}).catch(
      () => undefined,
    );
    retryMs = Math.min(retryMs * 2, RETRY_LAST_MS);
  }
}
