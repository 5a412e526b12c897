import { type CallRecord, revisionAt, type StateReader } from '../../protocols/interface/index.ts';
import type { AppliedEntry, MeshLog } from '../../protocols/slurp/index.ts';
import { callAddress } from '../../protocols/ucxl/index.ts';
import { CALL_EVENTS } from '../config/webhooks.ts';
import type { NodeComponents, NodeInit } from '../node.ts';
import { systemClock } from '../system/clock.ts';
import { programVersion } from '../system/version.ts';
import {
  HttpSender,
  messageBody,
  messageId,
  systemResolve,
  type WebhookEvent,
  Webhooks,
} from '../webhook/index.ts';

/**
 * The webhooks of this node. Before the log is opened: what that applies is marked for them too.
 */
export function buildWebhooks(
  components: NodeComponents,
  init: NodeInit,
  meshLog: MeshLog,
): Webhooks {
  const { state } = meshLog;
  const { meshId } = init;
  const { clock, random, store, health, metrics, crypto } = components;
  const webhooks = new Webhooks(
    {
      ...{ clock, random, store, health, metrics },
      logger: components.logger.child('cooee:webhook'),
      calls: {
        open: () => openCalls(state),
        versions: (call) => state.get('revised', callAddress(call)) ?? 0,
        eventAt: (call, version) => eventAt(state, call, version),
      },
      sender: new HttpSender(
        { resolve: systemResolve, nowMs: () => systemClock.nowMs() },
        { userAgent: `cooee/${programVersion()}` },
      ),
      message: (event) => ({
        id: messageId(crypto.sha256, meshId, event),
        body: messageBody(meshId, event),
      }),
    },
    { endpoints: init.webhooks ?? [], admittedIndex: init.admittedIndex ?? 0 },
  );
  meshLog.addHook((entry) => webhooks.writesFor(callsOf(entry)));
  return webhooks;
}

/** The calls that an entry changed. */
export function callsOf({ index, events }: Pick<AppliedEntry, 'index' | 'events'>): {
  readonly index: number;
  readonly calls: readonly string[];
} {
  const calls = new Set<string>();
  for (const { type, data } of events) {
    const id = type.startsWith('call:') ? data['id'] : undefined;
    if (typeof id === 'string') calls.add(id);
  }
  return { index, calls: [...calls] };
}

function* openCalls(state: StateReader): Iterable<string> {
  for (const [id] of state.entries('openCall')) yield id;
}

function eventAt(state: StateReader, id: string, version: number): WebhookEvent | undefined {
  const revision = revisionAt(state, callAddress(id), version);
  const type = CALL_EVENTS.find((it) => it === revision?.cause);
  if (revision === undefined || type === undefined) return undefined;
  const { index, timeMs, value } = revision;
  return { type, version, index, timeMs, call: value as CallRecord };
}
