import { CooeeError } from '../../protocols/interface/errors.ts';

/** One message of an event stream (WHATWG HTML, section 9.2: server-sent events). */
export interface SseMessage {
  /** `message` when the stream names none. */
  readonly event: string;
  /** Undefined where there is an id alone: how far the stream is, and no event. */
  readonly data: string | undefined;
}

/** A message longer than this is none of ours: 1 MiB. */
const MESSAGE_CHARS_MAX = 1024 * 1024;

/** Splits a stream of text into messages; comments and unknown fields are passed over. */
export class SseParser {
  #rest = '';
  /** Counts once its message is whole: one that was cut is to come again. */
  #id = '';
  #lastId = '';
  #hasId = false;
  #event = '';
  #data: string[] = [];

  /** The id of the last whole message, also of one without data; empty before the first. */
  get lastId(): string {
    return this.#lastId;
  }

  /**
   * Takes the next piece, gives the messages that it completes.
   *
   * @throws CooeeError ERR_API_INTERNAL for a message over 1 MiB
   */
  push(chunk: string): SseMessage[] {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > MESSAGE_CHARS_MAX) {
      throw new CooeeError('ERR_API_INTERNAL', 'An event is too long.');
    }
    const messages: SseMessage[] = [];
    for (const line of lines) {
      const message = this.#line(line.endsWith('\r') ? line.slice(0, -1) : line);
      if (message !== undefined) messages.push(message);
    }
    return messages;
  }

  #line(line: string): SseMessage | undefined {
    if (line === '') return this.#finish();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'id') {
      this.#id = value;
      this.#hasId = true;
    } else if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    return undefined;
  }

  #finish(): SseMessage | undefined {
    this.#lastId = this.#id;
    const data = this.#data.length === 0 ? undefined : this.#data.join('\n');
    const event = this.#event === '' ? 'message' : this.#event;
    const isEmpty = data === undefined && !this.#hasId;
    this.#data = [];
    this.#event = '';
    this.#hasId = false;
    return isEmpty ? undefined : { event, data };
  }
}
