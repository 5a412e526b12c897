import type { CallEventType } from '../../../../daemon/config/webhooks.ts';
import { Endpoint, type EndpointInit } from '../../../../daemon/webhook/endpoint.ts';
import type { CallSource } from '../../../../daemon/webhook/feed.ts';
import type { Attempt, WebhookEvent } from '../../../../daemon/webhook/rules.ts';
import type { Sender, WebhookRequest } from '../../../../daemon/webhook/sender.ts';
import type { CallRecord, CallState } from '../../../../protocols/interface/index.ts';

/** Ids of calls: any CIDs will do. */
export const CALL_A = `bafyrei${'a'.repeat(52)}`;
export const CALL_B = `bafyrei${'b'.repeat(52)}`;
export const CALL_C = `bafyrei${'c'.repeat(52)}`;

/** A call as it was opened. */
export function callOf(id: string, changes: Partial<CallRecord> = {}): CallRecord {
  return {
    ...{ id, number: 1, asker: { peer: 'p', agent: '458RV' }, question: 'Deploy?', context: '' },
    ...{ options: ['yes', 'no'], severity: 'blocked', onTimeout: 'wait', state: 'open' },
    ...{ index: 7, timeMs: 1_000, deadlineMs: 601_000, lengthMs: 600_000, escalations: 0 },
    fence: 0,
    ...changes,
  };
}

const STATES: Record<CallEventType, CallState> = {
  'call:open': 'open',
  'call:claim': 'claimed',
  'call:release': 'open',
  'call:escalate': 'open',
  'call:answer': 'answered',
  'call:expire': 'expired',
  'call:withdraw': 'withdrawn',
};

/** Calls in memory, in place of the replicated state. */
export class FakeCalls implements CallSource {
  readonly #events = new Map<string, WebhookEvent[]>();
  /** Thrown by every reading while it is there. */
  failure: Error | undefined;
  sound = true;

  isSound(): boolean {
    return this.sound;
  }

  *open(): Iterable<string> {
    for (const [id, events] of this.#events) {
      const state = events.at(-1)?.call.state;
      if (state === 'open' || state === 'claimed') yield id;
    }
  }

  versions(call: string): number {
    if (this.failure !== undefined) throw this.failure;
    return this.#events.get(call)?.length ?? 0;
  }

  eventAt(call: string, version: number): WebhookEvent | undefined {
    if (this.failure !== undefined) throw this.failure;
    return this.#events.get(call)?.[version - 1];
  }

  /** Something happens to a call. */
  happen(id: string, type: CallEventType, changes: Partial<CallRecord> = {}): void {
    const events = this.#events.get(id) ?? [];
    const call = { ...(events.at(-1)?.call ?? callOf(id)), state: STATES[type], ...changes };
    const version = events.length + 1;
    const { timeMs } = call;
    this.#events.set(id, [...events, { type, version, index: 7 + version, timeMs, call }]);
  }
}

/** Answers as it is told, and remembers what it was sent. */
export class FakeSender implements Sender {
  readonly sent: WebhookRequest[] = [];
  /** The answer to the n-th request; 204 without it. */
  answer: (request: WebhookRequest, n: number) => Attempt | Promise<Attempt> = () => ({
    kind: 'status',
    status: 204,
  });

  async send(request: WebhookRequest, signal: AbortSignal): Promise<Attempt> {
    this.sent.push(request);
    const stopped = new Promise<Attempt>((resolve) => {
      const onAbort = (): void => resolve({ kind: 'failed', reason: 'network' });
      signal.addEventListener('abort', onAbort, { once: true });
    });
    return await Promise.race([this.answer(request, this.sent.length), stopped]);
  }

  /** What was told of: `<last letter of the call> <type>`. */
  get told(): readonly string[] {
    return this.sent.map(({ body }) => {
      const { type, call } = JSON.parse(body) as { type: string; call: string };
      return `${call.at(-1)} ${type}`;
    });
  }
}

/** What tests send in place of the real body: enough to tell events apart. */
export const plainMessage = ({ type, version, call }: WebhookEvent) => ({
  id: `msg_${call.id.at(-1)}${version}`,
  body: JSON.stringify({ type, call: call.id }),
});

/** A webhook for everything. */
export function endpointOf(changes: Partial<EndpointInit> = {}): Endpoint {
  return new Endpoint({
    ...{ name: 'ops', url: 'https://example.com/hook', secret: new Uint8Array(32) },
    ...{ severityMin: 'info', escalationMin: 0, allowPrivate: false },
    ...changes,
  });
}
